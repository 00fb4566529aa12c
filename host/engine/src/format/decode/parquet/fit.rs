//! Bringing the columns of a file to the declared types. A value that does not fit spoils its row and no other.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, Datum, RecordBatch, new_null_array};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{can_cast_types, cast as arrow_cast};
use arrow::datatypes::{DataType, TimestampSecondType};
use arrow::error::ArrowError;

use crate::format::{SHOWN_BYTES, cast, shown_value, type_name};

/// Whether values of type `from` can be brought to `to` at all. Numbers are no times: whether they count seconds or
/// microseconds a file does not say.
pub(super) fn can_fit(from: &DataType, to: &DataType) -> bool {
    let number_to_time = from.is_numeric() && matches!(to, DataType::Timestamp(..) | DataType::Date32);
    from == to || (can_cast_types(from, to) && !number_to_time)
}

/// The column `name` as `to`, null where a value does not fit; those rows and why go to `bad`.
pub(super) fn fit(
    name: &str,
    column: &ArrayRef,
    to: &DataType,
    bad: &mut BTreeMap<usize, String>,
) -> Result<ArrayRef, ArrowError> {
    if let Some(whole) = exact(column, to) {
        return Ok(whole);
    }
    let mut parts = Vec::new();
    halves(name, column, 0, to, bad, &mut parts);
    let parts: Vec<&dyn Array> = parts.iter().map(|part| &**part).collect();
    arrow::compute::concat(&parts)
}

/// A part of the column that does not fit as a whole, which begins with row `from`: cut in halves until the rows are
/// found.
fn halves(
    name: &str,
    column: &ArrayRef,
    from: usize,
    to: &DataType,
    bad: &mut BTreeMap<usize, String>,
    parts: &mut Vec<ArrayRef>,
) {
    if column.len() <= 1 {
        let value = shown_value(column, 0);
        bad.entry(from).or_insert_with(|| format!("`{name}`: {value} does not fit {}", type_name(to)));
        parts.push(new_null_array(to, column.len()));
        return;
    }
    let middle = column.len() / 2;
    for (start, length) in [(0, middle), (middle, column.len() - middle)] {
        let half = column.slice(start, length);
        match exact(&half, to) {
            Some(fits) => parts.push(fits),
            None => halves(name, &half, from + start, to, bad, parts),
        }
    }
}

/// The column as `to`, if all of its values are then what they were.
fn exact(column: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    let made = cast(column, to).ok()?;
    let from = column.data_type();
    let cuts_fractions = (from.is_floating() || from.is_decimal()) && to.is_integer();
    if cuts_fractions {
        let back = arrow_cast(&made, from).ok()?;
        let changed = distinct(&column as &dyn Datum, &back as &dyn Datum).ok()?;
        if changed.true_count() > 0 {
            return None;
        }
    }
    Some(made)
}

/// A time read as seconds, for a person; nested ones are not shown.
pub(super) fn shown_seconds(column: &ArrayRef, row: usize) -> String {
    match column.as_primitive_opt::<TimestampSecondType>() {
        Some(seconds) => format!("a time {} seconds after 1970", seconds.value(row)),
        None => "a time in it".into(),
    }
}

/// A row as its columns, but for `without`, whose values are not what they seem.
pub(super) fn row_text(batch: &RecordBatch, row: usize, without: &[usize]) -> String {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns()).enumerate();
    let values = columns.filter(|(at, _)| !without.contains(at)).map(|(_, (field, column))| {
        let value = if column.is_null(row) { serde_json::Value::Null } else { shown_value(column, row).into() };
        (field.name().clone(), value)
    });
    let mut text = serde_json::Value::Object(values.collect()).to_string();
    text.truncate(text.floor_char_boundary(SHOWN_BYTES));
    text
}
