//! The values of a column as JSON, one by one.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use millstream_engine::format::FileFormat;
use millstream_engine::format::encode::{FileColumns, encoder};
use millstream_engine::{Error, Result};

/// The values of a column as the JSON encoder writes them; a null is empty. Those of a column that no file could hold are
/// texts.
pub(super) fn json_values(column: &ArrayRef) -> Result<Vec<String>> {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", column.data_type().clone(), true)]));
    let Ok(columns) = FileColumns::new(FileFormat::Json, &schema) else { return odd_values(column) };
    let batch = RecordBatch::try_new(schema, vec![column.clone()]).map_err(cannot_show)?;
    let mut json = encoder(FileFormat::Json, columns.schema(), Vec::new())?;
    json.write(&columns.convert(&batch)?)?;
    let json = json.finish()?;
    let value = |line: &[u8]| {
        let value = line.strip_prefix(b"{\"c\":").and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    let mut values: Vec<String> = json.split(|byte| *byte == b'\n').map(value).collect();
    values.truncate(column.len());
    Ok(values)
}

fn odd_values(column: &ArrayRef) -> Result<Vec<String>> {
    let options = FormatOptions::new().with_display_error(true);
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options).map_err(cannot_show)?;
    let value = |row| match column.is_null(row) {
        true => String::new(),
        false => serde_json::Value::String(formatter.value(row).to_string()).to_string(),
    };
    Ok((0..column.len()).map(value).collect())
}

fn cannot_show(error: arrow::error::ArrowError) -> Error {
    Error::internal(format!("rows cannot be shown: {error}")).caused_by(error)
}
