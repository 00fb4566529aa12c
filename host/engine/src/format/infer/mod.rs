//! What columns files have, where nobody says: for one-off queries. A job declares its schema, since what its first files
//! hold need not be what comes in the middle of the night.
//!
//! Rows are looked at as the decoders read them: a row that is bad there tells nothing here, so what is told and what is
//! read cannot disagree. Which rows are looked at is up to the caller.

mod head;
mod json;
mod kinds;

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};

pub use head::{Head, Unreadable};
pub use kinds::{Kinds, Members};

use super::decode::{Ends, logfmt_pairs};
use super::{Decoded, RawChunk, RawContent};
use crate::format::FileFormat;

/// The format that a file's name says it has, compressed or not.
pub fn format_of(path: &Path) -> Option<FileFormat> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    format_named(name.rsplit_once('.')?.1)
}

/// The format that a word names: the ending of a file's name.
pub fn format_named(word: &str) -> Option<FileFormat> {
    Some(match word {
        "csv" => FileFormat::Csv { header: true, delimiter: b',' },
        "tsv" => FileFormat::Csv { header: true, delimiter: b'\t' },
        "logfmt" => FileFormat::Logfmt,
        "json" | "jsonl" | "ndjson" => FileFormat::Json,
        "parquet" => FileFormat::Parquet,
        "txt" | "log" | "text" => FileFormat::Text,
        _ => return None,
    })
}

/// Notes what the good rows of a chunk of JSON lines hold; `decoded` is that chunk, of which no column need be decoded.
pub fn tell_json(chunk: &RawChunk, decoded: &Decoded, columns: &mut Members) {
    of_good_lines(chunk, decoded, |line| json::walk(line, columns));
}

/// Notes what the good rows of a chunk of logfmt hold, as [`tell_json`] does.
pub fn tell_logfmt(chunk: &RawChunk, decoded: &Decoded, columns: &mut Members) {
    of_good_lines(chunk, decoded, |line| {
        columns.begin();
        logfmt_pairs(line, |key, value, escaped| match columns.get(key) {
            kinds if escaped => kinds.text(),
            kinds if !value.is_empty() => kinds.field(value),
            _ => {}
        });
    });
}

fn of_good_lines(chunk: &RawChunk, decoded: &Decoded, mut look: impl FnMut(&str)) {
    let RawContent::Lines { bytes, before, .. } = &chunk.content else { return };
    let rows = decoded.batch.num_rows();
    let mut row = 0;
    for (line, (start, end)) in (*before..).zip(Ends::new(bytes)) {
        if row == rows {
            break;
        }
        if decoded.rows.line(row) != line {
            continue;
        }
        row += 1;
        if let Ok(text) = std::str::from_utf8(&bytes[start..end]) {
            look(text);
        }
    }
}

/// Notes what the rows of a batch of texts, one for each field of CSV, hold.
pub fn tell_csv(batch: &RecordBatch, columns: &mut Members) {
    columns.begin();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let kinds = columns.get(field.name());
        let texts = column.as_string::<i32>();
        for text in texts.iter().flatten().filter(|text| !text.is_empty()) {
            if kinds.is_text() {
                break;
            }
            kinds.field(text);
        }
    }
}

#[cfg(test)]
mod tests;
