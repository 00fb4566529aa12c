//! The column types as Rust types: `Utf8`, `Int64`, … Each says what a column of it looks like when read (its view)
//! and which columns may be read so.
//!
//! They are what ties a column that `bind` asked for to what `call` gets: [`Input<Utf8>`](crate::Input) gives a
//! [`Utf8Column`]. Mostly one type of column each; [`Integer`] and [`Number`] take several and convert, for plugins
//! that needn't care whether a count came as int32 or int64.

use std::borrow::Cow;

use crate::{
    contract::columns::{Column, DataType, Values},
    view::{BoolColumn, BytesColumn, DecimalColumn, PrimitiveColumn, Utf8Column, Validity},
};

mod sealed {
    pub trait Sealed {}
}

/// A type of column, or several that are read alike.
pub trait Kind: sealed::Sealed + Copy + 'static {
    /// How such a column is read.
    type View<'a>;

    /// One row of it, where it isn't null.
    type Value<'a>;

    /// The type's name in messages: "utf8", "int64", …
    const NAME: &'static str;

    /// Whether columns of this type can be read so.
    fn accepts(data_type: &DataType) -> bool;

    /// The view of a column of `rows` rows; `None` if it is of another type.
    fn view(column: &Column, rows: usize) -> Option<Self::View<'_>>;

    /// Row `row` of a view; `None` if it is null.
    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal: $view:ty, $value:ty, $accepts:pat, |$column:ident, $validity:ident| $make:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;

        impl sealed::Sealed for $kind {}

        impl Kind for $kind {
            type View<'a> = $view;
            type Value<'a> = $value;
            const NAME: &'static str = $name;

            fn accepts(data_type: &DataType) -> bool {
                matches!(data_type, $accepts)
            }

            fn view<'a>($column: &'a Column, rows: usize) -> Option<$view> {
                let $validity = Validity::of($column, rows);
                $make
            }

            fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
                view.get(row)
            }
        }
    )*};
}

macro_rules! primitive {
    ($column:ident, $validity:ident, $case:ident) => {
        match &$column.values {
            Values::$case(values) => Some(PrimitiveColumn::new(values.as_slice(), $validity)),
            _ => None,
        }
    };
}

kinds! {
    /// True or false.
    Bool "boolean": BoolColumn<'a>, bool, DataType::Boolean, |column, validity| match &column.values {
        Values::Boolean(bits) => Some(BoolColumn::new(bits, validity)),
        _ => None,
    };
    /// 8-bit integers.
    Int8 "int8": PrimitiveColumn<'a, i8>, i8, DataType::Int8, |column, validity| primitive!(column, validity, Int8);
    /// 16-bit integers.
    Int16 "int16": PrimitiveColumn<'a, i16>, i16, DataType::Int16, |column, validity| primitive!(column, validity, Int16);
    /// 32-bit integers.
    Int32 "int32": PrimitiveColumn<'a, i32>, i32, DataType::Int32, |column, validity| primitive!(column, validity, Int32);
    /// 64-bit integers.
    Int64 "int64": PrimitiveColumn<'a, i64>, i64, DataType::Int64, |column, validity| primitive!(column, validity, Int64);
    /// 8-bit integers, never negative.
    Uint8 "uint8": PrimitiveColumn<'a, u8>, u8, DataType::Uint8, |column, validity| primitive!(column, validity, Uint8);
    /// 16-bit integers, never negative.
    Uint16 "uint16": PrimitiveColumn<'a, u16>, u16, DataType::Uint16, |column, validity| primitive!(column, validity, Uint16);
    /// 32-bit integers, never negative.
    Uint32 "uint32": PrimitiveColumn<'a, u32>, u32, DataType::Uint32, |column, validity| primitive!(column, validity, Uint32);
    /// 64-bit integers, never negative.
    Uint64 "uint64": PrimitiveColumn<'a, u64>, u64, DataType::Uint64, |column, validity| primitive!(column, validity, Uint64);
    /// 32-bit floating point numbers.
    Float32 "float32": PrimitiveColumn<'a, f32>, f32, DataType::Float32, |column, validity| primitive!(column, validity, Float32);
    /// 64-bit floating point numbers.
    Float64 "float64": PrimitiveColumn<'a, f64>, f64, DataType::Float64, |column, validity| primitive!(column, validity, Float64);
    /// Text.
    Utf8 "utf8": Utf8Column<'a>, &'a str, DataType::Utf8, |column, validity| match &column.values {
        Values::Utf8(array) => Some(Utf8Column::new(array, validity)),
        _ => None,
    };
    /// Bytes of any kind.
    Binary "binary": BytesColumn<'a>, &'a [u8], DataType::Binary, |column, validity| match &column.values {
        Values::Binary(array) => Some(BytesColumn::new(array, validity)),
        _ => None,
    };
    /// Dates: days since 1970-01-01.
    Date "date": PrimitiveColumn<'a, i32>, i32, DataType::Date, |column, validity| primitive!(column, validity, Date);
    /// Timestamps: microseconds since 1970-01-01T00:00:00Z.
    Timestamp "timestamp": PrimitiveColumn<'a, i64>, i64, DataType::Timestamp, |column, validity| primitive!(column, validity, Timestamp);
    /// 128-bit decimals.
    Decimal "decimal": DecimalColumn<'a>, i128, DataType::Decimal(_), |column, validity| match &column.values {
        Values::Decimal(array) => Some(DecimalColumn::new(&array.words, validity)),
        _ => None,
    };
    /// Any integers but uint64, read as int64; all but int64 are copied once to widen them.
    Integer "an integer of up to 64 bits": PrimitiveColumn<'a, i64>, i64,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Uint8 | DataType::Uint16 | DataType::Uint32,
        |column, validity| Some(PrimitiveColumn::new(integers(&column.values)?, validity));
    /// Any integers or floating point numbers, read as float64; all but float64 are copied once. Integers beyond
    /// 2^53 lose their last digits, as in any float64.
    Number "a number": PrimitiveColumn<'a, f64>, f64,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Uint8 | DataType::Uint16
            | DataType::Uint32 | DataType::Uint64 | DataType::Float32 | DataType::Float64,
        |column, validity| Some(PrimitiveColumn::new(numbers(&column.values)?, validity));
}

fn integers(values: &Values) -> Option<Cow<'_, [i64]>> {
    fn widen<T: Copy + Into<i64>>(values: &[T]) -> Cow<'_, [i64]> {
        Cow::Owned(values.iter().map(|value| (*value).into()).collect())
    }
    Some(match values {
        Values::Int64(values) => Cow::Borrowed(values),
        Values::Int8(values) => widen(values),
        Values::Int16(values) => widen(values),
        Values::Int32(values) => widen(values),
        Values::Uint8(values) => widen(values),
        Values::Uint16(values) => widen(values),
        Values::Uint32(values) => widen(values),
        _ => return None,
    })
}

fn numbers(values: &Values) -> Option<Cow<'_, [f64]>> {
    Some(match values {
        Values::Float64(values) => Cow::Borrowed(values),
        Values::Float32(values) => Cow::Owned(values.iter().map(|value| f64::from(*value)).collect()),
        Values::Uint64(values) => Cow::Owned(values.iter().map(|value| *value as f64).collect()),
        other => Cow::Owned(integers(other)?.iter().map(|value| *value as f64).collect()),
    })
}
