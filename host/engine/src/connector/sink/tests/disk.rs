//! A disk that can be stopped at any call, and that forgets what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::storage::{FolderEntry, Lock, Storage, WriteFile};

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<Op>,
    calls: u64,
    stop_at: Option<u64>,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Inode {
    data: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Op {
    remove: Option<String>,
    add: Option<(String, usize)>,
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Op {
    fn touches(&self, folder: &str) -> bool {
        self.remove.as_deref().is_some_and(|p| folder_of(p) == folder)
            || self.add.as_ref().is_some_and(|(p, _)| folder_of(p) == folder)
    }

    fn apply(self, names: &mut BTreeMap<String, usize>) {
        if let Some(path) = self.remove {
            names.remove(&path);
        }
        if let Some((path, inode)) = self.add {
            names.insert(path, inode);
        }
    }
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    /// From the `n`-th call from now on, every call fails; a write that is hit is torn.
    pub(super) fn stop_after(&self, n: u64) {
        let mut state = self.state();
        state.stop_at = Some(state.calls + n);
    }

    /// The process was killed; the system lives and forgets nothing.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        state.stop_at = None;
        state.stopped = false;
    }

    /// The power failed: of what was not synced, any part is there, any part not.
    pub(super) fn lose_power(&self, seed: u64) {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = move |n: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) as usize % n
        };
        let mut state = self.state();
        let pending = std::mem::take(&mut state.pending);
        let all = next(2) == 0;
        let upto = next(pending.len() + 1);
        for (i, op) in pending.into_iter().enumerate() {
            // Either in order up to some point, as a journal does it, or any of them.
            if if all { i < upto } else { next(2) == 0 } {
                op.apply(&mut state.durable);
            }
        }
        state.names = state.durable.clone();
        for inode in &mut state.inodes {
            if inode.data.starts_with(&inode.durable) {
                let more = &inode.data[inode.durable.len()..];
                let mut kept = more[..next(more.len() + 1)].to_vec();
                if !kept.is_empty() && next(3) == 0 {
                    let from = next(kept.len());
                    kept[from..].fill(0);
                }
                inode.durable.extend(kept);
            }
            inode.data = inode.durable.clone();
        }
        state.stop_at = None;
        state.stopped = false;
    }

    /// All files whose names do not begin with `_`, at the top.
    pub(super) fn visible(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let top = state.names.iter().filter(|(name, _)| !name.contains('/') && !name.starts_with('_'));
        top.map(|(name, inode)| (name.clone(), state.inodes[*inode].data.clone())).collect()
    }

    /// All files.
    pub(super) fn paths(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }
}

impl State {
    /// Counts a call; `Err(true)` for the very one that is hit.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        self.stopped |= self.stop_at.is_some_and(|at| self.calls >= at);
        if self.stopped { Err(io::Error::other("the disk is stopped")) } else { Ok(()) }
    }

    fn find(&self, path: &str) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn op(&mut self, op: Op) {
        op.clone().apply(&mut self.names);
        self.pending.push(op);
    }

    fn open(&mut self, path: &str) -> usize {
        match self.names.get(path) {
            Some(&inode) => inode,
            None => {
                self.inodes.push(Inode::default());
                let inode = self.inodes.len() - 1;
                self.op(Op { remove: None, add: Some((path.into(), inode)) });
                inode
            }
        }
    }
}

impl Storage for Disk {
    fn create(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        let mut state = self.state();
        state.call()?;
        let inode = state.open(path);
        state.inodes[inode].data.clear();
        Ok(Box::new(DiskFile { disk: self.clone(), inode }))
    }

    fn append(&self, path: &str) -> io::Result<Box<dyn WriteFile>> {
        let mut state = self.state();
        state.call()?;
        let inode = state.open(path);
        Ok(Box::new(DiskFile { disk: self.clone(), inode }))
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.call()?;
        let inode = state.find(path)?;
        Ok(state.inodes[inode].data.clone())
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let inode = state.find(path)?;
        let inode = &mut state.inodes[inode];
        inode.data.resize(len as usize, 0);
        inode.durable = inode.data.clone();
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let inode = state.find(from)?;
        state.op(Op { remove: Some(from.into()), add: Some((to.into(), inode)) });
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        if state.names.contains_key(path) {
            state.op(Op { remove: Some(path.into()), add: None });
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let gone: Vec<String> = state
            .names
            .keys()
            .filter(|p| p.strip_prefix(folder).is_some_and(|p| p.starts_with('/')))
            .cloned()
            .collect();
        gone.into_iter().for_each(|path| state.op(Op { remove: Some(path), add: None }));
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<FolderEntry>> {
        let mut state = self.state();
        state.call()?;
        let mut found: BTreeMap<String, FolderEntry> = BTreeMap::new();
        for (path, inode) in &state.names {
            let inside = if folder.is_empty() {
                Some(path.as_str())
            } else {
                path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'))
            };
            let Some(inside) = inside else { continue };
            let (name, is_folder) = inside.split_once('/').map_or((inside, false), |(name, _)| (name, true));
            let len = if is_folder { 0 } else { state.inodes[*inode].data.len() as u64 };
            found.insert(name.into(), FolderEntry { name: name.into(), len, is_folder });
        }
        Ok(found.into_values().collect())
    }

    fn exists(&self, path: &str) -> io::Result<bool> {
        let mut state = self.state();
        state.call()?;
        Ok(path.is_empty() || state.names.contains_key(path))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let (now, later) = std::mem::take(&mut state.pending).into_iter().partition(|op| op.touches(folder));
        state.pending = later;
        let now: Vec<Op> = now;
        now.into_iter().for_each(|op| op.apply(&mut state.durable));
        Ok(())
    }

    fn lock(&self, _path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        self.state().call()?;
        Ok(Some(Box::new(HeldLock)))
    }

    fn describe(&self) -> String {
        "/disk".into()
    }
}

#[derive(Debug)]
struct HeldLock;

impl Lock for HeldLock {
    fn is_held(&self) -> io::Result<bool> {
        Ok(true)
    }
}

struct DiskFile {
    disk: Disk,
    inode: usize,
}

impl io::Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let before = state.stopped;
        let called = state.call();
        // The write that is hit gets half of its bytes down.
        let part = if called.is_ok() {
            bytes
        } else if before {
            &[]
        } else {
            &bytes[..bytes.len() / 2]
        };
        state.inodes[self.inode].data.extend_from_slice(part);
        called.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for DiskFile {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call()?;
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.data.clone();
        Ok(())
    }
}
