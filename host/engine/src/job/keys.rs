//! The keys of a connector's table as data: from this table the job file is read, what is wrong in it is told, and the
//! reference page is written.

use super::options::Options;

/// What a connector has in a job file.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorKeys {
    /// The word of `connector = "…"`.
    pub name: &'static str,
    /// Of a `[source.NAME]`; none = it is no source.
    pub source: Option<&'static KeyTable>,
    /// Of a `[sink.NAME]`; none = it is no sink.
    pub sink: Option<&'static KeyTable>,
    /// Of `[dead_letters]`; none = they cannot go there.
    pub dead_letters: Option<&'static KeyTable>,
}

/// The keys of one table beside those that every table of its kind has.
#[derive(Debug)]
pub struct KeyTable {
    /// What the connector does there, a sentence or two of Markdown.
    pub about: &'static str,
    /// The keys. One that another goes with stands behind it.
    pub keys: &'static [Key],
    /// Whether a source may be `static = true`.
    pub may_be_static: bool,
    /// What else must hold between the values.
    pub check: fn(&Options) -> Result<(), Refusal>,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: KeyKind,
    /// What holds where it is not given.
    pub absent: Absent,
    /// Another key's words with which alone it can be given.
    pub with: Option<With>,
    /// A value that would do, as TOML.
    pub example: &'static str,
    /// What it says, a sentence or two of Markdown.
    pub about: &'static str,
}

impl Key {
    /// A key that goes with anything and may be left out.
    pub const fn new(name: &'static str, kind: KeyKind, example: &'static str, about: &'static str) -> Self {
        Self { name, kind, absent: Absent::Nothing, with: None, example, about }
    }

    /// The same key, which must be given.
    pub const fn required(self) -> Self {
        Self { absent: Absent::Refused, ..self }
    }

    /// The same key with a value, as TOML, that holds where none is given.
    pub const fn or(self, default: &'static str) -> Self {
        Self { absent: Absent::Default(default), ..self }
    }

    /// The same key, given only where key `key` is one of `words`.
    pub const fn with(self, key: &'static str, words: &'static [&'static str]) -> Self {
        Self { with: Some(With { key, words }), ..self }
    }

    /// Whether it says how much an epoch admits.
    pub const fn bounds_epochs(&self) -> bool {
        matches!(self.kind, KeyKind::FileLimit | KeyKind::ByteLimit)
    }
}

/// What holds where a key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It must be given.
    Refused,
    /// This value, as TOML; in a path, `{job}` stands for the job's name.
    Default(&'static str),
    /// There is no value; the key's text says what that means.
    Nothing,
}

/// The words of another key that a key goes with.
#[derive(Debug, Clone, Copy)]
pub struct With {
    /// The other key.
    pub key: &'static str,
    /// Its words.
    pub words: &'static [&'static str],
}

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Text that is not empty.
    Text,
    /// A file or folder, relative to the job file's folder.
    Path,
    /// A file, a folder or a glob, relative to the job file's folder.
    Pattern,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number of at least so much.
    Count(u64),
    /// A number greater than zero.
    Rate,
    /// A duration.
    Duration,
    /// A point in time.
    Instant,
    /// A number of bytes up to so many, which are written so.
    Bytes(u64, &'static str),
    /// How many files an epoch admits, or `"unlimited"`.
    FileLimit,
    /// How many bytes an epoch admits, or `"unlimited"`.
    ByteLimit,
    /// One ASCII character, not a quote or a line break.
    Character,
    /// A table of column names, each with its type.
    Columns,
}

impl KeyKind {
    /// What the reference page calls it.
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Path => "path".into(),
            Self::Pattern => "path or pattern".into(),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(", ")
            }
            Self::Boolean => "`true` or `false`".into(),
            Self::Count(0) => "whole number".into(),
            Self::Count(least) => format!("whole number, {least} or more"),
            Self::Rate => "number greater than 0".into(),
            Self::Duration => "duration".into(),
            Self::Instant => "point in time".into(),
            Self::Bytes(u64::MAX, _) => "size".into(),
            Self::Bytes(_, most) => format!("size, {most} at the most"),
            Self::FileLimit => "whole number, or `\"unlimited\"`".into(),
            Self::ByteLimit => "size, or `\"unlimited\"`".into(),
            Self::Character => "one character".into(),
            Self::Columns => "table of columns".into(),
        }
    }
}

/// What a [`KeyTable::check`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A key that may be left out elsewhere must be given here.
    Missing(&'static str),
    /// A key cannot be given here.
    Key {
        /// The key.
        key: &'static str,
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: String,
    },
    /// A key cannot have this value.
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: String,
    },
}
