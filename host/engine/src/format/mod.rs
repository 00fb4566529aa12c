//! Bytes to batches and back: what a column's type is called, how the pieces of a file are decoded, and how batches
//! are written.
//!
//! Decoding is a pure function of one [`RawChunk`]: chunks can be decoded in any order, on any number of threads,
//! again after a crash, and give the same rows. A record is one line in all text formats, so a file can be cut at
//! any newline; of CSV files, where no quote is open. A row that cannot be decoded never takes others with it: it becomes a [`BadRow`].
//!
//! Where chunks come from is the `source` module's business, what happens to bad rows the epoch loop's.

mod cast;
mod chunk;
mod compression;
mod decode;
mod decoded;
pub mod encode;
mod error;
mod file_format;
mod gzip;
mod infer;
mod normalise;
mod records;
mod types;
mod wording;

pub use cast::{cast, rounded_down};
pub use chunk::{LongLine, RawChunk, RawContent};
pub use compression::{is_gzip, packing_of, unread_packing, wide_encoding};
pub use decode::{
    Check, ColumnsDecoder, CsvDialect, CsvLayout, Decode, InstantUnit, Metadata, ParquetFile, RecordFormat, RowGroup,
    Unseen, csv_decoder, csv_names, decoder, is_in_range, time_of_number, time_of_text, time_of_text_in,
};
pub use decoded::{BadRow, Decoded, RowLines, SHOWN_BYTES};
pub use error::FormatError;
pub use file_format::{CsvReading, FileFormat, MAX_RECORD};
pub use gzip::{Gunzip, is_behind_its_end};
pub use infer::{Head, Kinds, Members, Unreadable, format_named, format_of, tell_csv, tell_json, tell_logfmt};
pub use normalise::{normalise_batch, normalise_schema, normalise_type};
pub use records::{Header, Record, Records, RecordsBuilder, headers_type};
pub use types::{UTC, declared_schema, parse_type, timestamp, type_name};
pub(crate) use wording::{shown_type, shown_value, with_our_types};
