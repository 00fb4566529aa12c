//! Columns out of functions of row numbers.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::format::UTC;

/// The schema of columns that are never null.
pub(super) fn schema_of<const N: usize>(columns: [(&str, DataType); N]) -> SchemaRef {
    Arc::new(Schema::new(columns.map(|(name, data_type)| Field::new(name, data_type, false)).to_vec()))
}

/// A column of int64.
pub(super) fn numbers(rows: Range<u64>, of: impl Fn(u64) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.map(of)))
}

/// A column of timestamps, which `of` gives in microseconds since 1970.
pub(super) fn instants(rows: Range<u64>, of: impl Fn(u64) -> i64) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(rows.map(of)).with_timezone(UTC))
}

/// A column of texts of about `bytes` bytes each; `write` appends that of a row.
pub(super) fn texts(rows: Range<u64>, bytes: usize, write: impl Fn(u64, &mut Vec<u8>)) -> ArrayRef {
    let count = usize::try_from(rows.end.saturating_sub(rows.start)).expect("a batch's rows are counted in memory");
    let mut texts = Texts::with_capacity(count, bytes);
    for row in rows {
        write(row, &mut texts.values);
        texts.end();
    }
    texts.finish()
}

/// A column of texts while it is written.
pub(super) struct Texts {
    /// All of them, one after the other.
    pub values: Vec<u8>,
    ends: Vec<i32>,
}

impl Texts {
    /// Room for so many rows of so many bytes each.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { values: Vec::with_capacity(rows * bytes), ends }
    }

    /// Ends a row's text.
    #[inline]
    pub fn end(&mut self) {
        self.ends.push(i32::try_from(self.values.len()).expect("a batch has less than 2 GiB of text"));
    }

    /// The column.
    pub fn finish(self) -> ArrayRef {
        let offsets = OffsetBuffer::new(self.ends.into());
        Arc::new(StringArray::new(offsets, Buffer::from_vec(self.values), None))
    }
}

/// Appends a number in decimal digits.
#[inline]
pub(super) fn write_number(mut number: u32, to: &mut Vec<u8>) {
    let mut digits = [0u8; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[at..]);
}
