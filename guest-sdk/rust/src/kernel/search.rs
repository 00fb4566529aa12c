//! Searching columns of text and bytes.
//!
//! A column's values lie one after the other in one buffer, so a pattern is looked for in the whole buffer at once, 64
//! places a turn with vector instructions, and hits are mapped to rows by the offsets. A hit that runs over the end of a
//! row is none; after a row's first hit the search goes on at the next row.

use memchr::arch::all::packedpair::Pair;

use super::places::{NEAR, TURN, both, not_above};
use crate::{
    bitmap::{Bitmap, BitmapBuilder},
    view::{BytesColumn, Utf8Column},
};

/// The rows that contain `needle`; every row contains the empty text, and null rows contain nothing.
pub fn contains(column: &Utf8Column<'_>, needle: &str) -> Bitmap {
    let column = column.as_bytes();
    let rows = match needle.as_bytes() {
        [] => Bitmap::ones(column.len()),
        needle => rows_with_hits(&column, &Needle::new(needle)),
    };
    match column.validity().to_bitmap() {
        Some(validity) => rows.and(&validity),
        None => rows,
    }
}

/// What is looked for: two of its bytes, rare ones, tell where it may stand.
struct Needle<'a> {
    bytes: &'a [u8],
    /// The two bytes and how far they lie from its start.
    pair: [(usize, u8); 2],
    /// Its first eight bytes, and which bits of a word they take.
    word: u64,
    mask: u64,
}

impl<'a> Needle<'a> {
    /// `bytes` is not empty.
    fn new(bytes: &'a [u8]) -> Self {
        let pair = Pair::new(bytes).map_or([0, 0], |pair| [pair.index1().into(), pair.index2().into()]);
        let mut word = [0; 8];
        let short = bytes.len().min(8);
        word[..short].copy_from_slice(&bytes[..short]);
        Self {
            bytes,
            pair: pair.map(|index: usize| (index, bytes[index])),
            word: u64::from_le_bytes(word),
            mask: u64::MAX >> (64 - 8 * short),
        }
    }

    /// The places among the 64 from `at` on where both bytes of the pair stand, the first in the lowest bit; `None`
    /// near the end of the data.
    fn candidates(&self, data: &[u8], at: usize) -> Option<u64> {
        let [(first, x), (second, y)] = self.pair;
        Some(both(data.get(at + first..)?.first_chunk()?, x, data.get(at + second..)?.first_chunk()?, y))
    }

    /// Whether it stands at `at`.
    fn is_at(&self, data: &[u8], at: usize) -> bool {
        // A call to compare a handful of bytes costs more than the comparison.
        match data.get(at..).and_then(|data| data.first_chunk()) {
            Some(word) if u64::from_le_bytes(*word) & self.mask != self.word => false,
            Some(_) if self.bytes.len() <= 8 => true,
            _ => data[at..].starts_with(self.bytes),
        }
    }

    /// The first place from `at` on, looked for place by place.
    fn find_slowly(&self, data: &[u8], at: usize) -> Option<usize> {
        let last = data.len().checked_sub(self.bytes.len())?;
        (at..=last).find(|&at| self.is_at(data, at))
    }
}

fn rows_with_hits(column: &BytesColumn<'_>, needle: &Needle<'_>) -> Bitmap {
    let offsets = column.offsets();
    let data = &column.data()[..offsets[column.len()] as usize];
    let mut hits = Hits { offsets, needle: needle.bytes.len(), row: 0, found: Bitmap::zeros(column.len()) };
    let mut at = offsets[0] as usize;
    'turns: while let Some(mut places) = needle.candidates(data, at) {
        while places != 0 {
            let place = at + places.trailing_zeros() as usize;
            if needle.is_at(data, place) {
                let end = hits.add(place);
                if end >= at + TURN {
                    at = end;
                    continue 'turns;
                }
                places &= u64::MAX << (end - at);
            } else {
                places &= places - 1;
            }
        }
        at += TURN;
    }
    while let Some(place) = needle.find_slowly(data, at) {
        at = hits.add(place);
    }
    hits.found
}

/// The rows that have a hit, as hits are found from the front to the back.
struct Hits<'a> {
    offsets: &'a [i32],
    /// The needle's length.
    needle: usize,
    /// No row before this one has a hit still to come.
    row: usize,
    found: Bitmap,
}

impl Hits<'_> {
    /// The needle stands at `at`; returns where the next row starts. A later hit in this row adds nothing, and would
    /// run over the row's end too, if this one does.
    #[inline(always)]
    fn add(&mut self, at: usize) -> usize {
        let row = row_of(self.offsets, self.row, at);
        let end = self.offsets[row + 1] as usize;
        if at + self.needle <= end {
            self.found.set(row);
        }
        self.row = row + 1;
        end
    }
}

/// The row from `from` on that byte `at` lies in. The next hit is mostly near, so the next rows are looked at without
/// a loop.
#[inline(always)]
fn row_of(offsets: &[i32], from: usize, at: usize) -> usize {
    if let Some(next) = offsets[from + 1..].first_chunk() {
        let before = not_above(next, at as i32);
        if before < NEAR {
            return from + before;
        }
    }
    far_row_of(offsets, from, at as i32)
}

/// The same by doubling steps, then by halving them.
#[cold]
fn far_row_of(offsets: &[i32], from: usize, at: i32) -> usize {
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
