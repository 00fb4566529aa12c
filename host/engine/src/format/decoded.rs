//! What comes out of a decoder.

use arrow::array::RecordBatch;

/// A bad row shows this many bytes of its line at the most.
pub const SHOWN_BYTES: usize = 4096;

/// The rows of one chunk.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// The good rows, in the order of the chunk.
    pub batch: RecordBatch,
    /// Which line each of them stood in.
    pub rows: RowLines,
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
pub enum RowLines {
    /// Row `i` stood in line `first + i`.
    Contiguous {
        /// Line of the first row.
        first: u32,
    },
    /// Row `i` stood in line `lines[i]`.
    At(Vec<u32>),
}

impl RowLines {
    /// The line of row `row` of the batch. The line in the file, counted from 1 as people do, is one more plus the
    /// lines of the file's earlier chunks.
    pub fn line(&self, row: usize) -> u32 {
        match self {
            RowLines::Contiguous { first } => first + u32::try_from(row).expect("a chunk has fewer than 2^32 rows"),
            RowLines::At(lines) => lines[row],
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
