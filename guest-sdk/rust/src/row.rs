//! Output row by row: plain Rust values and tuples of them, for logic that makes a whole row at a time.
//!
//! The types decide the builders at compile time, so a row costs its pushes and nothing is looked up. What stands in
//! a column is decided by the value's type: `i64` makes int64, `&str` utf8, [`Micros`] a timestamp; `Option` makes
//! nulls.

use std::borrow::Cow;

use crate::{
    builder::{
        BinaryBuilder, BoolBuilder, ColumnBuilder, DateBuilder, DecimalBuilder, Float32Builder, Float64Builder,
        Int8Builder, Int16Builder, Int32Builder, Int64Builder, TimestampBuilder, Uint8Builder, Uint16Builder,
        Uint32Builder, Uint64Builder, Utf8Builder,
    },
    column::Column,
};

/// A timestamp: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub i64);

/// A date: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(pub i32);

/// A value of one output column.
pub trait Cell {
    /// What builds the column.
    type Builder: ColumnBuilder;

    /// Puts the value into its column.
    fn push_to(self, column: &mut Self::Builder);
}

macro_rules! cells {
    ($($type:ty => $builder:ident, |$value:ident| $native:expr;)*) => {$(
        impl Cell for $type {
            type Builder = $builder;

            fn push_to(self, column: &mut $builder) {
                let $value = self;
                column.push($native);
            }
        }
    )*};
}

cells! {
    bool => BoolBuilder, |value| value;
    i8 => Int8Builder, |value| value;
    i16 => Int16Builder, |value| value;
    i32 => Int32Builder, |value| value;
    i64 => Int64Builder, |value| value;
    u8 => Uint8Builder, |value| value;
    u16 => Uint16Builder, |value| value;
    u32 => Uint32Builder, |value| value;
    u64 => Uint64Builder, |value| value;
    f32 => Float32Builder, |value| value;
    f64 => Float64Builder, |value| value;
    i128 => DecimalBuilder, |value| value;
    Micros => TimestampBuilder, |value| value.0;
    Days => DateBuilder, |value| value.0;
    &str => Utf8Builder, |value| value;
    &String => Utf8Builder, |value| value;
    String => Utf8Builder, |value| &value;
    Cow<'_, str> => Utf8Builder, |value| &value;
    &[u8] => BinaryBuilder, |value| value;
    Vec<u8> => BinaryBuilder, |value| &value;
}

impl<C: Cell> Cell for Option<C> {
    type Builder = C::Builder;

    fn push_to(self, column: &mut C::Builder) {
        match self {
            Some(value) => value.push_to(column),
            None => column.push_null(),
        }
    }
}

/// An output row: one [`Cell`], or a tuple of up to twelve.
pub trait Row {
    /// What builds the columns.
    type Builders: RowBuilders;

    /// Puts the values into their columns.
    fn push_to(self, columns: &mut Self::Builders);
}

/// The builders of a row's columns.
pub trait RowBuilders: Default {
    /// One more row, all null.
    fn push_nulls(&mut self);

    /// How many rows so far.
    fn len(&self) -> usize;

    /// Whether there are none yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the columns take together.
    fn bytes(&self) -> usize;

    /// Goes back to the first `rows` rows.
    fn truncate(&mut self, rows: usize);

    /// The columns.
    fn finish(self) -> Vec<Column>;
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

        impl<$($type: ColumnBuilder),*> RowBuilders for ($($type,)*) {
            fn push_nulls(&mut self) {
                $(self.$index.push_null();)*
            }

            fn len(&self) -> usize {
                self.0.len()
            }

            fn bytes(&self) -> usize {
                0 $(+ self.$index.bytes())*
            }

            fn truncate(&mut self, rows: usize) {
                $(self.$index.truncate(rows);)*
            }

            fn finish(self) -> Vec<Column> {
                vec![$(self.$index.finish()),*]
            }
        }
    )*};
}

rows! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11)
}
