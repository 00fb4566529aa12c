//! Where rows go to.
//!
//! A sink has two halves that may run in two threads. The compute half ([`Sink`]) takes an epoch's rows in order and
//! gives what is to be made durable and what is to be published ([`Prepared`]); it may begin with the next epoch at
//! once. The commit half ([`Publish`]) is called by the committer in epoch order:
//!
//! 1. [`Publish::make_durable`]: what was written aside is synced. Nothing is visible.
//! 2. The committer appends the epoch's record, small outputs inside it: the epoch is committed.
//! 3. [`Publish::publish`]: outputs get their final names. After a crash [`super::Connector::republish`] does the same from the record
//!    alone, without the job.
//! 4. [`Publish::sync`], then the committer's mark.
//!
//! Always holds: nothing is visible before the record is durable; publishing twice is publishing once; a sink touches
//! only files that its own checkpoint has made. A failed sync is never tried again ([`is_fatal`]).
//!
//! Left to others: when an epoch ends, the log, which sink gets which rows.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;

pub use error::{SinkError, is_closed_pipe, is_fatal};

use super::memory::MemoryTables;
use crate::error::Result;
use crate::fault::Faults;
use crate::record::OutputRecord;
use crate::storage::{LocalStorage, Storage, WriteFile};

/// Outputs up to this many bytes go into the epoch's record, larger ones into a file aside. The record's one append
/// and fsync takes 4 ms whatever is in it up to about this size, a file aside 8 ms more (its fsync and its folder's), and
/// while the committer writes it twice (record, file) that costs less than the syncs at this size.
pub const INLINE_LIMIT: usize = 128 * 1024;

/// The compute half of a sink.
pub trait Sink: Send {
    /// Takes rows of the current epoch; all batches have the schema that the sink was built for.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Drops the rows of the current epoch, and what was written aside of them, as if they had not come: the epoch is given
    /// up, because a source went away in the middle of it.
    fn abandon(&mut self) -> Result<()>;

    /// Ends epoch number `epoch`. A complete-mode file sink gives a file also when the epoch has no rows. The next
    /// `write` belongs to the next epoch.
    fn finish(&mut self, epoch: u64) -> Result<Prepared>;

    /// The commit half, which may be used from another thread while this half goes on.
    fn publisher(&self) -> Arc<dyn Publish>;
}

/// The commit half of a sink. Each method is called in epoch order; one epoch may be made durable while an earlier one is
/// being published by another thread.
pub trait Publish: Send + Sync {
    /// Makes durable what was written aside, and its name. Called once, before the epoch's record is appended. An
    /// error here is fatal for the process.
    fn make_durable(&self, prepared: &mut Prepared) -> Result<()>;

    /// Makes the epoch's outputs visible. Called after the record is durable, with the [`Prepared::outputs`] (whatever
    /// [`crate::record::Held::Inline`] offset the committer has set in them) and the payload of the same epoch.
    fn publish(&self, epoch: u64, outputs: &[OutputRecord], payload: Payload) -> Result<()>;

    /// Makes durable what was published since the last call. Called before the mark.
    fn sync(&self) -> Result<()>;
}

/// What an epoch gives to a sink.
#[derive(Default)]
pub struct Prepared {
    /// For the epoch's record, in publishing order. Several where a file was split by size.
    pub outputs: Vec<OutputRecord>,
    /// The bytes or rows.
    pub payload: Payload,
    /// Rows of the epoch.
    pub rows: u64,
}

/// An epoch's bytes or rows, on their way from one half of a sink to the other.
#[derive(Default)]
pub enum Payload {
    /// Nothing to publish.
    #[default]
    None,
    /// The bytes of the one output, whose `held` is `Inline`: the committer puts them into the record and sets the
    /// offset.
    Inline(Vec<u8>),
    /// Files written aside, one per output, to be synced by [`Publish::make_durable`].
    Aside(Vec<AsideFile>),
    /// Rows to be shown or kept in memory.
    Rows {
        /// The rows; the console's are cut to what is shown.
        batches: Vec<RecordBatch>,
        /// How many there were.
        total: u64,
    },
}

/// A file written aside.
pub struct AsideFile {
    /// Relative to the sink's folder.
    pub path: String,
    /// Open until it has been synced.
    pub file: Option<Box<dyn WriteFile>>,
}

/// Where tables are written, shared by all console sinks of a job so that two tables never mix.
pub type ConsoleWriter = Arc<Mutex<Box<dyn Write + Send>>>;

/// Opens the storage of a folder.
pub type Folders = Arc<dyn Fn(&Path) -> Arc<dyn Storage> + Send + Sync>;

/// Folders of the local file system.
pub fn local_folders() -> Folders {
    Arc::new(|folder| Arc::new(LocalStorage::new(folder)))
}

/// What the sinks of one run share.
#[derive(Clone)]
pub struct SinkContext {
    /// The job's name, for messages to whoever finds its files.
    pub job: String,
    /// The checkpoint's id: letters, digits, `-` and `_`. It is part of each file's name.
    pub checkpoint: String,
    /// Where folders are opened.
    pub folders: Folders,
    /// The first epoch that these sinks write. It is part of the names of files aside: one that a committed epoch still
    /// needs must not be written over by an epoch of a later run.
    pub first_epoch: u64,
    /// Bytes of an output up to which it goes into its epoch's record: [`INLINE_LIMIT`].
    pub inline_limit: usize,
    /// Fault points.
    pub faults: Faults,
    /// Where console sinks write: standard output in the program.
    pub console: ConsoleWriter,
    /// The tables of memory sinks.
    pub memory: MemoryTables,
}

impl SinkContext {
    /// A context for local folders and standard output, without fault points.
    pub fn new(job: impl Into<String>, checkpoint: impl Into<String>) -> Self {
        Self {
            job: job.into(),
            checkpoint: checkpoint.into(),
            folders: local_folders(),
            first_epoch: 0,
            inline_limit: INLINE_LIMIT,
            faults: Faults::default(),
            console: Arc::new(Mutex::new(Box::new(std::io::stdout()))),
            memory: MemoryTables::default(),
        }
    }
}
