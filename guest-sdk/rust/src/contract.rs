//! The contract's types as plain Rust: what `wit/millstream.wit` calls `columns` and `types`.
//!
//! They are written out by hand, name for name and field for field, so that the same types serve natively (where
//! no bindings are generated) and in Wasm, where the generated glue is told to use these instead of its own: a
//! column crosses into your code without being converted. Operators of ordinary kind need only the views
//! ([`crate::view`]) and the builders ([`crate::builder`]); this is the level below, for those who build a
//! column's buffers themselves.

/// Columns in Arrow's memory layout, one list per buffer.
pub mod columns {
    /// Variable-length values: value `i` is `data[offsets[i]..offsets[i + 1]]`. `offsets` has rows + 1 entries,
    /// starts at 0 and never goes down.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct BytesArray {
        /// Where each value starts, and where the last one ends.
        pub offsets: Vec<i32>,
        /// The values one after the other.
        pub data: Vec<u8>,
    }

    /// 128-bit decimals as two's complement, two words a row: low, high. Precision and scale are the field's.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct DecimalArray {
        /// Two words a row: low, high.
        pub words: Vec<u64>,
    }

    /// A column's values, by type.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Values {
        /// Bitmap, least significant bit first; bits past the last row are ignored.
        Boolean(Vec<u8>),
        /// One number a row.
        Int8(Vec<i8>),
        /// One number a row.
        Int16(Vec<i16>),
        /// One number a row.
        Int32(Vec<i32>),
        /// One number a row.
        Int64(Vec<i64>),
        /// One number a row.
        Uint8(Vec<u8>),
        /// One number a row.
        Uint16(Vec<u16>),
        /// One number a row.
        Uint32(Vec<u32>),
        /// One number a row.
        Uint64(Vec<u64>),
        /// One number a row.
        Float32(Vec<f32>),
        /// One number a row.
        Float64(Vec<f64>),
        /// Text.
        Utf8(BytesArray),
        /// Bytes of any kind.
        Binary(BytesArray),
        /// Days since 1970-01-01.
        Date(Vec<i32>),
        /// Microseconds since 1970-01-01T00:00:00Z.
        Timestamp(Vec<i64>),
        /// Decimals of 128 bits.
        Decimal(DecimalArray),
    }

    /// Values and which of them are there.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Column {
        /// The values; where a row is null its value is there too, and means nothing.
        pub values: Values,
        /// Bitmap, least significant bit first, 1 = present; `None` = no nulls.
        pub validity: Option<Vec<u8>>,
    }

    /// Columns of equal length. `rows` counts also where there are no columns.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Batch {
        /// How many rows.
        pub rows: u32,
        /// The columns, in the order in which `bind` asked for them.
        pub columns: Vec<Column>,
    }

    /// A column's type.
    #[derive(Clone, Debug, PartialEq)]
    pub enum DataType {
        /// True or false.
        Boolean,
        /// Integer.
        Int8,
        /// Integer.
        Int16,
        /// Integer.
        Int32,
        /// Integer.
        Int64,
        /// Integer, never negative.
        Uint8,
        /// Integer, never negative.
        Uint16,
        /// Integer, never negative.
        Uint32,
        /// Integer, never negative.
        Uint64,
        /// Floating point.
        Float32,
        /// Floating point.
        Float64,
        /// Text.
        Utf8,
        /// Bytes.
        Binary,
        /// Days since 1970-01-01.
        Date,
        /// Microseconds since 1970-01-01T00:00:00Z.
        Timestamp,
        /// Precision, scale.
        Decimal((u8, i8)),
        /// A type that the contract has no values for, by its Arrow name; such a column may be seen, not read.
        Other(String),
    }

    /// A column's name and type.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Field {
        /// The name.
        pub name: String,
        /// The type.
        pub data_type: DataType,
        /// Whether there may be nulls.
        pub nullable: bool,
    }

    impl std::fmt::Display for DataType {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(match self {
                DataType::Boolean => "boolean",
                DataType::Int8 => "int8",
                DataType::Int16 => "int16",
                DataType::Int32 => "int32",
                DataType::Int64 => "int64",
                DataType::Uint8 => "uint8",
                DataType::Uint16 => "uint16",
                DataType::Uint32 => "uint32",
                DataType::Uint64 => "uint64",
                DataType::Float32 => "float32",
                DataType::Float64 => "float64",
                DataType::Utf8 => "utf8",
                DataType::Binary => "binary",
                DataType::Date => "date",
                DataType::Timestamp => "timestamp",
                DataType::Decimal((precision, scale)) => return write!(f, "decimal({precision}, {scale})"),
                DataType::Other(name) => name,
            })
        }
    }
}

/// What `bind` is given and what operators answer with.
pub mod types {
    use super::columns::{Column, Field};

    /// An input column as `bind` sees it.
    #[derive(Clone, Debug, PartialEq)]
    pub struct InputField {
        /// Name and type.
        pub field: Field,
        /// One row, where the value is the same for all rows (a literal in SQL).
        pub constant: Option<Column>,
    }

    /// Why a configuration or an input schema was refused.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Problem {
        /// The key of the configuration that is at fault, where one is.
        pub key: Option<String>,
        /// What is wrong and what would be right.
        pub message: String,
    }

    /// An input row that the operator refuses, and why.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Reject {
        /// The row's index in the batch.
        pub row: u32,
        /// The reason, as it will stand in the dead letters.
        pub reason: String,
    }

    /// What an operator reads and returns.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Binding {
        /// Indices into the input schema, in the order in which the columns are handed over.
        pub reads: Vec<u32>,
        /// The columns that calls return.
        pub output: Vec<Field>,
    }

    impl Problem {
        /// A problem with the input, or with the configuration as a whole.
        pub fn new(message: impl Into<String>) -> Self {
            Self { key: None, message: message.into() }
        }

        /// A problem with one key of the configuration.
        pub fn with_key(key: impl Into<String>, message: impl Into<String>) -> Self {
            Self { key: Some(key.into()), message: message.into() }
        }
    }

    impl std::fmt::Display for Problem {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match &self.key {
                Some(key) => write!(f, "`{key}`: {}", self.message),
                None => f.write_str(&self.message),
            }
        }
    }

    impl std::error::Error for Problem {}
}
