//! What a file holds, and how it is read.

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Lines; one column, `value`.
    Text,
    /// Comma-separated values.
    Csv {
        /// Whether the first line names the columns.
        header: bool,
        /// The separator.
        delimiter: u8,
    },
    /// One JSON object a line.
    Json,
    /// `key=value` pairs, a line of them each.
    Logfmt,
    /// Apache Parquet.
    Parquet,
}

/// How CSV files are read: what files of the same format may differ in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CsvReading {
    /// A record may have line breaks inside quotes.
    pub multiline: bool,
    /// A row may have more fields than there are columns; those behind are not looked at.
    pub ignore_surplus: bool,
}

/// Bytes that a record of a line format may have where nobody says.
pub const MAX_RECORD: u64 = 64 << 20;
