//! Splitting a column of text into words, for flat-maps: straight into the output's buffers.
//!
//! The separator is looked for in the whole buffer, across rows; the end of a row ends a word too.

use memchr::memmem::Finder;

use super::texts::Texts;
use crate::{
    buffer::BufferBuilder,
    operator::{Expanded, Expander},
    reject::Rejects,
    view::{BytesColumn, Utf8Column},
};

impl Expander {
    /// One row for each part of the text between separators. As Spark's `split` has it, two separators side by side
    /// have an empty word between them, a separator at the end has one after it, and the empty text is one empty
    /// word; null gives no row at all. The empty separator does not split.
    pub fn split(self, column: &Utf8Column<'_>, separator: &str) -> Expanded {
        let column = column.as_bytes();
        let data = &column.data()[..column.offsets()[column.len()] as usize];
        // `resume` is how far the first row was dealt with before, in bytes.
        let start = column.offsets()[0] as usize + self.resume.unwrap_or(0) as usize;
        match separator.as_bytes() {
            [] => self.split_with(&column, data, start, 1, |_| usize::MAX),
            [byte] => {
                let next = |from: usize| memchr::memchr(*byte, &data[from..]).map_or(usize::MAX, |hit| from + hit);
                self.split_with(&column, data, start, 1, next)
            }
            separator => {
                let finder = Finder::new(separator);
                let next = |from: usize| finder.find(&data[from..]).map_or(usize::MAX, |hit| from + hit);
                self.split_with(&column, data, start, separator.len(), next)
            }
        }
    }

    fn split_with(
        self,
        column: &BytesColumn<'_>,
        data: &[u8],
        start: usize,
        separator: usize,
        next: impl Fn(usize) -> usize,
    ) -> Expanded {
        let (offsets, rows) = (column.offsets(), column.len());
        let validity = column.validity();
        let mut words = Words::with_capacity(data.len().min(self.max_bytes), self.max_rows.min(data.len() / 4 + rows));
        let mut at = start;
        let mut hit = next(at);
        for row in 0..rows {
            let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
            at = at.max(start);
            if !validity.is_valid(row) {
                continue;
            }
            // The last hit may have begun in a row before this one.
            if hit < at {
                hit = next(at);
            }
            loop {
                if words.parents.len() >= self.max_rows
                    || (words.texts.bytes() >= self.max_bytes && !words.parents.is_empty())
                {
                    return words.expanded(row, (at > start).then_some((at - start) as u64));
                }
                if hit.saturating_add(separator) > end {
                    words.push(row, data, at, end);
                    break;
                }
                words.push(row, data, at, hit);
                at = hit + separator;
                hit = next(at);
            }
        }
        words.expanded(rows, None)
    }
}

/// The output as it grows.
struct Words {
    parents: BufferBuilder<u32>,
    texts: Texts,
}

impl Words {
    fn with_capacity(bytes: usize, rows: usize) -> Self {
        Self { parents: BufferBuilder::with_capacity(rows), texts: Texts::with_capacity(rows, bytes) }
    }

    fn push(&mut self, row: usize, data: &[u8], start: usize, end: usize) {
        self.texts.push(data, start, end);
        self.parents.push(row as u32);
    }

    fn expanded(self, consumed: usize, resume: Option<u64>) -> Expanded {
        Expanded {
            parents: self.parents,
            columns: vec![self.texts.column(None)],
            rejects: Rejects::new(),
            consumed: consumed as u32,
            resume,
        }
    }
}
