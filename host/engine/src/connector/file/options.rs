//! The keys of `connector = "file"`, and what they say.

use std::path::PathBuf;

use crate::connector::format_keys::{CSV, DELIMITER, SURPLUS_FIELDS, schema_goes_with_format};
use crate::format::{CsvReading, FileFormat, MAX_RECORD};
use crate::job::{Key, KeyKind, KeyTable, Limit, OptionValue, Options, Spanned};

/// The longest record that can be asked for: chunks, which hold whole records, stay below 2 GiB.
const LONGEST: u64 = 1 << 30;

const HEADER: Key = Key::new("header", KeyKind::Boolean, "false", "Whether the first line names the columns.")
    .or("true")
    .with("format", CSV);

/// Of a source.
pub(super) const SOURCE: KeyTable = KeyTable {
    about: "Reads files that do not change: each once and whole, as it appears. `.gz` files are unpacked; names that \
            begin with `_` or `.` are passed over. See [files.md](files.md).",
    keys: &[
        Key::new(
            "path",
            KeyKind::Pattern,
            "\"data/*.log\"",
            "A folder, a file, or a pattern with `*`, `?`, `[…]`, `**`; relative to the job file.",
        )
        .required(),
        Key::new(
            "format",
            KeyKind::Word(&["text", "csv", "json", "logfmt", "parquet"]),
            "\"parquet\"",
            "What the files hold: lines, comma-separated values, one JSON object a line, `key=value` pairs, \
             Apache Parquet.",
        )
        .required(),
        HEADER,
        DELIMITER,
        Key::new("multiline", KeyKind::Boolean, "true", "Whether a record may have line breaks inside quotes.")
            .or("false")
            .with("format", CSV),
        SURPLUS_FIELDS,
        Key::new(
            "schema",
            KeyKind::Columns,
            "{ url = \"utf8\", timestamp = \"timestamp\" }",
            "The columns and their types, in order. `csv`, `json` and `logfmt` need it; `parquet` takes it from the files \
             where there is none; `text` has one column, `value`.",
        ),
        Key::new(
            "max_files_per_epoch",
            KeyKind::FileLimit,
            "100",
            "Files that an epoch admits. Without it, 10,000; with the trigger `once`, all there are.",
        ),
        Key::new(
            "max_bytes_per_epoch",
            KeyKind::ByteLimit,
            "\"1 GiB\"",
            "Bytes that an epoch admits, as they are stored; one file at least. Without it, 512 MiB; with the trigger \
             `once`, all there are.",
        ),
        Key::new(
            "max_record",
            KeyKind::Bytes(LONGEST, "1GiB"),
            "\"16MiB\"",
            "Bytes of the longest record; a longer one is a dead letter with its beginning.",
        )
        .or("\"64MiB\"")
        .with("format", &["text", "csv", "json", "logfmt"]),
    ],
    may_be_static: true,
    check: schema_goes_with_format,
};

/// Of a sink.
pub(super) const SINK: KeyTable = KeyTable {
    about: "Writes files into a folder, exactly once: in append mode new files with each epoch, in complete mode one \
            that is replaced, in update mode, with `changelog`, every changed row.",
    keys: &[
        Key::new("path", KeyKind::Path, "\"out\"", "The folder; relative to the job file.").required(),
        Key::new("format", KeyKind::Word(&["csv", "json", "parquet"]), "\"parquet\"", "How rows are written.")
            .required(),
        HEADER,
        DELIMITER,
        Key::new(
            "changelog",
            KeyKind::Boolean,
            "true",
            "In update mode: every changed row is added, with its epoch in the column `_epoch`.",
        )
        .or("false"),
    ],
    may_be_static: false,
    check: |_| Ok(()),
};

/// Of the dead letters.
pub(super) const DEAD_LETTERS: KeyTable = KeyTable {
    about: "Adds JSON lines at the end of a file.",
    keys: &[
        Key::new("path", KeyKind::Path, "\"rejected/rows.jsonl\"", "The file; relative to the job file.")
            .or("\"{job}.dead-letters.jsonl\""),
        Key::new(
            "format",
            KeyKind::Word(&["json"]),
            "\"json\"",
            "One growing file takes a format whose records stand alone.",
        )
        .or("\"json\""),
    ],
    may_be_static: false,
    check: |_| Ok(()),
};

/// What a file source reads.
#[derive(Debug, Clone)]
pub struct FileSourceSpec {
    /// Folder, glob or file; absolute.
    pub path: Spanned<String>,
    /// The folder that paths are shown relative to: the job file's.
    pub base: PathBuf,
    /// What the files hold.
    pub format: FileFormat,
    /// How they are read, if they are CSV.
    pub csv: CsvReading,
    /// Declared columns in order: name and type text, as `format::parse_type` reads it. None: `text` and `parquet`
    /// need none.
    pub schema: Option<Vec<(String, Spanned<String>)>>,
    /// Files an epoch admits at the most.
    pub max_files_per_epoch: Limit,
    /// Bytes an epoch admits at the most, as they are stored (one file at least).
    pub max_bytes_per_epoch: Limit,
    /// Bytes a record of a line format may have; a longer one is a dead letter.
    pub max_record: u64,
    /// Whether a JSON file may be one list, or have its objects on several lines each, where it begins so. No job file
    /// says so.
    pub json_over_lines: bool,
}

impl FileSourceSpec {
    /// What the job file says.
    pub fn of(options: &Options) -> Self {
        Self {
            path: Spanned { value: options.text("path").unwrap_or_default().into(), span: options.place("path") },
            base: options.base.clone(),
            format: format(options),
            csv: CsvReading {
                multiline: options.is("multiline"),
                ignore_surplus: options.word("surplus_fields") == Some("ignore"),
            },
            schema: options.columns("schema").map(<[_]>::to_vec),
            max_files_per_epoch: options.limit("max_files_per_epoch"),
            max_bytes_per_epoch: options.limit("max_bytes_per_epoch"),
            max_record: options.count("max_record").unwrap_or(MAX_RECORD),
            json_over_lines: false,
        }
    }

    /// The options that say this, where no job file does.
    pub fn options(&self) -> Options {
        let unplaced = |value| Spanned { value, span: 0..0 };
        let path = Spanned { value: OptionValue::Text(self.path.value.clone()), span: self.path.span.clone() };
        let mut values = vec![
            ("path", path),
            ("format", unplaced(OptionValue::Word(word(self.format)))),
            ("max_files_per_epoch", unplaced(OptionValue::Limit(self.max_files_per_epoch))),
            ("max_bytes_per_epoch", unplaced(OptionValue::Limit(self.max_bytes_per_epoch))),
        ];
        if let Some(columns) = &self.schema {
            values.push(("schema", unplaced(OptionValue::Columns(columns.clone()))));
        }
        if let FileFormat::Csv { header, delimiter } = self.format {
            let surplus = if self.csv.ignore_surplus { "ignore" } else { "refuse" };
            values.push(("header", unplaced(OptionValue::Boolean(header))));
            values.push(("delimiter", unplaced(OptionValue::Character(delimiter))));
            values.push(("multiline", unplaced(OptionValue::Boolean(self.csv.multiline))));
            values.push(("surplus_fields", unplaced(OptionValue::Word(surplus))));
        }
        if self.format != FileFormat::Parquet {
            values.push(("max_record", unplaced(OptionValue::Count(self.max_record))));
        }
        Options::given("file", &SOURCE, &self.base, values)
    }
}

/// What a file sink writes.
#[derive(Debug, Clone)]
pub(super) struct FileSinkSpec {
    /// The folder (of the dead letters: the file); absolute.
    pub path: PathBuf,
    /// How rows are written; never text.
    pub format: FileFormat,
    /// Whether update mode is written as a change log.
    pub changelog: bool,
}

impl FileSinkSpec {
    /// What the job file says.
    pub fn of(options: &Options) -> Self {
        let path = options.path("path").unwrap_or(&options.base).to_owned();
        Self { path, format: format(options), changelog: options.is("changelog") }
    }
}

fn format(options: &Options) -> FileFormat {
    match options.word("format") {
        Some("csv") => {
            FileFormat::Csv { header: options.is("header"), delimiter: options.character("delimiter").unwrap_or(b',') }
        }
        Some("json") => FileFormat::Json,
        Some("logfmt") => FileFormat::Logfmt,
        Some("parquet") => FileFormat::Parquet,
        _ => FileFormat::Text,
    }
}

fn word(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Text => "text",
        FileFormat::Csv { .. } => "csv",
        FileFormat::Json => "json",
        FileFormat::Logfmt => "logfmt",
        FileFormat::Parquet => "parquet",
    }
}
