//! Column types: which Arrow types a plugin can read and as what, and which Arrow types its own columns become.
//!
//! Reading is generous (any unit and zone of timestamp, any layout of string), writing is exact: each of the
//! contract's types becomes one Arrow type.

use std::sync::Arc;

use arrow::array::types::{Decimal128Type, validate_decimal_precision_and_scale};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::contract::{DataTypeParam, DataTypeResult, FieldParam, FieldResult};

/// The time zone's name in the type of every timestamp column that comes out of a plugin:
/// `Timestamp(Microsecond, Some("UTC"))`.
pub const UTC: &str = "UTC";

/// The type of timestamps that come out of a plugin.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// The Arrow type that a column of `data_type` has once it is normalised for a plugin, or `None` where the contract
/// has no values for it.
pub fn normal_type(data_type: &DataType) -> Option<DataType> {
    use DataType::*;
    Some(match data_type {
        Boolean
        | Int8
        | Int16
        | Int32
        | Int64
        | UInt8
        | UInt16
        | UInt32
        | UInt64
        | Float32
        | Float64
        | Utf8
        | Binary
        | Date32
        | Decimal128(_, _) => data_type.clone(),
        LargeUtf8 | Utf8View => Utf8,
        LargeBinary | BinaryView => Binary,
        Date64 => Date32,
        Timestamp(_, _) => timestamp_type(),
        Dictionary(_, values) => return normal_type(values),
        _ => return None,
    })
}

/// A field as a guest is told of it, owned, so that it can be told again to the next instance.
#[derive(Debug, Clone)]
pub(crate) struct ToldField {
    field: FieldRef,
    /// The Arrow name of a type that the contract has no values for, else empty.
    other: String,
}

impl ToldField {
    pub(crate) fn new(field: &FieldRef) -> Self {
        let known = normal_type(field.data_type()).is_some();
        let other = if known { String::new() } else { field.data_type().to_string() };
        Self { field: field.clone(), other }
    }

    pub(crate) fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Whether the contract has values for its type.
    pub(crate) fn is_readable(&self) -> bool {
        self.other.is_empty()
    }

    pub(crate) fn param(&self) -> FieldParam<'_> {
        FieldParam { name: self.field.name(), data_type: self.data_type(), nullable: self.field.is_nullable() }
    }

    fn data_type(&self) -> DataTypeParam<'_> {
        let Some(normal) = normal_type(self.field.data_type()) else { return DataTypeParam::Other(&self.other) };
        match normal {
            DataType::Boolean => DataTypeParam::Boolean,
            DataType::Int8 => DataTypeParam::Int8,
            DataType::Int16 => DataTypeParam::Int16,
            DataType::Int32 => DataTypeParam::Int32,
            DataType::Int64 => DataTypeParam::Int64,
            DataType::UInt8 => DataTypeParam::Uint8,
            DataType::UInt16 => DataTypeParam::Uint16,
            DataType::UInt32 => DataTypeParam::Uint32,
            DataType::UInt64 => DataTypeParam::Uint64,
            DataType::Float32 => DataTypeParam::Float32,
            DataType::Float64 => DataTypeParam::Float64,
            DataType::Utf8 => DataTypeParam::Utf8,
            DataType::Binary => DataTypeParam::Binary,
            DataType::Date32 => DataTypeParam::Date,
            DataType::Timestamp(_, _) => DataTypeParam::Timestamp,
            DataType::Decimal128(precision, scale) => DataTypeParam::Decimal((precision, scale)),
            other => unreachable!("normal_type gives no {other}"),
        }
    }
}

/// The Arrow type of a column that the plugin makes, or what is wrong with it.
pub(crate) fn from_contract(data_type: &DataTypeResult) -> Result<DataType, String> {
    Ok(match data_type {
        DataTypeResult::Boolean => DataType::Boolean,
        DataTypeResult::Int8 => DataType::Int8,
        DataTypeResult::Int16 => DataType::Int16,
        DataTypeResult::Int32 => DataType::Int32,
        DataTypeResult::Int64 => DataType::Int64,
        DataTypeResult::Uint8 => DataType::UInt8,
        DataTypeResult::Uint16 => DataType::UInt16,
        DataTypeResult::Uint32 => DataType::UInt32,
        DataTypeResult::Uint64 => DataType::UInt64,
        DataTypeResult::Float32 => DataType::Float32,
        DataTypeResult::Float64 => DataType::Float64,
        DataTypeResult::Utf8 => DataType::Utf8,
        DataTypeResult::Binary => DataType::Binary,
        DataTypeResult::Date => DataType::Date32,
        DataTypeResult::Timestamp => timestamp_type(),
        DataTypeResult::Decimal((precision, scale)) => {
            validate_decimal_precision_and_scale::<Decimal128Type>(*precision, *scale).map_err(|_| {
                format!("decimal({precision}, {scale}) is no type: precision is 1 to 38, scale at most precision")
            })?;
            DataType::Decimal128(*precision, *scale)
        }
        DataTypeResult::Other(name) => {
            return Err(format!("a plugin can only see columns of type `{name}`, not make them"));
        }
    })
}

/// The Arrow fields of the columns that a plugin makes; `what` names them in the error ("output column").
pub(crate) fn fields_from_contract(what: &str, fields: &[FieldResult]) -> Result<Fields, String> {
    let mut made: Vec<FieldRef> = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let data_type = from_contract(&field.data_type).map_err(|e| format!("{what} {index} `{}`: {e}", field.name))?;
        if field.name.is_empty() {
            return Err(format!("{what} {index} has no name"));
        }
        if made.iter().any(|other| other.name() == &field.name) {
            return Err(format!("{what} {index} `{}`: this name is given twice", field.name));
        }
        made.push(Arc::new(Field::new(&field.name, data_type, field.nullable)));
    }
    Ok(made.into())
}
