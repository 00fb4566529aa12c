//! Publishing one output: while the job runs, and again after a crash, by the same steps.
//!
//! Always holds, wherever the steps are interrupted: a target is either not there or whole (names are given by a
//! rename, after the bytes are durable); doing all steps again ends in the same files; a target that is there with other
//! bytes is never overwritten, except a snapshot of a lower epoch.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::name;
use crate::connector::sink::SinkError;
use crate::fault::{Faults, point};
use crate::record::{Held, OutputRecord};
use crate::storage::Storage;

/// The publishing of one output.
pub(super) struct Placing<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) faults: &'a Faults,
    pub(super) epoch: u64,
    pub(super) output: &'a OutputRecord,
    /// The output's bytes, where its record holds them; else empty.
    pub(super) inline: &'a [u8],
    /// After a restart: it may have been published already, and the disk may have lost what was not synced.
    pub(super) again: bool,
}

/// Which epoch's snapshot is published; written before the snapshot gets its name, so it may be ahead of it by one
/// publishing, never behind one whose bytes were aside.
#[derive(Debug, Serialize, Deserialize)]
struct Published {
    epoch: u64,
}

impl Placing<'_> {
    pub(super) fn add(&self) -> Result<(), SinkError> {
        let target = &self.output.target;
        if self.exists(target)? {
            // Whole, by the rename: it is ours, or somebody else's.
            return if self.is_output(&self.read(target)?) {
                self.drop_aside()
            } else {
                Err(self.changed("its content is another"))
            };
        }
        self.move_in()
    }

    pub(super) fn replace(&self) -> Result<(), SinkError> {
        let published = self.published()?;
        if published.is_some_and(|epoch| epoch > self.epoch) {
            return self.drop_aside();
        }
        let target = &self.output.target;
        if self.again && self.exists(target)? {
            if self.is_output(&self.read(target)?) {
                return self.drop_aside();
            }
            // Only publishing takes the file aside away. So this epoch's snapshot was there, and what is there now came
            // later: of an inline output, whose note of the epoch needs no sync, since its bytes can't be lost.
            if let Held::Aside { path } = &self.output.held
                && !self.exists(path)?
            {
                return Ok(());
            }
        }
        self.note_published()?;
        self.move_in()
    }

    /// Gives the bytes their final name.
    fn move_in(&self) -> Result<(), SinkError> {
        let target = &self.output.target;
        let from = match &self.output.held {
            Held::Aside { path } => {
                if self.again {
                    self.check_aside(path)?;
                }
                path.clone()
            }
            Held::Inline { .. } => {
                let path = format!("{}/{}.{:020}.new", self.work()?, self.output.sink, self.epoch);
                self.write_whole(&path, self.inline, true)?;
                self.faults.hit(point::INLINE_WRITTEN);
                path
            }
        };
        self.faults.hit(point::RENAME_BEFORE);
        self.storage.rename(&from, target).map_err(SinkError::io("rename", self.at(&from)))?;
        self.faults.hit(point::RENAME_AFTER);
        Ok(())
    }

    /// The file aside is there and whole.
    pub(super) fn check_aside(&self, path: &str) -> Result<Vec<u8>, SinkError> {
        if !self.exists(path)? {
            let (epoch, aside) = (self.epoch, self.at(path));
            return Err(SinkError::Lost { path: self.at(&self.output.target), epoch, aside });
        }
        let bytes = self.read(path)?;
        if !self.is_output(&bytes) {
            return Err(self.damaged(&self.at(path), "its digest is another"));
        }
        Ok(bytes)
    }

    pub(super) fn drop_aside(&self) -> Result<(), SinkError> {
        match &self.output.held {
            Held::Aside { path } => self.storage.remove(path).map_err(SinkError::io("remove", self.at(path))),
            Held::Inline { .. } => Ok(()),
        }
    }

    fn note_path(&self) -> Result<String, SinkError> {
        Ok(format!("{}/{}.snapshot", self.work()?, self.output.sink))
    }

    fn published(&self) -> Result<Option<u64>, SinkError> {
        let path = self.note_path()?;
        if !self.exists(&path)? {
            return Ok(None);
        }
        // One that does not read was never synced: it is as good as none.
        Ok(serde_json::from_slice::<Published>(&self.read(&path)?).ok().map(|p| p.epoch))
    }

    fn note_published(&self) -> Result<(), SinkError> {
        let path = self.note_path()?;
        let new = format!("{path}.new");
        let text = serde_json::to_vec(&Published { epoch: self.epoch }).expect("a number is JSON");
        // Bytes that are aside move away with the rename: then the note must not be lost, or a lower epoch would be
        // published again over them. Bytes in the record can be published again.
        let must_last = matches!(self.output.held, Held::Aside { .. });
        self.write_whole(&new, &text, must_last)?;
        self.storage.rename(&new, &path).map_err(SinkError::io("rename", self.at(&new)))?;
        if must_last {
            let work = self.work()?;
            self.storage.sync_folder(&work).map_err(SinkError::sync(self.at(&work)))?;
        }
        self.faults.hit(point::NOTE_WRITTEN);
        Ok(())
    }

    fn work(&self) -> Result<String, SinkError> {
        name::work_of(self.output)
            .ok_or_else(|| self.damaged("the epoch's record", "the file's name is not one of ours"))
    }

    fn write_whole(&self, path: &str, bytes: &[u8], sync: bool) -> Result<(), SinkError> {
        let mut file = self.storage.create(path).map_err(SinkError::io("create", self.at(path)))?;
        file.write_all(bytes).map_err(SinkError::io("write", self.at(path)))?;
        if sync {
            file.sync().map_err(SinkError::sync(self.at(path)))?;
        }
        Ok(())
    }

    pub(super) fn is_output(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.output.len && blake3::hash(bytes).to_hex().as_str() == self.output.digest
    }

    pub(super) fn exists(&self, path: &str) -> Result<bool, SinkError> {
        self.storage.exists(path).map_err(SinkError::io("look for", self.at(path)))
    }

    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>, SinkError> {
        self.storage.read(path).map_err(SinkError::io("read", self.at(path)))
    }

    pub(super) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.storage.describe())
    }

    pub(super) fn changed(&self, detail: impl Into<String>) -> SinkError {
        SinkError::Changed { path: self.at(&self.output.target), epoch: self.epoch, detail: detail.into() }
    }

    pub(super) fn damaged(&self, path: &str, detail: &str) -> SinkError {
        SinkError::Damaged { path: path.into(), epoch: self.epoch, detail: detail.into() }
    }
}
