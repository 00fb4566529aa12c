//! What goes into a decoder and what comes out of it.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;

use super::{CsvLayout, Records, RowGroup};
use crate::error::Result;

/// A bad row shows this many bytes of its line at the most.
pub const SHOWN_BYTES: usize = 4096;

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

/// The rows of one chunk.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The good rows, in the order of the chunk.
    pub batch: RecordBatch,
    /// Which line each of them stood in.
    pub rows: Rows,
    /// The rows that could not be decoded, by line.
    pub bad: Vec<BadRow>,
    /// Lines of the chunk, blank ones and the header included; rows or records where there are no lines. The next chunk
    /// of the part starts so many lines further on.
    pub lines: u64,
    /// Bytes of the chunk, uncompressed (of a Parquet row group: those stored).
    pub bytes: u64,
}

/// Where the rows of a batch stood: lines, or records, counted from 0 at the chunk's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Row `i` stood in line `first + i`.
    Contiguous {
        /// Line of the first row.
        first: u32,
    },
    /// Row `i` stood in line `lines[i]`.
    At(Vec<u32>),
}

impl Rows {
    /// The line of row `row` of the batch. The line in the file, counted from 1 as people do, is one more plus the
    /// lines of the file's earlier chunks.
    pub fn line(&self, row: usize) -> u32 {
        match self {
            Rows::Contiguous { first } => first + u32::try_from(row).expect("a chunk has fewer than 2^32 rows"),
            Rows::At(lines) => lines[row],
        }
    }
}

/// A row that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Its line, counted from 0 at the chunk's start.
    pub line: u32,
    /// What is wrong with it, in one line.
    pub reason: String,
    /// The line as it stood, at most [`SHOWN_BYTES`] of it; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// Which values are looked at to tell a good row from a bad one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    /// Those of every declared column, so that which rows are bad does not depend on what a query happens to read.
    #[default]
    Declared,
    /// Those of the wanted columns. Faster, but a query that reads one column more may see fewer rows. A line that
    /// is malformed as a whole (JSON syntax, number of CSV fields, UTF-8) is bad either way.
    Wanted,
}

/// A declared column that none of the rows had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Its name.
    pub column: String,
    /// What some row had that differs from it in upper and lower case only.
    pub near: Option<String>,
}

/// Turns chunks into batches. Implementations keep nothing between calls that a later one depends on.
pub trait Decode: Send + Sync {
    /// The columns of each batch: those that the decoder was made for, in that order.
    fn schema(&self) -> SchemaRef;

    /// The rows of `chunk`.
    ///
    /// # Errors
    /// Only where no single row is to blame: a damaged Parquet file, a file that cannot be read any more, or a chunk
    /// of another kind of source.
    fn decode(&self, chunk: &RawChunk) -> Result<Decoded>;

    /// The declared columns that no row of all chunks so far had: empty where a missing one is an error, or there was no
    /// row.
    fn unseen(&self) -> Vec<Unseen> {
        Vec::new()
    }
}
