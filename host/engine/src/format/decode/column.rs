//! An array in the making: its values one by one, those of a flat type. A value that is not of its type is refused here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, BooleanBuilder, NullBufferBuilder, PrimitiveArray, StringBuilder};
use arrow::datatypes::{ArrowPrimitiveType, DataType};

use super::slots::{Cell, Cells, Raw};
use super::value_path::ValuePath;
use super::{no_time, numbers};
use crate::format::type_name;

/// Rows with a value that does not parse, and why: the first such column's reason.
pub(super) type Mismatches = BTreeMap<usize, String>;

/// As much of a text as a message has room for.
fn shortened(text: &str) -> Cow<'_, str> {
    let cut = text.floor_char_boundary(60);
    if cut < text.len() { format!("{}…", &text[..cut]).into() } else { text.into() }
}

/// An array in the making.
pub(super) struct Column<'a, C> {
    pub data_type: &'a DataType,
    pub path: &'a ValuePath<'a>,
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
        let entry = self.mismatches.entry(self.path.row(value));
        entry.or_insert_with(|| {
            let written = shortened(self.cells.written(value));
            let is_time = matches!(self.data_type, DataType::Timestamp(_, _));
            let why = is_time.then(|| no_time::why(cell, &self.path.name(value))).flatten().unwrap_or_else(|| {
                let name = type_name(self.data_type);
                let article = if name.starts_with('i') { "an" } else { "a" };
                format!(" is not {article} {}", shortened(&name))
            });
            format!("column `{}`: `{written}`{why}", self.path.name(value))
        });
    }

    /// An empty quoted CSV field is null where an empty text has no meaning.
    fn is_null(cell: Cell<'_>) -> bool {
        matches!(cell, Cell::Null | Cell::Field(Raw { text: "", .. }))
    }

    #[inline]
    pub fn primitive<T: ArrowPrimitiveType>(&mut self, parse: impl Fn(Cell<'_>) -> Option<T::Native>) -> ArrayRef {
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

    pub fn integers<T: ArrowPrimitiveType>(&mut self) -> ArrayRef
    where
        T::Native: TryFrom<i128>,
    {
        self.primitive::<T>(|cell| match cell {
            Cell::Number(text) | Cell::Field(Raw { text, .. }) => numbers::integer(text),
            _ => None,
        })
    }

    pub fn booleans(&mut self) -> ArrayRef {
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

    pub fn strings(&mut self) -> ArrayRef {
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

    pub fn binary(&mut self) -> ArrayRef {
        let rows = self.cells.len();
        let mut builder = BinaryBuilder::with_capacity(rows, rows * 16);
        let mut scratch = Vec::new();
        for row in 0..rows {
            match self.cells.cell(row) {
                Cell::Null => builder.append_null(),
                Cell::Field(raw) | Cell::String(raw) if numbers::hex(raw.text, &mut scratch) => {
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
