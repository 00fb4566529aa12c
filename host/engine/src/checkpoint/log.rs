//! Appending to the log: the commit itself, and the mark of what is published.

use std::fmt;
use std::io::{self, Write};

use super::frame::{FrameKind, HEADER, Header};
use super::{Checkpoint, CheckpointError};
use crate::fault::point;
use crate::record::EpochRecord;
use crate::state::StateChange;
use crate::storage::WriteFile;

/// A segment longer than this is followed by a new one, whether snapshots come or not.
const SEGMENT: u64 = 64 << 20;

/// Where the log is written.
pub(super) struct Log {
    /// The last committed epoch.
    pub last: Option<u64>,
    /// The checksum that the next frame names.
    pub previous: u32,
    /// First epoch and length of the segment that is written to; none before the first append.
    pub segment: Option<(u64, u64)>,
    /// What is to be cut off before the first write: a torn write, or epochs that were left behind.
    pub cut: Option<LogCut>,
    /// What the last record and the one before it say is published. What may be removed goes by the older one, as the
    /// last record might not be readable at the next start.
    pub published: [u64; 2],
    pub file: Option<Box<dyn WriteFile>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("last", &self.last).field("segment", &self.segment).finish_non_exhaustive()
    }
}

/// What to remove before the log goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogCut {
    /// Snapshots of epochs left behind.
    pub snapshots: Vec<String>,
    /// Segments of epochs left behind, newest first.
    pub segments: Vec<u64>,
    /// The segment that goes on is cut to its length.
    pub truncate: bool,
}

/// What an append did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Bytes written.
    pub bytes: u64,
    /// Partitions of which [`Checkpoint::write_snapshot`] is wanted, of this epoch or a later one; not asked for
    /// again until it comes.
    pub snapshot: Vec<u32>,
}

/// The file of the segment that begins with epoch `first`.
pub(super) fn segment_file(first: u64) -> String {
    format!("log/{first:020}.log")
}

impl Checkpoint {
    /// Commits an epoch: its record, what it changed in the state, and the bytes of its inline outputs. When this
    /// returns it is durable.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] and [`CheckpointError::Poisoned`]: whether the epoch is committed is found out at
    /// the next start. [`CheckpointError::Misuse`] when the epoch is not the next one: nothing is written.
    pub fn append(
        &mut self,
        record: &EpochRecord,
        change: &StateChange,
        inline: &[u8],
    ) -> Result<Appended, CheckpointError> {
        self.writing(|checkpoint| {
            let next = checkpoint.log.last.map_or(0, |last| last + 1);
            if record.epoch != next {
                let epoch = record.epoch;
                return Err(CheckpointError::Misuse(format!("epoch {epoch} is appended where epoch {next} is next")));
            }
            let json = serde_json::to_vec(record).map_err(|e| CheckpointError::Misuse(e.to_string()))?;
            let bytes = checkpoint.write_frame(FrameKind::Epoch, record.epoch, [&json, &change.bytes, inline])?;
            checkpoint.log.last = Some(record.epoch);
            checkpoint.planner.logged(bytes);
            Ok(Appended { bytes, snapshot: checkpoint.planner.ask(&change.sizes) })
        })
    }

    /// Notes that all epochs up to `epoch` are published. The note becomes durable with the next record, or at
    /// [`Checkpoint::close`]: losing it does no harm, as publishing again does none.
    ///
    /// # Errors
    /// [`CheckpointError::Misuse`] when the epoch is not committed.
    pub fn mark_published(&mut self, epoch: u64) -> Result<(), CheckpointError> {
        if self.log.last.is_none_or(|last| epoch > last) {
            return Err(CheckpointError::Misuse(format!("epoch {epoch} is marked as published, but not committed")));
        }
        self.faults.hit(point::MARK_BEFORE);
        self.published = self.published.max(epoch + 1);
        self.faults.hit(point::MARK_AFTER);
        Ok(())
    }

    /// Writes down up to where publishing is done, and lets go of the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Storage`] and [`CheckpointError::Poisoned`]; nothing that was committed is lost.
    pub fn close(mut self) -> Result<(), CheckpointError> {
        let Some(last) = self.log.last.filter(|_| self.published > self.log.published[1]) else { return Ok(()) };
        self.writing(|checkpoint| checkpoint.write_frame(FrameKind::Mark, last, [&[], &[], &[]]).map(|_| ()))
    }

    /// Writes one frame and syncs it; its length.
    fn write_frame(&mut self, kind: FrameKind, epoch: u64, parts: [&[u8]; 3]) -> Result<u64, CheckpointError> {
        let [before, torn, after_write, after_sync] = match kind {
            FrameKind::Epoch => [point::RECORD_BEFORE, point::RECORD_TORN, point::RECORD_WRITTEN, point::RECORD_SYNCED],
            FrameKind::Mark => [point::CLOSE_BEFORE, point::CLOSE_TORN, point::CLOSE_WRITTEN, point::CLOSE_SYNCED],
        };
        self.faults.hit(before);
        let mut payload = crc32fast::Hasher::new();
        parts.iter().for_each(|part| payload.update(part));
        let (head, checksum) = Header {
            kind,
            id: self.id,
            epoch,
            published: self.published,
            previous: self.log.previous,
            record_len: u32::try_from(parts[0].len()).map_err(|e| CheckpointError::Misuse(e.to_string()))?,
            state_len: parts[1].len() as u64,
            inline_len: parts[2].len() as u64,
            payload: payload.finalize(),
        }
        .write();

        let (first, len) = self.open_segment()?;
        let path = segment_file(first);
        let pieces = [&head[..], parts[0], parts[1], parts[2]];
        let total: usize = HEADER + parts.iter().map(|p| p.len()).sum::<usize>();
        let file = self.log.file.as_mut().expect("the segment was opened just now");
        let faults = &self.faults;
        // In two halves, so that a test can stop between them.
        let mut write = || -> io::Result<()> {
            write_range(file.as_mut(), &pieces, 0, total / 2)?;
            faults.hit(torn);
            write_range(file.as_mut(), &pieces, total / 2, total)?;
            faults.hit(after_write);
            Ok(())
        };
        let written = write();
        let synced = written.and_then(|()| file.sync());
        synced.map_err(|e| self.storage_error("appending to", &path, e))?;
        self.faults.hit(after_sync);
        if kind == FrameKind::Epoch {
            self.log.published = [self.log.published[1], self.published];
        }
        self.log.previous = checksum;
        self.log.segment = Some((first, len + total as u64));
        Ok(total as u64)
    }

    /// The segment to write to, opened: its first epoch and its length.
    fn open_segment(&mut self) -> Result<(u64, u64), CheckpointError> {
        self.cut()?;
        if let Some((first, len)) = self.log.segment {
            if self.log.file.is_none() {
                let path = segment_file(first);
                let file = self.storage.append(&path).map_err(|e| self.storage_error("opening", &path, e))?;
                self.log.file = Some(file);
            }
            if len < SEGMENT {
                return Ok((first, len));
            }
        }
        self.begin_segment()
    }

    /// Begins a segment with the next epoch, unless the current one is empty.
    pub(super) fn begin_segment(&mut self) -> Result<(u64, u64), CheckpointError> {
        self.cut()?;
        let first = self.log.last.map_or(0, |last| last + 1);
        if self.log.segment.is_some_and(|(current, _)| current == first) {
            return Ok((first, self.log.segment.map_or(0, |(_, len)| len)));
        }
        let path = segment_file(first);
        self.faults.hit(point::SEGMENT_BEFORE);
        let file = self.storage.create(&path).map_err(|e| self.storage_error("creating", &path, e))?;
        self.faults.hit(point::SEGMENT_CREATED);
        self.storage.sync_folder("log").map_err(|e| self.storage_error("syncing", "log", e))?;
        self.faults.hit(point::SEGMENT_FOLDER_SYNCED);
        if let Some((before, len)) = self.log.segment {
            self.segments.insert(before, len);
        }
        self.segments.insert(first, 0);
        self.log.file = Some(file);
        self.log.segment = Some((first, 0));
        Ok((first, 0))
    }

    /// Removes what must not be there when the log goes on. In this order a crash in the middle leaves a log that
    /// ends at some committed epoch, and no snapshot of a later one.
    fn cut(&mut self) -> Result<(), CheckpointError> {
        let Some(cut) = self.log.cut.take() else { return Ok(()) };
        self.faults.hit(point::CUT_BEFORE);
        for path in &cut.snapshots {
            self.storage.remove(path).map_err(|e| self.storage_error("removing", path, e))?;
        }
        if !cut.snapshots.is_empty() {
            self.storage.sync_folder("state").map_err(|e| self.storage_error("syncing", "state", e))?;
        }
        for first in &cut.segments {
            let path = segment_file(*first);
            self.storage.remove(&path).map_err(|e| self.storage_error("removing", &path, e))?;
            // One by one: a gap in the log would be taken for damage.
            self.storage.sync_folder("log").map_err(|e| self.storage_error("syncing", "log", e))?;
        }
        if let Some((first, len)) = self.log.segment.filter(|_| cut.truncate) {
            let path = segment_file(first);
            self.storage.truncate(&path, len).map_err(|e| self.storage_error("cutting", &path, e))?;
        }
        self.faults.hit(point::CUT_AFTER);
        Ok(())
    }
}

/// Writes the bytes `from..to` of all pieces together.
fn write_range(file: &mut dyn Write, pieces: &[&[u8]], from: usize, to: usize) -> io::Result<()> {
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.len();
        let (a, b) = (from.clamp(start, end), to.clamp(start, end));
        if a < b {
            file.write_all(&piece[a - start..b - start])?;
        }
        start = end;
    }
    Ok(())
}
