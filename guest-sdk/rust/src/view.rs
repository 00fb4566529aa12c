//! Typed views of a batch's columns: how an operator reads its input.
//!
//! A view borrows the column's buffers as they came in; making one costs a match, no copy. `get(i)` is `None` where
//! the row is null. The slot of a null row holds *some* value, so what is computed from [`PrimitiveColumn::values`]
//! or [`BytesColumn::data`] must be masked by the validity afterwards; the helpers in [`crate::kernel`] do that.

use crate::{
    bitmap::Bitmap,
    buffer::{Buffer, Number},
    column::Column,
};

/// Which rows of a column are there.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'a> {
    bits: Option<&'a [u8]>,
    rows: usize,
}

impl<'a> Validity<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        Self { bits: column.validity.as_deref(), rows: column.len() }
    }

    /// How many rows the column has.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the column has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether row `i` is there (not null).
    pub fn is_valid(&self, i: usize) -> bool {
        self.bits.is_none_or(|bits| bits[i / 8] >> (i % 8) & 1 == 1)
    }

    /// Whether every row is known to be there: no bitmap was sent.
    pub fn no_nulls(&self) -> bool {
        self.bits.is_none()
    }

    /// The validity of rows `32 * k ..`, the first in the lowest bit; rows past the end count as null.
    pub fn word(&self, k: usize) -> u32 {
        let left = self.rows.saturating_sub(k * 32).min(32);
        let mask = if left == 32 { u32::MAX } else { (1 << left) - 1 };
        let Some(bits) = self.bits else { return mask };
        let start = (k * 4).min(bits.len());
        let mut bytes = [0; 4];
        match bits.get(start..start + 4) {
            Some(four) => bytes.copy_from_slice(four),
            None => bytes[..bits.len() - start].copy_from_slice(&bits[start..]),
        }
        u32::from_le_bytes(bytes) & mask
    }

    /// How many rows are null.
    pub fn null_count(&self) -> usize {
        match self.bits {
            None => 0,
            Some(_) => {
                self.rows - (0..self.rows.div_ceil(32)).map(|k| self.word(k).count_ones() as usize).sum::<usize>()
            }
        }
    }

    /// As a column carries it: `None` if every row is there.
    pub fn to_bitmap(&self) -> Option<Bitmap> {
        self.bits.map(|bits| Bitmap::from_bytes(bits.to_vec(), self.rows))
    }

    /// Valid where both are.
    pub fn and(&self, other: &Validity<'_>) -> Option<Bitmap> {
        match (self.to_bitmap(), other.to_bitmap()) {
            (Some(a), Some(b)) => Some(a.and(&b)),
            (a, b) => a.or(b),
        }
    }
}

macro_rules! validity_methods {
    () => {
        /// How many rows.
        pub fn len(&self) -> usize {
            self.validity.len()
        }

        /// Whether there are no rows.
        pub fn is_empty(&self) -> bool {
            self.validity.is_empty()
        }

        /// Whether row `i` is there (not null).
        pub fn is_valid(&self, i: usize) -> bool {
            self.validity.is_valid(i)
        }

        /// How many rows are null.
        pub fn null_count(&self) -> usize {
            self.validity.null_count()
        }

        /// Which rows are there.
        pub fn validity(&self) -> Validity<'a> {
            self.validity
        }
    };
}

pub(crate) use validity_methods;

/// The column's buffer `i`.
pub(crate) fn buffer(column: &Column, i: usize) -> &Buffer {
    let buffers = column.buffers.len();
    column.buffers.get(i).unwrap_or_else(|| panic!("a column of {} with {buffers} buffers", column.data_type))
}

/// A column of numbers, dates or timestamps: one `T` a row.
#[derive(Clone, Copy, Debug)]
pub struct PrimitiveColumn<'a, T: Copy> {
    values: &'a [T],
    validity: Validity<'a>,
}

/// Columns of 64-bit integers; timestamps (microseconds since 1970, UTC) are read as such too.
pub type I64Column<'a> = PrimitiveColumn<'a, i64>;
/// Columns of 32-bit integers; dates (days since 1970) are read as such too.
pub type I32Column<'a> = PrimitiveColumn<'a, i32>;
/// Columns of 64-bit floating point numbers.
pub type F64Column<'a> = PrimitiveColumn<'a, f64>;

impl<'a, T: Number> PrimitiveColumn<'a, T> {
    pub(crate) fn of(column: &'a Column) -> Self {
        let (values, rows) = (buffer(column, 0).numbers(), column.len());
        assert!(values.len() >= rows, "a column of {} values for {rows} rows", values.len());
        Self { values: &values[..rows], validity: Validity::of(column) }
    }
}

impl<'a, T: Copy> PrimitiveColumn<'a, T> {
    validity_methods!();

    /// Row `i`, or `None` if it is null.
    pub fn get(&self, i: usize) -> Option<T> {
        let value = self.values[i];
        self.validity.is_valid(i).then_some(value)
    }

    /// One value a row; those of null rows mean nothing.
    pub fn values(&self) -> &'a [T] {
        self.values
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<T>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }
}

/// A column of true and false.
#[derive(Clone, Copy, Debug)]
pub struct BoolColumn<'a> {
    bits: &'a [u8],
    validity: Validity<'a>,
}

impl<'a> BoolColumn<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        let (bits, rows) = (buffer(column, 0), column.len());
        assert!(bits.len() * 8 >= rows, "a column of {} bits for {rows} rows", bits.len() * 8);
        Self { bits, validity: Validity::of(column) }
    }

    validity_methods!();

    /// Row `i`, or `None` if it is null.
    pub fn get(&self, i: usize) -> Option<bool> {
        let value = self.bits[i / 8] >> (i % 8) & 1 == 1;
        self.validity.is_valid(i).then_some(value)
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<bool>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// 1 where the row is there and true: a filter on the column.
    pub fn to_bitmap(&self) -> Bitmap {
        let bits = Bitmap::from_bytes(self.bits.to_vec(), self.len());
        match self.validity.to_bitmap() {
            Some(validity) => bits.and(&validity),
            None => bits,
        }
    }
}

/// A column of variable-length bytes. [`Utf8Column`] is one whose values are text.
#[derive(Clone, Copy, Debug)]
pub struct BytesColumn<'a> {
    offsets: &'a [i32],
    data: &'a [u8],
    validity: Validity<'a>,
}

impl<'a> BytesColumn<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        let (offsets, rows) = (buffer(column, 0).numbers(), column.len());
        assert!(offsets.len() > rows, "a column of {} offsets for {rows} rows", offsets.len());
        Self { offsets: &offsets[..=rows], data: buffer(column, 1), validity: Validity::of(column) }
    }

    validity_methods!();

    /// Row `i`, or `None` if it is null.
    pub fn get(&self, i: usize) -> Option<&'a [u8]> {
        self.validity.is_valid(i).then(|| self.bytes(i))
    }

    /// The bytes in row `i`'s slot, null or not.
    pub fn bytes(&self, i: usize) -> &'a [u8] {
        &self.data[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let column = *self;
        (0..column.len()).map(move |i| column.get(i))
    }

    /// Where each row's value starts in [`BytesColumn::data`], and where the last one ends: rows + 1 entries.
    pub fn offsets(&self) -> &'a [i32] {
        self.offsets
    }

    /// All values one after the other, for searching them in one go.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }
}

/// A column of text.
#[derive(Clone, Copy, Debug)]
pub struct Utf8Column<'a> {
    bytes: BytesColumn<'a>,
}

impl<'a> Utf8Column<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        Self { bytes: BytesColumn::of(column) }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether row `i` is there (not null).
    pub fn is_valid(&self, i: usize) -> bool {
        self.bytes.is_valid(i)
    }

    /// How many rows are null.
    pub fn null_count(&self) -> usize {
        self.bytes.null_count()
    }

    /// Which rows are there.
    pub fn validity(&self) -> Validity<'a> {
        self.bytes.validity()
    }

    /// Row `i`, or `None` if it is null. Its UTF-8 is checked on the way, about as long as reading it takes; where
    /// that matters, work on [`Utf8Column::as_bytes`].
    pub fn get(&self, i: usize) -> Option<&'a str> {
        let bytes = self.bytes.get(i)?;
        Some(std::str::from_utf8(bytes).expect("the host hands over utf8 columns as Arrow holds them: valid"))
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a str>> + use<'a> {
        let column = *self;
        (0..column.len()).map(move |i| column.get(i))
    }

    /// The same column as bytes.
    pub fn as_bytes(&self) -> BytesColumn<'a> {
        self.bytes
    }
}

/// A column of 128-bit decimals; the scale is the field's.
#[derive(Clone, Copy, Debug)]
pub struct DecimalColumn<'a> {
    words: &'a [u64],
    validity: Validity<'a>,
}

impl<'a> DecimalColumn<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        let (words, rows) = (buffer(column, 0).numbers::<u64>(), column.len());
        assert!(words.len() >= 2 * rows, "a column of {} words for {rows} rows", words.len());
        Self { words, validity: Validity::of(column) }
    }

    validity_methods!();

    /// Row `i` in units of the last place (1.23 at scale 2 is 123), or `None` if it is null.
    pub fn get(&self, i: usize) -> Option<i128> {
        let value = u128::from(self.words[2 * i]) | u128::from(self.words[2 * i + 1]) << 64;
        self.validity.is_valid(i).then_some(value as i128)
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<i128>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }
}
