//! Where rows come from. A [`Source`] plans ranges of offsets, one per epoch, and reads a planned range as chunks.
//!
//! What always holds: a range, once planned, gives the same chunks whenever and however often it is read; ranges do
//! not overlap; a source that is restored with the entries of the committed ranges goes on right behind them.
//! Decoding is the `format` module's business; when ranges are planned, and what becomes of their rows, the epoch
//! loop's.

mod error;
mod file;
pub mod generate;

#[cfg(test)]
mod conformance;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub use error::SourceError;
pub use file::{FileSource, files_of};
pub use generate::GenerateSource;

use crate::error::Result;
use crate::format::{Decode, RawChunk};
use crate::job::{JobText, SourceConnector, SourceSpec};
use crate::record::SourceRange;

/// The chunks of a range, in order.
pub type Chunks = Box<dyn Iterator<Item = Result<RawChunk>> + Send>;

/// Something that rows come from.
pub trait Source: Send {
    /// All columns, of normalised types.
    fn schema(&self) -> SchemaRef;

    /// The next range, as large as the admission limits allow; `None` = nothing new. `now` is processing time,
    /// microseconds since 1970. Nothing of the range is read yet, and nothing is remembered outside this value: a
    /// range that is not committed is planned anew after a restart.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] if the source cannot be looked at.
    fn plan(&mut self, now: i64) -> Result<Option<SourceRange>>;

    /// From now on only what is there now is planned, and the source is [`Source::exhausted`] after it: for the trigger
    /// `available-now`, which would not end while files keep coming. Called after [`Source::restore`].
    ///
    /// # Errors
    /// As for [`Source::plan`].
    fn stop_discovery(&mut self) -> Result<()>;

    /// What the job's state must hold once `range` is committed, as keys and values; a later value replaces an earlier
    /// one of the same key.
    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// Goes on where the committed ranges end: called at most once, before anything is planned, with all entries.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] if an entry is none of this source's.
    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()>;

    /// The chunks of `range`. The iterator reads bytes and cuts them (and inflates compressed files); it does not
    /// decode, so it can run on one thread ahead of several that do.
    ///
    /// # Errors
    /// The range is another source's. The iterator's items: a file that is gone, was changed since it was planned
    /// (files are immutable), or is damaged; each names the file. After an error nothing follows.
    fn read(&self, range: &SourceRange) -> Result<Chunks>;

    /// The decoder of this source's chunks, for some of its columns (indices into [`Source::schema`]). The values of
    /// all columns are looked at, so that which rows are bad does not depend on `columns`.
    ///
    /// # Errors
    /// A column that the format cannot hold.
    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>>;

    /// Whether nothing can ever come any more: a generator gave all its rows, or [`Source::stop_discovery`] was called
    /// and all was planned.
    fn exhausted(&self) -> bool;

    /// What file `file` of `range` is called, for messages and dead letters.
    fn file_name(&self, range: &SourceRange, file: u32) -> String;
}

/// Opens the source that `spec` describes; errors point into the job file.
///
/// # Errors
/// A path that leads nowhere, a schema that is missing or not understood, options that cannot be.
pub fn open(spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
    Ok(match &spec.connector {
        SourceConnector::File(file) => Box::new(FileSource::open(file, job)?),
        SourceConnector::Generate(generate) => Box::new(
            GenerateSource::open(generate).map_err(|e| crate::Error::from(e).at(job.at(spec.name.span.clone())))?,
        ),
    })
}
