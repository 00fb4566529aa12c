//! Arithmetic and predicates over columns of numbers, 32 rows a turn.
//!
//! The closure sees the slots of null rows too (whatever they hold), and its result for them is masked: so it must
//! not panic on any value. Integer division by a column that may hold zero is the classic case: use `checked_div`.

use crate::{
    bitmap::{Bitmap, BitmapBuilder},
    contract::columns::Column,
    view::PrimitiveColumn,
};

const TURN: usize = 32;

/// `f` of every value; null stays null.
pub fn map_f64<T: Copy>(column: &PrimitiveColumn<'_, T>, f: impl Fn(T) -> f64) -> Column {
    Column::float64(map_values(column.values(), f)).with_validity(column.validity().to_bitmap())
}

/// `f` of every value; null stays null.
pub fn map_i64<T: Copy>(column: &PrimitiveColumn<'_, T>, f: impl Fn(T) -> i64) -> Column {
    Column::int64(map_values(column.values(), f)).with_validity(column.validity().to_bitmap())
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
    Column::float64(zip_values(a.values(), b.values(), f)).with_validity(a.validity().and(&b.validity()))
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
    Column::int64(zip_values(a.values(), b.values(), f)).with_validity(a.validity().and(&b.validity()))
}

/// `f` of every value, for columns of any type: put the result into a [`Column`] together with the validity.
pub fn map_values<T: Copy, U: Copy + Default>(values: &[T], f: impl Fn(T) -> U) -> Vec<U> {
    let mut out = vec![U::default(); values.len()];
    let (from, from_rest) = values.as_chunks::<TURN>();
    let (to, to_rest) = out.as_chunks_mut::<TURN>();
    for (from, to) in from.iter().zip(to) {
        for k in 0..TURN {
            to[k] = f(from[k]);
        }
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = f(*from);
    }
    out
}

/// `f` of two columns' values, row by row.
///
/// # Panics
/// If there are not as many of both.
pub fn zip_values<T: Copy, U: Copy, V: Copy + Default>(a: &[T], b: &[U], f: impl Fn(T, U) -> V) -> Vec<V> {
    assert_eq!(a.len(), b.len(), "columns of different lengths");
    let mut out = vec![V::default(); a.len()];
    let (a, a_rest) = a.as_chunks::<TURN>();
    let (b, b_rest) = b.as_chunks::<TURN>();
    let (to, to_rest) = out.as_chunks_mut::<TURN>();
    for ((a, b), to) in a.iter().zip(b).zip(to) {
        for k in 0..TURN {
            to[k] = f(a[k], b[k]);
        }
    }
    for ((a, b), to) in a_rest.iter().zip(b_rest).zip(to_rest) {
        *to = f(*a, *b);
    }
    out
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
