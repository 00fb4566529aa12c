//! Sums, counts and extremes per group, 16 rows a turn.
//!
//! As in SQL: null rows don't count, and a group without a value has the null sum, least and greatest, and the count
//! zero. The results are columns with a row per group, so they are at once states that can be merged by the same
//! functions (a count by summing).
//!
//! A sum of int64 may leave the range of int64 though every value is in it, and a state that can fail stops the job: no row
//! is to blame. So a state is a *total*, a decimal(38, 0) that no number of rows can fill; only the result is narrowed.

use super::pair::SumAndCount;
use crate::{
    bitmap::Bitmap,
    buffer::BufferBuilder,
    builder::{ColumnBuilder, DecimalBuilder, PrimitiveKind},
    column::Column,
    kind::{Float64, Int64},
    operator::Failure,
    view::{DecimalColumn, F64Column, I64Column, PrimitiveColumn, Validity},
};

const TURN: usize = 16;
const OVERFLOW: &str = "a sum exceeds the range of int64: sum float64 or decimal values instead";

/// Which group each row belongs to: dense ids `0..count`.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    ids: &'a [u32],
    count: usize,
}

impl<'a> Groups<'a> {
    /// Row `i` belongs to group `ids[i]`, below `count`.
    pub fn new(ids: &'a [u32], count: usize) -> Self {
        Self { ids, count }
    }

    /// Each row's group.
    pub fn ids(&self) -> &'a [u32] {
        self.ids
    }

    /// How many groups there are, those without rows included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The sum per group as decimal(38, 0), which no number of rows can fill: the state of a sum. Such states are merged by
    /// [`Groups::sum_totals`], and become int64 by [`narrow_i64`].
    pub fn total_i64(&self, column: &I64Column<'_>) -> Column {
        if no_sum_overflows(column.values()) {
            let groups = self.fold(column, (0i64, false), |(sum, seen), value| {
                *sum = sum.wrapping_add(value);
                *seen = true;
            });
            return totals(groups.iter().map(|(sum, seen)| seen.then_some((*sum).into())));
        }
        let groups = self.fold(column, (0i128, false), |(sum, seen), value| {
            *sum += i128::from(value);
            *seen = true;
        });
        totals(groups.iter().map(|(sum, seen)| seen.then_some(*sum)))
    }

    /// The sum per group of totals.
    pub fn sum_totals(&self, column: &DecimalColumn<'_>) -> Column {
        let mut groups: Vec<Option<i128>> = vec![None; self.count];
        self.each(column.validity(), |group, row, _| {
            if let Some(value) = column.get(row) {
                groups[group] = Some(groups[group].unwrap_or(0).wrapping_add(value));
            }
        });
        totals(groups.into_iter())
    }

    /// The sum per group, where a batch whose sum leaves the range of int64 is to fail. For states take
    /// [`Groups::total_i64`].
    ///
    /// # Errors
    /// If a sum leaves the range of int64; a sum that wraps around would be wrong and look right.
    pub fn sum_i64(&self, column: &I64Column<'_>) -> Result<Column, Failure> {
        if no_sum_overflows(column.values()) {
            return Ok(self.accumulate::<Int64>(column, 0, |sum, value| *sum = sum.wrapping_add(value)));
        }
        // The sign of `overflow` is set by any addition whose result has the sign of neither operand.
        let mut overflow = 0i64;
        let sums = self.accumulate::<Int64>(column, 0, |sum, value| {
            let next = sum.wrapping_add(value);
            overflow |= (*sum ^ next) & (value ^ next);
            *sum = next;
        });
        if overflow < 0 {
            return Err(OVERFLOW.into());
        }
        Ok(sums)
    }

    /// The sum per group, added in the order of the rows.
    pub fn sum_f64(&self, column: &F64Column<'_>) -> Column {
        self.accumulate::<Float64>(column, 0.0, |sum, value| *sum += value)
    }

    /// The least value per group.
    pub fn min_i64(&self, column: &I64Column<'_>) -> Column {
        self.accumulate::<Int64>(column, i64::MAX, |least, value| *least = value.min(*least))
    }

    /// The greatest value per group.
    pub fn max_i64(&self, column: &I64Column<'_>) -> Column {
        self.accumulate::<Int64>(column, i64::MIN, |greatest, value| *greatest = value.max(*greatest))
    }

    /// The least value per group; NaN is greater than all numbers, as in Spark.
    pub fn min_f64(&self, column: &F64Column<'_>) -> Column {
        self.accumulate::<Float64>(column, f64::NAN, |least, value| {
            if value < *least || least.is_nan() {
                *least = value;
            }
        })
    }

    /// The greatest value per group; NaN is greater than all numbers, as in Spark.
    pub fn max_f64(&self, column: &F64Column<'_>) -> Column {
        self.accumulate::<Float64>(column, f64::NEG_INFINITY, |greatest, value| {
            if value > *greatest || value.is_nan() {
                *greatest = value;
            }
        })
    }

    /// The sum per group and how many values it is of, at once: what a mean is made of, and half the work of two calls.
    ///
    /// # Errors
    /// If a sum leaves the range of int64; a sum that wraps around would be wrong and look right.
    pub fn sum_count_i64(&self, column: &I64Column<'_>) -> Result<(Column, Column), Failure> {
        if no_sum_overflows(column.values()) {
            let groups = self.fold(column, SumAndCount::none(), SumAndCount::add);
            return Ok(sums_and_counts::<Int64, _>(&groups, SumAndCount::get));
        }
        let mut overflow = 0i64;
        let groups = self.fold(column, (0i64, 0i64), |(sum, count), value| {
            let next = sum.wrapping_add(value);
            overflow |= (*sum ^ next) & (value ^ next);
            (*sum, *count) = (next, *count + 1);
        });
        if overflow < 0 {
            return Err(OVERFLOW.into());
        }
        Ok(sums_and_counts::<Int64, _>(&groups, |group| group))
    }

    /// The sum per group, added in the order of the rows, and how many values it is of, at once.
    pub fn sum_count_f64(&self, column: &F64Column<'_>) -> (Column, Column) {
        let groups = self.fold(column, (0.0, 0i64), |(sum, count), value| {
            *sum += value;
            *count += 1;
        });
        sums_and_counts::<Float64, _>(&groups, |group| group)
    }

    /// How many rows of the column are there (not null), per group.
    pub fn count_valid(&self, validity: Validity<'_>) -> Column {
        if validity.no_nulls() {
            assert_eq!(validity.len(), self.ids.len(), "a column and its groups have different lengths");
            return self.count_rows();
        }
        let mut counts = vec![0i64; self.count];
        self.each(validity, |group, _, valid| counts[group] += i64::from(valid));
        Column::int64(counts)
    }

    /// How many rows there are, per group.
    pub fn count_rows(&self) -> Column {
        let mut counts = vec![0i64; self.count];
        let (chunks, rest) = self.ids.as_chunks::<TURN>();
        for chunk in chunks {
            for group in chunk {
                counts[*group as usize] += 1;
            }
        }
        rest.iter().for_each(|group| counts[*group as usize] += 1);
        Column::int64(counts)
    }

    /// For every row: its group, its index, and whether it is there.
    fn each(&self, validity: Validity<'_>, mut f: impl FnMut(usize, usize, bool)) {
        assert_eq!(validity.len(), self.ids.len(), "a column and its groups have different lengths");
        let (chunks, rest) = self.ids.as_chunks::<TURN>();
        for (i, chunk) in chunks.iter().enumerate() {
            let valid = validity.word(i / 2) >> (i % 2 * TURN);
            for (k, group) in chunk.iter().enumerate() {
                f(*group as usize, i * TURN + k, valid >> k & 1 == 1);
            }
        }
        let start = chunks.len() * TURN;
        for (k, group) in rest.iter().enumerate() {
            f(*group as usize, start + k, validity.is_valid(start + k));
        }
    }

    /// One accumulator per group, each value given to its group's; null where a group had no value.
    fn accumulate<K: PrimitiveKind>(
        &self,
        column: &PrimitiveColumn<'_, K::Native>,
        start: K::Native,
        mut add: impl FnMut(&mut K::Native, K::Native),
    ) -> Column {
        // Accumulator and "has a value" side by side: one bounds check and one cache line for both.
        let groups = self.fold(column, (start, false), |(accumulator, seen), value| {
            add(accumulator, value);
            *seen = true;
        });
        let validity = Bitmap::from_fn(groups.len(), |group| groups[group].1);
        let values = BufferBuilder::map(&groups, |(value, seen)| if seen { value } else { K::Native::default() });
        Column::numbers::<K>(values).with_validity((validity.count_ones() < groups.len()).then_some(validity))
    }

    /// One accumulator per group, each value that is there given to its group's.
    fn fold<T: Copy, A: Copy>(
        &self,
        column: &PrimitiveColumn<'_, T>,
        start: A,
        mut add: impl FnMut(&mut A, T),
    ) -> Vec<A> {
        let values = column.values();
        let mut groups = vec![start; self.count];
        if column.validity().no_nulls() {
            assert_eq!(values.len(), self.ids.len(), "a column and its groups have different lengths");
            let (chunks, rest) = self.ids.as_chunks::<TURN>();
            let (value_chunks, value_rest) = values.as_chunks::<TURN>();
            for (ids, values) in chunks.iter().zip(value_chunks) {
                for k in 0..TURN {
                    add(&mut groups[ids[k] as usize], values[k]);
                }
            }
            for (id, value) in rest.iter().zip(value_rest) {
                add(&mut groups[*id as usize], *value);
            }
        } else {
            self.each(column.validity(), |group, row, valid| {
                if valid {
                    add(&mut groups[group], values[row]);
                }
            });
        }
        groups
    }
}

/// Totals as int64, the result of a sum; `what` names it: `sum = 9223372036854775808 does not fit int64`.
///
/// # Errors
/// If a total does not fit. The host then finds the groups that it is about, and sets them aside with this message.
pub fn narrow_i64(totals: &DecimalColumn<'_>, what: &str) -> Result<Column, Failure> {
    let mut sums = Vec::with_capacity(totals.len());
    for total in totals.iter() {
        let total = total.unwrap_or(0);
        sums.push(i64::try_from(total).map_err(|_| format!("{what} = {total} does not fit int64"))?);
    }
    let validity = totals.validity();
    let validity = (!validity.no_nulls()).then(|| Bitmap::from_fn(sums.len(), |row| validity.is_valid(row)));
    Ok(Column::int64(sums).with_validity(validity))
}

fn totals(sums: impl ExactSizeIterator<Item = Option<i128>>) -> Column {
    let mut column = DecimalBuilder::with_capacity(sums.len());
    for sum in sums {
        match sum {
            Some(sum) => column.push(sum),
            None => column.push_null(),
        }
    }
    column.finish()
}

/// Whether the values are so small, or so few, that all of them together fit into int64. Far cheaper to find out than
/// to check every addition.
fn no_sum_overflows(values: &[i64]) -> bool {
    // Its highest bit is one above the highest that differs from the sign bit.
    let size = |value: i64| (value ^ (value << 1)) as u64;
    let (chunks, rest) = values.as_chunks::<TURN>();
    let mut sizes = [0u64; TURN];
    for chunk in chunks {
        for k in 0..TURN {
            sizes[k] |= size(chunk[k]);
        }
    }
    let all = sizes.into_iter().chain(rest.iter().map(|value| size(*value))).fold(0, |all, size| all | size);
    let bits = 64 - all.leading_zeros() + (usize::BITS - values.len().leading_zeros());
    bits < 64
}

/// The sums, null where they are of no value, and the counts, of groups whose sum and count `of` tells.
fn sums_and_counts<K: PrimitiveKind, A: Copy>(groups: &[A], of: impl Fn(A) -> (K::Native, i64)) -> (Column, Column) {
    let sums = BufferBuilder::map(groups, |group| of(group).0);
    let counts = BufferBuilder::map(groups, |group| of(group).1);
    let none = groups.iter().fold(false, |any, group| any | (of(*group).1 == 0));
    let validity = none.then(|| Bitmap::from_fn(groups.len(), |group| of(groups[group]).1 > 0));
    (Column::numbers::<K>(sums).with_validity(validity), Column::numbers::<Int64>(counts))
}
