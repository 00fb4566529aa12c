//! Where rows go: the console, memory, files.
//!
//! A sink has two halves that may run in two threads. The compute half ([`Sink`]) takes an epoch's rows in order and
//! gives what is to be made durable and what is to be published ([`Prepared`]); it may begin with the next epoch at
//! once. The commit half ([`Publish`]) is called by the committer in epoch order:
//!
//! 1. [`Publish::make_durable`]: what was written aside is synced. Nothing is visible.
//! 2. The committer appends the epoch's record, small outputs inside it: the epoch is committed.
//! 3. [`Publish::publish`]: outputs get their final names. After a crash [`republish`] does the same from the record
//!    alone, without the job.
//! 4. [`Publish::sync`], then the committer's mark.
//!
//! Always holds: nothing is visible before the record is durable; publishing twice is publishing once; a sink touches
//! only files that its own checkpoint has made. A failed sync is never tried again ([`is_fatal`]).
//!
//! Left to others: when an epoch ends, the log, which sink gets which rows.

mod console;
mod error;
mod file;
mod memory;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

pub use console::ConsoleWriter;
pub use error::{SinkError, is_closed_pipe, is_fatal};
pub use file::{AsideFile, INLINE_LIMIT, check_file_sink, forget, published_names, republish};
pub use memory::{MemoryTable, MemoryTables};

use crate::error::{Error, Result};
use crate::fault::Faults;
use crate::job::{OutputMode, SinkConnector, SinkSpec};
use crate::record::OutputRecord;
use crate::storage::{LocalStorage, Storage};

/// The compute half of a sink.
pub trait Sink: Send {
    /// Takes rows of the current epoch; all batches have the schema that the sink was built for.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

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

/// Whether `spec` can take rows of `schema` in output mode `mode`; looks at nothing outside.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`] saying what cannot be written, and what can.
pub fn check(spec: &SinkSpec, mode: OutputMode, schema: &Schema) -> Result<()> {
    match &spec.connector {
        SinkConnector::Console { .. } | SinkConnector::Memory => Ok(()),
        SinkConnector::File { .. } => check_file_sink(mode, spec, schema),
    }
}

/// Whether `spec` can take dead letters.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`]: dead letters in a file are JSON lines, since lines can be added to a file.
pub fn check_dead_letters(spec: &SinkSpec) -> Result<()> {
    match &spec.connector {
        SinkConnector::File { format, path, .. } => Ok(file::check_dead_letters(spec, *format, &path.value)?),
        SinkConnector::Console { .. } | SinkConnector::Memory => Ok(()),
    }
}

/// Builds the sink `spec` for rows of `schema` in output mode `mode`; `keys` are the columns that identify a row in
/// update mode (a memory sink replaces rows by them).
///
/// A file sink takes its folder here and removes what uncommitted epochs of its own have left aside. So committed
/// epochs must have been published again ([`republish`]) before.
///
/// # Errors
/// What [`check`] says; [`crate::ErrorKind::Conflict`] where the folder holds another checkpoint's files;
/// [`crate::ErrorKind::Unavailable`] where it cannot be written.
pub fn build(
    spec: &SinkSpec,
    mode: OutputMode,
    schema: SchemaRef,
    keys: &[String],
    context: &SinkContext,
) -> Result<Box<dyn Sink>> {
    check(spec, mode, &schema)?;
    let name = &spec.name.value;
    let built = || -> Result<Box<dyn Sink>> {
        Ok(match &spec.connector {
            SinkConnector::Console { max_rows } => {
                Box::new(console::ConsoleSink::new(name, *max_rows, mode, schema, context.console.clone()))
            }
            SinkConnector::Memory => {
                Box::new(memory::MemorySink::new(context.memory.table(name), name, mode, schema, keys)?)
            }
            SinkConnector::File { path, format, changelog } => {
                let kind = match mode {
                    OutputMode::Append => file::Kind::Parts,
                    OutputMode::Update => file::Kind::ChangeLog,
                    OutputMode::Complete => file::Kind::Snapshot,
                };
                debug_assert!(*changelog || kind != file::Kind::ChangeLog, "checked above");
                Box::new(file::FileSink::open_folder(name, &path.value, *format, kind, schema, context)?)
            }
        })
    };
    built().map_err(|e: Error| e.context(format!("sink {name}")))
}

/// Builds the sink of the dead letters for rows of `schema`. A file is extended at its end; its path is the file's.
///
/// # Errors
/// As [`build`], and what [`check_dead_letters`] says.
pub fn build_dead_letters(spec: &SinkSpec, schema: SchemaRef, context: &SinkContext) -> Result<Box<dyn Sink>> {
    check_dead_letters(spec)?;
    match &spec.connector {
        SinkConnector::File { path, .. } if path.value.is_dir() => {
            let message = format!("dead letters go to a file, and {} is a folder", path.value.display());
            Err(Error::invalid(message).with_help("name a file in it: path = \".../dead-letters.jsonl\""))
        }
        SinkConnector::File { path, format, .. } => {
            let name = &spec.name.value;
            let sink = file::FileSink::open_file(name, &path.value, *format, schema, context);
            Ok(Box::new(sink.map_err(|e| Error::from(e).context("dead letters"))?))
        }
        SinkConnector::Console { .. } | SinkConnector::Memory => build(spec, OutputMode::Append, schema, &[], context),
    }
}
