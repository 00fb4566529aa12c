//! Files of a folder, of a pattern, or a single one. Files are immutable: one is planned once, whole, by its name,
//! and must not change from then on; one that does is noticed ([`seen`]). Each look at the folder gives the new files
//! in the order of their paths; names that begin with `_` or `.` are ignored, and so are the folders in a folder (a
//! pattern with `**` goes into them).

mod cut;
mod discover;
mod json_records;
mod read;
mod seen;

#[cfg(test)]
mod csv_tests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use self::discover::{SourcePath, stat};
use self::seen::{SeenFile, Watch};
use super::options::FileSourceSpec;
use crate::connector::source::{Chunks, EntryChange, Known, NextLook, Notices, REST, Source, SourceError};
use crate::error::{Error, Result};
use crate::format::{self, Check, CsvDialect, Decode, FileFormat, FormatError, ParquetFile};
use crate::job::{JobText, Limit};
use crate::record::{FileRange, SourceRange};

/// Bytes that an epoch reads where the job does not say, as they are stored: enough that what is done once per epoch
/// costs nothing beside them, little enough that what an epoch keeps in memory until its end has room.
const BYTES: u64 = 512 << 20;

/// Files that an epoch reads where the job does not say: the epoch's record names them all.
const FILES: u64 = 10_000;

/// Longest rest between two looks at a folder that nothing comes to, microseconds (`docs/decisions/0016`).
const LONGEST_REST: i64 = 1_000_000;

/// The source of `connector = "file"`.
pub struct FileSource {
    path: SourcePath,
    names: Names,
    format: FileFormat,
    /// How its files are read, if they are CSV.
    csv: Option<CsvDialect>,
    schema: SchemaRef,
    check: Check,
    max_files: Limit,
    max_bytes: Limit,
    /// Whether [`FILES`] and [`BYTES`] hold where the job names no limit.
    bounded: bool,
    /// Bytes of a chunk, about.
    chunk: u64,
    max_record: u64,
    json_over_lines: bool,
    watch: Watch,
    /// Files that were found and not planned yet, in order. The folder is looked at again when it is empty.
    waiting: VecDeque<FileRange>,
    /// The last look that found something, or else the first one: processing time.
    quiet_since: Option<i64>,
    /// The folder is not looked at any more.
    stopped: bool,
}

/// How files are called in ranges and messages.
#[derive(Debug, Clone)]
struct Names {
    base: PathBuf,
}

impl Names {
    /// Relative to the base where the file lies below it.
    fn of(&self, path: &Path) -> Result<String, SourceError> {
        let shown = path.strip_prefix(&self.base).unwrap_or(path);
        match shown.to_str() {
            Some(name) => Ok(name.into()),
            None => Err(SourceError::NameNotUtf8 { path: shown.to_string_lossy().into_owned() }),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.join(name)
    }
}

impl FileSource {
    /// Opens the source; nothing is read but, where Parquet files come without a schema, the first one's footer.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`], pointing into the job file: a single file, or the folder that others are looked
    /// for in, does not exist; a type is not known; a schema is missing.
    pub fn open(spec: &FileSourceSpec, job: &JobText) -> Result<Self> {
        let at_path = |e: Error| e.at(job.at(spec.path.span.clone()));
        let path = SourcePath::new(&spec.path.value).map_err(|e| at_path(e.into()))?;
        let names = Names { base: spec.base.clone() };
        let schema = match &spec.schema {
            Some(columns) => {
                let span = columns.first().map_or(spec.path.span.clone(), |(_, text)| text.span.clone());
                let schema = format::declared_schema(columns).map_err(|(e, span)| Error::from(e).at(job.at(span)))?;
                let schema = declared(schema, spec.format).map_err(|e| e.at(job.at(span.clone())))?;
                // A type that the format cannot hold is said now.
                format::decoder(spec.format, &schema, &[], Check::Declared)
                    .map_err(|e| Error::from(e).at(job.at(span)))?;
                schema
            }
            None => match spec.format {
                FileFormat::Text => text_schema(),
                FileFormat::Parquet => first_schema(&path, &names).map_err(at_path)?,
                FileFormat::Json => return Err(at_path(FormatError::SchemaNeeded("json").into())),
                FileFormat::Logfmt => return Err(at_path(FormatError::SchemaNeeded("logfmt").into())),
                FileFormat::Csv { .. } => return Err(at_path(FormatError::SchemaNeeded("csv").into())),
            },
        };
        Ok(Self::of(spec, path, schema, Check::Declared))
    }

    /// Opens the source with columns that were found out, of types that no text stands for; of each row only what is wanted
    /// is looked at.
    ///
    /// # Errors
    /// As [`FileSource::open`].
    pub fn with_columns(spec: &FileSourceSpec, schema: SchemaRef, job: &JobText) -> Result<Self> {
        let at_path = |e: Error| e.at(job.at(spec.path.span.clone()));
        let path = SourcePath::new(&spec.path.value).map_err(|e| at_path(e.into()))?;
        format::decoder(spec.format, &schema, &[], Check::Wanted).map_err(|e| at_path(e.into()))?;
        Ok(Self::of(spec, path, schema, Check::Wanted))
    }

    fn of(spec: &FileSourceSpec, path: SourcePath, schema: SchemaRef, check: Check) -> Self {
        Self {
            path,
            names: Names { base: spec.base.clone() },
            format: spec.format,
            csv: match spec.format {
                FileFormat::Csv { delimiter, .. } => Some(CsvDialect::new(delimiter, spec.csv, spec.max_record)),
                _ => None,
            },
            schema,
            check,
            max_files: spec.max_files_per_epoch,
            max_bytes: spec.max_bytes_per_epoch,
            bounded: true,
            chunk: cut::CHUNK,
            max_record: spec.max_record,
            json_over_lines: spec.json_over_lines,
            watch: Watch::default(),
            waiting: VecDeque::new(),
            quiet_since: None,
            stopped: false,
        }
    }

    fn limit(&self, limit: Limit, sensible: u64) -> u64 {
        match limit {
            Limit::At(limit) => limit,
            Limit::Sensible if self.bounded => sensible,
            Limit::Sensible | Limit::Unlimited => u64::MAX,
        }
    }

    fn discover(&mut self, now: i64, known: Known<'_>) -> Result<(), SourceError> {
        let mut look = self.watch.look(now);
        let mut found: Vec<FileRange> = Vec::new();
        let has_looked = self.path.list(&self.names, &mut |path, name| {
            look.there(&name);
            match known.get(name.as_bytes()) {
                Some(stored) => look.known(path, &name, stored)?,
                None => found.extend(stat(path, name)?),
            }
            Ok(())
        })?;
        if has_looked {
            look.end(&self.names, known);
        }
        if self.format != FileFormat::Parquet
            && let Some((file, packing)) = found.iter().find_map(|f| Some((f, format::unread_packing(&f.path)?)))
        {
            return Err(SourceError::Packed { path: file.path.clone(), packing });
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        self.waiting = found.into();
        Ok(())
    }

    /// A file without a byte has no rows. Where it should have had some bytes all the same, that is said.
    fn note_empty(&mut self, file: &FileRange) {
        let what = match self.format {
            FileFormat::Parquet => "Parquet",
            _ if format::is_gzip(&file.path) => "gzip",
            _ => return,
        };
        if file.len == 0 {
            let notices = self.watch.notices();
            notices.empty += 1;
            if notices.empty <= 3 {
                notices.messages.push(format!("{} has no bytes: it is no {what} file, and was passed over", file.path));
            }
        }
    }
}

impl Source for FileSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn plan(&mut self, now: i64, known: Known<'_>) -> Result<Option<SourceRange>> {
        if self.waiting.is_empty() && !self.stopped {
            self.discover(now, known)?;
        }
        let (max_files, max_bytes) = (self.limit(self.max_files, FILES).max(1), self.limit(self.max_bytes, BYTES));
        let mut files: Vec<FileRange> = Vec::new();
        let mut bytes = 0u64;
        while let Some(next) = self.waiting.front() {
            let with_next = bytes.saturating_add(next.len);
            if files.len() as u64 >= max_files || (!files.is_empty() && with_next > max_bytes) {
                break;
            }
            bytes = with_next;
            files.extend(self.waiting.pop_front());
        }
        files.iter().for_each(|file| self.note_empty(file));
        if !files.is_empty() || self.quiet_since.is_none() {
            self.quiet_since = Some(now);
        }
        Ok((!files.is_empty()).then_some(SourceRange::Files(files)))
    }

    fn stop_discovery(&mut self, now: i64, known: Known<'_>) -> Result<()> {
        if self.waiting.is_empty() {
            self.discover(now, known)?;
        }
        self.stopped = true;
        Ok(())
    }

    /// A file that comes is found after another hundredth of the time for which nothing came.
    fn next_look(&self, now: i64) -> NextLook {
        let quiet = now.saturating_sub(self.quiet_since.unwrap_or(now));
        NextLook::At(now.saturating_add((quiet / 100).clamp(REST, LONGEST_REST)))
    }

    fn admit_all(&mut self) {
        self.bounded = false;
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let SourceRange::Files(files) = range else { return Vec::new() };
        files.iter().map(|file| (file.path.as_bytes().to_vec(), SeenFile::of(file).encode())).collect()
    }

    fn housekeeping(&mut self) -> Vec<EntryChange> {
        let changes = self.watch.take_changes();
        changes.map(|(name, entry)| (name.into_bytes(), entry.map(|entry| entry.encode()))).collect()
    }

    fn notices(&mut self) -> Notices {
        self.watch.take_notices()
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        // What they say is asked of the state, when files are looked for.
        for (path, value) in entries {
            if std::str::from_utf8(path).is_err() || SeenFile::decode(value).is_none() {
                return Err(SourceError::BadEntry(String::from_utf8_lossy(path).into_owned(), "file").into());
            }
        }
        Ok(())
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Files(files) = range else { return Err(SourceError::WrongRange("file").into()) };
        Ok(Box::new(read::FileReader::new(self, files.clone())))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        Ok(match self.csv {
            Some(dialect) => format::csv_decoder(dialect, &self.schema, columns, self.check)?,
            None => format::decoder(self.format, &self.schema, columns, self.check)?,
        })
    }

    /// Another file may always come, unless discovery was stopped.
    fn exhausted(&self) -> bool {
        self.stopped && self.waiting.is_empty()
    }

    fn part_name(&self, range: &SourceRange, part: u32) -> String {
        match range {
            SourceRange::Files(files) => files.get(part as usize).map(|f| f.path.clone()).unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// The files that `path` (absolute) names now, in the order in which a source reads them.
///
/// # Errors
/// It leads nowhere, or cannot be looked at.
pub fn files_of(path: &str) -> Result<Vec<PathBuf>> {
    // Nothing is taken off the names: messages have them.
    let names = Names { base: PathBuf::new() };
    let found = SourcePath::new(path)?.all(&names)?;
    Ok(found.into_iter().map(|file| names.path(&file.path)).collect())
}

fn text_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]))
}

/// Text files may declare their one column, and even give it another name.
fn declared(schema: SchemaRef, format: FileFormat) -> Result<SchemaRef> {
    if schema.fields().is_empty() {
        return Err(Error::invalid("the schema has no columns"));
    }
    if format != FileFormat::Text {
        return Ok(schema);
    }
    match schema.fields().as_ref() {
        [only] if only.data_type() == &DataType::Utf8 => {
            Ok(Arc::new(Schema::new(vec![Field::new(only.name(), DataType::Utf8, false)])))
        }
        _ => Err(Error::invalid("text files have one column, of type `utf8`").with_help("leave the schema out")),
    }
}

/// The schema of the first Parquet file there is.
fn first_schema(path: &SourcePath, names: &Names) -> Result<SchemaRef> {
    // One without a byte is passed over.
    let Some(first) = path.all(names)?.into_iter().find(|file| file.len > 0) else {
        return Err(
            Error::from(FormatError::SchemaNeeded("parquet")).context("there is no file yet to take the columns from")
        );
    };
    let path = names.path(&first.path);
    let file = File::open(&path).map_err(|error| SourceError::Unreadable { path: first.path.clone(), error })?;
    Ok(ParquetFile::read(&file, &path, &first.path)?.schema())
}
