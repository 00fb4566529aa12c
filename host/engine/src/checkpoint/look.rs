//! Looking into a checkpoint, which may be in use: nothing is locked, written or removed.

use std::collections::BTreeMap;
use std::io;

use super::folder::{META, parse_segment};
use super::frame::{self, FrameKind};
use super::log::segment_file;
use super::meta::{Meta, MetaError};
use crate::error::remedy;
use crate::record::EpochRecord;
use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// What a checkpoint has in its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The checkpoint's id: 16 hexadecimal digits.
    pub id: String,
    /// Name of the job that made it.
    pub job: String,
    /// Partitions of its state.
    pub partitions: u32,
    /// The records of the epochs that the log still has, in their order.
    pub epochs: Vec<EpochRecord>,
}

/// The epochs that are committed in the checkpoint in `storage`, as far as its log still has them. What a job writes
/// meanwhile may be there or not.
///
/// # Errors
/// It is no checkpoint, or one of a newer format, or it cannot be read.
pub fn look(storage: &dyn Storage) -> Result<Looked> {
    let meta = meta(storage)?;
    let mut epochs = BTreeMap::new();
    for (first, _) in segments(storage)? {
        read_segment(storage, &meta, &segment_file(first), &mut epochs)?;
    }
    Ok(Looked { id: meta.id, job: meta.job, partitions: meta.partitions, epochs: epochs.into_values().collect() })
}

fn unreadable(storage: &dyn Storage, path: &str, e: io::Error) -> Error {
    let message = format!("{path} of the checkpoint {} cannot be read: {e}", storage.describe());
    let help = remedy(&e, "look after the disk");
    Error::new(ErrorKind::Unavailable, message).with_help(help).caused_by(e)
}

fn newer(storage: &dyn Storage, path: &str, what: &str) -> Error {
    let message = format!("{path} of the checkpoint {} is of a newer version: {what}", storage.describe());
    Error::new(ErrorKind::Conflict, message).with_help("use the version of Millstream that wrote it, or a later one")
}

fn meta(storage: &dyn Storage) -> Result<Meta> {
    let place = storage.describe();
    let meta = match storage.read(META) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Error::invalid(format!("{place} is not a checkpoint: there is no {META} in it"))
                .with_help("name the folder that the job's `checkpoint` names, or the job file"));
        }
        Err(e) => return Err(unreadable(storage, META, e)),
    };
    Meta::read(&meta).map_err(|e| match e {
        MetaError::Damaged(what) => {
            Error::new(ErrorKind::Corrupt, format!("{META} of the checkpoint {place} is damaged: {what}"))
        }
        MetaError::Newer(what) => newer(storage, META, &what),
    })
}

/// The first epoch and the bytes of each segment, in order.
fn segments(storage: &dyn Storage) -> Result<Vec<(u64, u64)>> {
    let entries = storage.list("log").map_err(|e| unreadable(storage, "log", e))?;
    let mut segments: Vec<_> = entries.iter().filter_map(|e| Some((parse_segment(&e.name)?, e.len))).collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Adds the records of a segment.
fn read_segment(storage: &dyn Storage, meta: &Meta, path: &str, epochs: &mut BTreeMap<u64, EpochRecord>) -> Result<()> {
    let bytes = match storage.read(path) {
        Ok(bytes) => bytes,
        // Its job has not needed it any more.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(unreadable(storage, path, e)),
    };
    // What is no frame at the end is being written, or was never committed.
    let (frames, end) = frame::scan(&bytes, meta.number());
    if let frame::End::Newer(what) = end {
        return Err(newer(storage, path, &what));
    }
    for frame in frames.iter().filter(|frame| frame.header.kind == FrameKind::Epoch) {
        let record: EpochRecord =
            serde_json::from_slice(frame.parts(&bytes).0).map_err(|e| newer(storage, path, &e.to_string()))?;
        epochs.insert(record.epoch, record);
    }
    Ok(())
}

/// How often a checkpoint may be looked for in vain before it is said that it is gone.
const MISSED: u32 = 100;

/// Epochs of a checkpoint as they are committed.
#[derive(Debug)]
pub struct Follow {
    id: String,
    next: u64,
    /// The segments and their bytes when they were read the last time.
    seen: Vec<(u64, u64)>,
    /// How often there was no checkpoint, one time after the other.
    missed: u32,
}

impl Follow {
    /// Those after `epoch` of the checkpoint in `storage`.
    ///
    /// # Errors
    /// As [`look`].
    pub fn after(storage: &dyn Storage, epoch: u64) -> Result<Self> {
        Ok(Self { id: meta(storage)?.id, next: epoch + 1, seen: Vec::new(), missed: 0 })
    }

    /// The records of the epochs that were committed since the last time, in order.
    ///
    /// # Errors
    /// As [`look`]; also where some of them are gone already, or the checkpoint was begun anew.
    pub fn next(&mut self, storage: &dyn Storage) -> Result<Vec<EpochRecord>> {
        match self.read_next(storage) {
            // One that begins anew is not there for a moment: what it is then is told.
            Err(_) if self.missed < MISSED && !storage.exists(META).unwrap_or(true) => {
                self.missed += 1;
                Ok(Vec::new())
            }
            read => {
                self.missed = 0;
                read
            }
        }
    }

    fn read_next(&mut self, storage: &dyn Storage) -> Result<Vec<EpochRecord>> {
        let place = storage.describe();
        let meta = meta(storage)?;
        if meta.id != self.id {
            let message = format!("the checkpoint {place} was begun anew");
            return Err(Error::new(ErrorKind::Conflict, message).with_help("look at it from its beginning"));
        }
        let segments = segments(storage)?;
        // What stands before the segment with the next epoch was looked at.
        let first = segments.partition_point(|(first, _)| *first <= self.next).saturating_sub(1);
        let segments = &segments[first..];
        if self.seen == segments {
            return Ok(Vec::new());
        }
        self.seen = segments.to_vec();
        let mut epochs = BTreeMap::new();
        for (first, _) in segments {
            read_segment(storage, &meta, &segment_file(*first), &mut epochs)?;
        }
        let mut new = epochs.split_off(&self.next).into_values().peekable();
        if let Some(gone) = new.peek().filter(|record| record.epoch > self.next) {
            let message = format!("epochs {} to {} of the checkpoint {place} are gone", self.next, gone.epoch - 1);
            let help = "they were committed faster than they were looked at: keep more of them (keep_epochs, keep_bytes in the job file)";
            return Err(Error::new(ErrorKind::Unavailable, message).with_help(help));
        }
        let new: Vec<EpochRecord> = new.collect();
        self.next += new.len() as u64;
        Ok(new)
    }
}
