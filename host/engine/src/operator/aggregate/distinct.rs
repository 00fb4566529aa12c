//! `DISTINCT` inside an aggregate: each combination of arguments counts once per group.
//!
//! As an aggregate of its own, a state is the list of a group's combinations, in the order in which they came, and the
//! aggregate itself is computed from them when the group comes out: so it is with a chunk's groups. It is called on them all
//! the same, and the result thrown away: a row that makes a plugin fail has to be found while it can still be told from the
//! others. What is stored keeps combinations apart ([`super::apart`]), or each new one would cost a list of all.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use serde_json::{Map, Value};

use super::function::{AggregateFunction, Finished, FunctionError, OverDistinct, Unmerged, merge_parts};
use crate::Error;
use crate::operator::fingerprint::fields_told;
use crate::operator::grouping::group_rows;
use crate::operator::isolate::Attempt;
use crate::operator::rows::arrow_failed;
use crate::state::row::{Form, RowBuffer, encode};

/// Combinations that the aggregate is given at once, beyond those of one group.
const AT_ONCE: usize = 1 << 16;

/// An aggregate over distinct arguments.
#[derive(Debug)]
pub struct Distinct {
    of: Arc<dyn AggregateFunction>,
    item: FieldRef,
    arguments: Fields,
    state_fields: Fields,
}

impl Distinct {
    /// The aggregate `of` over distinct combinations of `arguments`.
    pub fn new(of: Arc<dyn AggregateFunction>, arguments: &Fields) -> Self {
        // What is said of nulls beside a call need not hold of what comes out of the state.
        let arguments: Fields = arguments.iter().map(|f| Arc::new(Field::clone(f).with_nullable(true))).collect();
        let item = Arc::new(Field::new_list_field(DataType::Struct(arguments.clone()), false));
        let state = Field::new("distinct", DataType::List(item.clone()), false);
        Self { of, item, arguments, state_fields: vec![state].into() }
    }
}

/// The combinations in `states`, and the group of each, where state `i` belongs to group `group(i)`.
pub(super) fn combinations(states: &[ArrayRef], group: impl Fn(usize) -> u32) -> (Vec<u32>, Vec<ArrayRef>) {
    let lists = states[0].as_list::<i32>();
    let (from, to) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
    let groups = (0..lists.len()).flat_map(|i| std::iter::repeat_n(group(i), lists.value_length(i) as usize));
    let columns = lists.values().as_struct().slice(from as usize, (to - from) as usize).columns().to_vec();
    (groups.collect(), columns)
}

impl OverDistinct for Distinct {
    fn of(&self) -> &dyn AggregateFunction {
        &*self.of
    }

    fn arguments(&self) -> Vec<DataType> {
        self.arguments.iter().map(|f| f.data_type().clone()).collect()
    }

    fn states_of(&self, groups: &[u32], n: usize, args: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        let n = n as u32;
        let mut parts: Vec<Vec<ArrayRef>> = Vec::new();
        let mut part_of: Vec<u32> = Vec::new();
        // Each part goes from one group to another; one that does not end with its part goes on in the next.
        let (mut row, mut group) = (0, 0);
        loop {
            let to = groups.len().min(row + AT_ONCE);
            let (first, last) = (group, if to == groups.len() { n } else { groups[to - 1] + 1 });
            let local: Vec<u32> = groups[row..to].iter().map(|g| g - first).collect();
            let args: Vec<ArrayRef> = args.iter().map(|column| column.slice(row, to - row)).collect();
            // With a filter: without one, DataFusion takes it that each group has rows.
            let filter = (!self.of.may_reject()).then(|| BooleanArray::from(vec![true; to - row]));
            parts.push(self.of.partial(&local, (last - first) as usize, &args, filter.as_ref(), Attempt::First)?);
            part_of.extend(first..last);
            if to == groups.len() {
                break;
            }
            (row, group) = (to, groups[to].min(last));
        }
        merge_parts(&*self.of, parts, n as usize, |_| part_of)
    }

    fn states(&self, groups: &[u32], n: usize, args: &[ArrayRef]) -> Result<ListArray, FunctionError> {
        let mut keys = RowBuffer::new();
        encode(args, groups.len(), Form::Key, &mut keys).map_err(Error::from)?;
        let of_group: Vec<i64> = groups.iter().map(|g| i64::from(*g)).collect();
        let mut firsts = group_rows(&of_group, &keys).founders;
        // A stable sort: within a group they stay in the order in which they came.
        firsts.sort_by_key(|row| groups[*row as usize]);
        let mut lengths = vec![0; n];
        firsts.iter().for_each(|row| lengths[groups[*row as usize] as usize] += 1);
        let firsts = UInt32Array::from(firsts);
        let columns = args.iter().map(|column| take(column, &firsts, None)).collect::<Result<Vec<_>, _>>();
        let combinations = StructArray::try_new_with_length(
            self.arguments.clone(),
            columns.map_err(arrow_failed)?,
            None,
            firsts.len(),
        );
        let combinations = Arc::new(combinations.map_err(arrow_failed)?);
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(ListArray::try_new(self.item.clone(), offsets, combinations, None).map_err(arrow_failed)?)
    }
}

impl AggregateFunction for Distinct {
    fn reads(&self) -> &[usize] {
        self.of.reads()
    }

    fn state_fields(&self) -> &Fields {
        &self.state_fields
    }

    fn identity(&self) -> Map<String, Value> {
        let mut identity = Map::new();
        // Beside the arguments a group's state of `of` is stored.
        identity.insert("distinct of".to_owned(), self.of.identity().into());
        identity.insert("state".to_owned(), fields_told(&self.arguments));
        identity
    }

    fn describe(&self) -> String {
        format!("distinct {}", self.of.describe())
    }

    fn may_reject(&self) -> bool {
        self.of.may_reject()
    }

    fn distinct(&self) -> Option<&dyn OverDistinct> {
        Some(self)
    }

    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        attempt: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let states = match filter {
            None => self.states(groups, n, args)?,
            Some(filter) => {
                let counts = |row: usize| filter.is_valid(row) && filter.value(row);
                let rows = UInt32Array::from_iter_values((0..groups.len()).filter(|r| counts(*r)).map(|r| r as u32));
                let groups: Vec<u32> = rows.values().iter().map(|row| groups[*row as usize]).collect();
                let args = args.iter().map(|column| take(column, &rows, None)).collect::<Result<Vec<_>, _>>();
                self.states(&groups, n, &args.map_err(arrow_failed)?)?
            }
        };
        let states: Vec<ArrayRef> = vec![Arc::new(states)];
        if self.of.may_reject() {
            let (groups, args) = combinations(&states, |i| i as u32);
            self.of.partial(&groups, n, &args, None, attempt)?;
        }
        Ok(states)
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        let (groups, args) = combinations(states, |i| groups[i]);
        Ok(vec![Arc::new(self.states(&groups, n, &args)?)])
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        let (groups, args) = combinations(states, |i| i as u32);
        match self.states_of(&groups, states[0].len(), &args) {
            Err(FunctionError::Groups(Unmerged { states, groups })) => {
                let Finished { columns, mut refused } = self.of.finish(&states)?;
                refused.retain(|(state, _)| groups.binary_search_by_key(state, |g| g.0).is_err());
                refused.extend(groups);
                refused.sort_by_key(|(state, _)| *state);
                Ok(Finished { columns, refused })
            }
            states => self.of.finish(&states?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use arrow::array::{Int64Array, UInt64Array};
    use arrow::compute::concat;
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;

    /// The sum of its argument, and how many values it was given.
    #[derive(Debug)]
    struct SumAndCount(Fields);

    fn grouped(groups: &[u32], n: usize, columns: &[Vec<i64>; 2]) -> Vec<ArrayRef> {
        let mut sums = vec![[0; 2]; n];
        for (row, group) in groups.iter().enumerate() {
            (0..2).for_each(|c| sums[*group as usize][c] += columns[c][row]);
        }
        (0..2).map(|c| Arc::new(Int64Array::from_iter_values(sums.iter().map(|s| s[c]))) as ArrayRef).collect()
    }

    fn values(column: &ArrayRef) -> Vec<i64> {
        column.as_primitive::<Int64Type>().values().to_vec()
    }

    impl AggregateFunction for SumAndCount {
        fn state_fields(&self) -> &Fields {
            &self.0
        }

        fn identity(&self) -> Map<String, Value> {
            Map::new()
        }

        fn describe(&self) -> String {
            "sum and count".to_owned()
        }

        fn partial(
            &self,
            groups: &[u32],
            n: usize,
            args: &[ArrayRef],
            _: Option<&BooleanArray>,
            _: Attempt,
        ) -> Result<Vec<ArrayRef>, FunctionError> {
            Ok(grouped(groups, n, &[values(&args[0]), vec![1; groups.len()]]))
        }

        fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
            Ok(grouped(groups, n, &[values(&states[0]), values(&states[1])]))
        }

        fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
            let [sums, counts] = [values(&states[0]), values(&states[1])];
            let packed = sums.iter().zip(&counts).map(|(s, c)| (s * 1_000_000 + c) as u64);
            Ok(vec![Arc::new(UInt64Array::from_iter_values(packed)) as ArrayRef].into())
        }
    }

    fn distinct() -> Distinct {
        let column = |name: &str| Arc::new(Field::new(name, DataType::Int64, false));
        let of = SumAndCount(vec![column("sum"), column("count")].into());
        Distinct::new(Arc::new(of), &vec![column("x")].into())
    }

    /// Rows `(group, value, counts)` in chunks, as the operator puts them together.
    fn answer(chunks: &[Vec<(u32, i64, bool)>], n: usize) -> Vec<u64> {
        let distinct = distinct();
        let states: Vec<ArrayRef> = chunks
            .iter()
            .map(|rows| {
                let groups: Vec<u32> = rows.iter().map(|r| r.0).collect();
                let args: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1)))];
                let filter = BooleanArray::from(rows.iter().map(|r| r.2).collect::<Vec<_>>());
                distinct.partial(&groups, n, &args, Some(&filter), Attempt::First).unwrap().swap_remove(0)
            })
            .collect();
        let pieces: Vec<&dyn Array> = states.iter().map(AsRef::as_ref).collect();
        let groups: Vec<u32> = (0..chunks.len()).flat_map(|_| 0..n as u32).collect();
        let merged = distinct.merge(&groups, n, &[concat(&pieces).unwrap()]).unwrap();
        let finished = distinct.finish(&merged).unwrap();
        finished.columns[0].as_primitive::<arrow::datatypes::UInt64Type>().values().to_vec()
    }

    fn naive(chunks: &[Vec<(u32, i64, bool)>], n: usize) -> Vec<u64> {
        let mut sets: BTreeMap<u32, BTreeSet<i64>> = BTreeMap::new();
        for (group, value, _) in chunks.iter().flatten().filter(|r| r.2) {
            sets.entry(*group).or_default().insert(*value);
        }
        let of = |g: u32| sets.get(&g).map_or(0, |set| (set.iter().sum::<i64>() * 1_000_000 + set.len() as i64) as u64);
        (0..n as u32).map(of).collect()
    }

    proptest! {
        #[test]
        fn each_combination_counts_once(
            chunks in prop::collection::vec(prop::collection::vec((0u32..5, 0i64..6, any::<bool>()), 0..20), 1..5),
        ) {
            prop_assert_eq!(answer(&chunks, 5), naive(&chunks, 5));
        }
    }

    #[test]
    fn groups_of_more_combinations_than_are_given_at_once() {
        let rows = |group: u32, n: usize| (0..n).map(move |i| (group, i as i64 % 70_000, true));
        // Groups that end before, at and behind the end of a part, and empty ones between them.
        let chunk: Vec<_> =
            rows(1, 10).chain(rows(3, AT_ONCE - 10)).chain(rows(4, 150_000)).chain(rows(6, 3)).collect();
        let chunks = [chunk];
        assert_eq!(answer(&chunks, 8), naive(&chunks, 8));
    }
}
