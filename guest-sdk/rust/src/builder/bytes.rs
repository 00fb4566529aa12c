//! Builders of columns of bytes and text.

use super::{ColumnBuilder, Nulls};
use crate::{buffer::BufferBuilder, column::Column, data_type::DataType};

/// Builds a column of bytes.
#[derive(Clone, Debug)]
pub struct BinaryBuilder {
    offsets: BufferBuilder<i32>,
    data: Vec<u8>,
    nulls: Nulls,
}

impl Default for BinaryBuilder {
    fn default() -> Self {
        Self::with_capacity(0, 0)
    }
}

impl BinaryBuilder {
    /// With room for `rows` rows of `bytes` bytes together.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut offsets = BufferBuilder::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(bytes), nulls: Nulls::default() }
    }

    /// One more row.
    ///
    /// # Panics
    /// If the column grows beyond 2 GiB.
    pub fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end_row();
        self.nulls.valid();
    }

    /// Adds to the row being built; a `push` then ends it. So a value is put together without a buffer of its own.
    pub fn append(&mut self, part: &[u8]) {
        self.data.extend_from_slice(part);
    }

    /// Where the bytes of the row being built are added; a `push` then ends it.
    pub(crate) fn data(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    fn end_row(&mut self) {
        let end = i32::try_from(self.data.len()).expect("a column holds at most 2 GiB: return fewer rows a call");
        self.offsets.push(end);
    }

    fn column(self, data_type: DataType) -> Column {
        let column = Column::of(data_type, self.len(), [self.offsets.into(), self.data.into()]);
        Column { validity: self.nulls.finish(), ..column }
    }
}

impl ColumnBuilder for BinaryBuilder {
    fn push_null(&mut self) {
        self.nulls.null(self.len());
        self.end_row();
    }

    fn push_blank(&mut self) {
        self.push(&[]);
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn bytes(&self) -> usize {
        self.data.len()
    }

    fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            self.offsets.truncate(rows + 1);
        }
        self.data.truncate(self.offsets.last().unwrap_or(0) as usize);
        self.nulls.truncate(rows);
    }

    fn finish(self) -> Column {
        self.column(DataType::Binary)
    }
}

/// Builds a column of text. It takes `write!` too: what is written belongs to the row that the next `push` ends.
#[derive(Clone, Debug, Default)]
pub struct Utf8Builder {
    bytes: BinaryBuilder,
}

impl Utf8Builder {
    /// With room for `rows` rows of `bytes` bytes together.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { bytes: BinaryBuilder::with_capacity(rows, bytes) }
    }

    /// One more row.
    ///
    /// # Panics
    /// If the column grows beyond 2 GiB.
    pub fn push(&mut self, value: &str) {
        self.bytes.push(value.as_bytes());
    }

    /// One more row, null if `value` is `None`.
    pub fn push_option(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.push(value),
            None => self.push_null(),
        }
    }

    /// Adds to the row being built; a `push` then ends it.
    pub fn append(&mut self, part: &str) {
        self.bytes.append(part.as_bytes());
    }
}

impl std::fmt::Write for Utf8Builder {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        self.append(part);
        Ok(())
    }
}

impl ColumnBuilder for Utf8Builder {
    fn push_null(&mut self) {
        self.bytes.push_null();
    }

    fn push_blank(&mut self) {
        self.bytes.push_blank();
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn bytes(&self) -> usize {
        self.bytes.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.bytes.truncate(rows);
    }

    fn finish(self) -> Column {
        self.bytes.column(DataType::Utf8)
    }
}
