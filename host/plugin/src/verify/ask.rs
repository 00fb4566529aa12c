//! Which columns an operator asks for, where nobody says: it is offered some, and what it misses is added.
//!
//! A plugin has no list of its columns, since they follow from its configuration; but `bind` refuses an input in words, and
//! those of the SDK name the column and the type. What other words do not tell has to be said by the user.

use arrow::datatypes::{DataType, Field, FieldRef};
use std::sync::Arc;

use crate::catalog::OperatorInfo;
use crate::error::{PluginError, Result};
use crate::fields::timestamp_type;
use crate::limits::Limits;
use crate::plugin::Plugin;
use crate::request::{InputField, Request};

/// The most columns that are added or changed.
const MOST: usize = 64;
/// Decimals are of this precision and scale.
const DECIMAL: DataType = DataType::Decimal128(20, 2);

/// The columns with which `request` can be bound: those that it has, and those that the operator misses, with types that
/// it takes.
///
/// # Errors
/// What `bind` refuses, where its words do not say how to mend it by a column.
pub fn asked_fields(plugin: &Plugin, request: &Request<'_>, limits: &Limits) -> Result<Vec<FieldRef>> {
    let operator = plugin.operator(request.operator, limits)?;
    let given = request.input.len();
    let mut fields: Vec<FieldRef> = request.input.iter().map(|input| input.field.clone()).collect();
    let mut kinds: Vec<String> = vec![String::new(); given];
    for _ in 0..MOST {
        let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
        let refused = match plugin.bind(&Request { input: &input, ..request.clone() }, limits) {
            Ok(_) => return Ok(fields),
            Err(PluginError::Refused { key, message }) => (key, message),
            Err(other) => return Err(other),
        };
        let mended = match asked(&refused.1) {
            Asked::Column(name) if fields.iter().all(|field| field.name() != name) => {
                let (data_type, kind) = told_of(operator, name);
                fields.push(Arc::new(Field::new(name, data_type, true)));
                kinds.push(kind);
                true
            }
            Asked::Place(place) if fields.len() < place => {
                let name = if fields.is_empty() { "value".to_owned() } else { format!("value{}", fields.len() + 1) };
                fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
                kinds.push(String::new());
                true
            }
            Asked::Type(name, kind) => match fields.iter().position(|field| field.name() == name) {
                // Those that the user has given are as he wants them, and a second try at a type is none.
                Some(at) if at >= given && kinds[at] != kind => {
                    let data_type = type_of(kind);
                    kinds[at] = kind.to_owned();
                    let changes = data_type.is_some();
                    fields[at] = Arc::new(Field::new(name, data_type.unwrap_or(DataType::Utf8), true));
                    changes
                }
                _ => false,
            },
            _ => false,
        };
        if !mended {
            return Err(PluginError::Refused { key: refused.0, message: refused.1 });
        }
    }
    Err(PluginError::Unsupported(format!("the plugin goes on asking for columns after {MOST} of them")))
}

/// What a refusal asks for.
#[derive(Debug, PartialEq)]
enum Asked<'a> {
    /// A column of this name.
    Column(&'a str),
    /// So many columns.
    Place(usize),
    /// A column of this name to be of this type.
    Type(&'a str, &'a str),
    /// Something else.
    Other,
}

fn asked(message: &str) -> Asked<'_> {
    let quoted = |text: &'_ str| text.split_once('`').map(|(name, _)| name.len());
    if let Some((_, rest)) = message.split_once("no column `") {
        return quoted(rest).map_or(Asked::Other, |end| Asked::Column(&rest[..end]));
    }
    if let Some((column, kind)) = message.split_once("; this plugin needs ") {
        let Some((_, rest)) = column.split_once("column `") else { return Asked::Other };
        return quoted(rest).map_or(Asked::Other, |end| Asked::Type(&rest[..end], kind));
    }
    let place = message.strip_prefix("column ").and_then(|rest| rest.split_once(" is needed"));
    place.and_then(|(place, _)| place.parse().ok()).map_or(Asked::Other, Asked::Place)
}

/// The type that the catalog's words tell of a column; text where it tells nothing.
fn told_of(operator: &OperatorInfo, name: &str) -> (DataType, String) {
    let told = operator.columns.iter().find(|column| !column.made && column.name == name);
    let kind = told.map(|column| column.type_text.clone()).unwrap_or_default();
    (type_of(&kind).unwrap_or(DataType::Utf8), kind)
}

/// The type that is meant by these words.
fn type_of(words: &str) -> Option<DataType> {
    let word = words.trim_start_matches("a ").trim_start_matches("an ").trim_start_matches("any ");
    Some(match word.split([' ', ',', '(']).next()? {
        "utf8" | "text" | "string" => DataType::Utf8,
        "binary" | "bytes" => DataType::Binary,
        "boolean" | "bool" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" | "integer" | "integers" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        "float64" | "double" | "number" | "numbers" => DataType::Float64,
        "timestamp" | "time" => timestamp_type(),
        "date" => DataType::Date32,
        "decimal" => DECIMAL,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_sdk_are_understood() {
        assert_eq!(asked("the input has no column `at`; it has no columns"), Asked::Column("at"));
        assert_eq!(asked("column 2 is needed; there are 1"), Asked::Place(2));
        let message = "column `at` is utf8; this plugin needs timestamp";
        assert_eq!(asked(message), Asked::Type("at", "timestamp"));
        assert_eq!(asked("`limit` is missing"), Asked::Other);
        assert_eq!(type_of("any number"), Some(DataType::Float64));
        assert_eq!(type_of("decimal(10, 2)"), Some(DECIMAL));
        assert_eq!(type_of("list<utf8>"), None);
    }
}
