//! The fields that an operator returns or keeps.

use crate::data_type::{DataType, Field};

/// The columns that an operator returns, in order: `Fields::new().utf8("host").int64("bytes")`. Each may hold nulls
/// unless [`Fields::not_null`] follows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    fields: Vec<Field>,
}

macro_rules! field_of {
    ($($method:ident: $data_type:ident;)*) => {$(
        #[doc = concat!("One more column, of type ", stringify!($method), ".")]
        pub fn $method(self, name: impl Into<String>) -> Self {
            self.field(name, DataType::$data_type)
        }
    )*};
}

impl Fields {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more column, of a type found out at run time (that of an input column, say).
    pub fn field(mut self, name: impl Into<String>, data_type: DataType) -> Self {
        self.fields.push(Field::new(name, data_type));
        self
    }

    field_of! {
        bool: Boolean; int8: Int8; int16: Int16; int32: Int32; int64: Int64;
        uint8: Uint8; uint16: Uint16; uint32: Uint32; uint64: Uint64; float32: Float32; float64: Float64;
        utf8: Utf8; binary: Binary; date: Date; timestamp: Timestamp;
    }

    /// One more column for whole numbers of up to 38 digits, decimal(38, 0): totals, and `i128` in a fold's state.
    pub fn int128(self, name: impl Into<String>) -> Self {
        self.decimal(name, 38, 0)
    }

    /// One more column, of type decimal.
    pub fn decimal(self, name: impl Into<String>, precision: u8, scale: i8) -> Self {
        self.field(name, DataType::Decimal(precision, scale))
    }

    /// Promises that the last column never holds a null; the host checks it.
    pub fn not_null(mut self) -> Self {
        if let Some(last) = self.fields.last_mut() {
            last.nullable = false;
        }
        self
    }

    /// The columns in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter()
    }

    pub(crate) fn into_vec(self) -> Vec<Field> {
        self.fields
    }
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        Self { fields: fields.into_iter().collect() }
    }
}

impl From<Vec<Field>> for Fields {
    fn from(fields: Vec<Field>) -> Self {
        Self { fields }
    }
}
