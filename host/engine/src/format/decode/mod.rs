//! Decoders, one per format ([`Decode`]). The line formats work in two steps: a *scan* of the lines finds where each wanted
//! field stands ([`slots`]), then each column is made from its fields in one go ([`columns`]). A line that does not
//! scan, or a field that does not parse, makes its row bad and no other.

mod column;
mod columns;
mod columns_as_they_are;
mod csv;
mod json;
mod lines;
mod logfmt;
mod nested;
mod no_time;
mod numbers;
mod parquet;
mod projection;
mod records;
mod slots;
mod text;
mod times;
mod value_path;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::datatypes::SchemaRef;

pub use self::columns_as_they_are::ColumnsDecoder;
pub use self::csv::{CsvDialect, CsvLayout};
pub(super) use self::lines::Ends;
pub(super) use self::logfmt::pairs as logfmt_pairs;
pub use self::parquet::{ParquetFile, RowGroup};
pub use self::records::{Metadata, RecordFormat};
pub use self::times::InstantUnit;
use super::{Decoded, FormatError, RawChunk};
use crate::error::Result;
use crate::format::{CsvReading, FileFormat, MAX_RECORD};

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

/// The names in the header of a CSV file, a line without its end; none if it is no CSV.
pub fn csv_names(header: &str, delimiter: u8) -> Option<Vec<String>> {
    csv::names(header, delimiter).ok()
}

/// Whether a text is read as a date.
pub(super) fn reads_as_date(text: &str) -> bool {
    times::date(text).is_some()
}

/// The time that a text is, wherever one is read: in files, in what is told of their columns, in SQL. Microseconds since
/// 1970; `docs/sql.md` has the forms.
pub fn time_of_text(text: &str) -> Option<i64> {
    times::timestamp(text)
}

/// The same of a text that, where it has no zone, is a time in this one.
pub fn time_of_text_in(zone: &Tz, text: &str) -> Option<i64> {
    times::timestamp_in(zone, text).filter(|micros| is_in_range(*micros))
}

/// The time of a number of `unit`s since 1970, as it is written; what is finer than microseconds is rounded down.
pub fn time_of_number(text: &str, unit: InstantUnit) -> Option<i64> {
    times::instant(text, unit)
}

/// Whether the time lies in the years that times have, 1 to 9999; microseconds since 1970.
pub fn is_in_range(micros: i64) -> bool {
    times::YEARS.contains(&micros)
}

/// The decoder of files of `format` whose declared columns are `schema`, for the columns `wanted` (indices into
/// `schema`, in the order in which they are wanted; none is allowed: rows are counted then).
///
/// # Errors
/// [`FormatError::UnsupportedType`] if the format cannot hold a declared column.
pub fn decoder(
    format: FileFormat,
    schema: &SchemaRef,
    wanted: &[usize],
    check: Check,
) -> Result<Arc<dyn Decode>, FormatError> {
    Ok(match format {
        FileFormat::Text => Arc::new(text::TextDecoder::new(schema, wanted)),
        FileFormat::Json => Arc::new(json::JsonDecoder::new(schema, wanted, check)?),
        FileFormat::Logfmt => Arc::new(logfmt::LogfmtDecoder::new(schema, wanted, check)?),
        FileFormat::Csv { delimiter, .. } => {
            csv_decoder(CsvDialect::new(delimiter, CsvReading::default(), MAX_RECORD), schema, wanted, check)?
        }
        FileFormat::Parquet => Arc::new(parquet::ParquetDecoder::new(schema, wanted)),
    })
}

/// As [`decoder`], of CSV files that are read in a way of their own.
///
/// # Errors
/// As for [`decoder`].
pub fn csv_decoder(
    dialect: CsvDialect,
    schema: &SchemaRef,
    wanted: &[usize],
    check: Check,
) -> Result<Arc<dyn Decode>, FormatError> {
    Ok(Arc::new(csv::CsvDecoder::new(schema, wanted, check, dialect)?))
}
