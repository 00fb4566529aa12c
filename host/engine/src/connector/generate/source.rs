//! Made-up rows, at a rate or as fast as they are taken. Row `i` depends on the options and on `i` alone, so
//! a range can be made in parallel, and again after a crash.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::access_logs::AccessLogs;
use super::cards::Cards;
use super::nexmark::{Auctions, Bids, Persons};
use super::options::GenerateSpec;
use super::rows::Rows;
use super::rows_of::RowsOf;
use crate::connector::source::{Chunks, Known, NextLook, REST, Source, SourceError};
use crate::error::{Error, Result};
use crate::format::{Decode, Decoded, FormatError, RawChunk, RawContent, RowLines};
use crate::record::SourceRange;

/// The source of `connector = "generate"`.
pub struct GenerateSource {
    made: Arc<dyn Rows>,
    rows: Option<u64>,
    rows_per_second: Option<u64>,
    max_rows: u64,
    next: u64,
    /// Processing time and position when the first range was asked for: the rate counts from there, so that a job
    /// that stood still does not catch up on rows nobody waited for.
    began: Option<(i64, u64)>,
    stopped: bool,
}

impl GenerateSource {
    /// Opens the source.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn open(spec: &GenerateSpec) -> Result<Self, SourceError> {
        if spec.rows_per_second == Some(0) {
            return Err(SourceError::BadOption("`rows_per_second` must be at least 1".into()));
        }
        Ok(Self {
            made: match spec.rows_of {
                RowsOf::AccessLogs => Arc::new(AccessLogs::new(spec)?),
                RowsOf::Cards => Arc::new(Cards::new(spec)?),
                RowsOf::Persons => Arc::new(Persons::new(spec)?),
                RowsOf::Auctions => Arc::new(Auctions::new(spec)?),
                RowsOf::Bids => Arc::new(Bids::new(spec)?),
            },
            rows: spec.rows,
            rows_per_second: spec.rows_per_second,
            max_rows: spec.max_rows_per_epoch.max(1),
            next: 0,
            began: None,
            stopped: false,
        })
    }

    /// One past the last row that the rate has come to.
    fn due(&mut self, now: i64) -> u64 {
        let Some(rate) = self.rows_per_second else { return u64::MAX };
        let (then, first) = *self.began.get_or_insert((now, self.next));
        let elapsed = u128::try_from(i128::from(now) - i128::from(then)).unwrap_or(0);
        let rows = u64::try_from(elapsed * u128::from(rate) / 1_000_000).unwrap_or(u64::MAX);
        first.saturating_add(rows)
    }
}

impl Source for GenerateSource {
    fn schema(&self) -> SchemaRef {
        self.made.schema()
    }

    /// With a rate, the first call starts the clock and gives nothing.
    fn plan(&mut self, now: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let from = self.next;
        if self.exhausted() {
            return Ok(None);
        }
        let to = self.due(now).min(from.saturating_add(self.max_rows)).min(self.rows.unwrap_or(u64::MAX));
        if to <= from {
            return Ok(None);
        }
        self.next = to;
        Ok(Some(SourceRange::Rows { from, to }))
    }

    fn next_look(&self, now: i64) -> NextLook {
        let soonest = now.saturating_add(REST);
        let (Some(rate), Some((then, first))) = (self.rows_per_second, self.began) else {
            return NextLook::At(soonest);
        };
        let wanted = u128::from((self.next - first).saturating_add(1));
        let after = i64::try_from((wanted * 1_000_000).div_ceil(u128::from(rate))).unwrap_or(i64::MAX);
        NextLook::At(soonest.max(then.saturating_add(after)))
    }

    /// Rows that have a time to come are not there yet; all others are, however many.
    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        self.stopped = true;
        Ok(())
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        match range {
            SourceRange::Rows { to, .. } => vec![(Vec::new(), to.to_le_bytes().to_vec())],
            _ => Vec::new(),
        }
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        for (key, value) in entries {
            let next = <[u8; 8]>::try_from(value).ok().filter(|_| key.is_empty());
            let bad = || SourceError::BadEntry(String::from_utf8_lossy(key).into_owned(), "generate");
            self.next = self.next.max(u64::from_le_bytes(next.ok_or_else(bad)?));
        }
        Ok(())
    }

    /// Chunks are cut at multiples of what one holds.
    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Rows { from, to } = *range else { return Err(SourceError::WrongRange("generate").into()) };
        let rows = self.made.per_chunk();
        let (first, end) = (from / rows, to.div_ceil(rows));
        Ok(Box::new((first..end).enumerate().map(move |(index, chunk)| {
            let content = RawContent::Rows {
                from: from.max(chunk * rows),
                to: to.min(chunk.saturating_add(1).saturating_mul(rows)),
            };
            let index = u32::try_from(index).map_err(|_| Error::internal("an epoch of more than 2^47 rows"))?;
            Ok(RawChunk { part: 0, index, content })
        })))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        let schema = self.made.schema().project(columns).expect("wanted columns are indices of the schema");
        Ok(Arc::new(Maker { made: self.made.clone(), columns: columns.into(), schema: Arc::new(schema) }))
    }

    fn exhausted(&self) -> bool {
        self.rows.is_some_and(|rows| self.next >= rows) || (self.stopped && self.rows_per_second.is_some())
    }

    fn part_name(&self, _range: &SourceRange, _part: u32) -> String {
        "generated rows".into()
    }
}

/// "Decodes" row numbers into rows.
struct Maker {
    made: Arc<dyn Rows>,
    columns: Box<[usize]>,
    schema: SchemaRef,
}

impl Decode for Maker {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::Rows { from, to } = chunk.content else {
            return Err(FormatError::WrongChunk("generate").into());
        };
        let made = self.made.columns(from, to, &self.columns);
        let options = RecordBatchOptions::new().with_row_count(usize::try_from(to - from).ok());
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), made.columns, &options)
            .map_err(|e| Error::internal(format!("made-up columns are not those of their schema: {e}")))?;
        Ok(Decoded {
            batch,
            rows: RowLines::Contiguous { first: 0 },
            bad: Vec::new(),
            lines: to - from,
            bytes: made.bytes,
        })
    }
}
