//! A table of a query: its files, what they hold, and what can be wrong with them, said of what the user wrote.

use std::path::{Path, PathBuf};

use crate::connector::file::FileSourceSpec;
use crate::connector::file::source::files_of;
use crate::connector::source::SourceError;
use crate::format::{
    CsvDialect, CsvReading, FileFormat, Head, MAX_RECORD, Unreadable, csv_names, format_of, is_behind_its_end,
};
use crate::job::{JobText, Limit, SourceSpec, Spanned, absolute_pattern};
use crate::{Error, ErrorKind, Result};

/// What can be said instead of the ending of a file's name.
const FORMATS: &str = "csv, tsv, json, logfmt, text or parquet";

/// A table of a one-off query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTable {
    /// What the query calls it.
    pub name: String,
    /// A file, a folder or a pattern.
    pub path: PathBuf,
    /// What its files hold; none = their names say it.
    pub format: Option<FileFormat>,
    /// Whether a record of CSV may have line breaks in its quotes.
    pub multiline: bool,
}

impl QueryTable {
    /// The files at `path`, whose names say what they hold.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), path: path.into(), format: None, multiline: false }
    }
}

/// A table whose files were found.
#[derive(Debug, Clone)]
pub(super) struct FoundTable {
    /// As the query calls it.
    pub name: String,
    /// What the user wrote of it.
    pub text: JobText,
    pub spec: FileSourceSpec,
    /// Bytes of its files as they would be unpacked, about.
    pub bytes: u64,
    /// Of CSV files: the columns that all of them have.
    pub header: Vec<String>,
    /// Columns that are left out, each with why.
    pub left_out: Vec<(String, String)>,
}

/// The argument by which a user names a table.
pub(super) fn as_written(table: &QueryTable) -> JobText {
    let text = format!("--source {}={}", table.name, table.path.display());
    JobText { file: "command line".into(), text: text.into() }
}

impl FoundTable {
    /// Finds the files of `given`, which the query calls `name`; relative paths count from `base`.
    pub fn find(given: &QueryTable, name: &str, base: &Path) -> Result<Self> {
        let text = as_written(given);
        let span = text.text.find('=').map_or(0, |at| at + 1)..text.text.len();
        let refused = |message: String| text.error(span.clone(), message);
        let Some(path) = given.path.to_str() else { return Err(refused("the path is not UTF-8".to_owned())) };
        let path = absolute_pattern(base, path);
        let files = files_of(&path).map_err(|e| {
            // What a source says of a path that leads nowhere speaks of a job file.
            let nowhere = "give a file, a folder or a pattern; a relative path counts from the current folder";
            let help = e.help().filter(|help| !help.contains("job file")).unwrap_or(nowhere).to_owned();
            Error::new(e.kind(), e.message()).at(text.at(span.clone())).with_help(help)
        })?;
        if files.is_empty() {
            return Err(refused(format!("there is no file in {}", given.path.display()))
                .with_help("files whose names begin with `_` or `.` do not count, nor do folders in a folder"));
        }
        let shown = |file: &Path| file.strip_prefix(base).unwrap_or(file).display().to_string();
        let format = match given.format {
            Some(format) => format,
            None => common_format(&files, &shown, &given.name).map_err(|e| e.at(text.at(span.clone())))?,
        };
        let bytes = files.iter().map(|file| unpacked(file)).sum();
        if format == FileFormat::Parquet && bytes == 0 {
            return Err(refused(format!("{} has no bytes: it is no Parquet file", shown(&files[0])))
                .with_help("name files that have some"));
        }
        let spec = FileSourceSpec {
            path: Spanned { value: path, span },
            base: base.to_path_buf(),
            format,
            csv: CsvReading { multiline: given.multiline, ..CsvReading::default() },
            schema: None,
            // There are no epochs: no row is late.
            max_files_per_epoch: Limit::Unlimited,
            max_bytes_per_epoch: Limit::Unlimited,
            max_record: MAX_RECORD,
            json_over_lines: true,
        };
        let mut table = Self { name: name.to_owned(), text, spec, bytes, header: Vec::new(), left_out: Vec::new() };
        if format != FileFormat::Parquet {
            table.look_into(&files, &shown)?;
        }
        Ok(table)
    }

    /// The source that it is in the query's job.
    pub fn source(&self) -> SourceSpec {
        SourceSpec {
            name: Spanned { value: self.name.clone(), span: 0..0 },
            options: self.spec.options(),
            event_time: None,
            static_spec: None,
        }
    }

    /// Where the user names its files.
    pub fn place(&self) -> crate::error::Location {
        self.text.at(self.spec.path.span.clone())
    }

    /// Looks at the beginnings of its files.
    fn look_into(&mut self, files: &[PathBuf], shown: &dyn Fn(&Path) -> String) -> Result<()> {
        let mut headers: Vec<(String, Vec<String>)> = Vec::new();
        for file in files {
            let name = shown(file);
            if std::fs::metadata(file).is_ok_and(|meta| meta.len() == 0) {
                continue;
            }
            let head = Head::read(file).map_err(|error| {
                if is_behind_its_end(&error) {
                    return SourceError::BehindItsEnd { path: name.clone() }.into();
                }
                let kind = if error.raw_os_error().is_some() { ErrorKind::Unavailable } else { ErrorKind::Data };
                let damaged = if kind == ErrorKind::Data { "not a complete gzip file: " } else { "" };
                Error::new(kind, format!("{name}: {damaged}{error}"))
            })?;
            if let Some(encoding) = head.wide_encoding() {
                return Err(unreadable(&name, Unreadable::Wide(encoding)));
            }
            if let Some(packing) = head.packing() {
                return Err(unreadable(&name, Unreadable::Packed(packing)));
            }
            match self.spec.format {
                FileFormat::Csv { delimiter, .. } => {
                    if head.has_lone_returns() {
                        return Err(unreadable(&name, Unreadable::LoneReturns));
                    }
                    let dialect = CsvDialect::new(delimiter, self.spec.csv, self.spec.max_record);
                    let Some(header) = head.header(dialect) else { continue };
                    let names = csv_names(header, delimiter).ok_or_else(|| {
                        let why = "the header is not valid CSV: quotes stand around a whole name, or not at all";
                        let error = Error::new(ErrorKind::Data, format!("{name}: line 1: {why}"));
                        error.with_help("with --multiline a header may have line breaks in its quotes")
                    })?;
                    headers.push((name, names));
                }
                FileFormat::Json | FileFormat::Logfmt | FileFormat::Text | FileFormat::Parquet => {}
            }
        }
        let Some((first, names)) = headers.first() else { return Ok(()) };
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() {
                self.left_out.push((String::new(), format!("the header of {first} has a column without a name")));
            } else if let Some(why) = headers.iter().find_map(|(file, names)| not_once(name, names, file, first)) {
                if !names[..at].contains(name) {
                    self.left_out.push((name.clone(), why));
                }
            } else {
                self.header.push(name.clone());
            }
        }
        for (file, others) in &headers[1..] {
            for name in others.iter().filter(|name| !name.is_empty() && !names.contains(name)) {
                if !self.left_out.iter().any(|(left_out, _)| left_out == name) {
                    self.left_out.push((name.clone(), format!("{file} has the column `{name}`, {first} has not")));
                }
            }
        }
        self.left_out.dedup();
        Ok(())
    }
}

/// Why a column cannot be taken from a file, if so.
fn not_once(name: &str, names: &[String], file: &str, first: &str) -> Option<String> {
    match names.iter().filter(|other| *other == name).count() {
        0 => Some(format!("{first} has the column `{name}`, {file} has not")),
        1 => None,
        _ => Some(format!("the header of {file} has `{name}` twice")),
    }
}

/// What all files hold by their names.
fn common_format(files: &[PathBuf], shown: &dyn Fn(&Path) -> String, name: &str) -> Result<FileFormat> {
    let mut common: Option<(FileFormat, &PathBuf)> = None;
    for file in files {
        let Some(format) = format_of(file) else {
            return Err(Error::invalid(format!("the name of {} does not say what is in it", shown(file))).with_help(
                format!(
                    "say it: --read-as {name}=csv ({FORMATS}); or have names that end with .csv, .tsv, .json, .jsonl, .ndjson, .logfmt, .parquet, .txt or .log, each also with .gz"
                ),
            ));
        };
        match &common {
            None => common = Some((format, file)),
            Some((other, _)) if *other == format => {}
            Some((_, first)) => {
                let message = format!("{} and {} are files of two formats", shown(first), shown(file));
                return Err(
                    Error::invalid(message).with_help("name those of one format by a pattern, such as data/*.csv")
                );
            }
        }
    }
    common.map(|(format, _)| format).ok_or_else(|| Error::internal("no file has no format"))
}

/// A file's length; a packed one's as text has it, about.
fn unpacked(file: &Path) -> u64 {
    let length = std::fs::metadata(file).map_or(0, |meta| meta.len());
    let packed = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    if packed { length.saturating_mul(8) } else { length }
}

fn unreadable(file: &str, why: Unreadable) -> Error {
    let (message, help) = match why {
        Unreadable::Wide(encoding) => return SourceError::Wide { path: file.to_owned(), encoding }.into(),
        Unreadable::LoneReturns => (
            "its lines end with a carriage return alone, and a line feed is what ends a line",
            "convert it: tr '\\r' '\\n' < FILE > NEW_FILE",
        ),
        Unreadable::Packed(packing) => {
            let message = format!("{file}: it is packed with {packing}, though its name does not say so");
            let help = if packing == "gzip" { "let its name end with .gz" } else { "unpack it, or pack it with gzip" };
            return Error::new(ErrorKind::Data, message).with_help(help);
        }
    };
    Error::new(ErrorKind::Data, format!("{file}: {message}"))
        .with_help(help.replace("NEW_FILE", "new").replace("FILE", file))
}
