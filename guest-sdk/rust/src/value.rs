//! Single values of columns of any type: for outputs whose types are found out at run time, and for tests. Slow and
//! simple.

use std::fmt;

use crate::{
    buffer::Buffer,
    column::Column,
    data_type::DataType,
    kind::{self, Kind},
};

/// A value of a column of any type. Numbers, texts and their like convert with `.into()`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer, date, timestamp or decimal, as a number in its unit.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// The items of a list, of a fixed one too.
    List(Vec<Value>),
    /// The fields of a struct, by name.
    Struct(Vec<(String, Value)>),
    /// The entries of a map: keys with values.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// A column's value in a row.
    ///
    /// # Panics
    /// If the column has no such row, or is of a type that has no values here ([`DataType::Other`]).
    pub fn of(column: &Column, row: usize) -> Self {
        fn value<'c, K: Kind>(column: &'c Column, row: usize, make: impl FnOnce(K::Value<'c>) -> Value) -> Value {
            let view = K::view(column).expect("the kind was chosen by the type");
            K::value(&view, row).map_or(Value::Null, make)
        }
        if column.validity.as_ref().is_some_and(|bits| bits[row / 8] >> (row % 8) & 1 == 0) {
            return Value::Null;
        }
        match &column.data_type {
            DataType::Boolean => value::<kind::Bool>(column, row, Value::Bool),
            DataType::Utf8 => value::<kind::Utf8>(column, row, |text| Value::Text(text.into())),
            DataType::Binary => value::<kind::Binary>(column, row, |bytes| Value::Bytes(bytes.into())),
            DataType::Int8 => value::<kind::Int8>(column, row, |n| Value::Int(n.into())),
            DataType::Int16 => value::<kind::Int16>(column, row, |n| Value::Int(n.into())),
            DataType::Int32 => value::<kind::Int32>(column, row, |n| Value::Int(n.into())),
            DataType::Int64 => value::<kind::Int64>(column, row, |n| Value::Int(n.into())),
            DataType::Uint8 => value::<kind::Uint8>(column, row, |n| Value::Int(n.into())),
            DataType::Uint16 => value::<kind::Uint16>(column, row, |n| Value::Int(n.into())),
            DataType::Uint32 => value::<kind::Uint32>(column, row, |n| Value::Int(n.into())),
            DataType::Uint64 => value::<kind::Uint64>(column, row, |n| Value::Int(n.into())),
            DataType::Float32 => value::<kind::Float32>(column, row, |x| Value::Float(x.into())),
            DataType::Float64 => value::<kind::Float64>(column, row, Value::Float),
            DataType::Date => value::<kind::Date>(column, row, |days| Value::Int(days.into())),
            DataType::Timestamp => value::<kind::Timestamp>(column, row, |micros| Value::Int(micros.into())),
            DataType::Decimal(..) => value::<kind::Decimal>(column, row, Value::Int),
            DataType::List(_) => {
                let (start, end) = range(&column.buffers[0], row);
                Value::List((start..end).map(|item| Self::of(&column.children[0], item)).collect())
            }
            DataType::FixedList(_, size) => {
                let (start, size) = (row * *size as usize, *size as usize);
                Value::List((start..start + size).map(|item| Self::of(&column.children[0], item)).collect())
            }
            DataType::Struct(fields) => {
                let fields = fields.iter().zip(&column.children);
                Value::Struct(fields.map(|(field, child)| (field.name.clone(), Self::of(child, row))).collect())
            }
            DataType::Map(..) => {
                let (start, end) = range(&column.buffers[0], row);
                let entries = &column.children[0].children;
                let entry = |at| (Self::of(&entries[0], at), Self::of(&entries[1], at));
                Value::Map((start..end).map(entry).collect())
            }
            DataType::Other(format) => panic!("columns of {format} have no values that can be looked at"),
        }
    }
}

fn range(offsets: &Buffer, row: usize) -> (usize, usize) {
    let offsets = offsets.numbers::<i32>();
    (offsets[row] as usize, offsets[row + 1] as usize)
}

/// As messages show it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(text) => write!(f, "`{text}`"),
            Value::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Value::List(items) => write!(f, "a list of {}", items.len()),
            Value::Struct(fields) => {
                let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "a struct of {}", names.join(", "))
            }
            Value::Map(entries) => write!(f, "a map of {}", entries.len()),
        }
    }
}

macro_rules! from {
    ($($type:ty, |$value:ident| $case:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $case
            }
        }
    )*};
}

from! {
    bool, |value| Value::Bool(value);
    i8, |value| Value::Int(value.into());
    i16, |value| Value::Int(value.into());
    i32, |value| Value::Int(value.into());
    i64, |value| Value::Int(value.into());
    i128, |value| Value::Int(value);
    u8, |value| Value::Int(value.into());
    u16, |value| Value::Int(value.into());
    u32, |value| Value::Int(value.into());
    u64, |value| Value::Int(value.into());
    f32, |value| Value::Float(value.into());
    f64, |value| Value::Float(value);
    &str, |value| Value::Text(value.into());
    String, |value| Value::Text(value);
    &[u8], |value| Value::Bytes(value.into());
    Vec<Value>, |value| Value::List(value);
}

/// Numbers that are no integers of 64 bits are floats, objects structs.
impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => number.into(),
                (_, Some(number)) => number.into(),
                _ => number.as_f64().into(),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => items.into_iter().collect(),
            Json::Object(fields) => {
                Value::Struct(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Value::Null, V::into)
    }
}

impl<V: Into<Value>> FromIterator<V> for Value {
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        Value::List(items.into_iter().map(V::into).collect())
    }
}
