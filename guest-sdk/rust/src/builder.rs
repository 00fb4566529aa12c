//! Builders: how an operator makes its output columns.
//!
//! From whole vectors where values come so anyway ([`Column::float64`] and its like), or value by value with a
//! builder per type. A column without nulls carries no validity bitmap; a builder makes one at its first null. The
//! slot of a null row holds zero or nothing. Lists, structs and maps are built of the builders of what is in them.

mod bytes;
mod dynamic;
mod nested;
mod rows;

use std::marker::PhantomData;

pub use bytes::{BinaryBuilder, Utf8Builder};
pub use dynamic::Dynamic;
pub use nested::{ArrayBuilder, FixedListBuilder, ListBuilder, MapBuilder, StructBuilder};
pub use rows::{Both, RowBuilders};

use crate::{
    bitmap::{Bitmap, BitmapBuilder},
    buffer::{BufferBuilder, Number},
    column::Column,
    data_type::DataType,
    kind::{self, Kind},
};

macro_rules! column_from_vec {
    ($($(#[$doc:meta])* $name:ident: Vec<$native:ty> => $case:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(values: Vec<$native>) -> Self {
            Self::of(DataType::$case, values.len(), [values.as_slice().into()])
        }
    )*};
}

impl Column {
    column_from_vec! {
        /// A column without nulls, one number a row.
        int8: Vec<i8> => Int8;
        /// A column without nulls, one number a row.
        int16: Vec<i16> => Int16;
        /// A column without nulls, one number a row.
        int32: Vec<i32> => Int32;
        /// A column without nulls, one number a row.
        int64: Vec<i64> => Int64;
        /// A column without nulls, one number a row.
        uint8: Vec<u8> => Uint8;
        /// A column without nulls, one number a row.
        uint16: Vec<u16> => Uint16;
        /// A column without nulls, one number a row.
        uint32: Vec<u32> => Uint32;
        /// A column without nulls, one number a row.
        uint64: Vec<u64> => Uint64;
        /// A column without nulls, one number a row.
        float32: Vec<f32> => Float32;
        /// A column without nulls, one number a row.
        float64: Vec<f64> => Float64;
        /// A column without nulls, days since 1970-01-01.
        date: Vec<i32> => Date;
        /// A column without nulls, microseconds since 1970-01-01T00:00:00Z.
        timestamp: Vec<i64> => Timestamp;
    }

    /// A column without nulls, true and false.
    pub fn bool(values: Bitmap) -> Self {
        Self::of(DataType::Boolean, values.len(), [values.into_bytes().into()])
    }

    /// A column of text without nulls.
    pub fn utf8<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Self {
        let mut builder = Utf8Builder::default();
        values.into_iter().for_each(|value| builder.push(value.as_ref()));
        builder.finish()
    }

    /// A column without nulls, of numbers that were written as a buffer: nothing is copied, as it is from a vector.
    pub fn numbers<K: PrimitiveKind>(values: BufferBuilder<K::Native>) -> Self {
        Self::of(K::DATA_TYPE, values.len(), [values.into()])
    }

    /// The same column, null where `validity` is 0; `None` = no nulls.
    pub fn with_validity(mut self, validity: Option<Bitmap>) -> Self {
        self.validity = validity.map(Bitmap::into_bytes);
        self
    }
}

/// What all builders can do; the value's own `push` is each builder's.
pub trait ColumnBuilder {
    /// One more row, null.
    fn push_null(&mut self);

    /// One more row, there but of no meaning: zero, false, empty. It stands where what is around it is null.
    fn push_blank(&mut self);

    /// How many rows so far.
    fn len(&self) -> usize;

    /// Whether there are none yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the column takes.
    fn bytes(&self) -> usize;

    /// Goes back to the first `rows` rows.
    fn truncate(&mut self, rows: usize);

    /// The column.
    fn finish(self) -> Column;
}

impl<B: ColumnBuilder> ColumnBuilder for Box<B> {
    fn push_null(&mut self) {
        (**self).push_null();
    }

    fn push_blank(&mut self) {
        (**self).push_blank();
    }

    fn len(&self) -> usize {
        (**self).len()
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }

    fn truncate(&mut self, rows: usize) {
        (**self).truncate(rows);
    }

    fn finish(self) -> Column {
        (*self).finish()
    }
}

/// Validity as it is built: nothing is kept before the first null.
#[derive(Clone, Debug, Default)]
struct Nulls {
    bits: Option<BitmapBuilder>,
}

impl Nulls {
    fn valid(&mut self) {
        if let Some(bits) = &mut self.bits {
            bits.push(true);
        }
    }

    fn valid_n(&mut self, rows: usize) {
        if let Some(bits) = &mut self.bits {
            bits.push_n(rows, true);
        }
    }

    fn null(&mut self, rows_before: usize) {
        let bits = self.bits.get_or_insert_with(|| {
            let mut bits = BitmapBuilder::with_capacity(rows_before + 1);
            bits.push_n(rows_before, true);
            bits
        });
        bits.push(false);
    }

    fn truncate(&mut self, rows: usize) {
        if let Some(bits) = &mut self.bits {
            bits.truncate(rows);
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        self.bits.map(|bits| bits.finish().into_bytes())
    }
}

/// A kind whose columns hold one native value a row.
pub trait PrimitiveKind: Kind {
    /// The native type.
    type Native: Number;

    /// The type of such columns.
    const DATA_TYPE: DataType;
}

/// Builds a column of numbers, dates or timestamps.
#[derive(Clone, Debug)]
pub struct PrimitiveBuilder<K: PrimitiveKind> {
    values: BufferBuilder<K::Native>,
    nulls: Nulls,
    kind: PhantomData<K>,
}

impl<K: PrimitiveKind> Default for PrimitiveBuilder<K> {
    fn default() -> Self {
        Self { values: BufferBuilder::default(), nulls: Nulls::default(), kind: PhantomData }
    }
}

impl<K: PrimitiveKind> PrimitiveBuilder<K> {
    /// With room for `rows` rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self { values: BufferBuilder::with_capacity(rows), ..Self::default() }
    }

    /// One more row.
    pub fn push(&mut self, value: K::Native) {
        self.values.push(value);
        self.nulls.valid();
    }

    /// A row for each of these.
    pub fn extend_from_slice(&mut self, values: &[K::Native]) {
        self.values.extend_from_slice(values);
        self.nulls.valid_n(values.len());
    }

    /// One more row, null if `value` is `None`.
    pub fn push_option(&mut self, value: Option<K::Native>) {
        match value {
            Some(value) => self.push(value),
            None => self.push_null(),
        }
    }
}

impl<K: PrimitiveKind> ColumnBuilder for PrimitiveBuilder<K> {
    fn push_null(&mut self) {
        self.nulls.null(self.values.len());
        self.values.push(K::Native::default());
    }

    fn push_blank(&mut self) {
        self.push(K::Native::default());
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows);
        self.nulls.truncate(rows);
    }

    fn finish(self) -> Column {
        Column { validity: self.nulls.finish(), ..Column::numbers::<K>(self.values) }
    }
}

macro_rules! primitive_builders {
    ($($builder:ident, $kind:ident, $native:ty, $doc:literal;)*) => {$(
        impl PrimitiveKind for kind::$kind {
            type Native = $native;
            const DATA_TYPE: DataType = DataType::$kind;
        }

        #[doc = concat!("Builds a column of ", $doc, ".")]
        pub type $builder = PrimitiveBuilder<kind::$kind>;
    )*};
}

primitive_builders! {
    Int8Builder, Int8, i8, "8-bit integers";
    Int16Builder, Int16, i16, "16-bit integers";
    Int32Builder, Int32, i32, "32-bit integers";
    Int64Builder, Int64, i64, "64-bit integers";
    Uint8Builder, Uint8, u8, "8-bit integers, never negative";
    Uint16Builder, Uint16, u16, "16-bit integers, never negative";
    Uint32Builder, Uint32, u32, "32-bit integers, never negative";
    Uint64Builder, Uint64, u64, "64-bit integers, never negative";
    Float32Builder, Float32, f32, "32-bit floating point numbers";
    Float64Builder, Float64, f64, "64-bit floating point numbers";
    DateBuilder, Date, i32, "dates, as days since 1970-01-01";
    TimestampBuilder, Timestamp, i64, "timestamps, as microseconds since 1970-01-01T00:00:00Z";
}

/// Builds a column of true and false.
#[derive(Clone, Debug, Default)]
pub struct BoolBuilder {
    bits: BitmapBuilder,
    nulls: Nulls,
}

impl BoolBuilder {
    /// One more row.
    pub fn push(&mut self, value: bool) {
        self.bits.push(value);
        self.nulls.valid();
    }
}

impl ColumnBuilder for BoolBuilder {
    fn push_null(&mut self) {
        self.nulls.null(self.bits.len());
        self.bits.push(false);
    }

    fn push_blank(&mut self) {
        self.push(false);
    }

    fn len(&self) -> usize {
        self.bits.len()
    }

    fn bytes(&self) -> usize {
        self.bits.len() / 8
    }

    fn truncate(&mut self, rows: usize) {
        self.bits.truncate(rows);
        self.nulls.truncate(rows);
    }

    fn finish(self) -> Column {
        Column { validity: self.nulls.finish(), ..Column::bool(self.bits.finish()) }
    }
}

/// Builds a column of 128-bit decimals, in units of the last place. How many digits there are says the field.
#[derive(Clone, Debug, Default)]
pub struct DecimalBuilder {
    values: Vec<u8>,
    nulls: Nulls,
}

impl DecimalBuilder {
    /// With room for `rows` rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows * size_of::<i128>()), nulls: Nulls::default() }
    }

    /// One more row: 1.23 at scale 2 is 123.
    pub fn push(&mut self, value: i128) {
        self.values.extend_from_slice(&value.to_le_bytes());
        self.nulls.valid();
    }
}

impl ColumnBuilder for DecimalBuilder {
    fn push_null(&mut self) {
        self.nulls.null(self.len());
        self.values.extend_from_slice(&[0; size_of::<i128>()]);
    }

    fn push_blank(&mut self) {
        self.push(0);
    }

    fn len(&self) -> usize {
        self.values.len() / size_of::<i128>()
    }

    fn bytes(&self) -> usize {
        self.values.len()
    }

    fn truncate(&mut self, rows: usize) {
        self.values.truncate(rows * size_of::<i128>());
        self.nulls.truncate(rows);
    }

    fn finish(self) -> Column {
        let rows = self.len();
        let column = Column::of(DataType::Decimal(38, 0), rows, [self.values.into()]);
        Column { validity: self.nulls.finish(), ..column }
    }
}
