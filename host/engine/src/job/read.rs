//! A table of the job file to the values of its connector's keys: checked against the connector's [`KeyTable`].

use std::collections::BTreeMap;
use std::path::Path;

use super::fields::{Fields, string};
use super::keys::{Absent, Key, KeyKind, KeyTable, Refusal};
use super::options::{OptionValue, Options};
use super::text::Spanned;
use super::tree::{self, Value};
use super::{absolute, absolute_pattern};
use crate::error::{Error, Result};

impl Options {
    /// The options of a connector that no job file asks for: `values` and, for other keys, what the table says.
    pub fn given(
        connector: &'static str,
        table: &'static KeyTable,
        base: &Path,
        values: impl IntoIterator<Item = (&'static str, Spanned<OptionValue>)>,
    ) -> Self {
        let mut options = Self { connector, base: base.to_path_buf(), values: BTreeMap::new() };
        options.values.extend(values);
        for key in table.keys {
            if let Absent::Default(text) = key.absent
                && options.goes(key)
                && !options.values.contains_key(key.name)
            {
                options.values.insert(key.name, Spanned { value: default(key, text, base), span: 0..0 });
            }
        }
        options
    }

    /// Whether the words that `key` goes with are there.
    fn goes(&self, key: &Key) -> bool {
        let words = |key: &str| match self.values.get(key).map(|found| &found.value) {
            Some(OptionValue::Word(word)) => Some(*word),
            _ => None,
        };
        key.with.is_none_or(|with| words(with.key).is_some_and(|word| with.words.contains(&word)))
    }

    /// Reads the keys of `table`. `job` is the job's name, for defaults; `place` where it stands that there is no key.
    pub(super) fn read(
        connector: &'static str,
        table: &'static KeyTable,
        fields: &Fields<'_>,
        base: &Path,
        job: &str,
        place: std::ops::Range<usize>,
    ) -> Result<Self> {
        let mut options = Self { connector, base: base.to_path_buf(), values: BTreeMap::new() };
        for key in table.keys {
            let entry = fields.get(key.name);
            if !options.goes(key) {
                if let Some(entry) = entry {
                    let (message, help) = not_beside(key);
                    return Err(fields.job.error(entry.key_span.clone(), message).with_help(help));
                }
                continue;
            }
            let value = match (value(key, fields, base)?, key.absent) {
                (Some(value), _) => value,
                (None, Absent::Refused) => return Err(fields.missing(key.name, key.example)),
                (None, Absent::Nothing) => continue,
                (None, Absent::Default(text)) => {
                    Spanned { value: default(key, &text.replace("{job}", job), base), span: place.clone() }
                }
            };
            options.values.insert(key.name, value);
        }
        (table.check)(&options).map_err(|refusal| refused(fields, table, refusal))?;
        Ok(options)
    }
}

/// The value of a default, which the connector's own table has.
fn default(key: &Key, text: &str, base: &Path) -> OptionValue {
    let read = || -> Result<Option<Spanned<OptionValue>>> {
        let (job, entries) = tree::parse(&format!("{} = {text}", key.name), Path::new("default"), &[])?;
        value(key, &Fields::root(&job, &entries), base)
    };
    match read() {
        Ok(Some(found)) => found.value,
        other => panic!("the default {text} of the key `{}` cannot be read: {other:?}", key.name),
    }
}

/// What is said of a key whose other key has another word, and how to mend it.
fn not_beside(key: &Key) -> (String, String) {
    let Some(with) = key.with else { return (format!("`{}` cannot be given", key.name), String::from("leave it out")) };
    let words: Vec<String> = with.words.iter().map(|word| format!("\"{word}\"")).collect();
    let words = match words.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    };
    let message = format!("`{}` goes with {} = {words} only", key.name, with.key);
    (message, format!("leave it out, or give {} = {words}", with.key))
}

fn refused(fields: &Fields<'_>, table: &KeyTable, refusal: Refusal) -> Error {
    let at = |place: Option<std::ops::Range<usize>>, message: String, help: String| {
        place.map_or_else(|| fields.error(message.clone()), |at| fields.job.error(at, message.clone())).with_help(help)
    };
    match refusal {
        Refusal::Missing(name) => {
            let example = table.keys.iter().find(|key| key.name == name).map_or("…", |key| key.example);
            fields.missing(name, example)
        }
        Refusal::Key { key, message, help } => at(fields.get(key).map(|e| e.key_span.clone()), message, help),
        Refusal::Value { key, message, help } => at(fields.get(key).map(|e| e.node.span.clone()), message, help),
    }
}

/// The value of `key`, if it is given.
fn value(key: &Key, fields: &Fields<'_>, base: &Path) -> Result<Option<Spanned<OptionValue>>> {
    use OptionValue as V;
    let name = key.name;
    let Some(entry) = fields.get(name) else { return Ok(None) };
    let mut span = entry.node.span.clone();
    let value = match key.kind {
        KeyKind::Text => fields.text(name)?.map(|text| {
            span = text.span;
            V::Text(text.value)
        }),
        KeyKind::Path => fields.text(name)?.map(|text| {
            span = text.span;
            V::Path(absolute(base, &text.value))
        }),
        KeyKind::Pattern => fields.text(name)?.map(|text| {
            span = text.span;
            V::Text(absolute_pattern(base, &text.value))
        }),
        KeyKind::Word(words) => {
            let choices: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
            fields.choice(name, &choices)?.map(|word| {
                span = word.span;
                V::Word(word.value)
            })
        }
        KeyKind::Boolean => fields.boolean(name)?.map(V::Boolean),
        KeyKind::Count(least) => fields.count(name, least)?.map(V::Count),
        KeyKind::Rate => fields.rate(name)?.map(V::Rate),
        KeyKind::Duration => fields.micros(name)?.map(V::Micros),
        KeyKind::Instant => fields.instant(name)?.map(V::Micros),
        KeyKind::Bytes(most, written) => match fields.bytes(name)? {
            Some(bytes) if bytes > most => {
                return Err(fields.job.error(span, format!("`{name}` can be {written} at the most")));
            }
            bytes => bytes.map(V::Count),
        },
        KeyKind::FileLimit => Some(V::Limit(fields.limit(name, |fields, key| fields.count(key, 1))?)),
        KeyKind::ByteLimit => Some(V::Limit(fields.limit(name, Fields::bytes)?)),
        KeyKind::Character => fields.string(name)?.map(|text| character(fields, key, &text, &span)).transpose()?,
        KeyKind::Columns => Some(V::Columns(columns(fields, key)?)),
    };
    Ok(value.map(|value| Spanned { value, span }))
}

fn character(
    fields: &Fields<'_>,
    key: &Key,
    text: &Spanned<String>,
    span: &std::ops::Range<usize>,
) -> Result<OptionValue> {
    match text.value.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(OptionValue::Character(*byte)),
        _ => {
            let name = key.name;
            let message = format!("`{name}` must be one ASCII character, not a quote or line break");
            let help = format!("for example `{name} = \";\"` or `{name} = \"\\t\"`");
            Err(fields.job.error(span.clone(), message).with_help(help))
        }
    }
}

/// Columns in order. Whether a type is known is checked by whoever reads them.
fn columns(fields: &Fields<'_>, key: &Key) -> Result<Vec<(String, Spanned<String>)>> {
    let Some(entry) = fields.get(key.name) else { return Ok(Vec::new()) };
    let Value::Table(columns) = &entry.node.value else {
        return Err(fields.wrong(key.name, &entry.node, "a table", key.example));
    };
    if columns.is_empty() {
        return Err(fields.job.error(entry.node.span.clone(), format!("`{}` names no column", key.name)));
    }
    columns.iter().map(|column| Ok((column.key.clone(), string(fields, &column.key, &column.node)?))).collect()
}
