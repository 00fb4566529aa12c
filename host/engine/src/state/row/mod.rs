//! Columns to one row of bytes per record, and back. This is what keys and values of state are made of, in memory
//! and on disk, so its layout is part of the checkpoint's format: [`FORMAT`] names it.
//!
//! # Layout, format 1
//! A row is a *block* of one struct value whose fields are the columns. Numbers are little end first. A block of the
//! non-null values `v1 … vn` of one type:
//!
//! | type | bytes |
//! |---|---|
//! | null | none (such a value is never non-null) |
//! | boolean | one byte each, 0 or 1 |
//! | integer, float, decimal, date, time, timestamp, duration, interval | their width each: 1, 2, 4, 8, 16 or 32; intervals field by field (months/days/nanoseconds, days/milliseconds) |
//! | utf8, binary (32-bit, 64-bit offsets or views) | each: length (LEB128), bytes |
//! | fixed-size binary | the bytes |
//! | dictionary | as its values |
//! | struct of k fields | each: a header of ⌈k/8⌉ bytes, bit c set = field c is null; then for each field the block of its non-null values |
//! | list (32-bit or 64-bit offsets) | each: item count (LEB128); then one bitmap of ⌈m/8⌉ bytes over all m items, bit set = null; then the block of the non-null items |
//!
//! So null is a value of its own, and a row's bytes are a function of its values alone. In [`Form::Key`] floats are
//! made canonical first (one zero, one NaN): equal keys are equal bytes. The bytes' order means nothing.
//!
//! What it leaves to others: checksums (the checkpoint's), and which columns make a key (the operators').

mod decode;
mod encode;
mod fixed;

#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;

use arrow::datatypes::DataType;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind};

/// The version of the row layout.
pub const FORMAT: u32 = 1;

/// The greatest length of one row in bytes.
pub const MAX_ROW: usize = super::MAX_BYTES;

/// What the bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A key: -0.0 is written as 0.0, and every NaN as the same one.
    Key,
    /// A value: comes back bit for bit.
    Value,
}

/// Rows of bytes in one arena; kept between batches so that nothing is allocated per batch either.
#[derive(Debug, Default)]
pub struct RowBuffer {
    bytes: Vec<u8>,
    /// Row i is `bytes[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
    /// Where each row is written next; only while encoding.
    cursors: Vec<u32>,
}

impl RowBuffer {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of row `i`, which must be less than [`RowBuffer::len`].
    #[inline]
    pub fn row(&self, i: usize) -> &[u8] {
        &self.bytes[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.offsets.windows(2).map(|w| &self.bytes[w[0] as usize..w[1] as usize])
    }

    /// The bytes of all rows together.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts the hash of every row ([`super::hash_key`]) into `hashes`, replacing what is there.
    pub fn hashes(&self, hashes: &mut Vec<u64>) {
        hashes.clear();
        hashes.extend(self.iter().map(xxh3_64));
    }
}

/// Why columns cannot become rows, or rows columns.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowError {
    /// A type that has no row form.
    #[error("values of type {0} cannot be kept as a key or as state")]
    Unsupported(DataType),
    /// One row passes [`MAX_ROW`], or all rows of a call pass 4 GiB.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The bytes are not rows of these types.
    #[error("damaged row {row}: {what}")]
    Damaged {
        /// Which of the rows given.
        row: usize,
        /// What is wrong.
        what: String,
    },
}

impl From<RowError> for Error {
    fn from(e: RowError) -> Self {
        let message = e.to_string();
        match e {
            RowError::Unsupported(_) => {
                Self::new(ErrorKind::Invalid, message).with_help("cast the column to another type first")
            }
            RowError::TooLarge(_) => Self::new(ErrorKind::Quota, message).with_help("keep less in one group"),
            RowError::Damaged { .. } => Self::new(ErrorKind::Corrupt, message),
        }
    }
}

/// Whether values of `data_type` have a row form; the type that has none otherwise.
///
/// # Errors
/// [`RowError::Unsupported`], naming the innermost type.
pub fn check_type(data_type: &DataType) -> Result<(), RowError> {
    match data_type {
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Ok(()),
        DataType::Dictionary(_, values) => check_type(values),
        DataType::List(item) | DataType::LargeList(item) => check_type(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| check_type(f.data_type())),
        other if other.primitive_width().is_some() => Ok(()),
        other => Err(RowError::Unsupported(other.clone())),
    }
}
