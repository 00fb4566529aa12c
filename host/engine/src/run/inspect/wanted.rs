//! Which rows are asked for, as a person writes it: columns and values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray, new_null_array};
use arrow::datatypes::DataType;

use crate::format::{cast, shown_type};
use crate::job::suggest::choices;
use crate::operator::{StoredColumns, Wanted};
use crate::{Error, Result};

/// What is asked for of `node`.
///
/// # Errors
/// There is no such column, rows cannot be found by it, or the value is none of its type.
pub(super) fn wanted(columns: &StoredColumns, node: &str, asked: &[(String, String)]) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    for (name, text) in asked {
        let found_by = columns.keys.iter().chain(&columns.beside);
        let mut found_by = found_by.map(|at| (*at, columns.schema.field(*at)));
        let Some((at, field)) = found_by.clone().find(|(_, field)| field.name() == name) else {
            let is_column = columns.schema.field_with_name(name).is_ok();
            let what = if is_column { "is no key of" } else { "is no column of" };
            let message = format!("`{name}` {what} what `{node}` keeps");
            let help = match found_by.next() {
                None => "all of its rows are one group: leave --key out".to_owned(),
                Some(first) => {
                    choices(name, std::iter::once(first).chain(found_by).map(|(_, field)| field.name().as_str()))
                }
            };
            return Err(Error::invalid(message).with_help(help));
        };
        let Some(value) = value(text, field.data_type()) else {
            let (of, text) = (shown_type(field.data_type()), text.trim());
            let message = format!("`{name}` is of type {of}, and `{text}` is no such value");
            return Err(Error::invalid(message).with_help(example(field.data_type())));
        };
        if !wanted.with(at, value) {
            return Err(Error::invalid(format!("`{name}` is given two values")).with_help("give one"));
        }
    }
    Ok(wanted)
}

/// The value that `text` says, as an array of one.
fn value(text: &str, data_type: &DataType) -> Option<ArrayRef> {
    if data_type.is_nested() {
        return None;
    }
    if text.trim() == "null" {
        return Some(new_null_array(data_type, 1));
    }
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let toml =
        toml::from_str::<toml::Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    let texts = match toml {
        Some(toml::Value::String(quoted)) => vec![quoted],
        // Plain text is what it is.
        _ if is_text => vec![text.to_owned()],
        Some(other) => vec![text.trim().to_owned(), other.to_string()],
        None => vec![text.trim().to_owned()],
    };
    let of = |text: String| -> Option<ArrayRef> {
        let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let value = cast(&text, data_type).ok()?;
        value.is_valid(0).then_some(value)
    };
    texts.into_iter().find_map(of)
}

fn example(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Timestamp(..) => "write a time as 2026-03-01T12:00:00Z",
        DataType::Date32 | DataType::Date64 => "write a date as 2026-03-01",
        DataType::Boolean => "write true or false",
        data_type if data_type.is_nested() => "rows cannot be found by a column of such a type: leave it out",
        _ => "write it as TOML has it, or null",
    }
}
