//! Typed access to one table of the job file. Each method that finds something wrong gives an error that names the
//! key and the table, points at the value, and shows what would have been right.

use std::ops::Range;
use std::time::Duration;

use super::limit::Limit;
use super::text::{JobText, Spanned};
use super::tree::{Node, TableEntry, Value};
use super::{suggest, value};
use crate::error::{Error, Result};

/// Keys of the job that people look for in its tables.
const OF_THE_JOB: [&str; 4] = ["checkpoint", "trigger", "on_error", "final_watermark"];

/// The keys of one table.
pub(super) struct Fields<'a> {
    pub(super) job: &'a JobText,
    /// What the user calls the table: `[source.logs]`.
    label: String,
    /// Where its name stands: what "missing" errors point at.
    place: Range<usize>,
    entries: &'a [TableEntry],
}

impl<'a> Fields<'a> {
    /// The top level of the file.
    pub(super) fn root(job: &'a JobText, entries: &'a [TableEntry]) -> Self {
        // "Missing" points at the first line that says anything.
        let first = job.text.len() - job.text.trim_start().len();
        let end = job.text[first..].find('\n').map_or(job.text.len(), |at| first + at);
        Self { job, label: "the job file".into(), place: first..end, entries }
    }

    /// The table `entry`, called `label`.
    pub(super) fn table(job: &'a JobText, label: String, entry: &'a TableEntry) -> Result<Self> {
        match &entry.node.value {
            Value::Table(entries) => Ok(Self { job, label, place: entry.key_span.clone(), entries }),
            other => Err(job
                .error(entry.node.span.clone(), format!("`{}` must be a table, not {}", entry.key, other.kind()))
                .with_help(match label.contains(" of ") {
                    true => format!("a table is written `{} = {{ key = value }}`", entry.key),
                    false => format!("a table starts with its name in brackets: {label}"),
                })),
        }
    }

    /// The table `label`, which the file does not have.
    pub(super) fn without_entries(job: &'a JobText, label: String) -> Self {
        Self { job, label, place: 0..0, entries: &[] }
    }

    /// The name in brackets, for messages.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Its entries, in file order.
    pub(super) fn entries(&self) -> &'a [TableEntry] {
        self.entries
    }

    /// Refuses keys that are not `allowed`. `elsewhere` are keys that other kinds of the same table have, with what
    /// they go with.
    pub(super) fn only(&self, allowed: &[&str], elsewhere: &[(&str, &str)]) -> Result<()> {
        for entry in self.entries {
            let key = entry.key.as_str();
            if allowed.contains(&key) {
                continue;
            }
            if OF_THE_JOB.contains(&key) && allowed != super::KEYS && elsewhere.iter().all(|(name, _)| *name != key) {
                let message = format!("`{key}` is a key of the job, not of {}", self.label);
                return Err(self
                    .job
                    .error(entry.key_span.clone(), message)
                    .with_help("put it above the first table: it holds for the whole job"));
            }
            let help = suggest::choices(key, allowed.iter().copied());
            let error = match elsewhere.iter().find(|(name, _)| *name == key) {
                Some((_, with)) => self.job.error(entry.key_span.clone(), format!("`{key}` goes with {with} only")),
                None => {
                    let message = format!("unknown key `{key}` in {}", self.label);
                    self.job.error(entry.key_span.clone(), message)
                }
            };
            return Err(error.with_help(help));
        }
        Ok(())
    }

    /// The entry of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a TableEntry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key` which must be there; `example` is one that would do.
    pub(super) fn required<T>(&self, found: Option<T>, key: &str, example: &str) -> Result<T> {
        found.ok_or_else(|| self.missing(key, example))
    }

    /// The error that `key` is not there; `example` is a value that would do.
    pub(super) fn missing(&self, key: &str, example: &str) -> Error {
        self.job
            .error(self.place.clone(), format!("{} has no `{key}`", self.label))
            .with_help(format!("add `{key} = {example}`"))
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.job.error(self.place.clone(), message)
    }

    /// A value of the wrong type.
    pub(super) fn wrong(&self, key: &str, node: &Node, expected: &str, example: &str) -> Error {
        // A number with a fraction is a number all the same: what it is said not to be is shown as it stands there.
        let found = match node.value {
            Value::Float(_) => &self.job.text[node.span.clone()],
            _ => node.value.kind(),
        };
        self.job
            .error(node.span.clone(), format!("`{key}` must be {expected}, not {found}"))
            .with_help(format!("for example `{key} = {example}`"))
    }

    pub(super) fn string(&self, key: &str) -> Result<Option<Spanned<String>>> {
        self.get(key).map(|entry| string(self, key, &entry.node)).transpose()
    }

    /// A string that is not empty, and whose place is the bytes inside the quotes.
    pub(super) fn text(&self, key: &str) -> Result<Option<Spanned<String>>> {
        let found = self.string(key)?;
        if let (Some(text), Some(entry)) = (&found, self.get(key))
            && text.value.trim().is_empty()
        {
            return Err(self
                .job
                .error(entry.node.span.clone(), format!("`{key}` is empty"))
                .with_help("give it a value, or leave the line out where it need not be there"));
        }
        Ok(found)
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        match entry.node.value {
            Value::Boolean(yes) => Ok(Some(yes)),
            _ => Err(self.wrong(key, &entry.node, "true or false", "true")),
        }
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&self, key: &str, least: u64) -> Result<Option<u64>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        let Value::Integer(number) = entry.node.value else {
            return Err(self.wrong(key, &entry.node, "a whole number", &least.max(1).to_string()));
        };
        match u64::try_from(number) {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => {
                let message = format!("`{key}` must be {least} or more, not {number}");
                Err(self.job.error(entry.node.span.clone(), message))
            }
        }
    }

    /// A number greater than zero.
    pub(super) fn rate(&self, key: &str) -> Result<Option<f64>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        let number = match entry.node.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            _ => return Err(self.wrong(key, &entry.node, "a number", "1000.0")),
        };
        if number.is_finite() && number > 0.0 {
            return Ok(Some(number));
        }
        Err(self.job.error(entry.node.span.clone(), format!("`{key}` must be greater than zero")))
    }

    /// A text that `read` understands; `what` is what it is called, `example` one that would do.
    fn parsed<T>(
        &self,
        key: &str,
        what: &str,
        example: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        let Value::String { text, inner } = &entry.node.value else {
            return Err(self.wrong(key, &entry.node, what, example));
        };
        let span = if inner.is_empty() { &entry.node.span } else { inner };
        read(text).map(Some).map_err(|why| {
            self.job
                .error(span.clone(), format!("`{text}` is not {what}: {why}"))
                .with_help(format!("for example `{key} = {example}`"))
        })
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>> {
        self.parsed(key, "a duration", "\"250ms\"", value::duration)
    }

    /// A duration in microseconds.
    pub(super) fn micros(&self, key: &str) -> Result<Option<i64>> {
        self.parsed(key, "a duration", "\"1 minute\"", value::micros)
    }

    /// A number of bytes, also as a plain integer.
    pub(super) fn bytes(&self, key: &str) -> Result<Option<u64>> {
        if let Some(TableEntry { node: Node { value: Value::Integer(_), .. }, .. }) = self.get(key) {
            return self.count(key, 1);
        }
        let bytes = self.parsed(key, "a size", "\"64MiB\"", |text| match value::bytes(text) {
            Ok(0) => Err("it is zero".into()),
            other => other,
        })?;
        Ok(bytes)
    }

    /// What an epoch may admit: a number or, where it counts bytes, a size; or `"unlimited"`.
    pub(super) fn limit(&self, key: &str, read: impl Fn(&Self, &str) -> Result<Option<u64>>) -> Result<Limit> {
        match self.get(key).map(|entry| &entry.node.value) {
            None => Ok(Limit::Sensible),
            Some(Value::String { text, .. }) if text == "unlimited" => Ok(Limit::Unlimited),
            Some(_) => Ok(read(self, key)?.map_or(Limit::Sensible, Limit::At)),
        }
    }

    /// A point in time, in microseconds since 1970: a string or a TOML date-time, with its zone.
    pub(super) fn instant(&self, key: &str) -> Result<Option<i64>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        let (Value::String { text, .. } | Value::Datetime(text)) = &entry.node.value else {
            return Err(self.wrong(key, &entry.node, "a point in time", "\"2026-01-01T00:00:00Z\""));
        };
        value::instant(text).map(Some).ok_or_else(|| {
            self.job
                .error(entry.node.span.clone(), format!("`{text}` is not a point in time with its zone (RFC 3339)"))
                .with_help(format!("for example `{key} = \"2026-01-01T00:00:00Z\"`"))
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Result<Option<Spanned<T>>> {
        let Some(word) = self.string(key)? else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == word.value) {
            Some((_, value)) => Ok(Some(Spanned { value: *value, span: word.span })),
            None => Err(unknown_word(self.job, key, &word, choices.iter().map(|(name, _)| *name))),
        }
    }
}

/// The string `node`, which stands below `key`.
pub(super) fn string(fields: &Fields<'_>, key: &str, node: &Node) -> Result<Spanned<String>> {
    match &node.value {
        Value::String { text, inner } => {
            let span = if inner.is_empty() { node.span.clone() } else { inner.clone() };
            Ok(Spanned { value: text.clone(), span })
        }
        _ => Err(fields.wrong(key, node, "a string", "\"…\"")),
    }
}

/// A word that is none of `choices`.
pub(super) fn unknown_word<'c>(
    job: &JobText,
    key: &str,
    word: &Spanned<String>,
    choices: impl IntoIterator<Item = &'c str>,
) -> Error {
    let what = match key {
        "on_error" | "rows_of" | "surplus_fields" => format!("value of `{key}`:"),
        key => key.replace('_', " "),
    };
    job.error(word.span.clone(), format!("unknown {what} `{}`", word.value))
        .with_help(suggest::choices(&word.value, choices))
}
