//! The job file as a tree of values, each with the bytes it stands in.
//!
//! What always holds: every span lies inside [`JobText::text`]. An override (`--set key=value`) is appended to that
//! text as a comment line, so that an error about an overridden value points at the override; `${VAR}` is replaced in
//! strings only, after parsing, so that a variable cannot change the file's structure. Which keys are legal is left to
//! the readers.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::suggest;
use super::text::JobText;
use crate::error::Result;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The whole token, quotes and brackets included.
    pub span: Range<usize>,
    pub value: Value,
}

/// A value of a job file.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A string, and the bytes between its quotes (without the line break that may follow opening triple quotes).
    String {
        text: String,
        inner: Range<usize>,
    },
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// As TOML writes it.
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<TableEntry>),
}

/// One key of a table; tables keep the order of the file.
#[derive(Debug, Clone)]
pub(super) struct TableEntry {
    pub key: String,
    pub key_span: Range<usize>,
    pub node: Node,
}

impl Value {
    /// What it is, for "expected …, found …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::String { .. } => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "true or false",
            Value::Datetime(_) => "a date or time",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// Tables whose entries the user names: an override may change such an entry, not add one, because a mistyped name
/// would otherwise become a new source.
const NAMED: [&str; 4] = ["source", "plugin", "operator", "sink"];

/// Parses `text` and applies `overrides`, in order.
pub(super) fn parse(text: &str, file: &Path, overrides: &[(String, String)]) -> Result<(JobText, Vec<TableEntry>)> {
    let mut whole = String::from(text);
    // Where the value of each override stands in the text.
    let mut places = Vec::with_capacity(overrides.len());
    for (key, value) in overrides {
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str("# --set ");
        let key_start = whole.len();
        whole.push_str(key);
        whole.push('=');
        let value_start = whole.len();
        whole.push_str(value);
        places.push((key_start..key_start + key.len(), value_start..whole.len()));
    }
    let job = JobText { file: file.to_path_buf(), text: Arc::from(whole) };

    let parsed = DeTable::parse(text).map_err(|error| syntax_error(&job, &error, 0))?;
    let mut root = TableReader { job: &job, offset: 0 }.table(parsed.get_ref())?;
    for ((key, value), (key_span, value_span)) in overrides.iter().zip(places) {
        apply(&job, &mut root, (key, key_span), (value, value_span))?;
    }
    Ok((job, root))
}

/// An error of the TOML parser, in our words; `offset` is where the parsed text starts in the job's.
fn syntax_error(job: &JobText, error: &toml::de::Error, offset: usize) -> crate::Error {
    let end = job.text.len();
    let span = error.span().unwrap_or(end..end);
    let span = (span.start + offset).min(end)..(span.end + offset).min(end);
    let what = error.message().trim();
    if what.starts_with("duplicate key") {
        let name = job.text.get(span.clone()).unwrap_or_default();
        return job
            .error(span.clone(), format!("`{name}` is defined twice"))
            .with_help("a name or a key stands once: rename one of them, or remove it");
    }
    job.error(span, format!("not valid TOML: {what}"))
        .with_help("keys are written `key = \"value\"`, tables `[source.name]`; strings stand in quotes")
}

/// Turns the parser's values into ours.
struct TableReader<'a> {
    job: &'a JobText,
    /// Where the parsed text starts in the job's.
    offset: usize,
}

impl TableReader<'_> {
    fn span(&self, span: Range<usize>) -> Range<usize> {
        span.start + self.offset..span.end + self.offset
    }

    fn table(&self, table: &DeTable<'_>) -> Result<Vec<TableEntry>> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let key_span = self.span(key.span());
            entries.push(TableEntry { key: key.get_ref().to_string(), key_span, node: self.node(value)? });
        }
        entries.sort_by_key(|entry| entry.key_span.start);
        Ok(entries)
    }

    fn node(&self, node: &Spanned<DeValue<'_>>) -> Result<Node> {
        let span = self.span(node.span());
        let value = match node.get_ref() {
            DeValue::String(text) => {
                let inner = inside_quotes(&self.job.text, &span);
                Value::String { text: expand(self.job, text, &inner)?, inner }
            }
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => return Err(self.job.error(span, "this integer does not fit in 64 bits")),
            },
            DeValue::Float(digits) => match digits.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return Err(self.job.error(span, "this is no number")),
            },
            DeValue::Boolean(yes) => Value::Boolean(*yes),
            DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.node(item)).collect::<Result<Vec<_>>>()?)
            }
            DeValue::Table(table) => Value::Table(self.table(table)?),
        };
        Ok(Node { span, value })
    }
}

/// The bytes between the quotes of the string token `span`; an override without quotes is taken whole.
fn inside_quotes(text: &str, span: &Range<usize>) -> Range<usize> {
    let token = &text[span.clone()];
    for quotes in ["\"\"\"", "'''"] {
        if token.len() >= 6 && token.starts_with(quotes) {
            let after = &token[3..];
            let line_break = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
            return span.start + 3 + line_break..span.end - 3;
        }
    }
    if token.len() >= 2 && (token.starts_with('"') || token.starts_with('\'')) {
        return span.start + 1..span.end - 1;
    }
    span.clone()
}

/// Replaces `${VAR}` by the environment variable and `$${` by `${`.
fn expand(job: &JobText, text: &str, inner: &Range<usize>) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            expanded.push_str(&rest[..at - 1]);
            expanded.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        expanded.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(job
                .error(place(job, "${", inner), "`${` is not closed")
                .with_help("an environment variable is written `${NAME}`; a plain `${` is written `$${`"));
        };
        let name = &rest[at + 2..at + end];
        let token = &rest[at..=at + end];
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(job
                .error(place(job, token, inner), format!("`{name}` is no name of an environment variable"))
                .with_help("letters, digits and `_`; a plain `${` is written `$${`"));
        }
        match std::env::var(name) {
            Ok(value) => expanded.push_str(&value),
            Err(error) => {
                let why = match error {
                    std::env::VarError::NotPresent => "is not set",
                    std::env::VarError::NotUnicode(_) => "is not UTF-8",
                };
                return Err(job
                    .error(place(job, token, inner), format!("the environment variable `{name}` {why}"))
                    .with_help(format!("run with `{name}=… millstream …`; a plain `${{` is written `$${{`")));
            }
        }
        rest = &rest[at + end + 1..];
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Where `token` stands inside `inner`; all of `inner` where escapes hide it.
fn place(job: &JobText, token: &str, inner: &Range<usize>) -> Range<usize> {
    match job.text[inner.clone()].find(token) {
        Some(at) => inner.start + at..inner.start + at + token.len(),
        None => inner.clone(),
    }
}

/// Applies one override: `key` is a dotted path, `value` TOML or else a plain string.
fn apply(
    job: &JobText,
    root: &mut Vec<TableEntry>,
    key: (&str, Range<usize>),
    value: (&str, Range<usize>),
) -> Result<()> {
    let path = key_path(job, key.0, &key.1)?;
    let node = value_node(job, value.0, &value.1)?;

    let mut table = root;
    let last = path.len() - 1;
    for (depth, name) in path.iter().enumerate() {
        let known = table.iter().position(|entry| entry.key == *name);
        if known.is_none() && depth == 1 && NAMED.contains(&path[0].as_str()) {
            let names = table.iter().map(|entry| entry.key.as_str());
            return Err(job
                .error(key.1.clone(), format!("--set: the job has no {} `{name}`", path[0]))
                .with_help(suggest::choices(name, names)));
        }
        if depth == last {
            let entry = TableEntry { key: name.clone(), key_span: key.1.clone(), node: node.clone() };
            match known {
                // The key keeps its place in the file: the order of entries stays what it was.
                Some(at) => table[at].node = entry.node,
                None => table.push(entry),
            }
            break;
        }
        let at = known.unwrap_or_else(|| {
            let node = Node { span: key.1.clone(), value: Value::Table(Vec::new()) };
            table.push(TableEntry { key: name.clone(), key_span: key.1.clone(), node });
            table.len() - 1
        });
        let kind = table[at].node.value.kind();
        let Value::Table(inner) = &mut table[at].node.value else {
            let whole = path[..=depth].join(".");
            return Err(job
                .error(key.1.clone(), format!("--set: `{whole}` is {kind}, so it has no `{}`", path[depth + 1]))
                .with_help(format!("set `{whole}` as a whole")));
        };
        table = inner;
    }
    Ok(())
}

/// A value: TOML, or else a plain string. `span` is where it stands.
fn value_node(job: &JobText, text: &str, span: &Range<usize>) -> Result<Node> {
    match DeValue::parse(text) {
        Ok(parsed) => TableReader { job, offset: span.start }.node(&parsed),
        Err(_) => {
            let value = Value::String { text: expand(job, text, span)?, inner: span.clone() };
            Ok(Node { span: span.clone(), value })
        }
    }
}

/// A value as `with` may have it, written as an override is: TOML, or else a plain string. `given` is what it is given by.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`], with the place: JSON has no such number, an environment variable is not set.
pub fn parse_with_value(given: &str, text: &str) -> Result<serde_json::Value> {
    let job = JobText { file: given.into(), text: Arc::from(text) };
    let node = value_node(&job, text, &(0..text.len()))?;
    let mut odd = None;
    let value = json(&node, &mut |node| odd = odd.take().or(Some(node.span.clone())));
    match odd {
        Some(span) => Err(job.error(span, NO_SUCH_NUMBER)),
        None => Ok(value),
    }
}

/// Why a configuration cannot have `inf` or `nan`.
pub(super) const NO_SUCH_NUMBER: &str = "a plugin's configuration is JSON, which has no such number";

/// The names of a dotted path, by TOML's own rules for keys.
fn key_path(job: &JobText, key: &str, span: &Range<usize>) -> Result<Vec<String>> {
    let line = format!("{key} = 0");
    let wrong = || {
        job.error(span.clone(), format!("--set: `{key}` is no key"))
            .with_help("a key is a dotted path into the job file, such as `trigger` or `source.logs.path`")
    };
    if key.contains('\n') {
        return Err(wrong());
    }
    let parsed = DeTable::parse(&line).map_err(|_| wrong())?;
    let mut path = Vec::new();
    let mut table = parsed.get_ref();
    while let Some((name, value)) = table.iter().next() {
        path.push(name.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Ok(path),
        }
    }
    Err(wrong())
}

/// The tree as JSON that does not depend on spacing, comments or the order of keys, except below `schema`, whose order
/// means something: what [`super::Job::digest`] is made of.
pub(super) fn canonical(entries: &[TableEntry]) -> serde_json::Value {
    let member = |entry: &TableEntry| match &entry.node.value {
        Value::Table(columns) if entry.key == "schema" => {
            let column = |column: &TableEntry| serde_json::json!([column.key, json(&column.node, &mut |_| {})]);
            columns.iter().map(column).collect()
        }
        Value::Table(inner) => canonical(inner),
        _ => json(&entry.node, &mut |_| {}),
    };
    serde_json::Value::Object(entries.iter().map(|entry| (entry.key.clone(), member(entry))).collect())
}

/// A table as a JSON object; `odd` is called with each number that JSON cannot write.
pub(super) fn table_json(entries: &[TableEntry], odd: &mut dyn FnMut(&Node)) -> serde_json::Value {
    let members = entries.iter().map(|entry| (entry.key.clone(), json(&entry.node, odd)));
    serde_json::Value::Object(members.collect())
}

fn json(node: &Node, odd: &mut dyn FnMut(&Node)) -> serde_json::Value {
    match &node.value {
        Value::String { text, .. } | Value::Datetime(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => serde_json::Number::from_f64(*number).map_or_else(
            || {
                odd(node);
                number.to_string().into()
            },
            serde_json::Value::Number,
        ),
        Value::Boolean(yes) => (*yes).into(),
        Value::Array(items) => items.iter().map(|item| json(item, odd)).collect(),
        Value::Table(entries) => table_json(entries, odd),
    }
}
