//! Where rows come from and where they go to. A [`Connector`] is what a job file calls by one word: a source, a sink, or
//! both, with the keys of its tables. Each has a folder here, and a line in [`registry`]; whoever embeds the engine adds
//! others with [`Connectors::with`]. The rest of the engine knows connectors by the traits of this module alone.

pub mod console;
pub mod file;
mod format_keys;
pub mod generate;
pub mod memory;
pub mod null;
pub mod reference;
mod registry;
pub mod sink;
pub mod source;
#[cfg(unix)]
mod unix_socket;

use std::path::{Path, PathBuf};

use arrow::datatypes::{Schema, SchemaRef};

pub use registry::Connectors;

use self::sink::{Folders, Sink, SinkContext};
use self::source::Source;
use crate::error::Result;
use crate::fault::Faults;
use crate::job::{JobText, KeyTable, Options, OutputMode, SinkSpec, SourceSpec};
use crate::record::OutputRecord;

/// Something that rows come from or go to, by the word that a job file has for it.
pub trait Connector: Send + Sync {
    /// The word of `connector = "…"`.
    fn name(&self) -> &'static str;

    /// What a `[source.NAME]` of it is; none = it is no source.
    fn source(&self) -> Option<&dyn SourceConnector> {
        None
    }

    /// What a `[sink.NAME]` of it is; none = it is no sink.
    fn sink(&self) -> Option<&dyn SinkConnector> {
        None
    }

    /// What `[dead_letters]` of it are; none = they cannot go there.
    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        None
    }

    /// Publishes a committed output again after a restart, from the epoch's record alone: the job file may be another by
    /// now. Done already = done; the result is durable on return. Outputs are given in the order of their epochs, all
    /// from the last mark on, before any sink is opened.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] where something else was published in the meantime; [`crate::ErrorKind::Corrupt`]
    /// where what was to be published is gone or damaged; [`crate::ErrorKind::Unavailable`] where it cannot be.
    fn republish(&self, output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
        let _ = committed;
        Err(crate::Error::new(
            crate::ErrorKind::Corrupt,
            format!("sink `{}`: connector \"{}\" leaves nothing in a checkpoint to publish", output.sink, self.name()),
        ))
    }
}

/// An epoch that was committed, and is published again.
pub struct Committed<'a> {
    /// Its number.
    pub epoch: u64,
    /// The whole inline part of its record.
    pub inline: &'a [u8],
    /// Where folders are opened.
    pub folders: &'a Folders,
    /// Fault points.
    pub faults: &'a Faults,
}

/// What a connector is as a source.
pub trait SourceConnector: Send + Sync {
    /// The keys of its tables.
    fn keys(&self) -> &'static KeyTable;

    /// Opens the source that `spec` describes.
    ///
    /// # Errors
    /// What `spec` names is not there or is not understood; errors point into the job file.
    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>>;

    /// What it reads, in a few words; `shown` writes a path as the job file would have it.
    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String;

    /// The file, folder or glob that it reads, so that a job does not read what it writes; none = it reads no files.
    fn reads(&self, options: &Options) -> Option<Reads> {
        let _ = options;
        None
    }

    /// Where there is no end to what there is at this moment, so that not all of it can be read: how to give it one.
    fn endless(&self, options: &Options) -> Option<&'static str> {
        let _ = options;
        None
    }
}

/// Where a source reads files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// A file, a folder or a glob, absolute.
    pub path: String,
    /// The key that says so.
    pub key: &'static str,
}

/// What a connector is as a sink.
pub trait SinkConnector: Send + Sync {
    /// The keys of its tables.
    fn keys(&self) -> &'static KeyTable;

    /// Whether `spec` can take rows of `schema` in output mode `mode`; looks at nothing outside.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] saying what cannot be written, and what can.
    fn check(&self, spec: &SinkSpec, mode: OutputMode, schema: &Schema) -> Result<()> {
        let _ = (spec, mode, schema);
        Ok(())
    }

    /// Opens the sink `spec`, which was checked; committed epochs were published again before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Conflict`] where it holds what another checkpoint has written;
    /// [`crate::ErrorKind::Unavailable`] where it cannot be written.
    fn open(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>>;

    /// Where rows go, in a few words; `shown` writes a path as the job file would have it.
    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String;

    /// Whether a row takes the place of the one with the same key, in update mode.
    fn replaces_rows(&self) -> bool {
        false
    }

    /// The files that it writes, so that a job does not read what it writes; none = it writes no files.
    fn writes(&self, spec: &SinkSpec) -> Option<Writes> {
        let _ = spec;
        None
    }

    /// The last epoch that checkpoint `recovery.checkpoint` has published here, for a sink that keeps this itself: an
    /// epoch that the checkpoint knows nothing of was committed by a record that is lost.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn last_published(&self, spec: &SinkSpec, recovery: &Recovery<'_>) -> Result<Option<Published>> {
        let _ = (spec, recovery);
        Ok(None)
    }

    /// Takes away what checkpoint `checkpoint`, which is dropped, has published or written aside. Nothing else is
    /// touched; what is not there is no error.
    ///
    /// # Errors
    /// It cannot be taken away.
    fn forget(&self, spec: &SinkSpec, checkpoint: &str, folders: &Folders) -> Result<()> {
        let _ = (spec, checkpoint, folders);
        Ok(())
    }
}

/// The rows that come to a sink.
#[derive(Debug, Clone)]
pub struct SinkInput {
    /// What they are.
    pub mode: OutputMode,
    /// Their columns.
    pub schema: SchemaRef,
    /// The columns that identify a row in update mode.
    pub keys: Vec<String>,
}

/// The files that a sink writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writes {
    /// As the job file names them: a folder or a file.
    pub path: PathBuf,
    /// The key that says so.
    pub key: &'static str,
    /// The folder they are in, absolute.
    pub folder: PathBuf,
    /// Their names in the folder; `*` stands for anything.
    pub files: Vec<String>,
}

/// A checkpoint that a job goes on from.
pub struct Recovery<'a> {
    /// Its id.
    pub checkpoint: &'a str,
    /// The epoch whose record may have been what is damaged at the end of its log.
    pub damaged: Option<u64>,
    /// Where folders are opened.
    pub folders: &'a Folders,
}

/// What a sink says it has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The epoch.
    pub epoch: u64,
    /// Why that is known, after "the checkpoint has no record of epoch 7, yet ".
    pub seen: String,
    /// How to go on without the record.
    pub help: &'static str,
}
