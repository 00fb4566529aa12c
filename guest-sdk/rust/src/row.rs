//! Output row by row: plain Rust values and tuples of them, for logic that makes a whole row at a time.
//!
//! The types decide the builders at compile time, so a row costs its pushes and nothing is looked up. What stands in
//! a column is decided by the value's type: `i64` makes int64, `&str` utf8, [`Micros`] a timestamp; `Option` makes
//! nulls, `Vec` and slices lists, arrays fixed lists, a `BTreeMap` a map, and a [`Record`] in [`AsStruct`] a struct.

mod cells;
mod items;
mod record;

pub use items::Item;
pub use record::{AsStruct, Record};

use crate::{
    builder::{ColumnBuilder, RowBuilders},
    data_type::{DataType, Field},
};

/// A timestamp: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub i64);

/// A date: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub i32);

/// A value of one output column.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a column",
    note = "columns are made of `bool`, numbers, texts, `Micros`, `Days`, bytes (`Vec<u8>`), lists (`Vec<T>`, `[T; N]`), \
            `BTreeMap`s, `AsStruct<T>` of a `#[derive(Row)]` struct, and `Option`s of them"
)]
pub trait Cell {
    /// What builds the column.
    type Builder: ColumnBuilder + Default;

    /// Whether the value may be null: an `Option`.
    const NULLABLE: bool = false;

    /// The column's type.
    fn data_type() -> DataType;

    /// Puts the value into its column.
    fn push_to(self, column: &mut Self::Builder);

    /// A field for such values.
    fn field(name: &str) -> Field {
        Field { nullable: Self::NULLABLE, ..Field::new(name, Self::data_type()) }
    }
}

/// An output row: one [`Cell`], or a tuple of up to twelve.
pub trait Row {
    /// What builds the columns.
    type Builders: RowBuilders + Default;

    /// Puts the values into their columns.
    fn push_to(self, columns: &mut Self::Builders);
}

impl<C: Cell> Row for C {
    type Builders = (C::Builder,);

    fn push_to(self, columns: &mut Self::Builders) {
        Cell::push_to(self, &mut columns.0);
    }
}

macro_rules! rows {
    ($(($($type:ident $index:tt),*))*) => {$(
        impl<$($type: Cell),*> Row for ($($type,)*) {
            type Builders = ($($type::Builder,)*);

            fn push_to(self, columns: &mut Self::Builders) {
                $(Cell::push_to(self.$index, &mut columns.$index);)*
            }
        }
    )*};
}

tuples! { rows }
