//! A checkpoint's storage whose user passes a fault point with each step that keeps what epochs are made with, or removes it. It
//! is written by whoever makes a new version ready, on a thread of its own and without the open checkpoint.

use std::io::{self, Write};
use std::sync::Arc;

use super::made_with::{COMPONENTS, JOBS};
use crate::fault::{Faults, point};
use crate::storage::{FolderEntry, Lock, Storage, WriteFile};

/// `storage`, with the fault points of keeping and forgetting.
pub fn passing(storage: Arc<dyn Storage>, faults: Faults) -> Arc<dyn Storage> {
    Arc::new(Passing { storage, faults })
}

#[derive(Debug)]
struct Passing {
    storage: Arc<dyn Storage>,
    faults: Faults,
}

/// Whether `path` is what an epoch is made with.
fn is_kept(path: &str) -> bool {
    path.split_once('/').is_some_and(|(folder, _)| [COMPONENTS, JOBS].contains(&folder))
}

impl Storage for Passing {
    fn create(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        if !is_kept(path) {
            return self.storage.create(path);
        }
        self.faults.hit(point::KEEP_BEFORE);
        let file = self.storage.create(path)?;
        Ok(Box::new(Kept { file, faults: self.faults.clone() }))
    }

    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        self.storage.append(path)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.storage.read(path)
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        self.storage.truncate(path, len)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.storage.rename(from, to)?;
        if is_kept(to) {
            self.faults.hit(point::KEEP_RENAMED);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        if !is_kept(path) {
            return self.storage.remove(path);
        }
        self.faults.hit(point::FORGET_BEFORE);
        self.storage.remove(path)?;
        self.faults.hit(point::FORGET_AFTER);
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.storage.remove_folder(folder)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FolderEntry>> {
        self.storage.list(folder)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        self.storage.exists(path)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.storage.sync_folder(folder)?;
        // Keeping ends with the folder that has those of what is kept.
        if folder.is_empty() {
            self.faults.hit(point::KEEP_AFTER);
        }
        Ok(())
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.storage.lock(path)
    }

    fn describe(&self) -> String {
        self.storage.describe()
    }
}

/// A file of what is kept, under its temporary name.
struct Kept {
    file: Box<dyn WriteFile>,
    faults: Faults,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl WriteFile for Kept {
    fn sync(&mut self) -> io::Result<()> {
        self.faults.hit(point::KEEP_WRITTEN);
        self.file.sync()?;
        self.faults.hit(point::KEEP_SYNCED);
        Ok(())
    }
}
