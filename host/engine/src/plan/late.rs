//! Late rows as an output, and those too far ahead: all their columns, and why, whence and in which epoch they came.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::time::shown_length;

/// Where a row came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowOrigin {
    /// Its source; none for a row that a stateful operator gave.
    pub source: Option<Arc<str>>,
    /// Its file, if the source reads files.
    pub file: Option<Arc<str>>,
    /// Line in the file, from 1; for sources without lines the row's number, from 1.
    pub line: Option<u64>,
}

/// The columns that are added: no column of a late row may be called so.
fn added() -> [FieldRef; 6] {
    let field = |name: &str, data_type, nullable| Arc::new(Field::new(name, data_type, nullable));
    [
        field("_epoch", DataType::Int64, false),
        field("_node", DataType::Utf8, false),
        field("_reason", DataType::Utf8, false),
        field("_source", DataType::Utf8, true),
        field("_file", DataType::Utf8, true),
        field("_line", DataType::Int64, true),
    ]
}

/// The columns of a node's late rows: those of its inputs, columns of one name as one, and the added ones.
///
/// # Errors
/// The name of a column that two inputs have with different types, or that is called like an added one.
pub fn schema(inputs: &[SchemaRef]) -> Result<SchemaRef, String> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for field in inputs.iter().flat_map(|input| input.fields().iter()) {
        match fields.iter().find(|f| f.name() == field.name()) {
            None if inputs.len() > 1 => fields.push(Arc::new(Field::clone(field).with_nullable(true))),
            None => fields.push(field.clone()),
            Some(there) if there.data_type() == field.data_type() => {}
            Some(_) => return Err(field.name().clone()),
        }
    }
    for field in added() {
        if fields.iter().any(|f| f.name() == field.name()) {
            return Err(field.name().clone());
        }
        fields.push(field);
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Why rows are late: by this watermark.
pub fn reason(watermark: Option<i64>) -> String {
    match watermark.and_then(shown) {
        Some(w) => format!("late: the watermark was {w}"),
        None => "late".to_owned(),
    }
}

/// Why rows are ahead: by more than `max_ahead` of the processing time at which their epoch `started`.
pub fn ahead(max_ahead: i64, started: i64) -> String {
    let after = shown(started).map(|t| format!(", {t}")).unwrap_or_default();
    format!("ahead: more than {} after the start of its epoch{after}", shown_length(max_ahead))
}

fn shown(micros: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_micros(micros)?;
    Some(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// Late rows as rows of `schema`. `node` found them late in `epoch`, for `reason`.
pub fn batch(
    schema: &SchemaRef,
    rows: &RecordBatch,
    epoch: u64,
    node: &str,
    reason: &str,
    origins: &[RowOrigin],
) -> Result<RecordBatch, ArrowError> {
    let n = rows.num_rows();
    let text = |of: &dyn Fn(&RowOrigin) -> Option<&str>| -> ArrayRef {
        Arc::new(origins.iter().map(of).collect::<StringArray>())
    };
    let same = |text: &str| -> ArrayRef { Arc::new(std::iter::repeat_n(Some(text), n).collect::<StringArray>()) };
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "_epoch" => Arc::new(Int64Array::from_value(number(epoch), n)) as ArrayRef,
        "_node" => same(node),
        "_reason" => same(reason),
        "_source" => text(&|p| p.source.as_deref()),
        "_file" => text(&|p| p.file.as_deref()),
        "_line" => Arc::new(origins.iter().map(|p| p.line.map(number)).collect::<Int64Array>()),
        name => match rows.column_by_name(name) {
            Some(column) => column.clone(),
            None => new_null_array(field.data_type(), n),
        },
    });
    RecordBatch::try_new(schema.clone(), columns.collect())
}
