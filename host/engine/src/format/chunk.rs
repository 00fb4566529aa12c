//! What goes into a decoder.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;

use super::{CsvLayout, Records, RowGroup};

/// A piece of a source's range that is decoded by itself. Where one ends depends on the data and on constants only,
/// never on the machine, so that results are the same everywhere.
#[derive(Debug, Clone)]
pub struct RawChunk {
    /// Which part of the range (a file, a partition), from 0; 0 where it has no parts.
    pub part: u32,
    /// Which chunk of that part, from 0.
    pub index: u32,
    /// The bytes, or where to find them.
    pub content: RawContent,
}

/// What a chunk holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RawContent {
    /// Whole lines of a text format.
    Lines {
        /// The lines; the last one may lack its newline.
        bytes: Buffer,
        /// Lines of the file just before `bytes` that belong to this chunk but hold no row: a CSV file's header.
        before: u32,
        /// Where a CSV file has its columns; none for the other formats.
        layout: Option<Arc<CsvLayout>>,
        /// Lines of `bytes` that are only the beginning of a longer one, in their order: no rows.
        long: Vec<LongLine>,
    },
    /// Rows of a Parquet row group, read when it is decoded.
    RowGroup(RowGroup),
    /// Rows `from..to` of a source that makes them up.
    Rows {
        /// First row.
        from: u64,
        /// One past the last row.
        to: u64,
    },
    /// Records that came one by one, all of one partition.
    Records(Records),
    /// Rows that are columns already: all of those that the source has.
    Columns(RecordBatch),
}

/// What a row group, whose bytes are read later, counts for.
const ROW_GROUP: u64 = 16 << 20;

impl RawContent {
    /// About how many bytes it is; of rows that are made up, how many rows.
    pub fn size(&self) -> u64 {
        match self {
            Self::Lines { bytes, .. } => bytes.len() as u64,
            Self::RowGroup(_) => ROW_GROUP,
            Self::Rows { from, to } => to - from,
            Self::Records(records) => records.bytes() as u64,
            Self::Columns(batch) => batch.get_array_memory_size() as u64,
        }
    }
}

/// A line that is longer than a record may be. Only its beginning is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LongLine {
    /// Which line of the chunk's bytes, from 0.
    pub line: u32,
    /// Its length in the file.
    pub bytes: u64,
    /// How long a record may be.
    pub limit: u64,
}
