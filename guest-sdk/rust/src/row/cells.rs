//! The plain values, and options of any.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Cell, Days, Micros, items::Item};
use crate::{
    builder::{
        ArrayBuilder, BoolBuilder, ColumnBuilder, DateBuilder, DecimalBuilder, Float32Builder, Float64Builder,
        Int8Builder, Int16Builder, Int32Builder, Int64Builder, MapBuilder, TimestampBuilder, Uint8Builder,
        Uint16Builder, Uint32Builder, Uint64Builder, Utf8Builder,
    },
    data_type::DataType,
};

macro_rules! cells {
    ($($type:ty => $builder:ident, $data_type:expr, |$value:ident| $native:expr;)*) => {$(
        impl Cell for $type {
            type Builder = $builder;

            fn data_type() -> DataType {
                $data_type
            }

            fn push_to(self, column: &mut $builder) {
                let $value = self;
                column.push($native);
            }
        }
    )*};
}

cells! {
    bool => BoolBuilder, DataType::Boolean, |value| value;
    i8 => Int8Builder, DataType::Int8, |value| value;
    i16 => Int16Builder, DataType::Int16, |value| value;
    i32 => Int32Builder, DataType::Int32, |value| value;
    i64 => Int64Builder, DataType::Int64, |value| value;
    u8 => Uint8Builder, DataType::Uint8, |value| value;
    u16 => Uint16Builder, DataType::Uint16, |value| value;
    u32 => Uint32Builder, DataType::Uint32, |value| value;
    u64 => Uint64Builder, DataType::Uint64, |value| value;
    f32 => Float32Builder, DataType::Float32, |value| value;
    f64 => Float64Builder, DataType::Float64, |value| value;
    i128 => DecimalBuilder, DataType::Decimal(38, 0), |value| value;
    Micros => TimestampBuilder, DataType::Timestamp, |value| value.0;
    Days => DateBuilder, DataType::Date, |value| value.0;
    &str => Utf8Builder, DataType::Utf8, |value| value;
    &String => Utf8Builder, DataType::Utf8, |value| value;
    String => Utf8Builder, DataType::Utf8, |value| &value;
    Cow<'_, str> => Utf8Builder, DataType::Utf8, |value| &value;
}

impl<C: Cell> Cell for Option<C> {
    type Builder = C::Builder;

    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        C::data_type()
    }

    fn push_to(self, column: &mut C::Builder) {
        match self {
            Some(value) => value.push_to(column),
            None => column.push_null(),
        }
    }
}

/// Bytes, where the items are `u8`; else a list.
impl<C: Item> Cell for Vec<C> {
    type Builder = C::Many;

    fn data_type() -> DataType {
        C::many()
    }

    fn push_to(self, column: &mut C::Many) {
        C::push_all(self, column);
    }
}

/// Bytes, where the items are `u8`; else a list.
impl<C: Item + Clone> Cell for &[C] {
    type Builder = C::Many;

    fn data_type() -> DataType {
        C::many()
    }

    fn push_to(self, column: &mut C::Many) {
        C::push_slice(self, column);
    }
}

impl<C: Item, const N: usize> Cell for [C; N] {
    type Builder = ArrayBuilder<C::Builder, N>;

    fn data_type() -> DataType {
        DataType::FixedList(C::field("item").into(), N as u32)
    }

    fn push_to(self, column: &mut Self::Builder) {
        self.into_iter().for_each(|item| item.push_to(column.items()));
        column.push();
    }
}

impl<K: Cell, V: Cell> Cell for BTreeMap<K, V> {
    type Builder = MapBuilder<K::Builder, V::Builder>;

    fn data_type() -> DataType {
        DataType::Map(K::field("key").into(), V::field("value").into())
    }

    fn push_to(self, column: &mut Self::Builder) {
        let (keys, values) = column.entries();
        for (key, value) in self {
            key.push_to(keys);
            value.push_to(values);
        }
        column.push();
    }
}
