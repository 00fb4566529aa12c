//! A disk in memory that fails on purpose, for tests: it keeps apart what a process sees and what is durable, so
//! that a crash can lose, tear and reorder whatever was not synced; and it fails at a call of the test's choice.
//!
//! What always holds: bytes synced with [`WriteFile::sync`] and names synced with [`Storage::sync_folder`] survive
//! every crash. Clones share the disk. After [`FaultyStorage::crash`] every older handle is dead, as its process
//! would be.

mod disk;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use disk::{Fault, Survives};

use disk::{Change, Disk, Rename, apply_rename};

use super::{FolderEntry, Lock, Storage, WriteFile};

/// The faulty disk, or a folder of it.
#[derive(Clone)]
pub struct FaultyStorage {
    disk: Arc<Mutex<Disk>>,
    folder: String,
    generation: u64,
}

impl fmt::Debug for FaultyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStorage({})", self.describe())
    }
}

impl Default for FaultyStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultyStorage {
    /// An empty disk that works.
    pub fn new() -> Self {
        Self { disk: Arc::default(), folder: String::new(), generation: 0 }
    }

    /// The same disk seen from a folder of it.
    #[must_use]
    pub fn at(&self, folder: &str) -> Self {
        Self { folder: self.full(folder), ..self.clone() }
    }

    /// How many calls the disk has had.
    pub fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// Every call so far: what and where.
    pub fn trace(&self) -> Vec<String> {
        self.disk().trace.clone()
    }

    /// Lets call number `call` (from 1, counted from the disk's beginning) fail.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.disk().fail_at = Some((call, fault));
    }

    /// Lets the process die before its next call.
    pub fn kill(&self) {
        let next = self.calls() + 1;
        self.fail_at(next, Fault::Death);
    }

    /// Every file as it is seen now: path and content.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let disk = self.disk();
        disk.names.iter().map(|(path, inode)| (path.clone(), disk.files[*inode].seen.clone())).collect()
    }

    /// Changes bytes of a file behind everybody's back, as a failing disk does.
    pub fn damage(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk();
        if let Some(inode) = disk.names.get(path).copied() {
            let file = &mut disk.files[inode];
            change(&mut file.seen);
            file.durable.clone_from(&file.seen);
            file.pending.clear();
        }
    }

    /// Lets every write and sync take this long.
    pub fn slow(&self, duration: Duration) {
        self.disk().slow = duration;
    }

    /// The disk after a crash of what used it, working again, all locks free. Older handles are dead from now on.
    #[must_use]
    pub fn crash(&self, survives: Survives) -> Self {
        let mut disk = self.disk();
        disk.crash(survives);
        Self { disk: Arc::clone(&self.disk), folder: self.folder.clone(), generation: disk.generation }
    }

    fn full(&self, path: &str) -> String {
        match (self.folder.as_str(), path) {
            ("", path) => path.to_string(),
            (folder, "") => folder.to_string(),
            (folder, path) => format!("{folder}/{path}"),
        }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test's hook may panic on another thread; the disk itself is never left half changed.
        self.disk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a call; its error if it is the one to fail.
    fn call(&self, what: &str, path: &str) -> io::Result<(MutexGuard<'_, Disk>, String)> {
        let path = self.full(path);
        let mut disk = self.disk();
        disk.call(self.generation, what, &path)?;
        Ok((disk, path))
    }

    fn file(&self, inode: usize, path: String) -> Box<dyn WriteFile> {
        Box::new(FaultyFile { storage: self.clone(), inode, path })
    }
}

impl Storage for FaultyStorage {
    fn create(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        let (mut disk, path) = self.call("create", path)?;
        disk.make_folders(&path);
        let inode = match disk.names.get(&path).copied() {
            Some(inode) => {
                disk.files[inode].seen.clear();
                disk.files[inode].pending.push(Change::Cut(0));
                inode
            }
            None => disk.make(&path),
        };
        Ok(self.file(inode, path))
    }

    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        let (mut disk, path) = self.call("append", path)?;
        disk.make_folders(&path);
        let inode = disk.names.get(&path).copied().unwrap_or_else(|| disk.make(&path));
        Ok(self.file(inode, path))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let (disk, path) = self.call("read", path)?;
        let inode = disk.names.get(&path).ok_or_else(|| not_found(&path))?;
        Ok(disk.files[*inode].seen.clone())
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        let (mut disk, path) = self.call("truncate", path)?;
        let inode = *disk.names.get(&path).ok_or_else(|| not_found(&path))?;
        let file = &mut disk.files[inode];
        file.seen.resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        file.durable.clone_from(&file.seen);
        file.pending.clear();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (mut disk, from) = self.call("rename", from)?;
        let inode = *disk.names.get(&from).ok_or_else(|| not_found(&from))?;
        disk.rename(Some(from), Some((self.full(to), inode)));
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (mut disk, path) = self.call("remove", path)?;
        if disk.names.contains_key(&path) {
            disk.rename(Some(path), None);
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        let (mut disk, folder) = self.call("remove folder", folder)?;
        let inside = format!("{folder}/");
        let gone: Vec<String> = disk.names.keys().filter(|path| path.starts_with(&inside)).cloned().collect();
        gone.into_iter().for_each(|path| disk.rename(Some(path), None));
        disk.folders.retain(|path| *path != folder && !path.starts_with(&inside));
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FolderEntry>> {
        let (disk, folder) = self.call("list", folder)?;
        let within = |path: &str| -> Option<String> {
            let rest = if folder.is_empty() { path } else { path.strip_prefix(&folder)?.strip_prefix('/')? };
            (!rest.contains('/')).then(|| rest.to_string())
        };
        let folders = disk.folders.iter().filter_map(|f| within(f)).filter(|name| !name.is_empty());
        let folders = folders.map(|name| FolderEntry { name, len: 0, is_folder: true });
        let files = disk.names.iter().filter_map(|(path, inode)| {
            Some(FolderEntry { name: within(path)?, len: disk.files[*inode].seen.len() as u64, is_folder: false })
        });
        let mut found: Vec<_> = folders.chain(files).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        let (disk, path) = self.call("exists", path)?;
        Ok(path.is_empty() || disk.names.contains_key(&path) || disk.folders.contains(&path))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let (mut disk, folder) = self.call("sync folder", folder)?;
        disk.make_folders(&format!("{folder}/"));
        let (synced, pending) = std::mem::take(&mut disk.pending).into_iter().partition(|change: &Rename| {
            let named = [change.from.as_deref(), change.to.as_ref().map(|(to, _)| to.as_str())];
            named.into_iter().flatten().any(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder) == folder)
        });
        disk.pending = pending;
        let synced: Vec<Rename> = synced;
        for change in synced {
            apply_rename(&mut disk.durable, change.from.as_deref(), change.to.as_ref());
        }
        Ok(())
    }

    fn lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let (mut disk, path) = self.call("lock", path)?;
        disk.make_folders(&path);
        let inode = disk.names.get(&path).copied().unwrap_or_else(|| disk.make(&path));
        if !disk.locks.insert(inode) {
            return Ok(None);
        }
        Ok(Some(Box::new(FaultyLock { storage: self.clone(), inode, path })))
    }

    fn describe(&self) -> String {
        format!("memory:/{}", self.folder)
    }
}

fn not_found(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no {path}"))
}

struct FaultyFile {
    storage: FaultyStorage,
    inode: usize,
    path: String,
}

impl FaultyFile {
    fn call(&self, what: &str) -> (MutexGuard<'_, Disk>, io::Result<()>) {
        let slow = self.storage.disk().slow;
        if !slow.is_zero() {
            std::thread::sleep(slow);
        }
        let mut disk = self.storage.disk();
        let outcome = disk.call(self.storage.generation, what, &self.path);
        (disk, outcome)
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut disk, outcome) = self.call("write");
        if disk.generation != self.storage.generation {
            return outcome.map(|()| 0);
        }
        let written = if outcome.is_ok() { bytes.len() } else { bytes.len() / 2 };
        let file = &mut disk.files[self.inode];
        let at = file.seen.len();
        file.seen.extend_from_slice(&bytes[..written]);
        file.pending.push(Change::Write { at, bytes: bytes[..written].to_vec() });
        outcome.map(|()| written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for FaultyFile {
    fn sync(&mut self) -> io::Result<()> {
        let (mut disk, outcome) = self.call("sync");
        outcome?;
        let file = &mut disk.files[self.inode];
        file.durable.clone_from(&file.seen);
        file.pending.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct FaultyLock {
    storage: FaultyStorage,
    inode: usize,
    path: String,
}

impl Lock for FaultyLock {
    fn is_held(&self) -> io::Result<bool> {
        let disk = self.storage.disk();
        Ok(disk.generation == self.storage.generation && disk.names.get(&self.path) == Some(&self.inode))
    }
}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut disk = self.storage.disk();
        if disk.generation == self.storage.generation {
            disk.locks.remove(&self.inode);
        }
    }
}
