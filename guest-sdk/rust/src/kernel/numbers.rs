//! Arithmetic and predicates over columns of numbers, 32 rows a turn.
//!
//! The closure sees the slots of null rows too (whatever they hold), and its result for them is masked: so it must
//! not panic on any value. Integer division by a column that may hold zero is the classic case: use `checked_div`.

use crate::{
    bitmap::{Bitmap, BitmapBuilder},
    buffer::BufferBuilder,
    builder::PrimitiveKind,
    column::Column,
    kind::{Float64, Int64},
    view::PrimitiveColumn,
};

const TURN: usize = 32;

/// `f` of every value; null stays null.
pub fn map_f64<T: Copy>(column: &PrimitiveColumn<'_, T>, f: impl Fn(T) -> f64) -> Column {
    map_to::<Float64, T>(column, f)
}

/// `f` of every value; null stays null.
pub fn map_i64<T: Copy>(column: &PrimitiveColumn<'_, T>, f: impl Fn(T) -> i64) -> Column {
    map_to::<Int64, T>(column, f)
}

/// `f` of the two columns' values, row by row; null where either is null.
///
/// # Panics
/// If the columns have different lengths.
pub fn zip_f64<T: Copy, U: Copy>(
    a: &PrimitiveColumn<'_, T>,
    b: &PrimitiveColumn<'_, U>,
    f: impl Fn(T, U) -> f64,
) -> Column {
    zip_to::<Float64, T, U>(a, b, f)
}

/// `f` of the two columns' values, row by row; null where either is null.
///
/// # Panics
/// If the columns have different lengths.
pub fn zip_i64<T: Copy, U: Copy>(
    a: &PrimitiveColumn<'_, T>,
    b: &PrimitiveColumn<'_, U>,
    f: impl Fn(T, U) -> i64,
) -> Column {
    zip_to::<Int64, T, U>(a, b, f)
}

/// `f` of every value, written where it stood; null stays null. The quickest of these: nothing is made anew. The column is
/// one [taken](crate::batch::Batch::take) out of its batch.
///
/// # Panics
/// If the column is of another kind.
///
/// ```
/// # use millstream_guest::prelude::*;
/// let column = Column::float64(vec![1.0, 2.0]);
/// let halved = kernel::map_in_place::<Float64>(column, |x| x / 2.0);
/// assert_eq!(halved, Column::float64(vec![0.5, 1.0]));
/// ```
pub fn map_in_place<K: PrimitiveKind>(mut column: Column, f: impl Fn(K::Native) -> K::Native) -> Column {
    assert!(K::view(&column).is_some(), "the column is {}, not {}", column.data_type, K::name());
    column.buffers[0].update(f);
    column
}

/// `f` of every value, as a column of kind `K`; null stays null.
pub fn map_to<K: PrimitiveKind, T: Copy>(column: &PrimitiveColumn<'_, T>, f: impl Fn(T) -> K::Native) -> Column {
    Column::numbers::<K>(BufferBuilder::map(column.values(), f)).with_validity(column.validity().to_bitmap())
}

/// `f` of the two columns' values, row by row, as a column of kind `K`; null where either is null.
///
/// # Panics
/// If the columns have different lengths.
pub fn zip_to<K: PrimitiveKind, T: Copy, U: Copy>(
    a: &PrimitiveColumn<'_, T>,
    b: &PrimitiveColumn<'_, U>,
    f: impl Fn(T, U) -> K::Native,
) -> Column {
    Column::numbers::<K>(BufferBuilder::zip(a.values(), b.values(), f)).with_validity(a.validity().and(&b.validity()))
}

/// The rows whose value satisfies `keep`; null rows don't.
pub fn select<T: Copy>(column: &PrimitiveColumn<'_, T>, keep: impl Fn(T) -> bool) -> Bitmap {
    let validity = column.validity();
    let mut bits = BitmapBuilder::with_capacity(column.len());
    let (chunks, rest) = column.values().as_chunks::<TURN>();
    for (i, chunk) in chunks.iter().enumerate() {
        let mut word = 0u32;
        for (k, value) in chunk.iter().enumerate() {
            word |= u32::from(keep(*value)) << k;
        }
        bits.push_word(word & validity.word(i));
    }
    let last = validity.word(chunks.len());
    for (k, value) in rest.iter().enumerate() {
        bits.push(keep(*value) && last >> k & 1 == 1);
    }
    bits.finish()
}
