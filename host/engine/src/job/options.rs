//! What a table of the job file says to its connector: values that were checked against the connector's [`super::KeyTable`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::limit::Limit;
use super::text::Spanned;

/// A connector and the values of its keys.
#[derive(Debug, Clone)]
pub struct Options {
    /// The word of `connector = "…"`.
    pub connector: &'static str,
    /// The folder that relative paths count from, absolute: the job file's.
    pub base: PathBuf,
    pub(super) values: BTreeMap<&'static str, Spanned<OptionValue>>,
}

/// The value of a key.
#[derive(Debug, Clone)]
pub enum OptionValue {
    /// Of [`super::KeyKind::Text`]; of [`super::KeyKind::Pattern`], absolute.
    Text(String),
    /// Absolute.
    Path(PathBuf),
    /// One of the key's words.
    Word(&'static str),
    /// Yes or no.
    Boolean(bool),
    /// Of [`super::KeyKind::Count`], and bytes.
    Count(u64),
    /// Of [`super::KeyKind::Rate`].
    Rate(f64),
    /// A duration, or a point in time since 1970: microseconds.
    Micros(i64),
    /// What an epoch admits.
    Limit(Limit),
    /// A character of ASCII.
    Character(u8),
    /// Names and texts of types, in order.
    Columns(Vec<(String, Spanned<String>)>),
}

/// A typed look at one kind of value. The connector's table says which key is of which kind, so that a wrong kind is a
/// fault of the program.
macro_rules! get {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $type:ty, $map:expr) => {
        $(#[$doc])*
        ///
        /// # Panics
        /// The key is of another kind.
        pub fn $name<'a>(&'a self, key: &str) -> Option<$type> {
            self.values.get(key).map(|found| match &found.value {
                OptionValue::$variant(value) => {
                    let map: fn(&'a _) -> $type = $map;
                    map(value)
                }
                other => panic!("the key `{key}` has the value {other:?}"),
            })
        }
    };
}

impl Options {
    get!(
        /// The text or pattern at `key`.
        text, Text, &'a str, |text: &'a String| text.as_str());
    get!(
        /// The path at `key`.
        path, Path, &'a Path, |path: &'a PathBuf| path.as_path());
    get!(
        /// The word at `key`.
        word, Word, &'static str, |word| *word);
    get!(
        /// The number at `key`.
        count, Count, u64, |count| *count);
    get!(
        /// The rate at `key`.
        rate, Rate, f64, |rate| *rate);
    get!(
        /// The duration or the point in time at `key`, microseconds.
        micros, Micros, i64, |micros| *micros);
    get!(
        /// The character at `key`.
        character, Character, u8, |character| *character);
    get!(
        /// The columns at `key`.
        columns, Columns, &'a [(String, Spanned<String>)], |columns: &'a Vec<_>| columns.as_slice());

    /// Whether `key` is `true`.
    ///
    /// # Panics
    /// The key is of another kind.
    pub fn is(&self, key: &str) -> bool {
        match self.values.get(key).map(|found| &found.value) {
            None => false,
            Some(OptionValue::Boolean(yes)) => *yes,
            Some(other) => panic!("the key `{key}` has the value {other:?}"),
        }
    }

    /// What an epoch admits by `key`.
    ///
    /// # Panics
    /// The key is of another kind.
    pub fn limit(&self, key: &str) -> Limit {
        match self.values.get(key).map(|found| &found.value) {
            None => Limit::Sensible,
            Some(OptionValue::Limit(limit)) => *limit,
            Some(other) => panic!("the key `{key}` has the value {other:?}"),
        }
    }

    /// Where the value of `key` stands in the job file: nowhere, `0..0`, if that does not give it.
    pub fn place(&self, key: &str) -> std::ops::Range<usize> {
        self.values.get(key).map_or(0..0, |found| found.span.clone())
    }
}
