//! `[source.NAME]` tables.

use std::path::Path;

use super::fields::{Fields, string};
use super::model::{
    CsvReading, FileFormat, FileSourceSpec, GenerateSpec, SourceConnector, SourceSpec, Spanned, StaticSpec,
};
use super::tree::Value;
use super::{absolute, value};
use crate::error::Result;

const FILE: [&str; 18] = [
    "connector",
    "path",
    "format",
    "header",
    "delimiter",
    "multiline",
    "surplus_fields",
    "schema",
    "max_files_per_epoch",
    "max_bytes_per_epoch",
    "max_record",
    "event_time",
    "watermark",
    "idle_after",
    "max_ahead",
    "static",
    "refresh",
    "max_memory",
];

const GENERATE: [&str; 14] = [
    "connector",
    "seed",
    "rows_per_second",
    "rows",
    "max_rows_per_epoch",
    "urls",
    "start",
    "events_per_second",
    "mean_delay",
    "max_delay",
    "event_time",
    "watermark",
    "idle_after",
    "max_ahead",
];

/// Which of a connector's kinds a word names.
#[derive(Clone, Copy)]
enum Kind {
    File,
    Generate,
}

/// Reads one source; `base` is the job file's folder.
pub(super) fn read(fields: &Fields<'_>, name: Spanned<String>, base: &Path) -> Result<SourceSpec> {
    let kind = fields.choice("connector", &[("file", Kind::File), ("generate", Kind::Generate)])?;
    let connector = match kind.map_or(Kind::File, |kind| kind.value) {
        Kind::File => {
            fields.only(&FILE, &elsewhere(&GENERATE, "connector = \"generate\""))?;
            SourceConnector::File(file(fields, base)?)
        }
        Kind::Generate => {
            fields.only(&GENERATE, &elsewhere(&FILE, "connector = \"file\""))?;
            SourceConnector::Generate(generate(fields)?)
        }
    };
    Ok(SourceSpec { name, connector, event_time: fields.event_time()?, fixed: fixed(fields)? })
}

/// `static`, `refresh` and `max_memory`.
fn fixed(fields: &Fields<'_>) -> Result<Option<StaticSpec>> {
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
    for (key, why) in [
        ("event_time", "a static source has no event time: it stands still"),
        ("max_files_per_epoch", "a static source is read as a whole, not in epochs"),
        ("max_bytes_per_epoch", "a static source is read as a whole, not in epochs"),
    ] {
        if fields.get(key).is_some() {
            return Err(fields.job.error(at(key), why).with_help(format!("leave `{key}` out, or `static`")));
        }
    }
    if refresh.is_some_and(|r| r <= 0) {
        return Err(fields.job.error(at("refresh"), "`refresh` must be greater than zero"));
    }
    Ok(Some(StaticSpec { refresh, max_memory: max_memory.unwrap_or(StaticSpec::MAX_MEMORY) }))
}

fn elsewhere<'a>(keys: &[&'a str], with: &'a str) -> Vec<(&'a str, &'a str)> {
    keys.iter().map(|key| (*key, with)).collect()
}

fn file(fields: &Fields<'_>, base: &Path) -> Result<FileSourceSpec> {
    let path = fields.required(fields.text("path")?, "path", "\"data/*.log\"")?;
    let format = format(fields, &["text", "csv", "json", "parquet"])?;
    let schema = schema(fields)?;
    match (format, &schema) {
        (FileFormat::Text, Some(_)) => {
            let place = fields.get("schema").map_or(0..0, |entry| entry.key_span.clone());
            return Err(fields
                .job
                .error(place, "format = \"text\" takes no `schema`")
                .with_help("it has one column, `value`: the line"));
        }
        (FileFormat::Csv { .. } | FileFormat::Json, None) => {
            fields.required(None::<()>, "schema", "{ url = \"utf8\", timestamp = \"timestamp\" }")?;
        }
        _ => {}
    }
    Ok(FileSourceSpec {
        path: Spanned { value: absolute_pattern(base, &path.value), span: path.span },
        base: base.to_path_buf(),
        format,
        csv: csv_reading(fields, format)?,
        schema,
        max_files_per_epoch: fields.limit("max_files_per_epoch", |fields, key| fields.count(key, 1))?,
        max_bytes_per_epoch: fields.limit("max_bytes_per_epoch", Fields::bytes)?,
        max_record: max_record(fields, format)?,
        json_over_lines: false,
    })
}

/// The longest record that can be asked for: chunks, which hold whole records, stay below 2 GiB.
const LONGEST: u64 = 1 << 30;

/// `max_record`, of the formats that are read line by line.
fn max_record(fields: &Fields<'_>, format: FileFormat) -> Result<u64> {
    let found = fields.bytes("max_record")?;
    let Some(entry) = fields.get("max_record") else { return Ok(FileSourceSpec::MAX_RECORD) };
    if format == FileFormat::Parquet {
        let message = "`max_record` goes with the formats text, csv and json only";
        return Err(fields.job.error(entry.key_span.clone(), message));
    }
    match found {
        Some(bytes) if bytes <= LONGEST => Ok(bytes),
        _ => Err(fields.job.error(entry.node.span.clone(), "`max_record` can be 1GiB at the most")),
    }
}

/// A folder, glob or file as an absolute path. What stands before a relative glob is taken as it is, also when it
/// holds characters that mean something in a glob. `data/**` means the files in it, at any depth.
pub(crate) fn absolute_pattern(base: &Path, path: &str) -> String {
    if path == "**" || path.ends_with("/**") {
        return absolute_pattern(base, &format!("{path}/*"));
    }
    let is_pattern = path.contains(['*', '?', '[']);
    if is_pattern && Path::new(path).is_relative() {
        let base = glob::Pattern::escape(&base.to_string_lossy());
        return format!("{}/{}", base.trim_end_matches('/'), path.strip_prefix("./").unwrap_or(path));
    }
    absolute(base, path).to_string_lossy().into_owned()
}

/// `format`, `header`, `delimiter`; `names` are the formats that go here.
pub(super) fn format(fields: &Fields<'_>, names: &[&str]) -> Result<FileFormat> {
    let all = [
        ("text", FileFormat::Text),
        ("csv", FileFormat::Csv { header: true, delimiter: b',' }),
        ("json", FileFormat::Json),
        ("parquet", FileFormat::Parquet),
    ];
    let choices: Vec<_> = all.into_iter().filter(|(name, _)| names.contains(name)).collect();
    let example = format!("\"{}\"", names.last().copied().unwrap_or("json"));
    let format = fields.required(fields.choice("format", &choices)?, "format", &example)?.value;
    let FileFormat::Csv { header, delimiter } = format else {
        for key in ["header", "delimiter"] {
            if let Some(entry) = fields.get(key) {
                let message = format!("`{key}` goes with format = \"csv\" only");
                return Err(fields.job.error(entry.key_span.clone(), message));
            }
        }
        return Ok(format);
    };
    let header = fields.boolean("header")?.unwrap_or(header);
    let delimiter = match (fields.string("delimiter")?, fields.get("delimiter")) {
        (Some(text), Some(entry)) => match text.value.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => *byte,
            _ => {
                return Err(fields
                    .job
                    .error(
                        entry.node.span.clone(),
                        "`delimiter` must be one ASCII character, not a quote or line break",
                    )
                    .with_help("for example `delimiter = \";\"` or `delimiter = \"\\t\"`"));
            }
        },
        _ => delimiter,
    };
    Ok(FileFormat::Csv { header, delimiter })
}

/// `multiline`, `surplus_fields`.
fn csv_reading(fields: &Fields<'_>, format: FileFormat) -> Result<CsvReading> {
    if !matches!(format, FileFormat::Csv { .. }) {
        for key in ["multiline", "surplus_fields"] {
            if let Some(entry) = fields.get(key) {
                let message = format!("`{key}` goes with format = \"csv\" only");
                return Err(fields.job.error(entry.key_span.clone(), message));
            }
        }
    }
    let surplus = fields.choice("surplus_fields", &[("refuse", false), ("ignore", true)])?;
    Ok(CsvReading {
        multiline: fields.boolean("multiline")?.unwrap_or(false),
        ignore_surplus: surplus.is_some_and(|surplus| surplus.value),
    })
}

/// Names and type texts.
type Columns = Vec<(String, Spanned<String>)>;

/// `schema = { column = "type", … }`, in order. Whether a type is known is checked by whoever reads the format.
fn schema(fields: &Fields<'_>) -> Result<Option<Columns>> {
    let Some(entry) = fields.get("schema") else { return Ok(None) };
    let Value::Table(columns) = &entry.node.value else {
        return Err(fields.wrong("schema", &entry.node, "a table", "{ url = \"utf8\", timestamp = \"timestamp\" }"));
    };
    if columns.is_empty() {
        return Err(fields.job.error(entry.node.span.clone(), "`schema` names no column"));
    }
    let columns = columns.iter().map(|column| Ok((column.key.clone(), string(fields, &column.key, &column.node)?)));
    columns.collect::<Result<Vec<_>>>().map(Some)
}

impl Default for GenerateSpec {
    /// A site of 100 urls with 1,000 hits a second of event time from 2026 on, each up to a minute (5 s on average)
    /// late; endless, as fast as they are taken.
    fn default() -> Self {
        Self {
            seed: 0,
            rows_per_second: None,
            rows: None,
            max_rows_per_epoch: 100_000,
            urls: 100,
            start: value::instant("2026-01-01T00:00:00Z").expect("this is RFC 3339"),
            events_per_second: 1000.0,
            mean_delay: 5_000_000,
            max_delay: 60_000_000,
        }
    }
}

fn generate(fields: &Fields<'_>) -> Result<GenerateSpec> {
    let default = GenerateSpec::default();
    let spec = GenerateSpec {
        seed: fields.count("seed", 0)?.unwrap_or(default.seed),
        rows_per_second: fields.count("rows_per_second", 1)?,
        rows: fields.count("rows", 0)?,
        max_rows_per_epoch: fields.count("max_rows_per_epoch", 1)?.unwrap_or(default.max_rows_per_epoch),
        urls: fields.count("urls", 1)?.unwrap_or(default.urls),
        start: fields.instant("start")?.unwrap_or(default.start),
        events_per_second: fields.rate("events_per_second")?.unwrap_or(default.events_per_second),
        mean_delay: fields.micros("mean_delay")?.unwrap_or(default.mean_delay),
        max_delay: fields.micros("max_delay")?.unwrap_or(default.max_delay),
    };
    if spec.mean_delay > spec.max_delay {
        let entry = fields.get("mean_delay").or(fields.get("max_delay"));
        let place = entry.map_or(0..0, |entry| entry.node.span.clone());
        return Err(fields
            .job
            .error(place, "`mean_delay` is greater than `max_delay`")
            .with_help("the mean is 5 seconds and the greatest 1 minute unless they are given"));
    }
    Ok(spec)
}
