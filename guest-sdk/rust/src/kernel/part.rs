//! One part of each text of a column: a word of a line, a section of a path.

use memchr::memmem::Finder;

use super::{places::Cursor, texts::Texts};
use crate::{bitmap::BitmapBuilder, column::Column, view::Utf8Column};

/// The `index`-th (from 0) of the parts between separators, as [`str::split`] has them; null where there are fewer, and
/// where the text is null. The empty separator does not split.
pub fn nth_part(column: &Utf8Column<'_>, separator: &str, index: usize) -> Column {
    let data = column.as_bytes().data();
    match separator.as_bytes() {
        [] => parts(column, 1, index, |_| usize::MAX),
        [byte] => {
            let mut places = Cursor::new(data, *byte, 0);
            parts(column, 1, index, |from| places.next(from))
        }
        separator => {
            let finder = Finder::new(separator);
            let next = |from: usize| finder.find(&data[from..]).map_or(usize::MAX, |hit| from + hit);
            parts(column, separator.len(), index, next)
        }
    }
}

/// `next` finds the separator, which has `separator` bytes, from a place on that never goes down.
fn parts(column: &Utf8Column<'_>, separator: usize, index: usize, mut next: impl FnMut(usize) -> usize) -> Column {
    let column = column.as_bytes();
    let (data, offsets, rows) = (column.data(), column.offsets(), column.len());
    let bytes = (offsets[rows] - offsets[0]) as usize;
    let (mut texts, mut there) = (Texts::with_capacity(rows, bytes / 2), BitmapBuilder::with_capacity(rows));
    for row in 0..rows {
        let (mut from, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        let mut left = index;
        // Where a hit runs over the row's end, the row has no further one.
        let mut to = next(from);
        while left > 0 && to.saturating_add(separator) <= end {
            from = to + separator;
            left -= 1;
            to = next(from);
        }
        let to = if to.saturating_add(separator) <= end { to } else { end };
        let is_there = left == 0 && column.is_valid(row);
        there.push(is_there);
        texts.push(data, from, if is_there { to } else { from });
    }
    let there = there.finish();
    texts.column((there.count_ones() < rows).then_some(there))
}
