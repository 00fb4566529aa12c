//! A disk in memory that fails on purpose, for tests: it keeps apart what a process sees and what is durable, so
//! that a crash can lose, tear and reorder whatever was not synced; and it fails at a call of the test's choice.
//!
//! What always holds: bytes synced with [`WriteFile::sync`] and names synced with [`Storage::sync_folder`] survive
//! every crash. Clones share the disk. After [`FaultyStorage::crash`] every older handle is dead, as its process
//! would be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Entry, Lock, Storage, WriteFile};

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: a write leaves half of its bytes; other calls do nothing. Later calls work.
    Full,
    /// An input/output error: a write leaves half of its bytes, a sync is of unknown effect. Later calls work.
    Broken,
    /// The process dies here: like [`Fault::Broken`], and so is every later call, until [`FaultyStorage::crash`].
    Death,
}

/// What of the unsynced a crash leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// All of it: the process was killed, and the machine wrote it to the disk in its own time.
    Everything,
    /// All of it, in the machine's memory: the process was killed, and a later crash can still take it.
    Cached,
    /// None of it.
    Nothing,
    /// A part chosen from the seed: writes lost in any order, torn at any byte, pages of zeros, names lost.
    Some(u64),
}

/// The faulty disk, or a folder of it.
#[derive(Clone)]
pub struct FaultyStorage {
    disk: Arc<Mutex<Disk>>,
    folder: String,
    generation: u64,
}

#[derive(Debug, Default)]
struct Disk {
    files: Vec<Content>,
    folders: BTreeSet<String>,
    /// What processes see.
    names: BTreeMap<String, usize>,
    /// What is on the disk for sure.
    durable: BTreeMap<String, usize>,
    /// Changes of names not yet synced.
    pending: Vec<Rename>,
    /// The files that are locked: their numbers, since a name can be given to another file.
    locks: BTreeSet<usize>,
    generation: u64,
    calls: u64,
    trace: Vec<String>,
    fail_at: Option<(u64, Fault)>,
    dead: bool,
    slow: Duration,
}

#[derive(Debug, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// A name taken away, another given, in one step.
#[derive(Debug)]
struct Rename {
    from: Option<String>,
    to: Option<(String, usize)>,
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

impl Disk {
    fn call(&mut self, generation: u64, what: &str, path: &str) -> io::Result<()> {
        self.calls += 1;
        self.trace.push(format!("{what} {path}"));
        if self.dead || generation != self.generation {
            return Err(io::Error::other("the process that opened this is dead"));
        }
        match self.fail_at {
            Some((call, fault)) if call == self.calls => {
                self.dead = fault == Fault::Death;
                Err(match fault {
                    Fault::Full => io::Error::new(io::ErrorKind::StorageFull, "no space left (on purpose)"),
                    Fault::Broken | Fault::Death => io::Error::other("input/output error (on purpose)"),
                })
            }
            _ => Ok(()),
        }
    }

    fn rename(&mut self, from: Option<String>, to: Option<(String, usize)>) {
        apply_rename(&mut self.names, from.as_deref(), to.as_ref());
        self.pending.push(Rename { from, to });
    }

    fn make_folders(&mut self, path: &str) {
        for (i, _) in path.match_indices('/') {
            self.folders.insert(path[..i].to_string());
        }
    }

    fn crash(&mut self, survives: Survives) {
        self.locks.clear();
        self.generation += 1;
        self.fail_at = None;
        self.dead = false;
        if survives == Survives::Cached {
            return;
        }
        let mut random = match survives {
            Survives::Some(seed) => seed,
            _ => 0,
        };
        for file in &mut self.files {
            for change in std::mem::take(&mut file.pending) {
                let len = change.len();
                let (keep, zeros_from) = match survives {
                    Survives::Everything | Survives::Cached => (len, len),
                    Survives::Nothing => (0, 0),
                    Survives::Some(_) => match next(&mut random) % 4 {
                        0 => (0, 0),
                        1 => (len, len),
                        2 => (next(&mut random) as usize % (len + 1), len),
                        _ => (len, next(&mut random) as usize % (len + 1)),
                    },
                };
                apply_change(&mut file.durable, change, keep, zeros_from);
            }
            file.seen = file.durable.clone();
        }
        for change in std::mem::take(&mut self.pending) {
            let keep = match survives {
                Survives::Everything | Survives::Cached => true,
                Survives::Nothing => false,
                Survives::Some(_) => next(&mut random).is_multiple_of(2),
            };
            if keep {
                apply_rename(&mut self.durable, change.from.as_deref(), change.to.as_ref());
            }
        }
        self.names = self.durable.clone();
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn apply_rename(names: &mut BTreeMap<String, usize>, from: Option<&str>, to: Option<&(String, usize)>) {
    if let Some(from) = from {
        names.remove(from);
    }
    if let Some((to, inode)) = to {
        names.insert(to.clone(), *inode);
    }
}

impl Change {
    /// Bytes written; a cut counts as one.
    fn len(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => bytes.len(),
            Self::Cut(_) => 1,
        }
    }
}

/// Makes a change of a file as far as `keep` bytes of it; from `zeros_from` on the file has its length, but the
/// bytes did not get there.
fn apply_change(content: &mut Vec<u8>, change: Change, keep: usize, zeros_from: usize) {
    match change {
        Change::Write { .. } | Change::Cut(_) if keep == 0 => {}
        Change::Write { at, mut bytes } => {
            bytes.truncate(keep);
            bytes.iter_mut().skip(zeros_from).for_each(|b| *b = 0);
            let end = at + bytes.len();
            content.resize(content.len().max(end), 0);
            content[at..end].copy_from_slice(&bytes);
        }
        Change::Cut(len) => content.resize(len, 0),
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
            None => {
                disk.files.push(Content::default());
                let inode = disk.files.len() - 1;
                disk.rename(None, Some((path.clone(), inode)));
                inode
            }
        };
        Ok(self.file(inode, path))
    }

    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        let (mut disk, path) = self.call("append", path)?;
        disk.make_folders(&path);
        let inode = disk.names.get(&path).copied().unwrap_or_else(|| {
            disk.files.push(Content::default());
            let inode = disk.files.len() - 1;
            disk.rename(None, Some((path.clone(), inode)));
            inode
        });
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

    fn list(&self, folder: &str) -> io::Result<Vec<Entry>> {
        let (disk, folder) = self.call("list", folder)?;
        let within = |path: &str| -> Option<String> {
            let rest = if folder.is_empty() { path } else { path.strip_prefix(&folder)?.strip_prefix('/')? };
            (!rest.contains('/')).then(|| rest.to_string())
        };
        let folders = disk.folders.iter().filter_map(|f| within(f)).filter(|name| !name.is_empty());
        let folders = folders.map(|name| Entry { name, len: 0, is_folder: true });
        let files = disk.names.iter().filter_map(|(path, inode)| {
            Some(Entry { name: within(path)?, len: disk.files[*inode].seen.len() as u64, is_folder: false })
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
        let inode = disk.names.get(&path).copied().unwrap_or_else(|| {
            disk.files.push(Content::default());
            let inode = disk.files.len() - 1;
            disk.rename(None, Some((path.clone(), inode)));
            inode
        });
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
