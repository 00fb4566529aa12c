//! The columns of a table, told from its rows: from all of them where they are few or where it matters, else from a
//! sample.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::Limits;
use super::table::FoundTable;
use crate::connector::file::source::FileSource;
use crate::connector::source::{Known, Source};
use crate::executor::Workers;
use crate::format::FileFormat;
use crate::format::{Members, RawChunk, tell_csv, tell_json, tell_logfmt};
use crate::record::{FileRange, SourceRange};
use crate::{Error, ErrorKind, Result};

/// The columns of a table.
#[derive(Debug, Clone)]
pub(super) struct ToldColumns {
    /// None where the files say it themselves.
    pub schema: Option<SchemaRef>,
    /// Per column, whether rows that were not looked at may hold what nobody would miss.
    pub may_hide: Vec<bool>,
    /// All rows were looked at.
    pub certain: bool,
}

/// Tells the columns of `table`; `all`: from all of its rows, however many there are.
pub(super) fn tell(table: &FoundTable, all: bool, limits: Limits, workers: &Workers) -> Result<ToldColumns> {
    let format = table.spec.format;
    if matches!(format, FileFormat::Text | FileFormat::Parquet) {
        return Ok(ToldColumns { schema: None, may_hide: Vec::new(), certain: true });
    }
    let text = |name: &String| Field::new(name, DataType::Utf8, true);
    let texts: SchemaRef = Arc::new(Schema::new(table.header.iter().map(text).collect::<Vec<_>>()));
    let mut source = FileSource::with_columns(&table.spec, texts, &table.text)?;
    source.stop_discovery(0, Known::default())?;
    let mut files: Vec<FileRange> = Vec::new();
    while let Some(range) = source.plan(0, Known::default())? {
        if let SourceRange::Files(more) = range {
            files.extend(more);
        }
    }
    let all = all || table.bytes <= limits.few;
    let mut columns = Members::of(table.header.iter().cloned());
    let mut first_bad = None;
    let looked_at = if all { files } else { sample(files, limits.files) };
    let ranges: Vec<SourceRange> = looked_at.into_iter().map(|file| SourceRange::Files(vec![file])).collect();
    let wanted: Vec<usize> = (0..table.header.len()).collect();
    let decoder = source.decoder(&wanted)?;
    let chunks = ranges.iter().flat_map(|range| {
        let (chunks, failed) = match source.read(range) {
            Ok(chunks) => (Some(chunks), None),
            Err(e) => (None, Some(Err(e))),
        };
        let chunks = chunks.into_iter().flatten().take(if all { usize::MAX } else { 1 }).chain(failed);
        chunks.map(move |chunk| chunk.map(|chunk| (range, chunk)))
    });
    let look = |(range, chunk): (&SourceRange, RawChunk)| {
        let decoded = decoder.decode(&chunk)?;
        let mut told = Members::default();
        match format {
            FileFormat::Json => tell_json(&chunk, &decoded, &mut told),
            FileFormat::Logfmt => tell_logfmt(&chunk, &decoded, &mut told),
            _ => tell_csv(&decoded.batch, &mut told),
        }
        let bad = decoded.bad.first().filter(|_| chunk.index == 0);
        let bad = bad.map(|bad| format!("{}, line {}: {}", source.part_name(range, 0), bad.line + 1, bad.reason));
        Ok((told, bad))
    };
    workers.in_order(chunks, look, |(told, bad)| {
        columns.merge(told);
        if first_bad.is_none() {
            first_bad = bad;
        }
        Ok(())
    })?;
    if let Some(bad) = first_bad.filter(|_| columns.is_empty()) {
        return Err(Error::new(ErrorKind::Data, format!("no row of `{}` can be read: {bad}", table.name)));
    }
    let fields = columns.iter().map(|(name, kinds)| Field::new(name, kinds.data_type(), true));
    Ok(ToldColumns {
        schema: Some(Arc::new(Schema::new(fields.collect::<Vec<_>>()))),
        may_hide: columns.iter().map(|(_, kinds)| kinds.may_hide()).collect(),
        certain: all,
    })
}

/// Some of the files, from the first to the last, in their order.
fn sample(files: Vec<FileRange>, most: usize) -> Vec<FileRange> {
    let (count, most) = (files.len(), most.min(files.len()));
    let chosen = |at: usize| (0..most).any(|k| k * (count - 1) / most.saturating_sub(1).max(1) == at);
    let numbered = files.into_iter().enumerate();
    numbered.filter(|(at, _)| chosen(*at)).map(|(_, file)| file).collect()
}

/// The columns of a table without rows are not known.
pub(super) fn no_columns(table: &FoundTable) -> Error {
    if let Some((_, why)) = table.left_out.first() {
        let message = format!("the files of `{}` have no column in common", table.name);
        return Error::invalid(message).at(table.place()).with_help(format!("{why}: ask files of one kind"));
    }
    let message = format!("the files of `{}` have no row from which their columns could be told", table.name);
    Error::invalid(message).at(table.place()).with_help("name files that have some")
}
