//! What is known of files that were read: they are looked at again now and then, and forgotten some day.
//!
//! A file that was read is not read again, whatever happens to it; but one that has grown, or is another one now, is
//! noticed, counted and said once. A look compares no more files than cost nothing beside it: all of them at the
//! first look of a run, so that nothing that happened meanwhile goes by, then [`A_SECOND`] for each second since.
//!
//! The state keeps an entry per file. When a file that was read is not there any more, that is noted with the time;
//! when it has been away for [`FORGET_AFTER`], the entry goes. So the state holds the files that are there and those
//! that left lately. A file that is back before then is the one that was read; later it is a new one. A place that
//! has no file at all says nothing about any: it may be a disk that is not mounted.
//! (docs/decisions/0009-files-that-were-read.md)

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::Names;
use super::discover::stat;
use crate::connector::source::{Known, Notices, SourceError};
use crate::record::FileRange;

/// How long a file must have been away before it is forgotten, microseconds of processing time: as long as Spark
/// looks back.
pub(super) const FORGET_AFTER: i64 = 7 * 24 * 3600 * 1_000_000;

/// Files compared for each second since the last look: some milliseconds of work.
const A_SECOND: i64 = 2000;

/// How often it is looked for files that are gone, microseconds.
const SWEEP: i64 = 600 * 1_000_000;

/// Entries changed by one epoch at the most, beside those of the files it reads.
const MOST: usize = 10_000;

/// Changed files named by one look; of the others only the number is said.
const NAMED: u64 = 3;

/// What the state has of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenFile {
    /// Its length when it was read.
    pub len: u64,
    /// Its modification time when it was read.
    pub modified: i64,
    /// It was said that it is not what it was.
    pub changed: bool,
    /// Since when it is known to be away, microseconds of processing time.
    pub missing: Option<i64>,
}

const CHANGED: u8 = 1;
const MISSING: u8 = 2;

impl SeenFile {
    pub fn of(file: &FileRange) -> Self {
        Self { len: file.len, modified: file.modified, changed: false, missing: None }
    }

    /// Length and modification time, eight bytes each, little-endian; where there is more to say, a byte of flags,
    /// and behind it the time since when it is missing.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [self.len.to_le_bytes(), self.modified.to_le_bytes()].concat();
        if self.changed || self.missing.is_some() {
            bytes.push(if self.changed { CHANGED } else { 0 } | if self.missing.is_some() { MISSING } else { 0 });
        }
        if let Some(since) = self.missing {
            bytes.extend(since.to_le_bytes());
        }
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(i64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let flags = bytes.get(16).copied().unwrap_or(0);
        let missing = if flags & MISSING != 0 { Some(number(17)?) } else { None };
        let entry = Self { len: number(0)? as u64, modified: number(8)?, changed: flags & CHANGED != 0, missing };
        (entry.encode() == bytes).then_some(entry)
    }
}

/// What a source remembers of its looks, and what it has found out since the last epoch.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Processing time when files were last compared; none = not in this run.
    compared: Option<i64>,
    /// Which file, in the order of the listing, is compared next.
    next: usize,
    /// Processing time when it was last looked for files that are gone.
    swept: Option<i64>,
    /// Entries to be changed with the next epoch.
    changes: BTreeMap<String, Change>,
    notices: Notices,
}

impl Watch {
    /// Begins a look at all files there are.
    pub fn look(&mut self, now: i64) -> Look<'_> {
        let since = self.compared.map(|then| now.saturating_sub(then).max(0));
        let most =
            since.map_or(usize::MAX, |since| usize::try_from(since.saturating_mul(A_SECOND) / 1_000_000).unwrap_or(0));
        let is_due = self.swept.is_none_or(|then| now.saturating_sub(then) >= SWEEP);
        Look { first: self.next, most, known: 0, changed: 0, listed: is_due.then(HashSet::new), now, watch: self }
    }

    /// Something else to say.
    pub fn notices(&mut self) -> &mut Notices {
        &mut self.notices
    }

    /// What is to be said since the last time.
    pub fn take_notices(&mut self) -> Notices {
        std::mem::take(&mut self.notices)
    }

    /// What is to be kept with an epoch; none = it is forgotten.
    pub fn take_changes(&mut self) -> impl Iterator<Item = (String, Option<SeenFile>)> + use<> {
        let changes = std::mem::take(&mut self.changes).into_iter();
        changes.map(|(name, change)| (name, (!change.forgotten).then_some(change.entry)))
    }

    /// The entry of a file, `stored` being what the state has; none if that is damaged.
    fn entry(&self, name: &str, stored: &[u8]) -> Option<SeenFile> {
        self.changes.get(name).map(|change| change.entry.clone()).or_else(|| SeenFile::decode(stored))
    }

    fn change(&mut self, name: &str, entry: SeenFile, forgotten: bool) {
        self.changes.insert(name.to_owned(), Change { entry, forgotten });
    }
}

/// What an entry becomes with the next epoch.
#[derive(Debug, Clone)]
struct Change {
    entry: SeenFile,
    /// It goes, unless the file is back before.
    forgotten: bool,
}

/// One look at all files there are.
pub(super) struct Look<'a> {
    watch: &'a mut Watch,
    now: i64,
    /// The first file that is compared, and how many are, in the order of the listing.
    first: usize,
    most: usize,
    /// Files so far that were read before.
    known: usize,
    /// Those of them found changed.
    changed: u64,
    /// Digests of the names that are there, where it is looked for files that are gone.
    listed: Option<HashSet<u128>>,
}

impl Look<'_> {
    /// A file is there.
    pub fn there(&mut self, name: &str) {
        if let Some(listed) = &mut self.listed {
            listed.insert(digest(name));
        }
    }

    /// It is one that was read, `stored` being what the state has of it.
    pub fn known(&mut self, path: &Path, name: &str, stored: &[u8]) -> Result<(), SourceError> {
        let number = self.known;
        self.known += 1;
        let Some(mut entry) = self.watch.entry(name, stored) else { return Ok(()) };
        let has_room = self.watch.changes.len() < MOST || self.watch.changes.contains_key(name);
        if entry.missing.is_some() && has_room {
            // Back, be it on the eve of being forgotten.
            entry.missing = None;
            self.watch.change(name, entry.clone(), false);
        }
        let is_due = number >= self.first && number - self.first < self.most;
        if entry.changed || !is_due || self.watch.changes.len() >= MOST {
            return Ok(());
        }
        let Some(file) = stat(path, name.to_owned())? else { return Ok(()) };
        let Some(what) = difference(&entry, &file) else { return Ok(()) };
        self.changed += 1;
        if self.changed <= NAMED {
            let message = format!("{name} {what}; a file is read once, so write new rows to a new file");
            self.watch.notices.messages.push(message);
        }
        entry.changed = true;
        self.watch.change(name, entry, false);
        Ok(())
    }

    /// All files there are were looked at.
    pub fn end(self, names: &Names, known: Known<'_>) {
        let Self { watch, now, first, most, known: count, changed, listed } = self;
        watch.notices.changed += changed;
        if changed > NAMED {
            watch.notices.messages.push(format!("{} more files were changed since they were read", changed - NAMED));
        }
        watch.compared = Some(now);
        let end = first.saturating_add(most);
        watch.next = if end >= count { 0 } else { end };
        let Some(listed) = listed else { return };
        watch.swept = Some(now);
        if !listed.is_empty() {
            watch.sweep(&listed, names, known, now);
        }
    }
}

impl Watch {
    /// Looks for files that were read and are gone.
    fn sweep(&mut self, listed: &HashSet<u128>, names: &Names, known: Known<'_>, now: i64) {
        for (key, stored) in known.iter() {
            if self.changes.len() >= MOST {
                return;
            }
            let Ok(name) = std::str::from_utf8(key) else { continue };
            if listed.contains(&digest(name)) {
                continue;
            }
            let Some(mut entry) = self.entry(name, stored) else { continue };
            let is_due = entry.missing.is_none_or(|since| now.saturating_sub(since) >= FORGET_AFTER);
            // It may be there, and only not be looked for any more: the job's path was changed.
            if !is_due || !is_gone(&names.path(name)) {
                continue;
            }
            let forgotten = entry.missing.replace(now).is_some();
            self.change(name, entry, forgotten);
        }
    }
}

fn is_gone(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
}

/// How a file differs from what was read of it.
fn difference(read: &SeenFile, file: &FileRange) -> Option<String> {
    let lengths = |what: &str| format!("{what} since it was read ({} bytes then, {} now)", read.len, file.len);
    if file.len > read.len {
        return Some(lengths("has grown"));
    }
    if file.len < read.len {
        return Some(lengths("was cut or replaced"));
    }
    let moved = file.modified != read.modified;
    moved.then(|| "was written to or replaced since it was read (as long as then, with another time)".to_owned())
}

fn digest(name: &str) -> u128 {
    xxh3_128(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_old_ones_are_read() {
        for changed in [false, true] {
            for missing in [None, Some(-5), Some(i64::MAX)] {
                let entry = SeenFile { len: 7, modified: -9, changed, missing };
                assert_eq!(SeenFile::decode(&entry.encode()), Some(entry));
            }
        }
        let old = [7u64.to_le_bytes(), (-9i64).to_le_bytes()].concat();
        assert_eq!(SeenFile::decode(&old), Some(SeenFile { len: 7, modified: -9, changed: false, missing: None }));
        for wrong in [&old[..15], &[&old[..], &[0]].concat(), &[&old[..], &[2, 0]].concat(), &[&old[..], &[4]].concat()]
        {
            assert_eq!(SeenFile::decode(wrong), None);
        }
    }
}
