//! Where rows come from. A [`Source`] plans ranges of offsets, one per epoch, and reads a planned range as chunks.
//!
//! What always holds: a range, once planned, gives the same chunks whenever and however often it is read; ranges do
//! not overlap; a source that is restored with the entries of the committed ranges goes on right behind them.
//! Decoding is the `format` module's business; when ranges are planned, and what becomes of their rows, the epoch
//! loop's.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod offsets;
pub mod spool;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub use error::SourceError;
pub use offsets::Positions;

use crate::clock::Wake;
use crate::error::Result;
use crate::format::{Decode, RawChunk};
use crate::record::SourceRange;
use crate::state::Table;
use crate::storage::Storage;

/// The chunks of a range, in order.
pub type Chunks = Box<dyn Iterator<Item = Result<RawChunk>> + Send>;

/// What the job's state has of a source: the entries of all ranges that were read, but for what was forgotten.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a>(Option<&'a Table>);

impl<'a> Known<'a> {
    /// What is in the source's table; none = nothing was ever read.
    pub const fn of(table: Option<&'a Table>) -> Self {
        Self(table)
    }

    /// The entry with this key.
    pub fn get(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.0.and_then(|table| table.get(0, key))
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let partitions = self.0.map_or(&[][..], Table::partitions);
        partitions.iter().flat_map(|p| p.buckets()).flat_map(|(_, bucket)| bucket.iter())
    }
}

/// What a source noticed that a person should know, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notices {
    /// In words, each a line; not more than a person wants to read.
    pub messages: Vec<String>,
    /// Files that are not what they were when they were read.
    pub changed: u64,
    /// Files without a byte, of a format that has none such.
    pub empty: u64,
}

/// Shortest rest between two looks that found nothing, microseconds: what a source waits that knows nothing better.
pub const REST: i64 = 20_000;

/// When a source that had nothing is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextLook {
    /// At this processing time, or sooner if it wakes the job.
    At(i64),
    /// When it wakes the job ([`Source::wake_with`]); nobody looks before.
    WhenWoken,
}

/// A partition of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name, as ranges have it.
    pub name: String,
    /// Nothing more of it is there than was planned: only then it becomes idle.
    pub is_read: bool,
}

/// A change of an entry; none = it is forgotten.
pub type EntryChange = (Vec<u8>, Option<Vec<u8>>);

/// Something that rows come from.
pub trait Source: Send {
    /// All columns, of normalised types.
    fn schema(&self) -> SchemaRef;

    /// The next range, as large as the admission limits allow; `None` = nothing new. `now` is processing time,
    /// microseconds since 1970; `known` has the entries of all ranges that were planned before. Nothing of the range is
    /// read yet, and nothing is remembered outside this value: a range that is not committed is planned anew after a
    /// restart.
    ///
    /// What is planned is read in one of the next epochs: not in the next one if another source, or this one, goes away
    /// before it is over. Then the job keeps it, and plans no more of this source until it was read.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`] if the source cannot be looked at. Where that will pass by itself
    /// ([`Error::passing`](crate::Error::passing)) the job waits, goes on with its other sources, and asks again; nothing
    /// was planned then.
    fn plan(&mut self, now: i64, known: Known<'_>) -> Result<Option<SourceRange>>;

    /// From now on only what is there now is planned, and the source is [`Source::exhausted`] after it: for the trigger
    /// `available-now`, which would not end while files keep coming. Called after [`Source::restore`].
    ///
    /// # Errors
    /// As for [`Source::plan`]. After one that passes by itself it is called again, before anything is planned.
    fn stop_discovery(&mut self, now: i64, known: Known<'_>) -> Result<()>;

    /// A job runs it, and `folder` is the source's own in the job's checkpoint: for a [`spool::Spool`]. Called first, if at all;
    /// dropped with the checkpoint (`--fresh`).
    fn keep_in(&mut self, folder: Arc<dyn Storage>) {
        let _ = folder;
    }

    /// No limit holds any more that the job does not name: for the trigger `once`, which has one epoch. Called before
    /// anything is planned.
    fn admit_all(&mut self) {}

    /// The partitions that there are, as of the last [`Source::plan`]; none = it has no partitions. Each has a watermark of its
    /// own, and the least of those that are not idle is the source's. For sources of [`SourceRange::Offsets`].
    fn partitions(&self) -> Vec<Partition> {
        Vec::new()
    }

    /// Whether it is read from elsewhere: an item of [`Source::read`] may be long in coming, or an error that passes by
    /// itself. Then the other sources of an epoch do not wait for it, and the job can undo what a long epoch has changed
    /// before all of it was read, which takes memory. Where an error that passes comes as a surprise, it may end the
    /// job. An item or an error comes in the end: who is to stop waits for it.
    fn may_go_away(&self) -> bool {
        false
    }

    /// When to look again, after a [`Source::plan`] at `now` that gave nothing. Counts with the trigger `continuous`,
    /// which looks again at once after each epoch; others have a grid of their own.
    fn next_look(&self, now: i64) -> NextLook {
        NextLook::At(now.saturating_add(REST))
    }

    /// A source that is told of what comes keeps `wake`, and notifies it, from any thread, when a look would find
    /// something. Called before anything is planned, if at all.
    fn wake_with(&mut self, wake: &Wake) {
        let _ = wake;
    }

    /// What the job's state must hold once `range` is committed, as keys and values; a later value replaces an earlier
    /// one of the same key.
    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// What else of the entries changes with the next epoch. Asked for with each epoch, before it is committed.
    fn housekeeping(&mut self) -> Vec<EntryChange> {
        Vec::new()
    }

    /// What was noticed since the last time. Asked for after each [`Source::plan`].
    fn notices(&mut self) -> Notices {
        Notices::default()
    }

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
    /// (files are immutable), or is damaged; each names the file. After an error nothing follows. After one that passes by
    /// itself ([`Error::passing`](crate::Error::passing)), here or in an item, the epoch is given up without a trace, and
    /// the range is read again from its beginning when the source has come back.
    fn read(&self, range: &SourceRange) -> Result<Chunks>;

    /// Whether it wants to be told of what is committed.
    fn acknowledges(&self) -> bool {
        false
    }

    /// Epoch `epoch`, which has read `range` of it, is committed: it will not be read again. Told in the order of the
    /// epochs, at least once: after a restart, before anything is planned, of the last committed epoch, whether or not it
    /// was told before; all that [`Source::restore`] was given is committed then, and `range` is none if that epoch has
    /// read nothing of it.
    ///
    /// # Errors
    /// It cannot be acknowledged. If that passes by itself, the source is told again; else the job ends.
    fn committed(&mut self, epoch: u64, range: Option<&SourceRange>) -> Result<()> {
        let _ = (epoch, range);
        Ok(())
    }

    /// The decoder of this source's chunks, for some of its columns (indices into [`Source::schema`]). The values of
    /// all columns are looked at, so that which rows are bad does not depend on `columns`.
    ///
    /// # Errors
    /// A column that the format cannot hold.
    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>>;

    /// Whether nothing can ever come any more: a generator gave all its rows, or [`Source::stop_discovery`] was called
    /// and all was planned.
    fn exhausted(&self) -> bool;

    /// How many parts `range` has that chunks name ([`RawChunk::part`]).
    fn parts(&self, range: &SourceRange) -> usize {
        range.parts()
    }

    /// What part `part` of `range` (a file, a partition) is called, for messages, dead letters and watermarks.
    fn part_name(&self, range: &SourceRange, part: u32) -> String;
}
