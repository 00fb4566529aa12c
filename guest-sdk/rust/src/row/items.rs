//! What stands in a list: any cell. Many `u8`s are bytes and no list, so what many values make is theirs to say.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Cell, Days, Micros,
    record::{AsStruct, Record},
};
use crate::{
    builder::{BinaryBuilder, ColumnBuilder, ListBuilder},
    data_type::DataType,
};

/// A value that lists are made of.
#[diagnostic::on_unimplemented(message = "`{Self}` is no value of a column, so there are no lists of it")]
pub trait Item: Cell + Sized {
    /// What builds a column of which each row is many of them.
    type Many: ColumnBuilder + Default;

    /// The type of such a column.
    fn many() -> DataType;

    /// One row of all these.
    fn push_all(items: Vec<Self>, many: &mut Self::Many);

    /// One row of all these.
    fn push_slice(items: &[Self], many: &mut Self::Many)
    where
        Self: Clone;
}

impl Item for u8 {
    type Many = BinaryBuilder;

    fn many() -> DataType {
        DataType::Binary
    }

    fn push_all(items: Vec<Self>, many: &mut BinaryBuilder) {
        many.push(&items);
    }

    fn push_slice(items: &[Self], many: &mut BinaryBuilder) {
        many.push(items);
    }
}

macro_rules! items {
    ($($({$($generic:tt)*})? [$($type:tt)*])*) => {$(
        impl $(<$($generic)*>)? Item for $($type)* {
            type Many = ListBuilder<<Self as Cell>::Builder>;

            fn many() -> DataType {
                DataType::List(Self::field("item").into())
            }

            fn push_all(items: Vec<Self>, many: &mut Self::Many) {
                items.into_iter().for_each(|item| Cell::push_to(item, many.items()));
                many.push();
            }

            fn push_slice(items: &[Self], many: &mut Self::Many) where Self: Clone {
                items.iter().for_each(|item| Cell::push_to(item.clone(), many.items()));
                many.push();
            }
        }
    )*};
}

items! {
    [bool] [i128] [Micros] [Days] [&str] [&String] [String] [Cow<'_, str>]
    {C: Cell} [Option<C>]
    {C: Item} [Vec<C>]
    {C: Item + Clone} [&[C]]
    {C: Item, const N: usize} [[C; N]]
    {K: Cell, V: Cell} [BTreeMap<K, V>]
    {T: Record} [AsStruct<T>]
}

/// They are copied at one go.
macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Item for $number {
            type Many = ListBuilder<<Self as Cell>::Builder>;

            fn many() -> DataType {
                DataType::List(Self::field("item").into())
            }

            fn push_all(items: Vec<Self>, many: &mut Self::Many) {
                Self::push_slice(&items, many);
            }

            fn push_slice(items: &[Self], many: &mut Self::Many) {
                many.items().extend_from_slice(items);
                many.push();
            }
        }
    )*};
}

numbers! { i8 i16 i32 i64 u16 u32 u64 f32 f64 }
