//! Reading the state after an epoch from a checkpoint that may be in use: nothing is locked, written or removed.
//!
//! What always holds: what is given is the state after a committed epoch, whole, whatever the checkpoint's job does meanwhile. A
//! job adds to its log, and removes what it does not need any more: so snapshots are read before the log, which then has all that
//! came after them, and where something has gone in between, all is read again.

use std::io;
use std::time::Duration;

use super::CheckpointError;
use super::decide;
use super::files::Files;
use super::folder::{Folder, META, parse_segment, parse_snapshot};
use super::meta::Meta;
use crate::executor::Workers;
use crate::fault::Faults;
use crate::record::EpochRecord;
use crate::state::State;
use crate::storage::Storage;

/// How often a checkpoint is read whose job removes files at the same time: it does so after megabytes of log.
const ATTEMPTS: usize = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// A committed epoch, and the state after it.
#[derive(Debug)]
pub struct AtEpoch {
    /// The checkpoint's id: 16 hexadecimal digits.
    pub id: String,
    /// Name of the job that made it.
    pub job: String,
    /// Whether it is a savepoint.
    pub is_savepoint: bool,
    /// The epoch's record.
    pub record: EpochRecord,
    /// The state after it.
    pub state: State,
}

/// Reads the state after epoch `epoch` of the checkpoint in `storage`; none = after the last one.
///
/// # Errors
/// [`CheckpointError`]: `NoEpoch`, `NoSuchEpoch`, `NotThere`, `Damaged`, `Newer`, `Storage`.
pub fn read_at(storage: &dyn Storage, epoch: Option<u64>, workers: &Workers) -> Result<AtEpoch, CheckpointError> {
    while_in_use(storage, workers, |at| at.read_at(epoch))
}

/// The oldest epoch after which the state can be restored from the checkpoint in `storage`;
/// none = no epoch is committed.
///
/// # Errors
/// As [`read_at`].
pub fn oldest_restorable(storage: &dyn Storage, workers: &Workers) -> Result<Option<u64>, CheckpointError> {
    while_in_use(storage, workers, |at| {
        let (_, files) = at.read_files(None)?;
        let frame = |(s, f): &(usize, usize)| files.found.segments[*s].frames[*f].header.epoch;
        let epochs: Vec<u64> = files.decision.frames.iter().map(frame).collect();
        // What can be restored after one can be after all later ones.
        let first = epochs.partition_point(|epoch| decide::decide(&files.found, Some(*epoch)).is_err());
        Ok(epochs.get(first).copied())
    })
}

/// Reads, and again if what was to be read was removed meanwhile.
fn while_in_use<T>(
    storage: &dyn Storage,
    workers: &Workers,
    read: impl Fn(&Folder<'_>) -> Result<T, CheckpointError>,
) -> Result<T, CheckpointError> {
    let faults = Faults::default();
    let at = Folder { storage, name: storage.describe(), faults: &faults, workers };
    let mut attempt = 1;
    loop {
        match read(&at) {
            Err(e) if attempt < ATTEMPTS && may_be_a_removal(&e) => {
                attempt += 1;
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            done => return done,
        }
    }
}

/// Whether it may come of files that the checkpoint's job has removed meanwhile.
fn may_be_a_removal(e: &CheckpointError) -> bool {
    match e {
        CheckpointError::Storage { source, .. } => source.kind() == io::ErrorKind::NotFound,
        CheckpointError::Damaged { file, .. } => file != META,
        _ => false,
    }
}

impl Folder<'_> {
    pub fn read_at(&self, epoch: Option<u64>) -> Result<AtEpoch, CheckpointError> {
        let (meta, files) = self.read_files(epoch)?;
        let Some(last) = files.decision.frames.last() else {
            return Err(CheckpointError::NoEpoch { place: self.name.clone() });
        };
        let record = self.record(&files, *last)?.record;
        let state = self.restore(&files)?;
        Ok(AtEpoch { id: meta.id, job: meta.job, is_savepoint: meta.savepoint, record, state })
    }

    /// Snapshots first: the log has what came after them.
    fn read_files(&self, epoch: Option<u64>) -> Result<(Meta, Files), CheckpointError> {
        if !self.io("looking at", META, self.storage.exists(META))? {
            return Err(CheckpointError::NotThere { place: self.name.clone() });
        }
        let meta = self.read_meta()?;
        let snapshots = self.read_all("state", parse_snapshot)?;
        let segments = self.read_all("log", parse_segment)?;
        let files = self.decide(&meta, segments, snapshots, epoch)?;
        Ok((meta, files))
    }
}
