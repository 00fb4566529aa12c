//! What a fold keeps of a group: plain values, each in a column of its own.

use super::{Failure, OfState};
use crate::{
    batch::Batch,
    data_type::Field,
    fields::Fields,
    kind::{self, Kind},
    nested::List,
    row::{Cell, Days, Item, Micros, Row},
};

/// A value that a state can hold: it goes into a column and comes back out of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a state",
    note = "a state is made of `bool`, numbers, `String`, `Micros`, `Days`, bytes (`Vec<u8>`), `Option`s and `Vec`s of \
            these, and `Encoded<T>` of any type that serde knows"
)]
pub trait StateCell: Cell + Default {
    /// The column's kind.
    type Kind: Kind;

    /// Back from the column.
    ///
    /// # Errors
    /// If what was stored is no such value.
    fn from_value(value: Option<<Self::Kind as Kind>::Value<'_>>) -> Result<Self, Failure>;
}

/// A value that a state can hold many of.
pub trait StateItem: Item {
    /// The kind of a column of which each row is many of them.
    type ManyKind: Kind;

    /// Back from the column.
    ///
    /// # Errors
    /// If what was stored is no such value.
    fn from_many(many: <Self::ManyKind as Kind>::Value<'_>) -> Result<Vec<Self>, Failure>;
}

macro_rules! state_cells {
    ($($type:ty: $kind:ident, |$value:ident| $back:expr;)*) => {$(
        impl StateCell for $type {
            type Kind = kind::$kind;

            fn from_value(value: Option<<kind::$kind as Kind>::Value<'_>>) -> Result<Self, Failure> {
                Ok(value.map(|$value| $back).unwrap_or_default())
            }
        }

        impl StateCell for Option<$type> {
            type Kind = kind::$kind;

            fn from_value(value: Option<<kind::$kind as Kind>::Value<'_>>) -> Result<Self, Failure> {
                Ok(value.map(|$value| $back))
            }
        }

        state_items! { [$type] [Option<$type>] }
    )*};
}

macro_rules! state_items {
    ($([$($type:tt)*])*) => {$(
        impl StateItem for $($type)* {
            type ManyKind = List<<Self as StateCell>::Kind>;

            fn from_many(many: <Self::ManyKind as Kind>::Value<'_>) -> Result<Vec<Self>, Failure> {
                many.iter().map(Self::from_value).collect()
            }
        }
    )*};
}

state_cells! {
    bool: Bool, |value| value;
    i8: Int8, |value| value;
    i16: Int16, |value| value;
    i32: Int32, |value| value;
    i64: Int64, |value| value;
    u16: Uint16, |value| value;
    u32: Uint32, |value| value;
    u64: Uint64, |value| value;
    i128: Decimal, |value| value;
    f32: Float32, |value| value;
    f64: Float64, |value| value;
    Micros: Timestamp, |value| Micros(value);
    Days: Date, |value| Days(value);
    String: Utf8, |value| value.to_owned();
}

impl StateCell for u8 {
    type Kind = kind::Uint8;

    fn from_value(value: Option<u8>) -> Result<Self, Failure> {
        Ok(value.unwrap_or_default())
    }
}

/// Many of them are bytes.
impl StateItem for u8 {
    type ManyKind = kind::Binary;

    fn from_many(many: &[u8]) -> Result<Vec<Self>, Failure> {
        Ok(many.to_vec())
    }
}

impl<C: StateItem> StateCell for Vec<C> {
    type Kind = C::ManyKind;

    fn from_value(value: Option<<C::ManyKind as Kind>::Value<'_>>) -> Result<Self, Failure> {
        value.map_or_else(|| Ok(Vec::new()), C::from_many)
    }
}

impl<C: StateItem> StateCell for Option<Vec<C>> {
    type Kind = C::ManyKind;

    fn from_value(value: Option<<C::ManyKind as Kind>::Value<'_>>) -> Result<Self, Failure> {
        value.map(C::from_many).transpose()
    }
}

impl<C: StateItem> StateItem for Vec<C> {
    type ManyKind = List<C::ManyKind>;

    fn from_many(many: <Self::ManyKind as Kind>::Value<'_>) -> Result<Vec<Self>, Failure> {
        many.iter().map(Self::from_value).collect()
    }
}

/// A group's state: one [`StateCell`] or a tuple of them.
pub trait StateRow: Row + Default {
    /// The state columns.
    fn fields() -> Fields;

    /// The states of a batch.
    ///
    /// # Errors
    /// If what was stored is no such state.
    fn read(batch: &Batch) -> Result<Vec<Self>, Failure>;
}

fn field<C: StateCell>(index: usize) -> Field {
    C::field(&format!("state{index}"))
}

impl<C: StateCell> StateRow for C {
    fn fields() -> Fields {
        vec![field::<C>(0)].into()
    }

    fn read(batch: &Batch) -> Result<Vec<Self>, Failure> {
        let view = batch.at::<C::Kind>(0);
        (0..batch.rows()).map(|row| C::from_value(C::Kind::value(&view, row)).of_state(row)).collect()
    }
}

macro_rules! states {
    ($(($($cell:ident $index:tt),*))*) => {$(
        impl<$($cell: StateCell),*> StateRow for ($($cell,)*) {
            fn fields() -> Fields {
                vec![$(field::<$cell>($index)),*].into()
            }

            fn read(batch: &Batch) -> Result<Vec<Self>, Failure> {
                let views = ($(batch.at::<$cell::Kind>($index),)*);
                let state = |row| -> Result<Self, Failure> { Ok(($($cell::from_value($cell::Kind::value(&views.$index, row))?,)*)) };
                (0..batch.rows()).map(|row| state(row).of_state(row)).collect()
            }
        }
    )*};
}

tuples! { states }
