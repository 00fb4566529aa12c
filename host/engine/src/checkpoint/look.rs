//! Looking into a checkpoint, which may be in use: nothing is locked, written or removed.

use std::collections::BTreeMap;
use std::io;

use super::folder::{META, parse_segment};
use super::frame::{self, FrameKind};
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
    let place = storage.describe();
    let unreadable = |path: &str, e: io::Error| {
        let message = format!("{path} of the checkpoint {place} cannot be read: {e}");
        let help = remedy(&e, "look after the disk");
        Error::new(ErrorKind::Unavailable, message).with_help(help).caused_by(e)
    };
    let newer = |path: &str, what: &str| {
        Error::new(ErrorKind::Conflict, format!("{path} of the checkpoint {place} is of a newer version: {what}"))
            .with_help("use the version of Millstream that wrote it, or a later one")
    };
    let meta = match storage.read(META) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Error::invalid(format!("{place} is not a checkpoint: there is no {META} in it"))
                .with_help("name the folder that the job's `checkpoint` names, or the job file"));
        }
        Err(e) => return Err(unreadable(META, e)),
    };
    let meta = Meta::read(&meta).map_err(|e| match e {
        MetaError::Damaged(what) => {
            Error::new(ErrorKind::Corrupt, format!("{META} of the checkpoint {place} is damaged: {what}"))
        }
        MetaError::Newer(what) => newer(META, &what),
    })?;
    let mut segments = storage.list("log").map_err(|e| unreadable("log", e))?;
    segments.retain(|entry| parse_segment(&entry.name).is_some());
    let mut epochs = BTreeMap::new();
    for entry in segments {
        let path = format!("log/{}", entry.name);
        let bytes = match storage.read(&path) {
            Ok(bytes) => bytes,
            // Its job has not needed it any more.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(unreadable(&path, e)),
        };
        // What is no frame at the end is being written, or was never committed.
        let (frames, end) = frame::scan(&bytes, meta.number());
        if let frame::End::Newer(what) = end {
            return Err(newer(&path, &what));
        }
        for frame in frames.iter().filter(|frame| frame.header.kind == FrameKind::Epoch) {
            let record: EpochRecord =
                serde_json::from_slice(frame.parts(&bytes).0).map_err(|e| newer(&path, &e.to_string()))?;
            epochs.insert(record.epoch, record);
        }
    }
    Ok(Looked { id: meta.id, job: meta.job, partitions: meta.partitions, epochs: epochs.into_values().collect() })
}
