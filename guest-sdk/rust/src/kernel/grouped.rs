//! Sums, counts and extremes per group, 16 rows a turn.
//!
//! As in SQL: null rows don't count, and a group without a value has the null sum, least and greatest, and the count
//! zero. The results are columns with a row per group, so they are at once states that can be merged by the same
//! functions (a count by summing).

use crate::{
    bitmap::Bitmap,
    contract::columns::Column,
    operator::Failure,
    view::{F64Column, I64Column, PrimitiveColumn, Validity},
};

const TURN: usize = 16;

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

    /// The sum per group.
    ///
    /// # Errors
    /// If a sum leaves the range of int64; a sum that wraps around would be wrong and look right.
    pub fn sum_i64(&self, column: &I64Column<'_>) -> Result<Column, Failure> {
        // The sign of `overflow` is set by any addition whose result has the sign of neither operand.
        let mut overflow = 0i64;
        let (sums, validity) = self.accumulate(column, 0i64, |sum, value| {
            let next = sum.wrapping_add(value);
            overflow |= (*sum ^ next) & (value ^ next);
            *sum = next;
        });
        if overflow < 0 {
            return Err("a sum exceeds the range of int64: sum float64 or decimal values instead".into());
        }
        Ok(Column::int64(sums).with_validity(validity))
    }

    /// The sum per group, added in the order of the rows.
    pub fn sum_f64(&self, column: &F64Column<'_>) -> Column {
        let (sums, validity) = self.accumulate(column, 0.0, |sum, value| *sum += value);
        Column::float64(sums).with_validity(validity)
    }

    /// The least value per group.
    pub fn min_i64(&self, column: &I64Column<'_>) -> Column {
        let (least, validity) = self.accumulate(column, i64::MAX, |least, value| *least = value.min(*least));
        Column::int64(least).with_validity(validity)
    }

    /// The greatest value per group.
    pub fn max_i64(&self, column: &I64Column<'_>) -> Column {
        let (greatest, validity) =
            self.accumulate(column, i64::MIN, |greatest, value| *greatest = value.max(*greatest));
        Column::int64(greatest).with_validity(validity)
    }

    /// The least value per group; NaN is greater than all numbers, as in Spark.
    pub fn min_f64(&self, column: &F64Column<'_>) -> Column {
        let (least, validity) = self.accumulate(column, f64::NAN, |least, value| {
            if value < *least || least.is_nan() {
                *least = value;
            }
        });
        Column::float64(least).with_validity(validity)
    }

    /// The greatest value per group; NaN is greater than all numbers, as in Spark.
    pub fn max_f64(&self, column: &F64Column<'_>) -> Column {
        let (greatest, validity) = self.accumulate(column, f64::NEG_INFINITY, |greatest, value| {
            if value > *greatest || value.is_nan() {
                *greatest = value;
            }
        });
        Column::float64(greatest).with_validity(validity)
    }

    /// How many rows of the column are there (not null), per group.
    pub fn count_valid(&self, validity: Validity<'_>) -> Column {
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

    /// One accumulator per group, each value given to its group's; and which groups had a value, if not all.
    fn accumulate<T: Copy + Default>(
        &self,
        column: &PrimitiveColumn<'_, T>,
        start: T,
        mut add: impl FnMut(&mut T, T),
    ) -> (Vec<T>, Option<Bitmap>) {
        let values = column.values();
        // Accumulator and "has a value" side by side: one bounds check and one cache line for both.
        let mut groups = vec![(start, false); self.count];
        if column.validity().no_nulls() {
            assert_eq!(values.len(), self.ids.len(), "a column and its groups have different lengths");
            let (chunks, rest) = self.ids.as_chunks::<TURN>();
            let (value_chunks, value_rest) = values.as_chunks::<TURN>();
            for (ids, values) in chunks.iter().zip(value_chunks) {
                for k in 0..TURN {
                    let (accumulator, seen) = &mut groups[ids[k] as usize];
                    add(accumulator, values[k]);
                    *seen = true;
                }
            }
            for (id, value) in rest.iter().zip(value_rest) {
                let (accumulator, seen) = &mut groups[*id as usize];
                add(accumulator, *value);
                *seen = true;
            }
        } else {
            self.each(column.validity(), |group, row, valid| {
                if valid {
                    let (accumulator, seen) = &mut groups[group];
                    add(accumulator, values[row]);
                    *seen = true;
                }
            });
        }
        let validity = Bitmap::from_fn(groups.len(), |group| groups[group].1);
        let values = groups.iter().map(|(value, seen)| if *seen { *value } else { T::default() }).collect();
        (values, (validity.count_ones() < groups.len()).then_some(validity))
    }
}
