//! Values as a person reads them in a report: one line, not too long, with what tells them apart.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::logging::printable;
use crate::rejects::cut;

/// The most bytes of one value.
const VALUE_BYTES: usize = 80;
/// The most columns of a row that are told.
const COLUMNS: usize = 6;

/// One value.
pub(super) fn value(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    if let DataType::Utf8 = column.data_type() {
        return format!("{:?}", cut(column.as_string::<i32>().value(row).to_owned(), VALUE_BYTES));
    }
    let options = FormatOptions::new().with_null("null").with_display_error(true);
    match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => line(&formatter.value(row).to_string()),
        Err(error) => format!("a {} that cannot be shown: {error}", column.data_type()),
    }
}

/// The values of these columns of a row: `card = "a", amount = 3`.
pub(super) fn row(batch: &RecordBatch, columns: &[usize], row: usize) -> String {
    let schema = batch.schema();
    let told = columns
        .iter()
        .take(COLUMNS)
        .map(|at| format!("{} = {}", schema.field(*at).name(), value(batch.column(*at).as_ref(), row)));
    let mut told = told.collect::<Vec<_>>().join(", ");
    if columns.len() > COLUMNS {
        told.push_str(", …");
    }
    told
}

/// A text of any kind in one line.
pub(super) fn line(text: &str) -> String {
    cut(printable(text).split_whitespace().collect::<Vec<_>>().join(" "), 4 * VALUE_BYTES)
}

/// Bytes in hexadecimal, the whole of them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
