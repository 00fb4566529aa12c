//! Values in tables for people: as in files where Arrow would write them otherwise.

use std::fmt::{Debug, Write};

use arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Date32Type, Field, Float16Type, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, ArrayFormatterFactory, DisplayIndex, FormatOptions, FormatResult};

use super::text;

/// Writes floats and dates in tables as files have them: `NaN`, `Infinity`, `-Infinity`, and dates of any year.
pub const SHOWN: &dyn ArrayFormatterFactory = &Shown;

/// The most characters of a cell of a table: one wide value would make every row as wide.
pub const WIDEST: usize = 120;

/// Cuts what is wider than a cell may be, so that it is seen; whether it was.
pub fn cut_cell(cell: &mut String) -> bool {
    let Some((last, _)) = cell.char_indices().nth(WIDEST - 1) else { return false };
    if cell[last..].chars().nth(1).is_none() {
        return false;
    }
    cell.truncate(last);
    cell.push('…');
    true
}

#[derive(Debug)]
struct Shown;

impl ArrayFormatterFactory for Shown {
    fn create_array_formatter<'f>(
        &self,
        array: &'f dyn Array,
        options: &FormatOptions<'f>,
        _: Option<&'f Field>,
    ) -> Result<Option<ArrayFormatter<'f>>, ArrowError> {
        let null = options.null();
        let cells: Box<dyn DisplayIndex + 'f> = match array.data_type() {
            DataType::Float64 => Box::new(Floats { array: array.as_primitive::<Float64Type>(), null }),
            DataType::Float32 => Box::new(Floats { array: array.as_primitive::<Float32Type>(), null }),
            DataType::Float16 => Box::new(Floats { array: array.as_primitive::<Float16Type>(), null }),
            DataType::Date32 => Box::new(Dates { array: array.as_primitive::<Date32Type>(), null }),
            _ => return Ok(None),
        };
        Ok(Some(ArrayFormatter::new(cells, options.safe())))
    }
}

struct Dates<'f> {
    array: &'f PrimitiveArray<Date32Type>,
    null: &'f str,
}

impl DisplayIndex for Dates<'_> {
    fn write(&self, row: usize, out: &mut dyn Write) -> FormatResult {
        if self.array.is_null(row) {
            return Ok(out.write_str(self.null)?);
        }
        let mut text = Vec::new();
        text::date(&mut text, self.array.value(row).into());
        Ok(out.write_str(&String::from_utf8_lossy(&text))?)
    }
}

struct Floats<'f, T: ArrowPrimitiveType> {
    array: &'f PrimitiveArray<T>,
    null: &'f str,
}

impl<T> DisplayIndex for Floats<'_, T>
where
    T: ArrowPrimitiveType,
    T::Native: Debug + Into<f64>,
{
    fn write(&self, row: usize, out: &mut dyn Write) -> FormatResult {
        if self.array.is_null(row) {
            return Ok(out.write_str(self.null)?);
        }
        let mut text = Vec::new();
        text::float(&mut text, self.array.value(row));
        Ok(out.write_str(&String::from_utf8_lossy(&text))?)
    }
}
