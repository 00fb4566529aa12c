//! The disk itself: what is seen, what is durable, and what a crash makes of the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

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

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub(super) files: Vec<Content>,
    pub(super) folders: BTreeSet<String>,
    /// What processes see.
    pub(super) names: BTreeMap<String, usize>,
    /// What is on the disk for sure.
    pub(super) durable: BTreeMap<String, usize>,
    /// Changes of names not yet synced.
    pub(super) pending: Vec<Rename>,
    /// The files that are locked: their numbers, since a name can be given to another file.
    pub(super) locks: BTreeSet<usize>,
    pub(super) generation: u64,
    pub(super) calls: u64,
    pub(super) trace: Vec<String>,
    pub(super) fail_at: Option<(u64, Fault)>,
    pub(super) dead: bool,
    pub(super) slow: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Debug)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// A name taken away, another given, in one step.
#[derive(Debug)]
pub(super) struct Rename {
    pub(super) from: Option<String>,
    pub(super) to: Option<(String, usize)>,
}

impl Disk {
    pub(super) fn call(&mut self, generation: u64, what: &str, path: &str) -> io::Result<()> {
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

    /// Makes an empty file of this name; its number.
    pub(super) fn make(&mut self, path: &str) -> usize {
        self.files.push(Content::default());
        let inode = self.files.len() - 1;
        self.rename(None, Some((path.to_owned(), inode)));
        inode
    }

    pub(super) fn rename(&mut self, from: Option<String>, to: Option<(String, usize)>) {
        apply_rename(&mut self.names, from.as_deref(), to.as_ref());
        self.pending.push(Rename { from, to });
    }

    pub(super) fn make_folders(&mut self, path: &str) {
        for (i, _) in path.match_indices('/') {
            self.folders.insert(path[..i].to_string());
        }
    }

    pub(super) fn crash(&mut self, survives: Survives) {
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

pub(super) fn apply_rename(names: &mut BTreeMap<String, usize>, from: Option<&str>, to: Option<&(String, usize)>) {
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
