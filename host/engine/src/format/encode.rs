//! Batches to the bytes of a file: Parquet, CSV and JSON lines.
//!
//! Always holds: the bytes depend on the rows only. Nothing of the machine, the time or the hash seed goes in, so an
//! epoch that is computed twice gives the same digest. Parquet's pages end where a batch ends, so whoever wants that for
//! rows that may come in other cuts passes them through a coalescer of [`CHUNK_ROWS`] first (the file sink does).
//!
//! What a file may hold, and as what, is decided once per sink by [`FileColumns`]; the encoders only see batches that
//! it has converted. Where the bytes go is left to the writer.

mod columns;
mod csv;
mod json;
mod parquet;
mod shown;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use thiserror::Error;

pub use columns::FileColumns;
pub use json::json_lines;
pub use shown::{SHOWN, WIDEST, cut_cell};

use crate::error::{Error, ErrorKind, remedy};
use crate::format::FileFormat;

/// Rows that are encoded at a time: large enough that a column's loop pays, small enough to stay in the cache.
pub const CHUNK_ROWS: usize = 8192;

/// Writes batches of one schema to `W`.
pub trait Encoder<W: Write + Send>: Send {
    /// Adds the rows of `batch`, which [`FileColumns::convert`] has made.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), EncodeError>;

    /// The writer; some of the bytes may not have reached it yet.
    fn get_ref(&self) -> &W;

    /// Writes what is left (a footer; the header, where no row came) and gives the writer back.
    fn finish(self: Box<Self>) -> Result<W, EncodeError>;
}

/// An encoder of `format` for batches of `schema`, which is [`FileColumns::schema`].
///
/// # Errors
/// [`EncodeError::NotWritable`] for a format that is only read; what the writer says.
pub fn encoder<W: Write + Send + 'static>(
    format: FileFormat,
    schema: &SchemaRef,
    out: W,
) -> Result<Box<dyn Encoder<W>>, EncodeError> {
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet::ParquetEncoder::new(schema.clone(), out)?),
        FileFormat::Csv { header, delimiter } => Box::new(csv::CsvEncoder::new(schema.clone(), header, delimiter, out)),
        FileFormat::Json => Box::new(json::JsonEncoder::new(out)),
        FileFormat::Text | FileFormat::Logfmt => return Err(EncodeError::NotWritable(extension(format))),
    })
}

/// The ending of a file's name.
pub fn extension(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Text => "txt",
        FileFormat::Logfmt => "logfmt",
        FileFormat::Csv { .. } => "csv",
        FileFormat::Json => "json",
        FileFormat::Parquet => "parquet",
    }
}

/// Why rows cannot be written to a file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Such files are only read; the ending of their names.
    #[error("rows cannot be written as {0}")]
    NotWritable(&'static str),
    /// A file without columns would hold nothing.
    #[error("there are no columns to write")]
    NoColumns,
    /// Two columns of one name cannot be told apart in a file.
    #[error("two columns are called {0:?}")]
    Duplicate(String),
    /// The format has no place for a column's type.
    #[error("column {column:?} has type {data_type}, which a {format} file cannot hold")]
    Column {
        /// The column, with its path where it is nested.
        column: String,
        /// Its type, as a job file names it.
        data_type: String,
        /// The file's format.
        format: &'static str,
        /// What the user may do.
        help: &'static str,
    },
    /// A batch is not what the sink was made for.
    #[error("rows of schema {found} came to a sink made for {expected}")]
    Schema {
        /// What the sink was made for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The writer failed.
    #[error("cannot write")]
    Io(#[from] io::Error),
    /// A value cannot be written.
    #[error("a value cannot be written")]
    Arrow(#[source] ArrowError),
    /// The Parquet library failed.
    #[error("the rows cannot be written as Parquet")]
    Parquet(#[source] ::parquet::errors::ParquetError),
}

impl From<ArrowError> for EncodeError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, e) => Self::Io(e),
            error => Self::Arrow(error),
        }
    }
}

impl From<::parquet::errors::ParquetError> for EncodeError {
    fn from(error: ::parquet::errors::ParquetError) -> Self {
        use ::parquet::errors::ParquetError;
        match error {
            ParquetError::External(e) => match e.downcast::<io::Error>() {
                Ok(e) => Self::Io(*e),
                Err(e) => Self::Parquet(ParquetError::External(e)),
            },
            error => Self::Parquet(error),
        }
    }
}

/// What is said of a disk that fails in a way of its own.
pub(crate) const LOOK_AT: &str = "look at the disk's free space and the folder's rights, then start the job again";

impl EncodeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotWritable(_) | Self::NoColumns | Self::Duplicate(_) | Self::Column { .. } => ErrorKind::Invalid,
            Self::Io(_) => ErrorKind::Unavailable,
            Self::Arrow(_) => ErrorKind::Data,
            Self::Schema { .. } | Self::Parquet(_) => ErrorKind::Internal,
        }
    }

    fn help(&self) -> Option<&'static str> {
        match self {
            Self::NotWritable(_) => Some("formats that can be written are \"parquet\", \"csv\" and \"json\""),
            Self::NoColumns => Some("select at least one column"),
            Self::Duplicate(_) => Some("give one of them another name: SELECT … AS other_name"),
            Self::Column { help, .. } => Some(help),
            Self::Io(error) => Some(remedy(error, LOOK_AT)),
            _ => None,
        }
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        let made = Error::new(error.kind(), error.to_string());
        let made = match error.help() {
            Some(help) => made.with_help(help),
            None => made,
        };
        match error {
            EncodeError::Io(e) => made.caused_by(e),
            EncodeError::Arrow(e) => made.caused_by(e),
            EncodeError::Parquet(e) => made.caused_by(e),
            _ => made,
        }
    }
}
