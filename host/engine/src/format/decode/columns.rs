//! Makes one array from its fields. What a field must look like follows Spark: a JSON number is no string and a
//! JSON string no number, but anything can be stored as text, as it is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, NullBufferBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::place::Place;
use super::slots::{Cell, Cells, Raw};
use super::{nested, no_time, values};
use crate::format::type_name;

/// Rows with a value that does not parse, and why: the first such column's reason.
pub(super) type Mismatches = BTreeMap<usize, String>;

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

/// The values of type `data_type` that `cells` are and `place` says the place of; one that does not parse is null, and the
/// row it is part of goes to `mismatches`.
pub(super) fn make(
    data_type: &DataType,
    place: &Place<'_>,
    cells: &impl Cells,
    mismatches: &mut Mismatches,
) -> ArrayRef {
    let mut column = Column { data_type, place, cells, mismatches };
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
        DataType::Float32 => column.primitive::<Float32Type>(values::float32),
        DataType::Float64 => column.primitive::<Float64Type>(values::float64),
        DataType::Date32 => column.primitive::<Date32Type>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => values::date(raw.text),
            _ => None,
        }),
        DataType::Timestamp(_, _) => column.primitive::<TimestampMicrosecondType>(|cell| match cell {
            Cell::String(raw) | Cell::Field(raw) => values::timestamp(raw.text),
            // As in Spark: seconds since 1970.
            Cell::Number(text) => values::seconds(text),
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
        DataType::List(item) => nested::list(&mut column, item),
        DataType::Struct(fields) => nested::structs(&mut column, fields),
        other => unreachable!("`supports` has refused {other}"),
    }
}

/// As much of a text as a message has room for.
fn shortened(text: &str) -> Cow<'_, str> {
    let cut = text.floor_char_boundary(60);
    if cut < text.len() { format!("{}…", &text[..cut]).into() } else { text.into() }
}

/// An array in the making.
pub(super) struct Column<'a, C> {
    data_type: &'a DataType,
    pub place: &'a Place<'a>,
    pub cells: &'a C,
    pub mismatches: &'a mut Mismatches,
}

impl<C: Cells> Column<'_, C> {
    /// Says that a value is not of the array's type, unless there is none.
    pub fn refuse(&mut self, value: usize) {
        let cell = self.cells.cell(value);
        if Self::is_null(cell) {
            return;
        }
        let entry = self.mismatches.entry(self.place.row(value));
        entry.or_insert_with(|| {
            let written = shortened(self.cells.written(value));
            let is_time = matches!(self.data_type, DataType::Timestamp(_, _));
            let why = is_time.then(|| no_time::why(cell, &self.place.path(value))).flatten().unwrap_or_else(|| {
                let name = type_name(self.data_type);
                let article = if name.starts_with('i') { "an" } else { "a" };
                format!(" is not {article} {}", shortened(&name))
            });
            format!("column `{}`: `{written}`{why}", self.place.path(value))
        });
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
                    self.refuse(row);
                    values.push(T::Native::default());
                    nulls.append_null();
                }
            }
        }
        let array = PrimitiveArray::<T>::new(values.into(), nulls.finish());
        Arc::new(array.with_data_type(self.data_type.clone()))
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
            if value.is_none() {
                self.refuse(row);
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
                    self.refuse(row);
                    builder.append_null();
                }
            }
        }
        Arc::new(builder.finish())
    }
}
