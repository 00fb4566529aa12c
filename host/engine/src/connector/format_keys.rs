//! Keys of whatever reads or writes rows in a format of text, the same wherever they stand.

use crate::job::{Key, KeyKind, Options, Refusal};

/// The words of `format` that keys of CSV go with.
pub(super) const CSV: &[&str] = &["csv"];

/// What stands between two fields.
pub(super) const DELIMITER: Key = Key::new("delimiter", KeyKind::Character, "\";\"", "What stands between two fields.")
    .or("\",\"")
    .with("format", CSV);

/// What becomes of fields that there are no columns for.
pub(super) const SURPLUS_FIELDS: Key = Key::new(
    "surplus_fields",
    KeyKind::Word(&["refuse", "ignore"]),
    "\"ignore\"",
    "What becomes of a row with more fields than there are columns: a dead letter, or its first fields are taken.",
)
.or("\"refuse\"")
.with("format", CSV);

/// Whether a source has a `schema` where its format needs one, and none where it has its own.
///
/// # Errors
/// It has not.
pub(super) fn schema_goes_with_format(options: &Options) -> Result<(), Refusal> {
    match (options.word("format"), options.columns("schema")) {
        (Some("text"), Some(_)) => Err(Refusal::Key {
            key: "schema",
            message: "format = \"text\" takes no `schema`".into(),
            help: "it has one column, `value`: the line".into(),
        }),
        (Some("csv" | "json" | "logfmt"), None) => Err(Refusal::Missing("schema")),
        _ => Ok(()),
    }
}
