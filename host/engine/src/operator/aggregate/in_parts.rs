//! Merging and finishing states in parts that a plugin can take.
//!
//! A partition's states are as many as there are groups, and as large as the plugin makes them; one call has a memory, a
//! time and a limit for what it returns. So states are handed over some at a time, cut by their number and their bytes,
//! a group's states together where they fit. A call that fails is made again on a fresh instance with ten times the
//! time, then on halves, and halves of halves, as with rows ([`crate::operator::isolate()`]).
//!
//! Merging is associative, so a group that is too large for one call is merged piece by piece, its states always in their
//! order.

use std::ops::Range;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::Fields;

use crate::Error;
use crate::operator::isolate::{Attempt, BUDGET, Blame, Fault, MOST, patiently};
use crate::operator::plugin::BYTES_PER_CALL;
use crate::operator::room::Sizes;
use crate::operator::rows::arrow_failed;

/// States handed over in one call.
pub(super) const STATES_PER_CALL: usize = 65_536;

/// What a search for failing states may still cost.
struct Search {
    began: Option<Instant>,
    failing: usize,
}

impl Search {
    fn new() -> Self {
        Self { began: None, failing: 0 }
    }

    /// Whether it is the plugin that is broken, and not some of the states.
    fn is_over(&mut self) -> bool {
        self.began.get_or_insert_with(Instant::now).elapsed() > BUDGET || self.failing > MOST
    }
}

/// Calls as always, then on a fresh instance with more time. The inner error is the states' doing.
fn twice<T, E: Blame>(mut call: impl FnMut(Attempt) -> Result<T, E>) -> Result<Result<T, E>, E> {
    for attempt in [Attempt::First, Attempt::Patient] {
        match patiently(|| call(attempt)) {
            Ok(done) => return Ok(Ok(done)),
            Err(e) if e.fault() != Fault::Rows => return Err(e),
            Err(e) if attempt == Attempt::Patient => return Ok(Err(e)),
            Err(_) => {}
        }
    }
    unreachable!("the second attempt returns")
}

/// States to one state per group `0..n`, merged in their order; `groups` has the group of each. `call` merges some.
pub(super) fn merge<E: Blame + From<Error>>(
    groups: &[u32],
    n: usize,
    states: &[ArrayRef],
    mut call: impl FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
) -> Result<Vec<ArrayRef>, E> {
    let sizes = Sizes::of_all(states);
    if groups.len() <= STATES_PER_CALL && sizes.of_range(0, groups.len()) <= BYTES_PER_CALL {
        match patiently(|| call(groups, n, states, Attempt::First)) {
            Err(e) if e.fault() == Fault::Rows => {}
            done => return done,
        }
    }
    let mut order: Vec<u32> = (0..groups.len() as u32).collect();
    // Stable: a group's states stay in their order.
    order.sort_by_key(|state| groups[*state as usize]);
    let mut sorted =
        Sorted { groups: order.iter().map(|state| groups[*state as usize]).collect(), states: states.to_vec() };
    sorted.states = taken(states, order)?;
    let numbers = || sorted.groups.iter().copied();
    if !numbers().is_sorted_by(|a, b| b - a <= 1)
        || (numbers().next(), numbers().last()) != (Some(0), (n as u32).checked_sub(1))
    {
        // A group without states has the state of nothing: only the plugin knows it.
        return call(groups, n, states, Attempt::First);
    }
    let mut search = Search::new();
    while sorted.groups.len() > n {
        sorted = once(sorted, &mut call, &mut search)?;
    }
    Ok(sorted.states)
}

/// States in the order of their groups.
#[derive(Clone)]
struct Sorted {
    groups: Vec<u32>,
    states: Vec<ArrayRef>,
}

impl Sorted {
    fn slice(&self, part: Range<usize>) -> Self {
        let states = self.states.iter().map(|column| column.slice(part.start, part.len())).collect();
        Self { groups: self.groups[part].to_vec(), states }
    }

    fn has_one_group(&self) -> bool {
        self.groups.first() == self.groups.last()
    }

    /// Groups numbered from 0 on, and how many.
    fn numbered(&self) -> (Vec<u32>, usize) {
        let mut next = 0;
        let mut numbers = Vec::with_capacity(self.groups.len());
        for (i, group) in self.groups.iter().enumerate() {
            next += u32::from(i > 0 && self.groups[i - 1] != *group);
            numbers.push(next);
        }
        (numbers, next as usize + 1)
    }
}

/// Merges each group's states, of which there may be several afterwards if they are too many for one call, but fewer
/// than before.
fn once<E: Blame + From<Error>>(
    all: Sorted,
    call: &mut impl FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
    search: &mut Search,
) -> Result<Sorted, E> {
    let sizes = Sizes::of_all(&all.states);
    let mut merged = Pieces::default();
    let mut from = 0;
    while from < all.groups.len() {
        let to = run_end(&all.groups, from, sizes.fitting(from, all.groups.len(), STATES_PER_CALL, BYTES_PER_CALL));
        run(all.slice(from..to), call, search, &mut merged)?;
        from = to;
    }
    Ok(merged.whole()?)
}

/// Where a run of about `fitting` states ends: with a group if it has more than one, and with at least two states of a
/// group that has them, so that each run has fewer states afterwards.
fn run_end(groups: &[u32], from: usize, fitting: usize) -> usize {
    let to = from + fitting;
    if to == groups.len() || groups[to] != groups[to - 1] {
        return to;
    }
    let begins = groups[from..to].partition_point(|group| *group < groups[to]) + from;
    if begins > from { begins } else { to.max(from + 2) }
}

/// One run, in halves if the plugin fails.
fn run<E: Blame + From<Error>>(
    part: Sorted,
    call: &mut impl FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
    search: &mut Search,
    merged: &mut Pieces,
) -> Result<(), E> {
    // A state alone is merged.
    if part.groups.len() == 1 {
        merged.push(part);
        return Ok(());
    }
    let (numbers, n) = part.numbered();
    let failed = match twice(|attempt| call(&numbers, n, &part.states, attempt))? {
        Ok(states) => {
            let mut groups = part.groups;
            groups.dedup();
            merged.push(Sorted { groups, states });
            return Ok(());
        }
        Err(e) => e,
    };
    if search.is_over() || (part.has_one_group() && part.groups.len() == 2) {
        return Err(failed);
    }
    let middle = part.groups.len() / 2;
    if !part.has_one_group() {
        // At the group's end that is next to the middle, before or behind it.
        let group = part.groups[middle];
        let (begins, ends) =
            (part.groups.partition_point(|g| *g < group), part.groups.partition_point(|g| *g <= group));
        let cut = if begins > 0 { begins } else { ends };
        run(part.slice(0..cut), call, search, merged)?;
        return run(part.slice(cut..part.groups.len()), call, search, merged);
    }
    // The halves of one group, and what comes of them.
    let mut halves = Pieces::default();
    run(part.slice(0..middle), call, search, &mut halves)?;
    run(part.slice(middle..part.groups.len()), call, search, &mut halves)?;
    run(halves.whole()?, call, search, merged)
}

/// Merged states, one piece after the other.
#[derive(Default)]
struct Pieces(Vec<Sorted>);

impl Pieces {
    fn push(&mut self, piece: Sorted) {
        self.0.push(piece);
    }

    fn whole(mut self) -> Result<Sorted, Error> {
        if self.0.len() == 1 {
            return Ok(self.0.swap_remove(0));
        }
        let groups = self.0.iter().flat_map(|piece| piece.groups.iter().copied()).collect();
        let columns = self.0.first().map_or(0, |piece| piece.states.len());
        let states = (0..columns).map(|c| {
            let pieces: Vec<&dyn Array> = self.0.iter().map(|piece| piece.states[c].as_ref()).collect();
            concat(&pieces).map_err(arrow_failed)
        });
        Ok(Sorted { groups, states: states.collect::<Result<_, _>>()? })
    }
}

fn taken(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>, Error> {
    if rows.is_sorted() {
        return Ok(columns.to_vec());
    }
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| take(column, &rows, None).map_err(arrow_failed)).collect()
}

/// Results of states: the output columns, a row per state, and the states that have none, each with why.
pub(super) type Results = (Vec<ArrayRef>, Vec<(usize, String)>);

/// States to rows of `output`; `call` finishes some. A state for which alone the plugin fails is among those without a
/// result. `says` tells an error that the plugin returned on purpose: of these there may be any number.
pub(super) fn finish<E: Blame + From<Error>>(
    states: &[ArrayRef],
    output: &Fields,
    says: impl Fn(&E) -> (bool, String),
    mut call: impl FnMut(&[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
) -> Result<Results, E> {
    let (n, sizes) = (states.first().map_or(0, |s| s.len()), Sizes::of_all(states));
    let (mut pieces, mut refused): (Vec<Vec<ArrayRef>>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
    let mut search = Search::new();
    let mut from = 0;
    while from < n || (n == 0 && pieces.is_empty()) {
        let to = from + sizes.fitting(from, n, STATES_PER_CALL, BYTES_PER_CALL);
        // A stack with the earlier half on top.
        let mut open: Vec<Range<usize>> = std::iter::once(from..to).collect();
        from = to;
        while let Some(part) = open.pop() {
            let some: Vec<ArrayRef> = states.iter().map(|column| column.slice(part.start, part.len())).collect();
            let failed = match twice(|attempt| call(&some, attempt))? {
                Ok(columns) => {
                    pieces.push(columns);
                    continue;
                }
                Err(e) => e,
            };
            let (on_purpose, why) = says(&failed);
            if part.len() <= 1 {
                search.failing += usize::from(!on_purpose);
                pieces.push(output.iter().map(|f| new_null_array(f.data_type(), part.len())).collect());
                refused.push((part.start, why));
            }
            if !on_purpose && search.is_over() {
                return Err(failed);
            }
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                open.push(middle..part.end);
                open.push(part.start..middle);
            }
        }
    }
    if pieces.len() == 1 {
        return Ok((pieces.swap_remove(0), refused));
    }
    let columns = (0..output.len()).map(|c| {
        let column: Vec<&dyn Array> = pieces.iter().map(|piece| piece[c].as_ref()).collect();
        concat(&column).map_err(|e| E::from(arrow_failed(e)))
    });
    Ok((columns.collect::<Result<_, _>>()?, refused))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, StringArray};
    use arrow::datatypes::{DataType, Field};
    use proptest::prelude::*;

    use super::*;

    /// What a call may fail with.
    #[derive(Debug)]
    enum Why {
        TooMuch,
        Bad(String),
        Ours(String),
    }

    impl Blame for Why {
        fn fault(&self) -> Fault {
            if matches!(self, Self::Ours(_)) { Fault::Caller } else { Fault::Rows }
        }
    }

    impl From<Error> for Why {
        fn from(e: Error) -> Self {
            Self::Ours(e.message().to_owned())
        }
    }

    fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }

    fn read(column: &ArrayRef) -> Vec<String> {
        column.as_string::<i32>().iter().map(|t| t.unwrap_or("(null)").to_owned()).collect()
    }

    /// Merging puts texts one behind the other: their order can be seen. A call takes so many states and bytes.
    fn put_together(
        groups: &[u32],
        n: usize,
        states: &[ArrayRef],
        most: usize,
        bytes: usize,
    ) -> Result<Vec<ArrayRef>, Why> {
        let given = read(&states[0]);
        if given.len() > most.max(2) || (given.len() > 2 && given.iter().map(String::len).sum::<usize>() > bytes) {
            return Err(Why::TooMuch);
        }
        let mut all = vec![String::new(); n];
        groups.iter().zip(&given).for_each(|(g, t)| all[*g as usize] += t);
        Ok(vec![texts(all)])
    }

    proptest! {
        #[test]
        fn merged_in_parts_is_merged_at_once(
            given in prop::collection::vec((0u32..12, 0usize..40), 1..200),
            most in 2usize..50,
            bytes in 1usize..500,
        ) {
            // Groups without a gap, as they are everywhere.
            let mut known: Vec<u32> = given.iter().map(|g| g.0).collect();
            known.sort_unstable();
            known.dedup();
            let groups: Vec<u32> = given.iter().map(|g| known.binary_search(&g.0).unwrap() as u32).collect();
            let states = texts(given.iter().enumerate().map(|(i, g)| format!("{i}{}", "x".repeat(g.1))));
            let want = put_together(&groups, known.len(), std::slice::from_ref(&states), usize::MAX, usize::MAX).unwrap();
            let merged = merge(&groups, known.len(), &[states], |g, n, s, _| put_together(g, n, s, most, bytes));
            prop_assert_eq!(read(&merged.unwrap()[0]), read(&want[0]));
        }

        #[test]
        fn each_state_that_cannot_be_finished_is_found(
            bad in prop::collection::btree_set(0usize..300, 0..80),
            n in 1usize..300,
            most in 1usize..100,
            on_purpose in any::<bool>(),
        ) {
            let states = texts((0..n).map(|i| if bad.contains(&i) { format!("bad {i}") } else { i.to_string() }));
            let bad: Vec<usize> = bad.into_iter().filter(|b| *b < n).collect();
            let output = Fields::from(vec![Field::new("out", DataType::Utf8, true)]);
            let says = |e: &Why| match e {
                Why::TooMuch => (on_purpose, "too much".to_owned()),
                Why::Bad(text) | Why::Ours(text) => (on_purpose, text.clone()),
            };
            let finished = finish(&[states], &output, says, |states, _| {
                let given = read(&states[0]);
                match given.iter().find(|t| t.starts_with("bad")) {
                    Some(text) => Err(Why::Bad(text.clone())),
                    None if given.len() > most => Err(Why::TooMuch),
                    None => Ok(vec![texts(given.iter().map(|t| format!("<{t}>")))]),
                }
            });
            if bad.len() > MOST && !on_purpose {
                prop_assert!(finished.is_err());
            } else {
                let (columns, refused) = finished.unwrap();
                let reasons: Vec<(usize, String)> = bad.iter().map(|b| (*b, format!("bad {b}"))).collect();
                prop_assert_eq!(&refused, &reasons);
                let want = (0..n).map(|i| if bad.contains(&i) { "(null)".to_owned() } else { format!("<{i}>") });
                prop_assert_eq!(read(&columns[0]), want.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn calls_keep_to_their_bytes() {
        // 5,500 groups of 4 KB, each stored and once more new; and one of 30 MB in many pieces.
        let groups: Vec<u32> = (0..5500).chain(0..5500).chain(std::iter::repeat_n(5500, 7500)).collect();
        let states = texts(groups.iter().enumerate().map(|(i, _)| format!("{i:0>4096}")));
        let mut largest = 0;
        let merged = merge(&groups, 5501, std::slice::from_ref(&states), |g, n, s, attempt| -> Result<_, Why> {
            assert_eq!(attempt, Attempt::First);
            let bytes = read(&s[0]).iter().map(String::len).sum::<usize>();
            // A group that has become large has two states in a call, however large they are.
            if n > 1 || s[0].len() > 2 {
                largest = largest.max(bytes);
            }
            // The later of two numbers is the merged state: states do not grow.
            let given = read(&s[0]);
            let mut all = vec![String::new(); n];
            g.iter().zip(given).for_each(|(g, t)| all[*g as usize] = t);
            Ok(vec![texts(all)])
        });
        assert!(largest <= BYTES_PER_CALL as usize, "{largest}");
        let merged: Vec<usize> = read(&merged.unwrap()[0]).iter().map(|t| t.parse().unwrap()).collect();
        assert_eq!(merged, (5500..11_000).chain([11_000 + 7499]).collect::<Vec<_>>());
    }
}
