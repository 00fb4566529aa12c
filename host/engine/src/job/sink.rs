//! `[sink.NAME]` tables and `[dead_letters]`: what all of them have; the rest is their connector's.

use std::path::Path;

use super::connectors::{self, ConnectorTable};
use super::fields::Fields;
use super::keys::{ConnectorKeys, Key, KeyKind, KeyTable};
use super::model::SinkSpec;
use super::options::Options;
use super::text::Spanned;
use crate::error::Result;

/// Keys that every sink has.
pub const SINK_KEYS: &[Key] = &[
    Key::new("connector", KeyKind::Text, "\"file\"", "Where the rows go: one of the connectors on this page.")
        .or("\"console\""),
    Key::new(
        "input",
        KeyKind::Text,
        "\"totals\"",
        "The source or operator whose rows it takes. Only a sink that an operator names with `late` has none.",
    ),
];

/// Reads one sink; `base` is the job file's folder.
pub(super) fn read(
    fields: &Fields<'_>,
    name: Spanned<String>,
    base: &Path,
    known: &[ConnectorKeys],
) -> Result<SinkSpec> {
    let named = ConnectorTable { table: |keys| keys.sink, default: "console", common: |_| vec!["connector", "input"] };
    let (keys, table) = connectors::choose(fields, &named, known)?;
    let options = Options::read(keys.name, table, fields, base, "", 0..0)?;
    Ok(SinkSpec { name, input: fields.text("input")?, options })
}

/// Reads the dead letters of the job called `job`, which take no input. A key that is not given has the place of the
/// table, or none.
pub(super) fn dead_letters(
    fields: &Fields<'_>,
    name: Spanned<String>,
    base: &Path,
    job: &str,
    known: &[ConnectorKeys],
) -> Result<SinkSpec> {
    let common = |_: &KeyTable| vec!["connector"];
    let named = ConnectorTable { table: |keys| keys.dead_letters, default: "file", common };
    let (keys, table) = connectors::choose(fields, &named, known)?;
    let options = Options::read(keys.name, table, fields, base, job, name.span.clone())?;
    Ok(SinkSpec { name, input: None, options })
}
