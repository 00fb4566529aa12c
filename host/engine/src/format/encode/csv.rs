//! CSV after RFC 4180, with `\n` as Spark and pyarrow write it. A null is an empty field and an empty string is `""`, so
//! that both read back; in a file of one column a null is `""` too, since readers skip empty lines. Times are ISO 8601
//! in UTC, binary is hexadecimal. Nested columns never get here.

use std::io::Write;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Float32Array, Float64Array, Int64Array, RecordBatch};
use arrow::array::{StringArray, Time64MicrosecondArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{EncodeError, Encoder, text};

/// Bytes after which the writer is given what is there.
const FLUSH: usize = 64 * 1024;

pub(super) struct CsvEncoder<W> {
    out: W,
    schema: SchemaRef,
    delimiter: u8,
    /// Whether the line with the columns' names is still to be written.
    header: bool,
    buffer: Vec<u8>,
}

impl<W: Write + Send> CsvEncoder<W> {
    pub(super) fn new(schema: SchemaRef, header: bool, delimiter: u8, out: W) -> Self {
        Self { out, schema, delimiter, header, buffer: Vec::new() }
    }

    fn header(&mut self) {
        if std::mem::take(&mut self.header) {
            for (i, field) in self.schema.fields().iter().enumerate() {
                if i > 0 {
                    self.buffer.push(self.delimiter);
                }
                quoted(&mut self.buffer, field.name().as_bytes(), self.delimiter);
            }
            self.buffer.push(b'\n');
        }
    }
}

impl<W: Write + Send> Encoder<W> for CsvEncoder<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), EncodeError> {
        self.header();
        let mut columns = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>, _>>()?;
        let alone = columns.len() == 1;
        for row in 0..batch.num_rows() {
            for (i, (cells, column)) in columns.iter_mut().zip(batch.columns()).enumerate() {
                if i > 0 {
                    self.buffer.push(self.delimiter);
                }
                if column.is_valid(row) {
                    cells.write(row, &mut self.buffer, self.delimiter)?;
                } else if alone {
                    self.buffer.extend_from_slice(b"\"\"");
                }
            }
            self.buffer.push(b'\n');
            if self.buffer.len() >= FLUSH {
                self.out.write_all(&self.buffer)?;
                self.buffer.clear();
            }
        }
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn get_ref(&self) -> &W {
        &self.out
    }

    fn finish(mut self: Box<Self>) -> Result<W, EncodeError> {
        self.header();
        self.out.write_all(&self.buffer)?;
        Ok(self.out)
    }
}

/// One column's values as text.
enum Cells<'a> {
    Text(&'a StringArray),
    Int(&'a Int64Array),
    Timestamp(&'a TimestampMicrosecondArray),
    Date(&'a Date32Array),
    Time(&'a Time64MicrosecondArray),
    Float(&'a Float64Array),
    Float32(&'a Float32Array),
    /// Anything else as Arrow shows it, by way of a scratch string.
    Other(ArrayFormatter<'a>, String),
}

impl<'a> Cells<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self, ArrowError> {
        Ok(match column.data_type() {
            DataType::Utf8 => Self::Text(column.as_string()),
            DataType::Int64 => Self::Int(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(column.as_primitive()),
            DataType::Date32 => Self::Date(column.as_primitive()),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(column.as_primitive()),
            DataType::Float64 => Self::Float(column.as_primitive()),
            DataType::Float32 => Self::Float32(column.as_primitive()),
            _ => {
                let options = FormatOptions::new().with_display_error(false);
                Self::Other(ArrayFormatter::try_new(column.as_ref(), &options)?, String::new())
            }
        })
    }

    fn write(&mut self, row: usize, out: &mut Vec<u8>, delimiter: u8) -> Result<(), EncodeError> {
        let start = out.len();
        match self {
            Self::Text(a) => {
                quoted(out, a.value(row).as_bytes(), delimiter);
                return Ok(());
            }
            Self::Int(a) => write!(out, "{}", a.value(row))?,
            Self::Timestamp(a) => text::timestamp(out, a.value(row)),
            Self::Date(a) => text::date(out, a.value(row).into()),
            Self::Time(a) => text::time(out, a.value(row)),
            Self::Float(a) => text::float(out, a.value(row)),
            Self::Float32(a) => text::float(out, a.value(row)),
            Self::Other(formatter, scratch) => {
                scratch.clear();
                formatter.value(row).write(scratch)?;
                quoted(out, scratch.as_bytes(), delimiter);
                return Ok(());
            }
        }
        // Numbers and times need quotes only where the delimiter is one of their own characters.
        if memchr::memchr(delimiter, &out[start..]).is_some() {
            out.insert(start, b'"');
            out.push(b'"');
        }
        Ok(())
    }
}

/// A text field, in quotes where it must be or is empty.
fn quoted(out: &mut Vec<u8>, value: &[u8], delimiter: u8) {
    let plain = !value.is_empty()
        && memchr::memchr3(b'"', b'\n', b'\r', value).is_none()
        && memchr::memchr(delimiter, value).is_none();
    if plain {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
