//! A checkpoint that begins where another one is: a savepoint, and the checkpoint of a job that goes on from one.
//!
//! What always holds: it has one epoch, the last one of the other, whose outputs are published as far as it is concerned; all of it is
//! durable before it counts as a checkpoint. Until then the mark `DROPPED` says that it is to be removed.

use std::io::{self, Write};
use std::sync::Arc;

use super::folder::{DROPPED, Folder, LOCK, META, META_NEW};
use super::frame::{FrameKind, Header};
use super::log::segment_file;
use super::made_with::copy_made_with;
use super::meta::Meta;
use super::read::{AtEpoch, read_at};
use super::snapshots::snapshot_file;
use super::{CheckpointError, SPOOL, snapshot};
use crate::executor::Workers;
use crate::fault::{Faults, point};
use crate::record::EpochRecord;
use crate::state::State;
use crate::storage::{Storage, WriteFile};
use crate::{Error, Result};

/// Where a new checkpoint begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The savepoint or checkpoint.
    pub storage: Arc<dyn Storage>,
    /// What it has.
    pub at: Arc<AtEpoch>,
}

impl Beginning {
    /// The last epoch of the savepoint or checkpoint in `storage`, which may be in use.
    ///
    /// # Errors
    /// As [`read_at`].
    pub fn read(storage: Arc<dyn Storage>, workers: &Workers) -> Result<Self, CheckpointError> {
        let at = Arc::new(read_at(&*storage, None, workers)?);
        Ok(Self { storage, at })
    }
}

/// A savepoint that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Name of its job.
    pub job: String,
    /// The epoch after which it is.
    pub epoch: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Writes a savepoint of the checkpoint in `from`, which may be in use, into the folder `into`: its last epoch's record, the state
/// after it, the components that the job was swapped to, what sources have received and nobody gives again. `now` is in
/// microseconds since 1970.
///
/// # Errors
/// `from` cannot be read; `into` is not empty, or another savepoint is being written there, or it cannot be written.
pub fn save(from: &Arc<dyn Storage>, into: &dyn Storage, now: i64, workers: &Workers) -> Result<Saved> {
    let faults = Faults::default();
    let folder = Folder { storage: into, name: into.describe(), faults: &faults, workers };
    let refused = |why: String| {
        let message = format!("{} {why}", into.describe());
        Err(Error::invalid(message).with_help("name a folder for the savepoint that is not there yet"))
    };
    let is_unfinished = folder.io("looking at", DROPPED, into.exists(DROPPED))?;
    if is_unfinished && into.read(DROPPED).is_ok_and(|job| !job.is_empty()) {
        return refused("has a checkpoint that is being dropped".to_owned());
    }
    if let (false, Some(entry)) = (is_unfinished, folder.foreign_entry()?) {
        return refused(format!("is not empty: it holds {entry}"));
    }
    // A checkpoint that cannot be read leaves nothing behind.
    Beginning::check(&**from)?;
    let Some(lock) = folder.io("locking", LOCK, into.lock(LOCK))? else {
        return refused("is in use: another savepoint is being written there".to_owned());
    };
    let saved = save_alone(&folder, from, now, workers);
    // What is left of one that cannot be written is in nobody's way.
    let saved = saved.inspect_err(|_| drop(folder.clear_up(None)));
    drop(into.remove(LOCK));
    drop(lock);
    saved
}

/// Writes it into `folder`, which nobody else writes to.
fn save_alone(folder: &Folder<'_>, from: &Arc<dyn Storage>, now: i64, workers: &Workers) -> Result<Saved> {
    // A savepoint that was not brought to its end; else one that another has written since the folder was looked at.
    folder.clear_up(None)?;
    if let Some(entry) = folder.foreign_entry()? {
        let message = format!("{} is not empty: it holds {entry}", folder.name);
        return Err(Error::invalid(message).with_help("name a folder for the savepoint that is not there yet"));
    }
    folder.mark_unfinished()?;
    // First: what comes in later is after the epoch.
    copy_spools(&**from, folder.storage)?;
    let beginning = Beginning::read(from.clone(), workers)?;
    let meta = Meta::new(&beginning.at.job, beginning.at.state.partitions(), None, now).savepoint();
    let bytes = folder.found(&meta, &beginning)?;
    Ok(Saved { job: beginning.at.job.clone(), epoch: beginning.at.record.epoch, bytes })
}

impl Beginning {
    fn check(storage: &dyn Storage) -> Result<()> {
        super::look(storage).map(drop)
    }
}

impl Folder<'_> {
    /// Something that is in the folder, but for a lock and empty folders.
    fn foreign_entry(&self) -> Result<Option<String>, CheckpointError> {
        for entry in self.io("listing", "", self.storage.list(""))? {
            let is_empty = || Ok(self.io("listing", &entry.name, self.storage.list(&entry.name))?.is_empty());
            if entry.name != LOCK && !(entry.is_folder && is_empty()?) {
                return Ok(Some(entry.name));
            }
        }
        Ok(None)
    }

    /// From now on, and until [`Folder::found`] is done, all that is here is to be removed.
    fn mark_unfinished(&self) -> Result<(), CheckpointError> {
        drop(self.io("creating", DROPPED, self.storage.create(DROPPED))?);
        self.io("syncing", "", self.storage.sync_folder(""))
    }

    /// Makes the checkpoint of a job that begins where another one is; `self` has none.
    pub fn begin(&self, meta: &Meta, beginning: &Beginning) -> Result<(), CheckpointError> {
        self.faults.hit(point::BEGIN_BEFORE);
        self.mark_unfinished()?;
        self.faults.hit(point::BEGIN_NOTED);
        let has_spools = copy_spools(&*beginning.storage, self.storage).map_err(CheckpointError::Beginning)?;
        // What came in and was committed since the epoch was read may be gone from them: then it is in a later one.
        let later = if has_spools { Some(Beginning::read(beginning.storage.clone(), self.workers)?) } else { None };
        self.found(meta, later.as_ref().unwrap_or(beginning)).map_err(CheckpointError::Beginning)?;
        self.faults.hit(point::BEGIN_AFTER);
        Ok(())
    }

    /// Writes everything, and then that it counts; how many bytes.
    fn found(&self, meta: &Meta, beginning: &Beginning) -> Result<u64> {
        let Beginning { storage, at } = beginning;
        copy_made_with(&**storage, self.storage, &at.record)?;
        let epoch = at.record.epoch;
        let partitions: Vec<u32> = (0..at.state.partitions()).collect();
        let written = self.workers.each(partitions, |partition| {
            self.write_partition(meta, epoch, partition, &at.state).map(|bytes| bytes as u64)
        });
        let mut bytes = written.into_iter().sum::<Result<u64, CheckpointError>>()?;
        self.io("syncing", "state", self.storage.sync_folder("state"))?;
        bytes += self.write_record(meta, &at.record)?;
        let describe = || -> io::Result<()> {
            let mut file = self.storage.create(META_NEW)?;
            file.write_all(&meta.write())?;
            file.sync()?;
            self.faults.hit(point::BEGIN_WRITTEN);
            self.storage.rename(META_NEW, META)?;
            self.storage.sync_folder("")?;
            self.faults.hit(point::BEGIN_COUNTS);
            self.storage.remove(DROPPED)?;
            self.storage.sync_folder("")
        };
        self.io("writing", META, describe())?;
        Ok(bytes)
    }

    fn write_partition(
        &self,
        meta: &Meta,
        epoch: u64,
        partition: u32,
        state: &State,
    ) -> Result<usize, CheckpointError> {
        let section = [(partition, state.snapshot(partition))];
        let path = snapshot_file(epoch, u64::from(partition));
        let head = snapshot::head(meta.number(), epoch, &section);
        let written = self.storage.create(&path).and_then(|file| write_all(file, &[&head, &section[0].1]));
        self.io("writing", &path, written)
    }

    /// The log with its one record.
    fn write_record(&self, meta: &Meta, record: &EpochRecord) -> Result<u64> {
        let json = serde_json::to_vec(record).map_err(|e| Error::internal(format!("a record is no JSON: {e}")))?;
        let change = State::new(1).take_changes().bytes;
        let mut payload = crc32fast::Hasher::new();
        payload.update(&json);
        payload.update(&change);
        let header = Header {
            kind: FrameKind::Epoch,
            id: meta.number(),
            epoch: record.epoch,
            // What the other has published is not this one's to publish.
            published: record.epoch + 1,
            previous: 0,
            record_len: u32::try_from(json.len()).map_err(|e| Error::internal(e.to_string()))?,
            state_len: change.len() as u64,
            inline_len: 0,
            payload: payload.finalize(),
        };
        let path = segment_file(record.epoch);
        let head = header.write().0;
        let written = self.storage.create(&path).and_then(|file| write_all(file, &[&head, &json, &change]));
        let bytes = self.io("writing", &path, written)?;
        self.io("syncing", "log", self.storage.sync_folder("log"))?;
        Ok(bytes as u64)
    }
}

/// Writes all of a file and syncs it; how many bytes.
fn write_all(mut file: Box<dyn WriteFile>, parts: &[&[u8]]) -> io::Result<usize> {
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.flush()?;
    file.sync()?;
    Ok(parts.iter().map(|part| part.len()).sum())
}

/// Copies what sources have received and nobody gives again. Whether there is such a source.
fn copy_spools(from: &dyn Storage, into: &dyn Storage) -> Result<bool> {
    let failed = |doing: &str, place: &dyn Storage, path: &str, e: io::Error| {
        let message = format!("{path} of {} cannot be {doing}: {e}", place.describe());
        Error::new(crate::ErrorKind::Unavailable, message).caused_by(e)
    };
    let list = |folder: &str| from.list(folder).map_err(|e| failed("listed", from, folder, e));
    let mut sources = list(SPOOL)?;
    sources.retain(|entry| entry.is_folder);
    for source in &sources {
        let folder = format!("{SPOOL}/{}", source.name);
        for entry in list(&folder)? {
            let path = format!("{folder}/{}", entry.name);
            let bytes = match from.read(&path) {
                Ok(bytes) => bytes,
                // It was committed meanwhile: the epoch has it.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(failed("read", from, &path, e)),
            };
            let written = into.create(&path).and_then(|file| write_all(file, &[&bytes]));
            written.map_err(|e| failed("written", into, &path, e))?;
        }
        into.sync_folder(&folder).map_err(|e| failed("synced", into, &folder, e))?;
    }
    Ok(!sources.is_empty())
}
