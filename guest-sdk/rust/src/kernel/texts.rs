//! A column of short texts as it grows, each a piece of another column's buffer. They are copied 16 bytes at a time,
//! whatever their length, into a buffer with room to spare: a call to copy a handful of bytes costs more than the bytes.

use crate::{bitmap::Bitmap, buffer::BufferBuilder, column::Column, data_type::DataType};

/// Bytes copied at a time.
const BLOCK: usize = 16;

/// The texts so far.
pub(super) struct Texts {
    offsets: BufferBuilder<i32>,
    /// Longer than what is written by at least a block.
    data: Vec<u8>,
    at: usize,
}

impl Texts {
    pub(super) fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = BufferBuilder::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, data: vec![0; bytes + BLOCK], at: 0 }
    }

    /// One more: `data[start..end]`.
    pub(super) fn push(&mut self, data: &[u8], start: usize, end: usize) {
        let len = end - start;
        if self.at + len + BLOCK > self.data.len() {
            self.data.resize((self.data.len() * 2).max(self.at + len + BLOCK), 0);
        }
        match data.get(start..start + BLOCK) {
            Some(block) if len <= BLOCK => self.data[self.at..self.at + BLOCK].copy_from_slice(block),
            _ => self.data[self.at..self.at + len].copy_from_slice(&data[start..end]),
        }
        self.at += len;
        // Fits: a flat-map's call ends at its bound, and a map's texts are pieces of a column, which holds 2 GiB.
        self.offsets.push(self.at as i32);
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.at
    }

    pub(super) fn column(mut self, validity: Option<Bitmap>) -> Column {
        self.data.truncate(self.at);
        let rows = self.offsets.len() - 1;
        Column::of(DataType::Utf8, rows, [self.offsets.into(), self.data.into()]).with_validity(validity)
    }
}
