//! Searching columns of text and bytes.
//!
//! A column's values lie one after the other in one buffer, so a pattern is looked for in the whole buffer at once,
//! with vector instructions, and hits are mapped to rows by the offsets. A hit that runs over the end of a row is
//! none; after a row's first hit the search goes on at the next row.

use memchr::memmem::Finder;

use crate::{
    bitmap::{Bitmap, BitmapBuilder},
    view::{BytesColumn, Utf8Column},
};

/// The rows that contain `needle`; every row contains the empty text, and null rows contain nothing.
pub fn contains(column: &Utf8Column<'_>, needle: &str) -> Bitmap {
    let column = column.as_bytes();
    let rows = match needle.as_bytes() {
        [] => Bitmap::ones(column.len()),
        [byte] => rows_with_hits(&column, 1, |data| memchr::memchr(*byte, data)),
        needle => {
            let finder = Finder::new(needle);
            rows_with_hits(&column, needle.len(), |data| finder.find(data))
        }
    };
    match column.validity().to_bitmap() {
        Some(validity) => rows.and(&validity),
        None => rows,
    }
}

fn rows_with_hits(column: &BytesColumn<'_>, needle: usize, find: impl Fn(&[u8]) -> Option<usize>) -> Bitmap {
    let (offsets, rows) = (column.offsets(), column.len());
    let data = &column.data()[..offsets[rows] as usize];
    let mut found = Bitmap::zeros(rows);
    let (mut from, mut row) = (offsets[0] as usize, 0);
    while let Some(hit) = data.get(from..).and_then(&find) {
        let at = from + hit;
        row = row_of(offsets, row, at);
        let end = offsets[row + 1] as usize;
        if at + needle <= end {
            found.set(row);
        }
        // A later hit in this row would run over its end too, if this one did.
        from = end;
        row += 1;
    }
    found
}

/// The row from `from` on that byte `at` lies in: by doubling steps, then by halving them, since the next hit is
/// mostly near.
fn row_of(offsets: &[i32], from: usize, at: usize) -> usize {
    let at = at as i32;
    let mut step = 1;
    let mut low = from;
    while offsets.get(low + step).is_some_and(|start| *start <= at) {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(offsets.len());
    low + offsets[low..high].partition_point(|start| *start <= at) - 1
}

/// The rows that start with `prefix`; null rows don't.
pub fn starts_with(column: &Utf8Column<'_>, prefix: &str) -> Bitmap {
    select_bytes(&column.as_bytes(), |value| value.starts_with(prefix.as_bytes()))
}

/// The rows that end with `suffix`; null rows don't.
pub fn ends_with(column: &Utf8Column<'_>, suffix: &str) -> Bitmap {
    select_bytes(&column.as_bytes(), |value| value.ends_with(suffix.as_bytes()))
}

/// The rows that are `text`; null rows aren't.
pub fn equals(column: &Utf8Column<'_>, text: &str) -> Bitmap {
    select_bytes(&column.as_bytes(), |value| value == text.as_bytes())
}

/// The rows whose text satisfies `keep`; null rows don't.
pub fn select_text(column: &Utf8Column<'_>, keep: impl Fn(&str) -> bool) -> Bitmap {
    Bitmap::from_fn(column.len(), |row| column.get(row).is_some_and(&keep))
}

/// The rows whose bytes satisfy `keep`; null rows don't. Quicker than [`select_text`], which checks the UTF-8.
pub fn select_bytes(column: &BytesColumn<'_>, keep: impl Fn(&[u8]) -> bool) -> Bitmap {
    let validity = column.validity();
    let rows = column.len();
    let mut bits = BitmapBuilder::with_capacity(rows);
    let (offsets, data) = (column.offsets(), column.data());
    for start in (0..rows).step_by(32) {
        let end = (start + 32).min(rows);
        let mut word = 0u32;
        for (k, ends) in offsets[start..=end].windows(2).enumerate() {
            word |= u32::from(keep(&data[ends[0] as usize..ends[1] as usize])) << k;
        }
        word &= validity.word(start / 32);
        if end - start == 32 {
            bits.push_word(word);
        } else {
            (0..end - start).for_each(|k| bits.push(word >> k & 1 == 1));
        }
    }
    bits.finish()
}
