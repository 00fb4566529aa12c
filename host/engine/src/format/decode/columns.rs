//! Makes one array from its fields. What a field must look like follows Spark: a JSON number is no string and a
//! JSON string no number, but anything can be stored as text, as it is written. The items of lists and the fields of
//! structs are columns in their turn, by the same rules: so what a value must look like is the same at every depth.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, FieldRef, Fields, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::column::{Column, Mismatches};
use super::json::JsonCells;
use super::nested::{self, Items, Members};
use super::slots::{Cell, Cells, Raw};
use super::value_path::ValuePath;
use super::{numbers, times};

/// Whether [`make`] knows the type; nested ones only where the format has them.
pub(super) fn supports(data_type: &DataType, nested: bool) -> bool {
    match data_type {
        DataType::List(item) => nested && supports(item.data_type(), nested),
        DataType::Struct(fields) => nested && fields.iter().all(|f| supports(f.data_type(), nested)),
        other => supports_flat(other),
    }
}

fn supports_flat(data_type: &DataType) -> bool {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Timestamp, UInt8, UInt16,
        UInt32, UInt64, Utf8,
    };
    matches!(
        data_type,
        Utf8 | Boolean
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
            | Date32
            | Timestamp(TimeUnit::Microsecond, Some(_))
            | Decimal128(_, _)
            | Binary
    )
}

/// The values of type `data_type` that `cells` are, which stand at `path`; one that does not parse is null, and the
/// row it is part of goes to `mismatches`.
pub(super) fn make(
    data_type: &DataType,
    path: &ValuePath<'_>,
    cells: &impl Cells,
    mismatches: &mut Mismatches,
) -> ArrayRef {
    let mut column = Column { data_type, path, cells, mismatches };
    match data_type {
        DataType::Utf8 => column.strings(),
        DataType::Boolean => column.booleans(),
        DataType::Int8 => column.integers::<Int8Type>(),
        DataType::Int16 => column.integers::<Int16Type>(),
        DataType::Int32 => column.integers::<Int32Type>(),
        DataType::Int64 => column.integers::<Int64Type>(),
        DataType::UInt8 => column.integers::<UInt8Type>(),
        DataType::UInt16 => column.integers::<UInt16Type>(),
        DataType::UInt32 => column.integers::<UInt32Type>(),
        DataType::UInt64 => column.integers::<UInt64Type>(),
        DataType::Float32 => column.primitive::<Float32Type>(numbers::float32),
        DataType::Float64 => column.primitive::<Float64Type>(numbers::float64),
        DataType::Date32 => column.primitive::<Date32Type>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => times::date(raw.text),
            _ => None,
        }),
        DataType::Timestamp(_, _) => column.primitive::<TimestampMicrosecondType>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => times::timestamp(raw.text),
            // As in Spark: seconds since 1970.
            Cell::Number(text) => times::seconds(text),
            _ => None,
        }),
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            column.primitive::<Decimal128Type>(move |cell| match cell {
                Cell::Number(text) | Cell::Field(Raw { text, .. }) | Cell::String(Raw { text, .. }) => {
                    numbers::decimal(text, precision, scale)
                }
                _ => None,
            })
        }
        DataType::Binary => column.binary(),
        DataType::List(item) => list(&mut column, item),
        DataType::Struct(fields) => structs(&mut column, fields),
        other => unreachable!("`supports` has refused {other}"),
    }
}

/// Lists of `item`, which are a column of items.
fn list(column: &mut Column<'_, impl Cells>, item: &FieldRef) -> ArrayRef {
    let Items { slots, offsets, nulls } = nested::items(column);
    let path = ValuePath::Items { of: column.path, offsets: &offsets };
    let cells = JsonCells { text: column.cells.text(), slots: &slots, rows: slots.len(), width: 1, column: 0 };
    let items = make(item.data_type(), &path, &cells, column.mismatches);
    Arc::new(ListArray::new(item.clone(), OffsetBuffer::new(ScalarBuffer::from(offsets)), items, nulls))
}

/// Structs of `fields`, each of which is a column.
fn structs(column: &mut Column<'_, impl Cells>, fields: &Fields) -> ArrayRef {
    let Members { slots, nulls } = nested::members(column, fields);
    let (text, rows, width) = (column.cells.text(), column.cells.len(), fields.len());
    let made = fields.iter().enumerate().map(|(field, of)| {
        let path = ValuePath::Field { of: column.path, name: of.name() };
        let cells = JsonCells { text, slots: &slots, rows, width, column: field };
        make(of.data_type(), &path, &cells, column.mismatches)
    });
    let made: Vec<ArrayRef> = made.collect();
    Arc::new(StructArray::new(fields.clone(), made, nulls))
}
