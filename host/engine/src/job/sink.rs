//! `[sink.NAME]` tables and `[dead_letters]`.

use std::path::Path;

use super::absolute;
use super::fields::Fields;
use super::model::{FileFormat, SinkConnector, SinkSpec, Spanned};
use super::source::format;
use crate::error::Result;

/// Rows of a table that the console shows unless `max_rows` says otherwise.
const CONSOLE_ROWS: u64 = 20;

const CONSOLE: [&str; 3] = ["connector", "input", "max_rows"];
const MEMORY: [&str; 2] = ["connector", "input"];
const FILE: [&str; 7] = ["connector", "input", "path", "format", "header", "delimiter", "changelog"];

/// Which of a connector's kinds a word names.
#[derive(Clone, Copy)]
enum Kind {
    Console,
    Memory,
    File,
}

const KINDS: [(&str, Kind); 3] = [("console", Kind::Console), ("memory", Kind::Memory), ("file", Kind::File)];

/// Keys of one connector, for the errors of the others.
fn elsewhere() -> Vec<(&'static str, &'static str)> {
    let file = ["path", "format", "header", "delimiter", "changelog"].map(|key| (key, "connector = \"file\""));
    file.into_iter().chain([("max_rows", "connector = \"console\"")]).collect()
}

/// Reads one sink; `base` is the job file's folder.
pub(super) fn read(fields: &Fields<'_>, name: Spanned<String>, base: &Path) -> Result<SinkSpec> {
    let connector = match fields.choice("connector", &KINDS)?.map_or(Kind::Console, |kind| kind.value) {
        Kind::Console => {
            fields.only(&CONSOLE, &elsewhere())?;
            SinkConnector::Console { max_rows: max_rows(fields)? }
        }
        Kind::Memory => {
            fields.only(&MEMORY, &elsewhere())?;
            SinkConnector::Memory
        }
        Kind::File => {
            fields.only(&FILE, &elsewhere())?;
            let path = fields.required(fields.text("path")?, "path", "\"out\"")?;
            let path = Spanned { value: absolute(base, &path.value), span: path.span };
            let format = format(fields, &["csv", "json", "parquet"])?;
            SinkConnector::File { path, format, changelog: fields.boolean("changelog")?.unwrap_or(false) }
        }
    };
    Ok(SinkSpec { name, input: fields.text("input")?, connector })
}

/// Reads the dead letters, which take no input; without the table they go to `default`, beside the job file.
pub(super) fn dead_letters(
    fields: Option<&Fields<'_>>,
    name: Spanned<String>,
    base: &Path,
    default: &str,
) -> Result<SinkSpec> {
    let place = name.span.clone();
    let default = SinkConnector::File {
        path: Spanned { value: absolute(base, default), span: place },
        format: FileFormat::Json,
        changelog: false,
    };
    let Some(fields) = fields else { return Ok(SinkSpec { name, input: None, connector: default }) };
    let connector = match fields.choice("connector", &KINDS)?.map_or(Kind::File, |kind| kind.value) {
        Kind::Console => {
            fields.only(&["connector", "max_rows"], &elsewhere())?;
            SinkConnector::Console { max_rows: max_rows(fields)? }
        }
        Kind::Memory => {
            fields.only(&["connector"], &elsewhere())?;
            SinkConnector::Memory
        }
        Kind::File => {
            fields.only(&["connector", "path", "format"], &[])?;
            // One growing file: a format whose records stand alone.
            fields.choice("format", &[("json", ())])?;
            match (fields.text("path")?, default) {
                (Some(path), SinkConnector::File { format, changelog, .. }) => {
                    let path = Spanned { value: absolute(base, &path.value), span: path.span };
                    SinkConnector::File { path, format, changelog }
                }
                (_, default) => default,
            }
        }
    };
    Ok(SinkSpec { name, input: None, connector })
}

fn max_rows(fields: &Fields<'_>) -> Result<usize> {
    let rows = fields.count("max_rows", 1)?.unwrap_or(CONSOLE_ROWS);
    Ok(usize::try_from(rows).unwrap_or(usize::MAX))
}
