//! Reads planned files as chunks. A file is checked against its plan when it is opened and again when all of it was
//! read, so that one that changes in between is an error and not a mixture.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;

use super::cut::{BYTE_ORDER_MARK, Cutter, Ends, Longest};
use super::discover::modified;
use super::json_records::JsonRecords;
use super::{FileSource, Names};
use crate::connector::source::SourceError;
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::format::{
    CsvDialect, CsvLayout, FormatError, Gunzip, Head, LongLine, ParquetFile, RawChunk, RawContent, RowGroup,
    is_behind_its_end, is_gzip, packing_of, wide_encoding,
};
use crate::record::FileRange;

/// The chunks of some files, one file after the other.
pub(super) struct FileReader {
    format: FileFormat,
    csv: Option<CsvDialect>,
    schema: SchemaRef,
    names: Names,
    chunk: u64,
    max_record: u64,
    json_over_lines: bool,
    files: Vec<FileRange>,
    /// The next file to open.
    next: usize,
    open: Option<OpenFile>,
    failed: bool,
}

enum OpenFile {
    Lines(LineFile),
    Groups(std::iter::Enumerate<std::vec::IntoIter<RowGroup>>),
}

struct LineFile {
    range: FileRange,
    cutter: Cutter<Bytes>,
    index: u32,
    layout: Option<Arc<CsvLayout>>,
}

enum Bytes {
    /// One byte more than planned is read at the most: enough to see that a file has grown.
    Plain(io::Take<File>),
    Gzip(Box<Gunzip<BufReader<File>>>),
    /// JSON that does not stand one object a line.
    Records(Box<JsonRecords<Bytes>>),
}

impl Read for Bytes {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(to),
            Self::Gzip(file) => file.read(to),
            Self::Records(records) => records.read(to),
        }
    }
}

impl Bytes {
    /// The file that is read; none of a damaged one.
    fn file(self) -> Option<File> {
        match self {
            Self::Plain(file) => Some(file.into_inner()),
            Self::Gzip(file) => file.into_inner().map(BufReader::into_inner),
            Self::Records(records) => records.into_inner().file(),
        }
    }
}

impl FileReader {
    pub fn new(source: &FileSource, files: Vec<FileRange>) -> Self {
        let FileSource { format, csv, schema, names, chunk, max_record, json_over_lines, .. } = source;
        let (format, csv, schema, names) = (*format, *csv, schema.clone(), names.clone());
        let (chunk, max_record, json_over_lines) = (*chunk, *max_record, *json_over_lines);
        Self {
            format,
            csv,
            schema,
            names,
            chunk,
            max_record,
            json_over_lines,
            files,
            next: 0,
            open: None,
            failed: false,
        }
    }

    fn step(&mut self) -> Result<Option<RawChunk>> {
        loop {
            let content = match &mut self.open {
                Some(OpenFile::Lines(file)) => file.next(self.format, self.csv, &self.schema)?,
                Some(OpenFile::Groups(groups)) => {
                    groups.next().map(|(index, group)| (number(index), RawContent::RowGroup(group)))
                }
                None => None,
            };
            if let Some((index, content)) = content {
                return Ok(Some(RawChunk { part: number(self.next - 1), index, content }));
            }
            if let Some(OpenFile::Lines(file)) = self.open.take() {
                file.close()?;
            }
            let Some(range) = self.files.get(self.next) else { return Ok(None) };
            self.open = Some(self.open(range)?);
            self.next += 1;
        }
    }

    fn open(&self, range: &FileRange) -> Result<OpenFile> {
        let path = self.names.path(&range.path);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => SourceError::Gone { path: range.path.clone() },
            _ => SourceError::Unreadable { path: range.path.clone(), error },
        })?;
        unchanged(&file, range)?;
        if range.len == 0 {
            return Ok(OpenFile::Groups(Vec::new().into_iter().enumerate()));
        }
        if self.format == FileFormat::Parquet {
            let file = Arc::new(ParquetFile::read(&file, &path, &range.path)?);
            file.check(&self.schema)?;
            return Ok(OpenFile::Groups(file.row_groups().into_iter().enumerate()));
        }
        let (bytes, ends) = if is_gzip(&range.path) {
            let buffered = BufReader::with_capacity(128 << 10, file);
            (Bytes::Gzip(Box::new(Gunzip::new(buffered))), Ends::Steps { size: self.chunk })
        } else {
            (Bytes::Plain(file.take(range.len.saturating_add(1))), Ends::parts(range.len, self.chunk))
        };
        let over_lines = self.json_over_lines && self.format == FileFormat::Json && {
            let head =
                Head::read(&path).map_err(|error| SourceError::Unreadable { path: range.path.clone(), error })?;
            head.json_over_lines()
        };
        let (bytes, ends) = match over_lines {
            // How long it is with each record on a line is seen as it is read.
            true => (Bytes::Records(Box::new(JsonRecords::new(bytes))), Ends::Steps { size: self.chunk }),
            false => (bytes, ends),
        };
        let cutter = Cutter::new(bytes, ends, Longest::of(self.max_record, self.csv), self.csv);
        Ok(OpenFile::Lines(LineFile { range: range.clone(), cutter, index: 0, layout: None }))
    }
}

impl Iterator for FileReader {
    type Item = Result<RawChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}

impl LineFile {
    fn next(
        &mut self,
        format: FileFormat,
        csv: Option<CsvDialect>,
        schema: &SchemaRef,
    ) -> Result<Option<(u32, RawContent)>> {
        let Some(chunk) = self.cutter.next().map_err(|e| self.failed(e))? else { return Ok(None) };
        let mut long = chunk.long;
        let mut bytes = Buffer::from_vec(chunk.bytes);
        let mut before = 0;
        if self.index == 0 {
            let path = || self.range.path.clone();
            if let Some(packing) = packing_of(&bytes) {
                return Err(SourceError::PackedInside { path: path(), packing }.into());
            }
            if let Some(encoding) = wide_encoding(&bytes) {
                return Err(SourceError::Wide { path: path(), encoding }.into());
            }
            if bytes.starts_with(BYTE_ORDER_MARK) {
                bytes = bytes.slice(BYTE_ORDER_MARK.len());
            }
            if let (FileFormat::Csv { header: true, delimiter }, Some(csv)) = (format, csv) {
                let length = self.header(&bytes, &long, delimiter, csv, schema)?;
                before = memchr::memchr_iter(b'\n', &bytes[..length]).count().max(1) as u32;
                bytes = bytes.slice(length);
                long.iter_mut().for_each(|line| line.line -= before);
            }
        }
        let index = self.index;
        self.index += 1;
        Ok(Some((index, RawContent::Lines { bytes, before, layout: self.layout.clone(), long })))
    }

    /// Reads the header, the first record that is not blank; the length of it and what stands before it.
    fn header(
        &mut self,
        bytes: &[u8],
        long: &[LongLine],
        delimiter: u8,
        csv: CsvDialect,
        schema: &SchemaRef,
    ) -> Result<usize> {
        let malformed = |reason: String| FormatError::Malformed { file: self.range.path.clone(), reason };
        let (mut start, mut line) = (0, 1);
        while start < bytes.len() {
            let (end, next) = csv.record(bytes, start);
            let header = &bytes[start..end];
            if !header.iter().all(u8::is_ascii_whitespace) {
                let is_cut = long.first().is_some_and(|first| u64::from(first.line) + 1 == line);
                if is_cut || header.len() as u64 > csv.max_record() {
                    let reason = format!("line {line}: the header is longer than max_record allows");
                    return Err(malformed(reason).into());
                }
                let header = std::str::from_utf8(header)
                    .map_err(|_| malformed(format!("line {line}: the header is not UTF-8")))?;
                let layout = CsvLayout::by_header(header, line, delimiter, schema, &self.range.path)?;
                self.layout = Some(Arc::new(layout));
                return Ok(next);
            }
            (start, line) = (next, line + 1);
        }
        Ok(start)
    }

    fn failed(&self, error: io::Error) -> Error {
        let path = self.range.path.clone();
        if is_behind_its_end(&error) {
            return SourceError::BehindItsEnd { path }.into();
        }
        if is_gzip(&path) && error.raw_os_error().is_none() {
            return SourceError::Gzip { path, error }.into();
        }
        SourceError::Unreadable { path, error }.into()
    }

    /// All of the file was read: it must still be the one that was opened.
    fn close(self) -> Result<(), SourceError> {
        let read = self.cutter.position();
        let bytes = self.cutter.into_inner();
        if matches!(bytes, Bytes::Plain(_)) && read != self.range.len {
            let what = format!("{read} bytes, planned were {}", self.range.len);
            return Err(SourceError::Changed { path: self.range.path, what });
        }
        bytes.file().map_or(Ok(()), |file| unchanged(&file, &self.range))
    }
}

fn unchanged(file: &File, range: &FileRange) -> Result<(), SourceError> {
    let path = || range.path.clone();
    let meta = file.metadata().map_err(|error| SourceError::Unreadable { path: path(), error })?;
    if meta.len() != range.len {
        let what = format!("it has {} bytes, planned were {}", meta.len(), range.len);
        return Err(SourceError::Changed { path: path(), what });
    }
    if modified(&meta) != range.modified {
        return Err(SourceError::Changed { path: path(), what: "it has another modification time".into() });
    }
    Ok(())
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("a range has fewer than 2^32 files and a file fewer chunks")
}
