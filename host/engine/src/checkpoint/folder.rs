//! The folder of a checkpoint as it is found: whether it is one, its lock, its description, its files; and how one is
//! made, or emptied for a fresh start.

use std::io::Write;

use super::decide::Refusal;
use super::frame::Frame;
use super::log::segment_file;
use super::made_with::{COMPONENTS, JOBS};
use super::meta::{Meta, MetaError};
use super::snapshots::snapshot_file;
use super::{CheckpointError, Forget, OpenOptions, SPOOL};
use crate::executor::Workers;
use crate::fault::{Faults, point};
use crate::storage::{Lock, Storage};

pub(super) const LOCK: &str = "LOCK";
pub(super) const META: &str = "checkpoint.json";
pub(super) const META_NEW: &str = "checkpoint.json.tmp";
/// While this is there without [`META`], everything else is to be removed: `fresh` was asked for, or a checkpoint was to be
/// made that begins where another one is, and did not come to its end.
pub(super) const DROPPED: &str = "DROPPED";
const OURS: [&str; 9] = [LOCK, META, META_NEW, DROPPED, "log", "state", SPOOL, COMPONENTS, JOBS];

/// A file's name in the checkpoint, and its bytes.
pub(super) type File = (String, Vec<u8>);

/// A folder that is, or becomes, a checkpoint; with its name for messages.
pub(super) struct Folder<'a> {
    pub storage: &'a dyn Storage,
    pub name: String,
    pub faults: &'a Faults,
    pub workers: &'a Workers,
}

impl Folder<'_> {
    pub fn io<T>(&self, doing: &'static str, path: &str, done: std::io::Result<T>) -> Result<T, CheckpointError> {
        done.map_err(|source| CheckpointError::Storage {
            place: self.name.clone(),
            path: path.to_string(),
            doing,
            source,
        })
    }

    pub fn damaged(&self, file: &str, what: String) -> CheckpointError {
        CheckpointError::Damaged { place: self.name.clone(), file: file.to_string(), at: None, what, instead: None }
    }

    pub fn refused(&self, refusal: Refusal) -> CheckpointError {
        let place = self.name.clone();
        match refusal {
            Refusal::Damaged { file, at, what, instead } => CheckpointError::Damaged { place, file, at, what, instead },
            Refusal::Newer { file, what } => CheckpointError::Newer { place, file, what },
            Refusal::NoSuchEpoch { epoch, why } => CheckpointError::NoSuchEpoch { place, epoch, why },
        }
    }

    /// The bytes are those that were written, so this is no damage of the disk.
    pub fn newer_or_damaged(&self, file: &str, frame: &Frame, what: &str) -> CheckpointError {
        let what = format!("the record of epoch {} at byte {}: {what}", frame.header.epoch, frame.at);
        CheckpointError::Newer { place: self.name.clone(), file: file.to_string(), what }
    }

    /// A folder may be used that is empty or has a checkpoint; never one with other things only.
    pub fn check_is_ours(&self) -> Result<(), CheckpointError> {
        let entries = self.io("listing", "", self.storage.list(""))?;
        let is_checkpoint = entries.iter().any(|e| e.name == META || e.name == DROPPED);
        match entries.into_iter().find(|e| !OURS.contains(&e.name.as_str())) {
            Some(other) if !is_checkpoint => {
                Err(CheckpointError::NotACheckpoint { place: self.name.clone(), found: other.name })
            }
            _ => Ok(()),
        }
    }

    /// No job writes to a savepoint, nor drops one.
    pub fn refuse_savepoint(&self) -> Result<(), CheckpointError> {
        let bytes = match self.storage.read(META) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            read => self.io("reading", META, read)?,
        };
        // A damaged one is told of later.
        match Meta::read(&bytes).is_ok_and(|meta| meta.savepoint) {
            true => Err(CheckpointError::Savepoint { place: self.name.clone() }),
            false => Ok(()),
        }
    }

    pub fn lock(&self) -> Result<Box<dyn Lock>, CheckpointError> {
        let Some(lock) = self.io("locking", LOCK, self.storage.lock(LOCK))? else {
            let owner = self.storage.read(LOCK).ok().and_then(|text| String::from_utf8(text).ok());
            let owner = owner.map(|text| text.trim().to_string()).filter(|text| !text.is_empty());
            return Err(CheckpointError::Held { place: self.name.clone(), owner });
        };
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
        let host = host.map_or(String::new(), |host| format!(" on {}", host.trim()));
        let owner = format!("process {}{host}\n", std::process::id());
        let mut file = self.io("writing", LOCK, self.storage.create(LOCK))?;
        self.io("writing", LOCK, file.write_all(owner.as_bytes()))?;
        Ok(lock)
    }

    /// Takes up what a process has not brought to its end: a checkpoint that is being dropped goes, one that was being made
    /// counts if it is whole.
    pub fn clear_up(&self, forget: Option<&Forget>) -> Result<(), CheckpointError> {
        if !self.io("looking at", DROPPED, self.storage.exists(DROPPED))? {
            return Ok(());
        }
        if self.io("looking at", META, self.storage.exists(META))? {
            self.io("removing", DROPPED, self.storage.remove(DROPPED))?;
            return self.io("syncing", "", self.storage.sync_folder(""));
        }
        self.drop_everything(forget)
    }

    /// Removes everything but the lock, in an order that can be taken up again after a crash.
    pub fn drop_everything(&self, forget: Option<&Forget>) -> Result<(), CheckpointError> {
        let list = |folder| self.io("listing", folder, self.storage.list(folder));
        if !self.io("looking at", DROPPED, self.storage.exists(DROPPED))? {
            let is_there = self.io("looking at", META, self.storage.exists(META))?;
            if !is_there && list("log")?.is_empty() && list("state")?.is_empty() {
                return Ok(());
            }
            self.faults.hit(point::DROP_BEFORE);
            if is_there {
                self.io("renaming", META, self.storage.rename(META, DROPPED))?;
            } else {
                drop(self.io("creating", DROPPED, self.storage.create(DROPPED))?);
            }
            self.io("syncing", "", self.storage.sync_folder(""))?;
            self.faults.hit(point::DROP_NOTED);
        }
        let dropped = self.io("reading", DROPPED, self.storage.read(DROPPED))?;
        if let (Some(Forget(forget)), Ok(meta)) = (forget, Meta::read(&dropped)) {
            forget(&meta.id).map_err(CheckpointError::Forget)?;
        }
        for (folder, is_ours) in [("log", is_log as fn(&str) -> bool), ("state", is_state)] {
            for entry in list(folder)?.iter().filter(|e| is_ours(&e.name)) {
                let path = format!("{folder}/{}", entry.name);
                self.io("removing", &path, self.storage.remove(&path))?;
                self.faults.hit(point::DROP_REMOVED);
            }
            self.io("syncing", folder, self.storage.sync_folder(folder))?;
        }
        for folder in [SPOOL, COMPONENTS, JOBS] {
            self.io("removing", folder, self.storage.remove_folder(folder))?;
        }
        self.io("removing", META_NEW, self.storage.remove(META_NEW))?;
        self.io("removing", DROPPED, self.storage.remove(DROPPED))?;
        self.io("syncing", "", self.storage.sync_folder(""))?;
        self.faults.hit(point::DROP_AFTER);
        Ok(())
    }

    pub fn read_meta(&self) -> Result<Meta, CheckpointError> {
        let bytes = self.io("reading", META, self.storage.read(META))?;
        Meta::read(&bytes).map_err(|e| match e {
            MetaError::Damaged(what) => self.damaged(META, what),
            MetaError::Newer(what) => CheckpointError::Newer { place: self.name.clone(), file: META.to_string(), what },
        })
    }

    /// What holds for the whole of the checkpoint, which is made where there is none.
    pub fn read_or_make_meta(&self, options: &OpenOptions) -> Result<Meta, CheckpointError> {
        if self.io("looking at", META, self.storage.exists(META))? {
            return self.read_meta();
        }
        for (folder, is_ours) in [("log", is_log as fn(&str) -> bool), ("state", is_state)] {
            let entries = self.io("listing", folder, self.storage.list(folder))?;
            if let Some(entry) = entries.iter().find(|e| is_ours(&e.name)) {
                let what = format!("it is missing, but there is {folder}/{}", entry.name);
                return Err(self.damaged(META, what));
            }
        }
        let make = |partitions| Meta::new(&options.job, partitions, options.id, options.now);
        if let Some(beginning) = &options.from {
            let meta = make(beginning.at.state.partitions());
            self.begin(&meta, beginning)?;
            return Ok(meta);
        }
        let meta = make(options.partitions);
        let write = || -> std::io::Result<()> {
            self.storage.sync_folder("log")?;
            self.storage.sync_folder("state")?;
            let mut file = self.storage.create(META_NEW)?;
            file.write_all(&meta.write())?;
            file.sync()?;
            self.faults.hit(point::CREATE_WRITTEN);
            self.storage.rename(META_NEW, META)?;
            self.storage.sync_folder("")
        };
        self.faults.hit(point::CREATE_BEFORE);
        self.io("writing", META, write())?;
        self.faults.hit(point::CREATE_AFTER);
        Ok(meta)
    }

    /// Removes temporary files that a crash left behind.
    pub fn remove_remains(&self, folder: &str) -> Result<(), CheckpointError> {
        let entries = self.io("listing", folder, self.storage.list(folder))?;
        for entry in entries.iter().filter(|e| e.name.ends_with(".tmp")) {
            let path = format!("{folder}/{}", entry.name);
            self.io("removing", &path, self.storage.remove(&path))?;
            self.faults.hit(point::REMAINS_REMOVED);
        }
        Ok(())
    }

    /// All files of a folder whose names `parse` knows, sorted by what it makes of them. One that is removed meanwhile, by the
    /// job whose checkpoint is only read, is none: whether it was needed is seen by the others.
    pub fn read_all<K: Ord + Send>(
        &self,
        folder: &str,
        parse: fn(&str) -> Option<K>,
    ) -> Result<Vec<(K, File)>, CheckpointError> {
        let entries = self.io("listing", folder, self.storage.list(folder))?;
        let known = entries.into_iter().filter_map(|entry| Some((parse(&entry.name)?, entry)));
        let files = self.workers.each(known, |(key, entry)| {
            let path = format!("{folder}/{}", entry.name);
            match self.storage.read(&path) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                read => self.io("reading", &path, read).map(|bytes| Some((key, (path, bytes)))),
            }
        });
        let files: Vec<Option<_>> = files.into_iter().collect::<Result<_, _>>()?;
        let mut files: Vec<_> = files.into_iter().flatten().collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(files)
    }
}

pub(super) fn parse_segment(name: &str) -> Option<u64> {
    let first = name.strip_suffix(".log")?.parse().ok()?;
    (segment_file(first) == format!("log/{name}")).then_some(first)
}

pub(super) fn parse_snapshot(name: &str) -> Option<(u64, u64)> {
    let (epoch, sequence) = name.strip_suffix(".snap")?.split_once('-')?;
    let (epoch, sequence) = (epoch.parse().ok()?, sequence.parse().ok()?);
    (snapshot_file(epoch, sequence) == format!("state/{name}")).then_some((epoch, sequence))
}

fn is_log(name: &str) -> bool {
    parse_segment(name).is_some()
}

fn is_state(name: &str) -> bool {
    parse_snapshot(name).is_some() || name.strip_suffix(".tmp").is_some_and(|name| parse_snapshot(name).is_some())
}
