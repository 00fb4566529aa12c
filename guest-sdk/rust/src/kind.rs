//! The column types as Rust types: `Utf8`, `Int64`, … Each says what a column of it looks like when read (its view),
//! which columns may be read so, and as what they are to be handed over.
//!
//! They are what ties a column that `bind` asked for to what `call` gets: [`Input<Utf8>`](crate::Input) gives a
//! [`Utf8Column`]. A column of another type is brought to the one asked for by the host, where no value can be lost in
//! silence: any number to any number, anything to text, points in time to int64 in microseconds. A value that does not
//! fit makes its row a dead letter. Lists, structs and maps are in [`nested`](crate::nested).

use crate::{
    column::Column,
    data_type::DataType,
    view::{BoolColumn, BytesColumn, DecimalColumn, PrimitiveColumn, Utf8Column},
};

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A type of column, or several that are read alike.
pub trait Kind: sealed::Sealed + Copy + std::fmt::Debug + 'static {
    /// How such a column is read.
    type View<'a>: Copy + std::fmt::Debug;

    /// One row of it, where it isn't null.
    type Value<'a>;

    /// The type's name in messages: "utf8", "int64", "list of float32", …
    fn name() -> String;

    /// Whether a column of this type is of this kind by itself.
    fn is(data_type: &DataType) -> bool;

    /// As what a column of this type is to be handed over to be read so; `None` if it cannot be.
    fn handed_over(told: &DataType) -> Option<DataType>;

    /// The view of a column; `None` if it is of another type.
    fn view(column: &Column) -> Option<Self::View<'_>>;

    /// Row `row` of a view; `None` if it is null.
    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>>;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal: $view:ty, $value:ty, $read:pat, |$told:ident| $handed_over:expr => $is:pat,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $kind;

        impl sealed::Sealed for $kind {}

        impl Kind for $kind {
            type View<'a> = $view;
            type Value<'a> = $value;

            fn name() -> String {
                $name.into()
            }

            fn is(data_type: &DataType) -> bool {
                matches!(data_type, $is)
            }

            fn handed_over($told: &DataType) -> Option<DataType> {
                $handed_over
            }

            fn view<'a>(column: &'a Column) -> Option<$view> {
                matches!(column.data_type, $read).then(|| <$view>::of(column))
            }

            fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
                view.get(row)
            }
        }
    )*};
    ($($(#[$doc:meta])* $kind:ident $name:literal: $view:ty, $value:ty, $case:ident, $from:ident;)*) => {
        kinds! {$(
            $(#[$doc])*
            $kind $name: $view, $value, DataType::$case,
                |told| (*told == DataType::$case || $from(told)).then_some(DataType::$case) => DataType::$case,
        )*}
    };
}

fn nothing(_told: &DataType) -> bool {
    false
}

fn numbers(told: &DataType) -> bool {
    told.is_number()
}

fn numbers_and_times(told: &DataType) -> bool {
    told.is_number() || *told == DataType::Timestamp
}

/// What has no children is written as text; bytes need not be any.
fn whatever_is_flat(told: &DataType) -> bool {
    told.arrays() == 1 && *told != DataType::Binary
}

kinds! {
    /// True or false.
    Bool "boolean": BoolColumn<'a>, bool, Boolean, nothing;
    /// 8-bit integers.
    Int8 "int8": PrimitiveColumn<'a, i8>, i8, Int8, numbers;
    /// 16-bit integers.
    Int16 "int16": PrimitiveColumn<'a, i16>, i16, Int16, numbers;
    /// 32-bit integers.
    Int32 "int32": PrimitiveColumn<'a, i32>, i32, Int32, numbers;
    /// 64-bit integers; a timestamp's microseconds too.
    Int64 "int64": PrimitiveColumn<'a, i64>, i64, Int64, numbers_and_times;
    /// 8-bit integers, never negative.
    Uint8 "uint8": PrimitiveColumn<'a, u8>, u8, Uint8, numbers;
    /// 16-bit integers, never negative.
    Uint16 "uint16": PrimitiveColumn<'a, u16>, u16, Uint16, numbers;
    /// 32-bit integers, never negative.
    Uint32 "uint32": PrimitiveColumn<'a, u32>, u32, Uint32, numbers;
    /// 64-bit integers, never negative.
    Uint64 "uint64": PrimitiveColumn<'a, u64>, u64, Uint64, numbers;
    /// 32-bit floating point numbers.
    Float32 "float32": PrimitiveColumn<'a, f32>, f32, Float32, numbers;
    /// 64-bit floating point numbers.
    Float64 "float64": PrimitiveColumn<'a, f64>, f64, Float64, numbers;
    /// Text; of numbers and times, as they are written.
    Utf8 "utf8": Utf8Column<'a>, &'a str, Utf8, whatever_is_flat;
    /// Bytes of any kind.
    Binary "binary": BytesColumn<'a>, &'a [u8], Binary, nothing;
    /// Dates: days since 1970-01-01.
    Date "date": PrimitiveColumn<'a, i32>, i32, Date, nothing;
    /// Timestamps: microseconds since 1970-01-01T00:00:00Z.
    Timestamp "timestamp": PrimitiveColumn<'a, i64>, i64, Timestamp, nothing;
}

kinds! {
    /// 128-bit decimals, with the digits that the column has.
    Decimal "decimal": DecimalColumn<'a>, i128, DataType::Decimal(..),
        |told| matches!(told, DataType::Decimal(..)).then(|| told.clone()) => DataType::Decimal(..),
    /// Any integers, read as int64; a uint64 beyond its range makes its row a dead letter, and is not of this kind by
    /// itself.
    Integer "an integer": PrimitiveColumn<'a, i64>, i64, DataType::Int64,
        |told| told.is_integer().then_some(DataType::Int64) =>
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Uint8 | DataType::Uint16
            | DataType::Uint32,
    /// Any integers, floating point numbers or decimals, read as float64. Integers beyond 2^53 lose their last digits,
    /// as in any float64.
    Number "a number": PrimitiveColumn<'a, f64>, f64, DataType::Float64,
        |told| told.is_number().then_some(DataType::Float64) =>
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Uint8 | DataType::Uint16
            | DataType::Uint32 | DataType::Uint64 | DataType::Float32 | DataType::Float64 | DataType::Decimal(..),
}
