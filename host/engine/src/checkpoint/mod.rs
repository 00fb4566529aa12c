//! The durable log of a job: one record per epoch, and with it the state. `docs/decisions/0001-checkpoint-format.md`
//! has the files and their bytes.
//!
//! What always holds:
//! * An epoch is committed when [`Checkpoint::append`] returns, by one fsync; nothing else commits it.
//! * Whatever the process or the machine does, [`Checkpoint::open`] gives exactly the state after some committed
//!   epoch, the last one unless the storage lost what it said was synced, or it refuses and says why.
//! * While a [`Checkpoint`] lives, no other can be opened on the same storage. Should somebody remove the lock's file, this
//!   handle writes no more.
//! * The epoch before the last can be opened too ([`OpenOptions::at`]).
//! * After a failed write the handle takes no more: what is on the disk is found out at the next start.
//!
//! What it leaves to others: what a record means, and whether to go on when a damaged last record is reported
//! ([`Recovered::suspicious`]), to `run`; publishing, to the sinks.
//!
//! The I/O is in `folder`, `open`, `log` and `snapshots`; what to make of what was read is decided by `decide`, and what to
//! write and remove by `keep`, both pure.

mod decide;
mod error;
mod files;
mod folder;
mod found;
mod frame;
mod keep;
mod log;
mod look;
mod made_with;
mod meta;
mod open;
mod passing;
mod read;
mod snapshot;
mod snapshots;
#[cfg(test)]
mod tests;

pub use error::CheckpointError;
pub use found::{Beginning, Saved, save};
pub use log::Appended;
pub use look::{Follow, Looked, look};
pub use made_with::{forget_all_but, forget_component, keep_component, keep_job, kept_component, kept_job};
pub use passing::passing;
pub use read::{AtEpoch, oldest_restorable, read_at};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::executor::Workers;
use crate::fault::Faults;
use crate::job::KeepEpochs;
use crate::record::EpochRecord;
use crate::state::{DEFAULT_PARTITIONS, State};
use crate::storage::{Lock, Storage};

/// The folder of a checkpoint that has what sources have received and nobody gives a second time, a folder each.
pub(crate) const SPOOL: &str = "spool";

/// How to open a checkpoint.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Name of the job, kept for whoever looks at the folder.
    pub job: String,
    /// Partitions of the state, if the checkpoint is new.
    pub partitions: u32,
    /// Drop whatever the checkpoint has and begin a new one.
    pub fresh: bool,
    /// Open the state after this epoch, as if nothing had come after it; the next append drops what did. The caller
    /// must know that no sink has output of later epochs.
    pub at: Option<u64>,
    /// Now, in microseconds since 1970.
    pub now: i64,
    /// The id of a new checkpoint; a random one if none is given. For simulations.
    pub id: Option<u64>,
    /// Fault points.
    pub faults: Faults,
    /// When snapshots are asked for.
    pub snapshots: SnapshotSizes,
    /// What is kept of earlier epochs.
    pub keep: KeepEpochs,
    /// Takes away what was published by a checkpoint that is dropped.
    pub forget: Option<Forget>,
    /// Where a new checkpoint begins; none = with nothing.
    pub from: Option<Beginning>,
    /// Who reads it, and later writes down the state's changes.
    pub workers: Workers,
}

/// Called with the id of a checkpoint that is being dropped: after that is noted, so that it comes to its end whatever
/// happens in between, and before anything of the checkpoint goes. May be called again for the same checkpoint.
#[derive(Clone)]
pub struct Forget(pub Arc<ForgetFn>);

type ForgetFn = dyn Fn(&str) -> crate::Result<()> + Send + Sync;

impl std::fmt::Debug for Forget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forget")
    }
}

/// When snapshots of the state are asked for, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotSizes {
    /// Bytes of log between two snapshots, at least.
    pub least: u64,
    /// Bytes of snapshots asked for at once, where one partition does not take more.
    pub most: u64,
}

impl Default for SnapshotSizes {
    fn default() -> Self {
        Self { least: 1 << 20, most: 8 << 20 }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            job: String::new(),
            partitions: DEFAULT_PARTITIONS,
            fresh: false,
            at: None,
            now: 0,
            id: None,
            faults: Faults::default(),
            snapshots: SnapshotSizes::default(),
            keep: KeepEpochs::default(),
            forget: None,
            from: None,
            workers: Workers::alone(),
        }
    }
}

/// What an opened checkpoint holds.
#[derive(Debug)]
pub struct Recovered {
    /// The checkpoint's id: 16 hexadecimal digits.
    pub id: String,
    /// Name of the job that made it.
    pub job: String,
    /// The record of the last committed epoch; none if there was none.
    pub last: Option<EpochRecord>,
    /// The state after it.
    pub state: State,
    /// Epochs committed and not known to be published, in order. Publishing one again does no harm.
    pub unpublished: Vec<Unpublished>,
    /// Bytes at the log's end that are no record. As a rule the torn write of an epoch that was never committed; if
    /// a sink has output of that epoch, its record was committed and damaged later: then the job must not go on. The
    /// bytes stay until the next append.
    pub suspicious: Option<Suspicious>,
    /// Digests of the jobs and the components that the epochs of the log were made with.
    pub made_with: BTreeSet<String>,
    /// Damage that was not in the way, each in a line: a snapshot in whose place an older one was used.
    pub damaged: Vec<String>,
}

/// A committed epoch that is not known to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpublished {
    /// Its record.
    pub record: EpochRecord,
    /// The bytes of its inline outputs.
    pub inline: Vec<u8>,
}

/// Bytes at the log's end that are no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicious {
    /// The epoch that they would be the record of.
    pub epoch: u64,
    /// The file in the checkpoint.
    pub file: String,
    /// Where they begin.
    pub at: u64,
    /// What is wrong with them.
    pub what: String,
    /// They end early. A record that was committed was whole: so this one was not, unless the file was cut.
    pub short: bool,
}

/// An open checkpoint: the only one to write to these files.
#[derive(Debug)]
pub struct Checkpoint {
    storage: Arc<dyn Storage>,
    place: String,
    faults: Faults,
    id: u64,
    partitions: u32,
    log: log::Log,
    /// By the first epoch of each segment, its bytes; of the one that is written to, what it had when it was begun.
    segments: BTreeMap<u64, u64>,
    keep: KeepEpochs,
    snapshots: Vec<keep::UsableSnapshot>,
    planner: keep::Planner,
    /// Number of epochs, from 0, that are published.
    published: u64,
    /// Why nothing more may be written.
    poisoned: Option<String>,
    lock: Box<dyn Lock>,
}

impl Checkpoint {
    /// Opens the checkpoint in `storage`, or makes one where there is nothing.
    ///
    /// # Errors
    /// [`CheckpointError`]: `Held` if another job has it, `NotACheckpoint`, `Damaged`, `Newer`, `NoSuchEpoch`,
    /// `Storage`.
    pub fn open(storage: Arc<dyn Storage>, options: &OpenOptions) -> Result<(Self, Recovered), CheckpointError> {
        open::open(storage, options)
    }

    /// The checkpoint's id: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// The last committed epoch.
    pub fn last(&self) -> Option<u64> {
        self.log.last
    }

    /// Partitions of the state.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    fn storage_error(&self, doing: &'static str, path: &str, source: std::io::Error) -> CheckpointError {
        CheckpointError::Storage { place: self.place.clone(), path: path.to_string(), doing, source }
    }

    /// Runs a step that writes; after an error none may follow.
    fn writing<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, CheckpointError>) -> Result<T, CheckpointError> {
        if let Some(reason) = &self.poisoned {
            return Err(CheckpointError::Poisoned { place: self.place.clone(), reason: reason.clone() });
        }
        let held = self.lock.is_held().map_err(|e| self.storage_error("looking at", "LOCK", e))?;
        if !held {
            let lost = CheckpointError::TakenAway { place: self.place.clone() };
            self.poisoned = Some(lost.to_string());
            return Err(lost);
        }
        // Set first, so that a step that unwinds leaves the handle closed too.
        self.poisoned = Some("a write did not come to its end".to_string());
        let done = step(self);
        self.poisoned = done.as_ref().err().filter(|e| !matches!(e, CheckpointError::Misuse(_))).map(|e| e.to_string());
        done
    }
}
