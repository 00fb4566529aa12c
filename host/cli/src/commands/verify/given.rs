//! What the command line gives an operator: its configuration, its columns, rows of a file.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, FieldRef};
use millstream_engine::format::{parse_type, type_name};
use millstream_engine::run::{QueryTable, query};
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{OperatorInfo, PluginError};
use serde_json::{Map, Value};

use crate::args::VerifyArgs;

/// The key of rows that are made, where nobody says which it is.
const KEY: &str = "key";

/// What was given.
pub(super) struct Given {
    /// The configuration, a JSON object.
    pub config: String,
    /// The rows of the input.
    pub rows: Option<RecordBatch>,
    columns: Vec<FieldRef>,
    keys: Option<Vec<String>>,
}

impl Given {
    pub(super) fn new(args: &VerifyArgs) -> Result<Self> {
        let config = config(&args.with)?;
        let columns = args.columns.as_deref().map(columns).transpose()?.unwrap_or_default();
        let keys = args.key.as_deref().map(|text| text.split(',').map(|name| name.trim().to_owned()).collect());
        let rows = args.input.as_ref().map(|path| rows(path, args.rows as usize)).transpose()?;
        Ok(Self { config, rows, columns, keys })
    }

    /// The names of the columns that make the key.
    pub(super) fn keys(&self) -> Result<Vec<String>> {
        match (&self.keys, &self.rows) {
            (Some(keys), _) => Ok(keys.clone()),
            (None, None) => Ok(vec![KEY.to_owned()]),
            (None, Some(rows)) => {
                let names: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
                Err(Error::invalid("a keyed operator needs columns that make the key")
                    .with_help(format!("name them with --key; the input has {}", names.join(", "))))
            }
        }
    }

    /// The columns that were named, and the keys, which are texts where nobody says otherwise.
    pub(super) fn fields(&self, keys: &[String]) -> Vec<FieldRef> {
        let mut fields = self.columns.clone();
        for key in keys {
            if fields.iter().all(|field| field.name() != key) {
                fields.push(Arc::new(Field::new(key, DataType::Utf8, true)));
            }
        }
        fields
    }
}

/// The columns of these names.
pub(super) fn found(fields: &[FieldRef], names: &[String], option: &str) -> Result<Vec<FieldRef>> {
    let find = |name: &String| {
        let found = fields.iter().find(|field| field.name() == name).cloned();
        found.ok_or_else(|| {
            Error::invalid(format!("{option}: there is no column `{name}`"))
                .with_help(format!("there are {}", named(fields)))
        })
    };
    names.iter().map(find).collect()
}

/// What a plugin says that cannot be bound, with what can be passed.
pub(super) fn refused(operator: &OperatorInfo, fields: &[FieldRef], args: &VerifyArgs, error: PluginError) -> Error {
    let help = match &error {
        PluginError::Refused { key: Some(key), .. } => match args.with.iter().find(|(given, _)| given == key) {
            Some((key, value)) => format!("change --with {key}={value}, or leave it out"),
            None => format!("pass --with {key}=VALUE"),
        },
        PluginError::Refused { key: None, .. } if args.input.is_some() => {
            format!("the input has {}; --with KEY=VALUE may name others for it", named(fields))
        }
        PluginError::Refused { key: None, .. } => format!(
            "it was offered {}; name columns with --columns \"NAME TYPE, NAME TYPE\", entries of its configuration with \
             --with KEY=VALUE",
            named(fields)
        ),
        _ => String::new(),
    };
    let error = Error::from(error).context(format!("operator `{}`", operator.name));
    if help.is_empty() { error } else { error.with_help(help) }
}

/// Columns as `--columns` has them.
pub(super) fn named(fields: &[FieldRef]) -> String {
    let named = fields.iter().map(|field| format!("{} {}", field.name(), type_name(field.data_type())));
    let named = named.collect::<Vec<_>>().join(", ");
    if named.is_empty() { "no columns".to_owned() } else { named }
}

/// A JSON object of these entries, whose keys are paths.
fn config(entries: &[(String, String)]) -> Result<String> {
    let mut config = Map::new();
    for (path, text) in entries {
        let mut names: Vec<&str> = path.split('.').collect();
        let last = names.pop().unwrap_or_default();
        let mut table = &mut config;
        for name in names {
            let entry = table.entry(name).or_insert_with(|| Value::Object(Map::new()));
            table = entry.as_object_mut().ok_or_else(|| {
                Error::invalid(format!("--with {path}: `{name}` is a value, and no table"))
                    .with_help("give it either a value or entries")
            })?;
        }
        table.insert(last.to_owned(), value(text));
    }
    Ok(Value::Object(config).to_string())
}

/// TOML, or a plain text.
fn value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<toml::Table>();
    match parsed.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value")) {
        Some(value) => json(value),
        None => text.into(),
    }
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is) => is.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

/// `card string, amount decimal(10, 2)`
fn columns(text: &str) -> Result<Vec<FieldRef>> {
    let wrong = |message: String| {
        Error::invalid(format!("--columns: {message}"))
            .with_help("write names and types, such as \"card string, amount double, at timestamp\"")
    };
    let mut fields: Vec<FieldRef> = Vec::new();
    for part in parts(text) {
        let part = part.trim();
        let Some((name, data_type)) = part.split_once(char::is_whitespace) else {
            return Err(wrong(match part {
                "" => "a name is missing".to_owned(),
                name => format!("`{name}` has no type"),
            }));
        };
        let data_type = parse_type(data_type.trim()).map_err(|e| wrong(format!("column `{name}`: {e}")))?;
        if fields.iter().any(|field| field.name() == name) {
            return Err(wrong(format!("`{name}` is named twice")));
        }
        fields.push(Arc::new(Field::new(name, data_type, true)));
    }
    Ok(fields)
}

/// What stands between commas that are in no brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0i32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' | '<' => depth += 1,
            ')' | '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The first `most` rows of a file.
fn rows(path: &std::path::Path, most: usize) -> Result<RecordBatch> {
    let base = std::env::current_dir()
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("the current folder is gone: {e}")).caused_by(e))?;
    let answer = query("SELECT * FROM rows", &[QueryTable::new("rows", path)], &base)
        // Without the place in a command line that nobody wrote.
        .map_err(|error| {
            let told = Error::new(error.kind(), format!("--input: {}", error.message()));
            told.with_help(error.help().unwrap_or("name a file that `millstream sql` can read"))
        })?;
    if answer.batch.num_rows() == 0 {
        return Err(Error::invalid(format!("--input: there are no rows in {}", path.display()))
            .with_help("give it some, or leave out --input: then rows are made"));
    }
    if answer.answered.refused > 0 {
        eprintln!("note: {} rows of the input could not be read; they are left out", answer.answered.refused);
    }
    Ok(answer.batch.slice(0, answer.batch.num_rows().min(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_names_and_types() {
        let fields = columns("card string, amount decimal(10, 2),tags list<utf8>").unwrap();
        assert_eq!(named(&fields), "card utf8, amount decimal(10, 2), tags list<utf8>");
        let said = |text: &str| columns(text).unwrap_err().message().to_owned();
        assert_eq!(said("card"), "--columns: `card` has no type");
        assert_eq!(said("a utf8, a int64"), "--columns: `a` is named twice");
        assert!(said("a txt").starts_with("--columns: column `a`: "), "{}", said("a txt"));
    }

    #[test]
    fn entries_are_toml_or_text() {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let given = [entry("n", "3"), entry("separator", ", "), entry("double.by", "2.5"), entry("names", "['a']")];
        assert_eq!(config(&given).unwrap(), r#"{"double":{"by":2.5},"n":3,"names":["a"],"separator":", "}"#);
        assert!(config(&[entry("n", "3"), entry("n.m", "4")]).is_err());
    }
}
