//! Makes one column from its fields. What a field must look like follows Spark: a JSON number is no string and a
//! JSON string no number, but anything can be stored as text, as it is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, NullBufferBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::slots::{Cell, Cells, Raw};
use super::{nested, values};
use crate::format::type_name;

/// Rows with a value that does not parse, and why: the first such column's reason.
pub(super) type Mismatches = BTreeMap<usize, String>;

/// Whether [`make`] knows the type; nested ones only where the format has them.
pub(super) fn supports(data_type: &DataType, nested: bool) -> bool {
    match data_type {
        DataType::List(item) => nested && nested::supports(item.data_type()),
        DataType::Struct(fields) => nested && fields.iter().all(|f| nested::supports(f.data_type())),
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

/// The column `field` from its `cells`; a field that does not parse is null and its row goes to `mismatches`.
pub(super) fn make(field: &Field, cells: &impl Cells, mismatches: &mut Mismatches) -> ArrayRef {
    let mut column = Column { field, cells, mismatches };
    match field.data_type() {
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
        DataType::Float32 => column.primitive::<Float32Type>(values::float32),
        DataType::Float64 => column.primitive::<Float64Type>(values::float64),
        DataType::Date32 => column.primitive::<Date32Type>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => values::date(raw.text),
            _ => None,
        }),
        DataType::Timestamp(_, _) => column.primitive::<TimestampMicrosecondType>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => values::timestamp(raw.text),
            // As in Spark: whole seconds since 1970.
            Cell::Number(text) => values::integer::<i64>(text)?.checked_mul(1_000_000),
            _ => None,
        }),
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            column.primitive::<Decimal128Type>(move |cell| match cell {
                Cell::Number(text) | Cell::Field(Raw { text, .. }) | Cell::String(Raw { text, .. }) => {
                    values::decimal(text, precision, scale)
                }
                _ => None,
            })
        }
        DataType::Binary => column.binary(),
        DataType::List(_) | DataType::Struct(_) => nested::make(field, cells, mismatches),
        other => unreachable!("`supports` has refused {other}"),
    }
}

/// Says that the field of `row` is not of the column's type.
pub(super) fn mismatch(field: &Field, cells: &impl Cells, row: usize, mismatches: &mut Mismatches) {
    mismatches.entry(row).or_insert_with(|| {
        let name = type_name(field.data_type());
        let article = if name.starts_with('i') { "an" } else { "a" };
        let written = cells.written(row);
        let cut = written.floor_char_boundary(60);
        let more = if cut < written.len() { "…" } else { "" };
        format!("column `{}`: `{}{more}` is not {article} {name}", field.name(), &written[..cut])
    });
}

struct Column<'a, C> {
    field: &'a Field,
    cells: &'a C,
    mismatches: &'a mut Mismatches,
}

impl<C: Cells> Column<'_, C> {
    fn mismatch(&mut self, row: usize) {
        mismatch(self.field, self.cells, row, self.mismatches);
    }

    /// An empty quoted CSV field is null where an empty text has no meaning.
    fn is_null(cell: Cell<'_>) -> bool {
        matches!(cell, Cell::Null | Cell::Field(Raw { text: "", .. }))
    }

    #[inline]
    fn primitive<T: ArrowPrimitiveType>(&mut self, parse: impl Fn(Cell<'_>) -> Option<T::Native>) -> ArrayRef {
        let rows = self.cells.len();
        let mut values: Vec<T::Native> = Vec::with_capacity(rows);
        let mut nulls = NullBufferBuilder::new(rows);
        for row in 0..rows {
            let cell = self.cells.cell(row);
            match parse(cell) {
                Some(value) => {
                    values.push(value);
                    nulls.append_non_null();
                }
                None => {
                    if !Self::is_null(cell) {
                        self.mismatch(row);
                    }
                    values.push(T::Native::default());
                    nulls.append_null();
                }
            }
        }
        let array = PrimitiveArray::<T>::new(values.into(), nulls.finish());
        Arc::new(array.with_data_type(self.field.data_type().clone()))
    }

    fn integers<T: ArrowPrimitiveType>(&mut self) -> ArrayRef
    where
        T::Native: TryFrom<i128>,
    {
        self.primitive::<T>(|cell| match cell {
            Cell::Number(text) | Cell::Field(Raw { text, .. }) => values::integer(text),
            _ => None,
        })
    }

    fn booleans(&mut self) -> ArrayRef {
        let mut builder = BooleanBuilder::with_capacity(self.cells.len());
        for row in 0..self.cells.len() {
            let cell = self.cells.cell(row);
            let value = match cell {
                Cell::Bool(value) => Some(value),
                Cell::Field(raw) if raw.text.eq_ignore_ascii_case("true") => Some(true),
                Cell::Field(raw) if raw.text.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            };
            if value.is_none() && !Self::is_null(cell) {
                self.mismatch(row);
            }
            builder.append_option(value);
        }
        Arc::new(builder.finish())
    }

    fn strings(&mut self) -> ArrayRef {
        let rows = self.cells.len();
        let mut builder = StringBuilder::with_capacity(rows, rows * 16);
        let mut scratch = String::new();
        for row in 0..rows {
            match self.cells.cell(row) {
                Cell::Null => builder.append_null(),
                Cell::Field(Raw { text, escaped: true }) | Cell::String(Raw { text, escaped: true }) => {
                    scratch.clear();
                    self.cells.unescape(text, &mut scratch);
                    builder.append_value(&scratch);
                }
                Cell::Field(raw) | Cell::String(raw) => builder.append_value(raw.text),
                Cell::Number(text) | Cell::Nested(text) => builder.append_value(text),
                Cell::Bool(value) => builder.append_value(if value { "true" } else { "false" }),
            }
        }
        Arc::new(builder.finish())
    }

    fn binary(&mut self) -> ArrayRef {
        let rows = self.cells.len();
        let mut builder = BinaryBuilder::with_capacity(rows, rows * 16);
        let mut scratch = Vec::new();
        for row in 0..rows {
            match self.cells.cell(row) {
                Cell::Null => builder.append_null(),
                Cell::Field(raw) | Cell::String(raw) if values::hex(raw.text, &mut scratch) => {
                    builder.append_value(&scratch);
                }
                _ => {
                    self.mismatch(row);
                    builder.append_null();
                }
            }
        }
        Arc::new(builder.finish())
    }
}
