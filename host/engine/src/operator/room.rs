//! How much may be made of a chunk's rows at once, and how many bytes rows take.
//!
//! One row may become many, and a short text a long one. What is made is counted as it is made, where it can be known
//! before it is made; more than there is room for ends the attempt with [`ErrorKind::Quota`], and the same rows are
//! taken again in smaller parts. So memory is bounded by a constant per core, whatever a row becomes; and a single row
//! that becomes too much is a dead letter.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;

use crate::{Error, ErrorKind, Result};

/// What rows that are taken together may grow by, beside [`TIMES`] their own size.
const TOGETHER: u64 = 128 << 20;

/// What a single row may grow by: what a flat-map may make of a batch by default.
const ALONE: u64 = 512 << 20;

/// How many times their own size rows may always grow by: what a job makes of a large chunk is large.
const TIMES: u64 = 4;

/// Bytes that may yet be made.
#[derive(Debug)]
pub struct Room {
    limit: u64,
    used: u64,
}

impl Room {
    /// For what becomes of the rows of `batch`.
    pub fn of(batch: &RecordBatch) -> Self {
        let own = TIMES * batch.get_array_memory_size() as u64;
        Self { limit: own + if batch.num_rows() > 1 { TOGETHER } else { ALONE }, used: 0 }
    }

    /// For what has to be whole, however large it is.
    pub fn without_end() -> Self {
        Self { limit: u64::MAX, used: 0 }
    }

    /// For what may take so many bytes.
    pub fn up_to(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// Takes `bytes` of it.
    ///
    /// # Errors
    /// [`ErrorKind::Quota`]: there are not so many left.
    pub fn take(&mut self, bytes: u64) -> Result<()> {
        self.used = self.used.saturating_add(bytes);
        if self.used <= self.limit {
            return Ok(());
        }
        let mib = self.limit.div_ceil(1 << 20);
        Err(Error::new(ErrorKind::Quota, format!("what is made of it is larger than {mib} MiB, the limit for one row")))
    }

    /// How many were taken.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Whether twice as much would have fitted.
    pub fn is_half_empty(&self) -> bool {
        self.used <= self.limit / 2
    }
}

impl Default for Room {
    /// That of a row.
    fn default() -> Self {
        Self { limit: ALONE, used: 0 }
    }
}

/// The bytes that values of a column take, found without a look at them.
#[derive(Debug)]
pub(super) enum Sizes<'a> {
    /// Each as many.
    Each(u64),
    /// By the places where they begin and end, each unit of so many bytes.
    Offsets(&'a [i32], u64),
    /// The same, with 64 bits.
    LongOffsets(&'a [i64], u64),
    /// Those of all of these.
    Sum(Vec<Sizes<'a>>),
}

impl<'a> Sizes<'a> {
    /// Of the values of `array`. Where lists hold values of different sizes, each is counted with the average.
    pub fn of(array: &'a dyn Array) -> Self {
        let average = |array: &dyn Array| (array.get_buffer_memory_size() as u64).div_ceil(array.len().max(1) as u64);
        match array.data_type() {
            DataType::Null => Self::Each(0),
            DataType::Utf8 => Self::Offsets(array.as_string::<i32>().value_offsets(), 1),
            DataType::Binary => Self::Offsets(array.as_binary::<i32>().value_offsets(), 1),
            DataType::LargeUtf8 => Self::LongOffsets(array.as_string::<i64>().value_offsets(), 1),
            DataType::LargeBinary => Self::LongOffsets(array.as_binary::<i64>().value_offsets(), 1),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::Offsets(list.value_offsets(), average(list.values()))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                Self::LongOffsets(list.value_offsets(), average(list.values()))
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                Self::Offsets(map.value_offsets(), average(map.entries()))
            }
            DataType::Struct(_) => {
                Self::Sum(array.as_struct().columns().iter().map(|column| Self::of(column.as_ref())).collect())
            }
            // Its values are shared, not repeated.
            DataType::Dictionary(key, _) => Self::Each(key.primitive_width().unwrap_or(8) as u64),
            other => Self::Each(other.primitive_width().map_or_else(|| average(array), |width| width as u64)),
        }
    }

    /// Of the values of all of `columns`.
    pub fn of_all(columns: impl IntoIterator<Item = &'a ArrayRef>) -> Self {
        Self::Sum(columns.into_iter().map(|column| Self::of(column.as_ref())).collect())
    }

    /// Of `rows` rows from row `start` on.
    pub fn of_range(&self, start: usize, rows: usize) -> u64 {
        match self {
            Self::Each(bytes) => bytes * rows as u64,
            Self::Offsets(offsets, unit) => (4 * rows) as u64 + unit * (offsets[start + rows] - offsets[start]) as u64,
            Self::LongOffsets(offsets, unit) => {
                (8 * rows) as u64 + unit * (offsets[start + rows] - offsets[start]) as u64
            }
            Self::Sum(all) => all.iter().map(|one| one.of_range(start, rows)).sum(),
        }
    }

    /// Of these rows, which may repeat.
    pub fn of_rows(&self, rows: &[u32]) -> u64 {
        match self {
            Self::Each(bytes) => bytes.saturating_mul(rows.len() as u64),
            Self::Sum(all) => all.iter().map(|one| one.of_rows(rows)).fold(0, u64::saturating_add),
            _ => rows.chunk_by(|a, b| a == b).fold(0, |sum: u64, same| {
                sum.saturating_add(self.of_range(same[0] as usize, 1).saturating_mul(same.len() as u64))
            }),
        }
    }

    /// How many of the rows from `start` to `end` can be taken at once: at most `most_rows`, and as many as keep
    /// within `most_bytes`, but one in any case.
    pub fn fitting(&self, start: usize, end: usize, most_rows: usize, most_bytes: u64) -> usize {
        let all = (end - start).min(most_rows);
        if all <= 1 || self.of_range(start, all) <= most_bytes {
            return all;
        }
        // The greatest number that fits: it lies in `few..many`.
        let (mut few, mut many) = (1, all);
        while many - few > 1 {
            let middle = few + (many - few) / 2;
            if self.of_range(start, middle) <= most_bytes {
                few = middle;
            } else {
                many = middle;
            }
        }
        few
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn values_take_what_they_hold() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["", "abc", "12345678"]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1); 10]),
            None,
            Some(vec![Some(1); 90]),
        ]));
        let all = [texts.slice(1, 2), numbers];
        let sizes = Sizes::of_all(&all[..1]);
        assert_eq!((sizes.of_range(0, 2), sizes.of_rows(&[1, 1, 0])), (19, 12 * 2 + 7));
        assert_eq!(Sizes::of_all(&all).of_rows(&[0]), 4 + 3 + 8);
        let sizes = Sizes::of(lists.as_ref());
        assert!(sizes.of_range(2, 1) > 8 * sizes.of_range(0, 1) && sizes.of_range(1, 1) < 10, "{sizes:?}");
    }

    #[test]
    fn as_many_rows_as_fit_and_one_in_any_case() {
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|i| "x".repeat(i))));
        let sizes = Sizes::of(texts.as_ref());
        let mut start = 0;
        while start < 100 {
            let rows = sizes.fitting(start, 100, 30, 300);
            let bytes = sizes.of_range(start, rows);
            assert!(rows == 1 || (rows <= 30 && bytes <= 300), "{rows} rows from {start} on are {bytes} bytes");
            assert!(start + rows == 100 || rows == 30 || sizes.of_range(start, rows + 1) > 300, "{start}: only {rows}");
            start += rows;
        }
        assert_eq!(sizes.fitting(50, 100, 30, 10), 1);
    }

    #[test]
    fn room_ends() {
        let mut room = Room::default();
        assert!(room.take(ALONE).is_ok() && !room.is_half_empty());
        assert_eq!(room.take(1).unwrap_err().kind(), ErrorKind::Quota);
        assert_eq!(room.take(u64::MAX).unwrap_err().kind(), ErrorKind::Quota);
    }
}
