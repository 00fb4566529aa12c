//! How what a node has stored is printed: as a table, as JSON lines, as Parquet. What plugins have encoded is told as JSON,
//! but in Parquet, where it stays as it is.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use millstream_engine::format::FileFormat;
use millstream_engine::operator::StoredColumns;
use millstream_engine::run::TakeRows;
use millstream_engine::{Error, Result};
use serde_json::Value;

use super::table::TablePrinter;
use super::values::json_values;
use super::{LinePrinter, cannot_write, cbor};
use crate::args::StateFormat;

/// Where rows are printed.
pub(crate) type Out = Box<dyn Write + Send>;

/// Prints rows of `columns` on `out` as `format` has them.
pub(crate) fn stored_printer(format: StateFormat, columns: &StoredColumns, out: Out) -> Box<dyn TakeRows> {
    let encoded = columns.encoded.clone();
    match format {
        StateFormat::Table => Box::new(StoredTable { printer: TablePrinter::new(out), encoded, schema: None }),
        StateFormat::Json => Box::new(StoredLines { out, encoded, names: Vec::new() }),
        StateFormat::Parquet => Box::new(LinePrinter::new(FileFormat::Parquet, out)),
    }
}

/// The values of an encoded column as JSON; a null is none.
fn decoded(column: &ArrayRef) -> impl Iterator<Item = Option<String>> + '_ {
    column.as_binary::<i32>().iter().map(|state| state.map(cbor::as_json))
}

struct StoredTable {
    printer: TablePrinter<Out>,
    encoded: Vec<usize>,
    schema: Option<SchemaRef>,
}

impl TakeRows for StoredTable {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let fields = schema.fields().iter().enumerate().map(|(at, field)| match self.encoded.contains(&at) {
            true => Arc::new(Field::new(field.name(), DataType::Utf8, true)),
            false => field.clone(),
        });
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.schema = Some(schema.clone());
        self.printer.begin(&schema)
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(schema) = &self.schema else { return Ok(()) };
        let columns = batch.columns().iter().enumerate().map(|(at, column)| match self.encoded.contains(&at) {
            true => Arc::new(decoded(column).collect::<StringArray>()) as ArrayRef,
            false => column.clone(),
        });
        let batch = RecordBatch::try_new(schema.clone(), columns.collect());
        self.printer.rows(&batch.map_err(|e| Error::internal(format!("rows cannot be shown: {e}")).caused_by(e))?)
    }

    fn end(&mut self) -> Result<()> {
        self.printer.end()
    }
}

/// An object per row, in a line, of columns that are not null; `names` are those of the columns as JSON.
fn lines(names: &[String], encoded: &[usize], batch: &RecordBatch) -> Result<String> {
    let values = batch.columns().iter().enumerate().map(|(at, column)| match encoded.contains(&at) {
        true => Ok(decoded(column).map(Option::unwrap_or_default).collect()),
        false => json_values(column),
    });
    let values: Vec<Vec<String>> = values.collect::<Result<_>>()?;
    let mut lines = String::new();
    for row in 0..batch.num_rows() {
        let there = names.iter().zip(&values).filter(|(_, values)| !values[row].is_empty());
        let members: Vec<String> = there.map(|(name, values)| format!("{name}:{}", values[row])).collect();
        lines += &format!("{{{}}}\n", members.join(","));
    }
    Ok(lines)
}

fn names(schema: &SchemaRef) -> Vec<String> {
    schema.fields().iter().map(|field| Value::from(field.name().as_str()).to_string()).collect()
}

/// Rows of `columns` as JSON objects.
pub(crate) fn stored_json(columns: &StoredColumns, batch: &RecordBatch) -> Result<Vec<Value>> {
    let lines = lines(&names(&columns.schema), &columns.encoded, batch)?;
    let objects = lines.lines().map(serde_json::from_str);
    objects.collect::<Result<_, _>>().map_err(|e| Error::internal(format!("a state is no JSON: {e}")).caused_by(e))
}

/// Prints an object per row, of columns that are not null.
struct StoredLines {
    out: Out,
    encoded: Vec<usize>,
    /// The columns' names as JSON.
    names: Vec<String>,
}

impl TakeRows for StoredLines {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.names = names(schema);
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let lines = lines(&self.names, &self.encoded, batch)?;
        self.out.write_all(lines.as_bytes()).map_err(|e| cannot_write(e.into()))
    }

    fn end(&mut self) -> Result<()> {
        self.out.flush().map_err(|e| cannot_write(e.into()))
    }
}
