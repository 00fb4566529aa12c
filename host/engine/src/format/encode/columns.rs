//! What a file's columns are: few types, the same for every writer and every reader.
//!
//! Spark, pyarrow and DuckDB agree on plain Parquet types, not on what Arrow writes beside them; so a file holds plain
//! types only: timestamps are microseconds UTC, strings are UTF-8 (not views, not dictionaries), every column may be
//! null. What has no plain type is refused when the job is checked, by the column's name.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::util::display::FormatOptions;

use super::EncodeError;
use crate::format::{FileFormat, shown_type};

/// A cast that would lose a value is an error, not a null.
const STRICT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// How the columns of a schema are written to a file of one format.
#[derive(Debug, Clone)]
pub struct FileColumns {
    /// The types that come in.
    source: SchemaRef,
    /// The file's columns.
    file: SchemaRef,
}

impl FileColumns {
    /// The file columns for rows of `schema`.
    ///
    /// # Errors
    /// A column that the format cannot hold, two columns of one name, no column at all.
    pub fn new(format: FileFormat, schema: &SchemaRef) -> Result<Self, EncodeError> {
        if schema.fields().is_empty() {
            return Err(EncodeError::NoColumns);
        }
        let mut fields = Vec::with_capacity(schema.fields().len());
        for (i, field) in schema.fields().iter().enumerate() {
            if schema.fields()[..i].iter().any(|other| other.name() == field.name()) {
                return Err(EncodeError::Duplicate(field.name().clone()));
            }
            let target = Target { format, column: field.name().clone() };
            fields.push(Field::new(field.name(), target.of(field.data_type())?, true));
        }
        Ok(Self { source: schema.clone(), file: Arc::new(Schema::new(fields)) })
    }

    /// The file's columns, all nullable.
    pub fn schema(&self) -> &SchemaRef {
        &self.file
    }

    /// The rows of `batch` as the file's columns; a column that needs no change is not copied.
    ///
    /// # Errors
    /// A batch of other columns; a value outside the range of the file's type.
    pub fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, EncodeError> {
        let same = batch.num_columns() == self.source.fields().len()
            && batch
                .columns()
                .iter()
                .zip(self.source.fields())
                .all(|(c, f)| c.data_type().equals_datatype(f.data_type()));
        if !same {
            return Err(EncodeError::Schema {
                expected: types(self.source.fields()),
                found: types(batch.schema_ref().fields()),
            });
        }
        let columns = batch.columns().iter().zip(self.file.fields()).map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(column.clone())
            } else {
                cast_with_options(column, field.data_type(), &STRICT)
            }
        });
        Ok(RecordBatch::try_new(self.file.clone(), columns.collect::<Result<_, _>>()?)?)
    }
}

fn types(fields: &Fields) -> String {
    let names: Vec<String> = fields.iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
    format!("({})", names.join(", "))
}

/// Which type a column gets, for one format; `column` is only for messages.
struct Target {
    format: FileFormat,
    column: String,
}

impl Target {
    fn of(&self, from: &DataType) -> Result<DataType, EncodeError> {
        Ok(match from {
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float32
            | DataType::Float64
            | DataType::Date32
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => from.clone(),
            DataType::Float16 => DataType::Float32,
            DataType::Date64 => DataType::Date32,
            DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
            DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
                DataType::Decimal128(*precision, *scale)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                DataType::Binary
            }
            DataType::Dictionary(_, values) => self.of(values)?,
            DataType::RunEndEncoded(_, values) => self.of(values.data_type())?,
            DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => {
                self.nested(from)?;
                DataType::List(self.child(of, "element")?)
            }
            DataType::Struct(fields) => {
                self.nested(from)?;
                DataType::Struct(fields.iter().map(|f| self.child(f, f.name())).collect::<Result<_, _>>()?)
            }
            DataType::Map(..) => {
                return Err(self.refuse(from, "take it apart: name['key'], map_keys(name), map_values(name)"));
            }
            _ => {
                return Err(self.refuse(from, "cast it to a number, a timestamp or a string, or leave it out"));
            }
        })
    }

    fn child(&self, field: &FieldRef, name: &str) -> Result<FieldRef, EncodeError> {
        let inner = Target { format: self.format, column: format!("{}.{name}", self.column) };
        Ok(Arc::new(Field::new(name, inner.of(field.data_type())?, true)))
    }

    /// CSV has no place for nested values, and a text that stands for one could not be read back.
    fn nested(&self, from: &DataType) -> Result<(), EncodeError> {
        match self.format {
            FileFormat::Csv { .. } => Err(self.refuse(
                from,
                "select its parts (window.start AS window_start, window.end AS window_end), or write json or parquet",
            )),
            _ => Ok(()),
        }
    }

    fn refuse(&self, data_type: &DataType, help: &'static str) -> EncodeError {
        EncodeError::Column {
            column: self.column.clone(),
            data_type: shown_type(data_type),
            format: super::extension(self.format),
            help,
        }
    }
}
