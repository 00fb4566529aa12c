//! `[source.NAME]` tables: what all of them have; the rest is their connector's.

use std::path::Path;

use super::connectors::{self, ConnectorTable};
use super::event_time::event_time;
use super::fields::Fields;
use super::keys::{ConnectorKeys, Key, KeyKind, KeyTable};
use super::model::{SourceSpec, StaticSpec};
use super::text::Spanned;
use crate::error::Result;

/// The connector of a source that names none.
pub(super) const DEFAULT: &str = "file";

/// Keys that every source has.
pub const SOURCE_KEYS: &[Key] = &[
    Key::new("connector", KeyKind::Text, "\"file\"", "What it reads: one of the connectors on this page.")
        .or("\"file\""),
    Key::new("event_time", KeyKind::Text, "\"timestamp\"", "The column that holds a row's event time."),
    Key::new(
        "watermark",
        KeyKind::Duration,
        "\"1 minute\"",
        "How far rows may lie behind the greatest event time. Needs `event_time`.",
    ),
    Key::new(
        "idle_after",
        KeyKind::Duration,
        "\"5 minutes\"",
        "After how long without rows the source holds no watermark back. Needs `watermark`.",
    ),
    Key::new(
        "max_ahead",
        KeyKind::Duration,
        "\"1 hour\"",
        "Rows further ahead of the epoch's processing time are set aside. Needs `event_time`.",
    ),
];

/// Keys of a source that may stand still.
pub const STATIC_KEYS: &[Key] = &[
    Key::new(
        "static",
        KeyKind::Boolean,
        "true",
        "The source stands still: it is read as a whole, to be joined with streams.",
    )
    .or("false"),
    Key::new(
        "refresh",
        KeyKind::Duration,
        "\"10 minutes\"",
        "After how long a static source is read again. Needs `static = true`; without it, it is read once.",
    ),
    Key::new(
        "max_memory",
        KeyKind::Bytes(u64::MAX, ""),
        "\"8GiB\"",
        "Bytes of memory that the rows of a static source may take, with what finds them. Needs `static = true`.",
    )
    .or("\"2GiB\""),
];

/// Reads one source; `base` is the job file's folder.
pub(super) fn read(
    fields: &Fields<'_>,
    name: Spanned<String>,
    base: &Path,
    known: &[ConnectorKeys],
) -> Result<SourceSpec> {
    let named = ConnectorTable { table: |keys| keys.source, default: DEFAULT, common };
    let (keys, table) = connectors::choose(fields, &named, known)?;
    let options = super::Options::read(keys.name, table, fields, base, "", 0..0)?;
    Ok(SourceSpec { name, options, event_time: event_time(fields)?, static_spec: static_spec(fields, table)? })
}

/// The keys beside the connector's own.
fn common(table: &KeyTable) -> Vec<&'static str> {
    let of_static = if table.may_be_static { STATIC_KEYS } else { &[] };
    SOURCE_KEYS.iter().chain(of_static).map(|key| key.name).collect()
}

/// `static`, `refresh` and `max_memory`.
fn static_spec(fields: &Fields<'_>, table: &KeyTable) -> Result<Option<StaticSpec>> {
    let is_static = fields.boolean("static")?.unwrap_or(false);
    let refresh = fields.micros("refresh")?;
    let max_memory = fields.bytes("max_memory")?;
    let at = |key: &str| fields.get(key).map_or(0..0, |entry| entry.key_span.clone());
    if !is_static {
        if max_memory.is_some() {
            return Err(fields
                .job
                .error(at("max_memory"), "`max_memory` needs `static = true` beside it")
                .with_help("of a stream, an epoch is bounded: max_bytes_per_epoch"));
        }
        if refresh.is_some() {
            return Err(fields
                .job
                .error(at("refresh"), "`refresh` needs `static = true` beside it")
                .with_help("a stream's new files are found by themselves"));
        }
        return Ok(None);
    }
    let bounds = table.keys.iter().filter(|key| key.bounds_epochs()).map(|key| key.name);
    let bounds = bounds.map(|key| (key, "a static source is read as a whole, not in epochs"));
    for (key, why) in [("event_time", "a static source has no event time: it stands still")].into_iter().chain(bounds) {
        if fields.get(key).is_some() {
            return Err(fields.job.error(at(key), why).with_help(format!("leave `{key}` out, or `static`")));
        }
    }
    if refresh.is_some_and(|r| r <= 0) {
        return Err(fields.job.error(at("refresh"), "`refresh` must be greater than zero"));
    }
    Ok(Some(StaticSpec { refresh, max_memory: max_memory.unwrap_or(StaticSpec::MAX_MEMORY) }))
}
