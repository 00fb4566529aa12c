//! Writing snapshots, and removing what they make superfluous.

use std::io::Write;

use super::keep::{Files, UsableSnapshot};
use super::{Checkpoint, CheckpointError, snapshot};
use crate::fault::point;

/// The file of a snapshot.
pub(super) fn snapshot_file(epoch: u64, sequence: u64) -> String {
    format!("state/{epoch:020}-{sequence}.snap")
}

impl Checkpoint {
    /// Writes the state of some partitions after the committed epoch `epoch` ([`crate::state::State::snapshot`] gives
    /// the bytes), begins a new segment of the log, and removes the files that neither the last epoch nor the one
    /// before it needs any more. Not in the way of a commit: the caller does it after the epoch is published.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] and [`CheckpointError::Poisoned`]: nothing committed is lost.
    /// [`CheckpointError::Misuse`] when the epoch is not committed yet: a snapshot must never be ahead of the log.
    pub fn write_snapshot(&mut self, epoch: u64, sections: &[(u32, Vec<u8>)]) -> Result<(), CheckpointError> {
        self.writing(|checkpoint| {
            if checkpoint.log.last.is_none_or(|last| epoch > last) {
                return Err(CheckpointError::Misuse(format!("a snapshot of epoch {epoch}, which is not committed")));
            }
            checkpoint.write_snapshot_file(epoch, sections)?;
            checkpoint.begin_segment()?;
            checkpoint.remove_unneeded()
        })
    }

    fn write_snapshot_file(&mut self, epoch: u64, sections: &[(u32, Vec<u8>)]) -> Result<(), CheckpointError> {
        let same = self.snapshots.iter().filter(|s| s.epoch == epoch).map(|s| s.sequence + 1);
        let sequence = same.max().unwrap_or(0);
        let path = snapshot_file(epoch, sequence);
        let temporary = format!("{path}.tmp");
        self.faults.hit(point::SNAPSHOT_BEFORE);
        let write = || -> std::io::Result<()> {
            let mut file = self.storage.create(&temporary)?;
            file.write_all(&snapshot::head(self.id, epoch, sections))?;
            sections.iter().try_for_each(|(_, bytes)| file.write_all(bytes))?;
            self.faults.hit(point::SNAPSHOT_WRITTEN);
            file.sync()?;
            self.faults.hit(point::SNAPSHOT_SYNCED);
            self.storage.rename(&temporary, &path)?;
            self.faults.hit(point::SNAPSHOT_RENAMED);
            self.storage.sync_folder("state")?;
            self.faults.hit(point::SNAPSHOT_FOLDER_SYNCED);
            Ok(())
        };
        write().map_err(|e| self.storage_error("writing", &path, e))?;
        let partitions: Vec<u32> = sections.iter().map(|(partition, _)| *partition).collect();
        let bytes = sections.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        self.planner.snapshot(partitions.iter().copied(), bytes);
        self.snapshots.push(UsableSnapshot { file: path, epoch, sequence, partitions, bytes });
        Ok(())
    }

    fn remove_unneeded(&mut self) -> Result<(), CheckpointError> {
        let Some(last) = self.log.last else { return Ok(()) };
        let published = self.log.published[0];
        let files = Files { segments: &self.segments, snapshots: &self.snapshots, partitions: self.partitions };
        let (segments, snapshots) = files.unneeded(last, published, self.keep);
        if segments.is_empty() && snapshots.is_empty() {
            return Ok(());
        }
        self.faults.hit(point::GC_BEFORE);
        for first in segments {
            let path = super::log::segment_file(first);
            self.storage.remove(&path).map_err(|e| self.storage_error("removing", &path, e))?;
            self.faults.hit(point::GC_REMOVED);
            self.segments.remove(&first);
        }
        for i in snapshots.into_iter().rev() {
            let path = &self.snapshots[i].file;
            self.storage.remove(path).map_err(|e| self.storage_error("removing", path, e))?;
            self.faults.hit(point::GC_REMOVED);
            self.snapshots.remove(i);
        }
        self.faults.hit(point::GC_AFTER);
        Ok(())
    }
}
