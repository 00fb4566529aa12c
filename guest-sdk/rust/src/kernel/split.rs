//! Splitting a column of text into words, for flat-maps: straight into the output's buffers.
//!
//! The separator is looked for in the whole buffer, across rows; the end of a row ends a word too. Short words are
//! copied 16 bytes at a time, length and all, into a buffer with room to spare, since a call to copy a handful of
//! bytes costs more than the bytes do.

use memchr::memmem::Finder;

use crate::{
    contract::columns::{BytesArray, Column, Values},
    operator::{Expanded, Expander},
    reject::Rejects,
    view::{BytesColumn, Utf8Column},
};

/// Bytes copied at a time, whatever a word's length.
const BLOCK: usize = 16;

impl Expander {
    /// One row for each part of the text between separators. As Spark's `split` has it, two separators side by side
    /// have an empty word between them, a separator at the end has one after it, and the empty text is one empty
    /// word; null gives no row at all. The empty separator does not split.
    pub fn split(self, column: &Utf8Column<'_>, separator: &str) -> Expanded {
        let column = column.as_bytes();
        match separator.as_bytes() {
            [] => self.split_with(&column, 1, |_| None),
            [byte] => self.split_with(&column, 1, |data| memchr::memchr(*byte, data)),
            separator => {
                let finder = Finder::new(separator);
                self.split_with(&column, separator.len(), |data| finder.find(data))
            }
        }
    }

    fn split_with(self, column: &BytesColumn<'_>, separator: usize, find: impl Fn(&[u8]) -> Option<usize>) -> Expanded {
        let (offsets, rows) = (column.offsets(), column.len());
        let data = &column.data()[..offsets[rows] as usize];
        let validity = column.validity();
        let next = |from: usize| find(&data[from..]).map_or(usize::MAX, |hit| from + hit);

        let mut words = Words::with_capacity(data.len().min(self.max_bytes), self.max_rows.min(data.len() / 4 + rows));
        // `resume` is how far the first row was dealt with before, in bytes.
        let mut at = offsets[0] as usize + self.resume.unwrap_or(0) as usize;
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
                if words.parents.len() >= self.max_rows || (words.at >= self.max_bytes && !words.parents.is_empty()) {
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
    parents: Vec<u32>,
    offsets: Vec<i32>,
    /// Longer than what is written by at least a block.
    data: Vec<u8>,
    at: usize,
}

impl Words {
    fn with_capacity(bytes: usize, rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { parents: Vec::with_capacity(rows), offsets, data: vec![0; bytes + BLOCK], at: 0 }
    }

    fn push(&mut self, row: usize, data: &[u8], start: usize, end: usize) {
        let len = end - start;
        if self.at + len + BLOCK > self.data.len() {
            self.data.resize((self.data.len() * 2).max(self.at + len + BLOCK), 0);
        }
        match data.get(start..start + BLOCK) {
            Some(block) if len <= BLOCK => self.data[self.at..self.at + BLOCK].copy_from_slice(block),
            _ => self.data[self.at..self.at + len].copy_from_slice(&data[start..end]),
        }
        self.at += len;
        // Fits: a call's output is at most its bound and one row longer, and a row comes from a column of 2 GiB.
        self.offsets.push(self.at as i32);
        self.parents.push(row as u32);
    }

    fn expanded(mut self, consumed: usize, resume: Option<u64>) -> Expanded {
        self.data.truncate(self.at);
        let values = Values::Utf8(BytesArray { offsets: self.offsets, data: self.data });
        Expanded {
            parents: self.parents,
            columns: vec![Column { values, validity: None }],
            rejects: Rejects::new(),
            consumed: consumed as u32,
            resume,
        }
    }
}
