//! `connector = "unix-socket"`: lines that other programs of this machine send.

mod listen;
mod source;
mod spec;

use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Schema};

use self::source::SocketSource;
use self::spec::SocketSpec;
use super::format_keys::{DELIMITER, SURPLUS_FIELDS, schema_goes_with_format};
use super::source::Source;
use super::{Connector, SourceConnector};
use crate::error::{Error, Result};
use crate::format::{self, CsvReading, FileFormat, MAX_RECORD, Metadata, RecordFormat};
use crate::job::{JobText, Key, KeyKind, KeyTable, Options, SourceSpec};

/// Lines that an epoch reads at the most, where the job does not say.
const ROWS: u64 = 1_000_000;

const KEYS: KeyTable = KeyTable {
    about: "Listens on a socket of this machine. Each line that a client sends is a row; it is kept in the checkpoint until \
            its epoch is committed, so a line that has been received is neither lost nor read twice, whatever is killed. \
            Clients wait while too much is waiting to be read.",
    keys: &[
        Key::new("path", KeyKind::Path, "\"lines.sock\"", "The socket, which is made; relative to the job file.")
            .required(),
        Key::new(
            "format",
            KeyKind::Word(&["text", "csv", "json", "logfmt"]),
            "\"json\"",
            "What a line holds: text, comma-separated values (without a header), one JSON object, `key=value` \
             pairs.",
        )
        .or("\"text\""),
        DELIMITER,
        SURPLUS_FIELDS,
        Key::new(
            "schema",
            KeyKind::Columns,
            "{ url = \"utf8\", timestamp = \"timestamp\" }",
            "The columns and their types, in order. `csv`, `json` and `logfmt` need it; `text` has one column, `value`.",
        ),
        Key::new("received_at", KeyKind::Text, "\"received\"", "A column for when a line was received."),
        Key::new("max_rows_per_epoch", KeyKind::Count(1), "10000", "Lines that an epoch admits.").or("1000000"),
        Key::new(
            "max_waiting",
            KeyKind::Bytes(1 << 40, "1TiB"),
            "\"1GiB\"",
            "Bytes that may wait to be read and committed.",
        )
        .or("\"256MiB\""),
        Key::new(
            "max_record",
            KeyKind::Bytes(1 << 30, "1GiB"),
            "\"16MiB\"",
            "Bytes of the longest line; a client that sends a longer one is hung up on.",
        )
        .or("\"64MiB\""),
    ],
    may_be_static: false,
    check: schema_goes_with_format,
};

/// The connector.
pub(super) struct UnixSocket;

impl Connector for UnixSocket {
    fn name(&self) -> &'static str {
        "unix-socket"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }
}

impl SourceConnector for UnixSocket {
    fn keys(&self) -> &'static KeyTable {
        &KEYS
    }

    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        let options = &spec.options;
        let schema = match options.columns("schema") {
            Some(columns) => format::declared_schema(columns).map_err(|(e, span)| Error::from(e).at(job.at(span)))?,
            None => Schema::new(vec![Field::new("value", DataType::Utf8, true)]).into(),
        };
        let format = match options.word("format") {
            Some("csv") => FileFormat::Csv { header: false, delimiter: options.character("delimiter").unwrap_or(b',') },
            Some("json") => FileFormat::Json,
            Some("logfmt") => FileFormat::Logfmt,
            _ => FileFormat::Text,
        };
        let reading = CsvReading { multiline: false, ignore_surplus: options.word("surplus_fields") == Some("ignore") };
        let received: Vec<(&str, Metadata)> =
            options.text("received_at").into_iter().map(|name| (name, Metadata::Time)).collect();
        let records = RecordFormat::new(format, reading, &schema, &received);
        let records = records.map_err(|e| Error::from(e).at(job.at(spec.name.span.clone())))?;
        let path = options.path("path").map_or_else(|| PathBuf::from("socket"), Path::to_owned);
        Ok(Box::new(SocketSource::new(SocketSpec {
            shown: path.strip_prefix(&options.base).unwrap_or(&path).display().to_string(),
            path,
            records,
            max_rows: options.count("max_rows_per_epoch").unwrap_or(ROWS),
            max_waiting: options.count("max_waiting").unwrap_or(256 << 20),
            max_record: options.count("max_record").unwrap_or(MAX_RECORD),
        })))
    }

    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String {
        format!("lines sent to {}", options.path("path").map(shown).unwrap_or_default())
    }
}
