//! Opening: the lock, what kind of folder it is, reading everything, and making of it what `decide` says.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::sync::Arc;

use super::decide::{self, Decision, Found, Refusal, Segment, Snapshot};
use super::error::damaged_change;
use super::frame::{self, Frame};
use super::keep::{Kept, Planner};
use super::log::{Cut, Log, segment_file};
use super::meta::{FORMAT, Meta, MetaError};
use super::snapshot::SnapshotError;
use super::snapshots::snapshot_file;
use super::{Checkpoint, CheckpointError, Forget, Options, Recovered, SPOOL, Suspicious, Unpublished, snapshot};
use crate::executor::Workers;
use crate::fault::{Faults, point};
use crate::record::EpochRecord;
use crate::state::{Piece, State, StateChange, StateError};
use crate::storage::{Lock, Storage};

const LOCK: &str = "LOCK";
const META: &str = "checkpoint.json";
const META_NEW: &str = "checkpoint.json.tmp";
/// While this is there, everything else is to be removed: `fresh` was asked for and did not come to its end.
const DROPPED: &str = "DROPPED";
const OURS: [&str; 7] = [LOCK, META, META_NEW, DROPPED, "log", "state", SPOOL];

/// A file's name in the checkpoint, and its bytes.
type File = (String, Vec<u8>);

pub(super) fn open(storage: Arc<dyn Storage>, options: &Options) -> Result<(Checkpoint, Recovered), CheckpointError> {
    let name = storage.describe();
    let at = Place { storage: storage.as_ref(), name, faults: &options.faults, workers: &options.workers };
    // Looked at before the lock too, so that no lock file is left in somebody else's folder.
    at.check_is_ours()?;
    let lock = at.lock()?;
    at.check_is_ours()?;
    if options.fresh || at.io("looking at", DROPPED, at.storage.exists(DROPPED))? {
        at.drop_everything(options.forget.as_ref())?;
    }
    let meta = at.read_or_make_meta(options)?;
    let segments = at.read_all("log", parse_segment)?;
    let snapshots = at.read_all("state", parse_snapshot)?;
    let found = examine(&meta, &segments, &snapshots, at.workers).map_err(|refusal| at.refused(refusal))?;
    let decision = decide::decide(&found, options.at).map_err(|refusal| at.refused(refusal))?;
    at.make_durable(&found, &decision)?;

    let state = at.restore(&found, &decision, &segments, &snapshots)?;
    let record = |(s, f): (usize, usize)| -> Result<Unpublished, CheckpointError> {
        let (file, bytes) = &segments[s].1;
        let frame = &found.segments[s].frames[f];
        let (json, _, inline) = frame.parts(bytes);
        let record: EpochRecord =
            serde_json::from_slice(json).map_err(|e| at.newer_or_damaged(file, frame, &e.to_string()))?;
        if record.epoch != frame.header.epoch {
            return Err(at.newer_or_damaged(file, frame, "the record is of another epoch than its frame"));
        }
        Ok(Unpublished { record, inline: inline.to_vec() })
    };
    let epoch_of = |(s, f): (usize, usize)| found.segments[s].frames[f].header.epoch;
    let last = decision.frames.last().copied().map(record).transpose()?.map(|found| found.record);
    let unpublished = decision.frames.iter().copied().filter(|i| epoch_of(*i) >= decision.published);
    let unpublished = unpublished.map(record).collect::<Result<_, _>>()?;
    let suspicious = decision.tail.as_ref().map(|tail| Suspicious {
        epoch: tail.epoch,
        file: found.segments[tail.segment].file.clone(),
        at: tail.at,
        what: tail.what.clone(),
        short: tail.short,
    });
    let recovered = Recovered {
        id: meta.id.clone(),
        job: meta.job.clone(),
        last,
        state,
        unpublished,
        suspicious,
        damaged: decision.damaged.clone(),
    };
    let place = at.name;
    let (log, planner) = (go_on(&found, &decision), plan(&found, &decision, &snapshots, options));
    let opened = decision.last.unwrap_or(0);
    let kept = found.snapshots.iter().filter(|s| s.epoch <= opened).map(|s| Kept {
        file: s.file.clone(),
        epoch: s.epoch,
        sequence: s.sequence,
        partitions: s.sections.iter().flatten().filter(|s| s.intact).map(|s| s.partition).collect(),
    });
    let checkpoint = Checkpoint {
        place,
        faults: options.faults.clone(),
        id: meta.number(),
        partitions: meta.partitions,
        segments: found.segments[..decision.goes_on.map_or(0, |(s, _)| s + 1)].iter().map(|s| s.first).collect(),
        log,
        snapshots: kept.collect(),
        planner,
        published: decision.published,
        poisoned: None,
        lock,
        storage,
    };
    Ok((checkpoint, recovered))
}

/// A storage with its name for messages.
struct Place<'a> {
    storage: &'a dyn Storage,
    name: String,
    faults: &'a Faults,
    workers: &'a Workers,
}

impl Place<'_> {
    fn io<T>(&self, doing: &'static str, path: &str, done: std::io::Result<T>) -> Result<T, CheckpointError> {
        done.map_err(|source| CheckpointError::Storage {
            place: self.name.clone(),
            path: path.to_string(),
            doing,
            source,
        })
    }

    fn damaged(&self, file: &str, what: String) -> CheckpointError {
        CheckpointError::Damaged { place: self.name.clone(), file: file.to_string(), at: None, what, instead: None }
    }

    fn refused(&self, refusal: Refusal) -> CheckpointError {
        let place = self.name.clone();
        match refusal {
            Refusal::Damaged { file, at, what, instead } => CheckpointError::Damaged { place, file, at, what, instead },
            Refusal::Newer { file, what } => CheckpointError::Newer { place, file, what },
            Refusal::NoSuchEpoch { epoch, why } => CheckpointError::NoSuchEpoch { place, epoch, why },
        }
    }

    /// The bytes are those that were written, so this is no damage of the disk.
    fn newer_or_damaged(&self, file: &str, frame: &Frame, what: &str) -> CheckpointError {
        let what = format!("the record of epoch {} at byte {}: {what}", frame.header.epoch, frame.at);
        CheckpointError::Newer { place: self.name.clone(), file: file.to_string(), what }
    }

    /// A folder may be used that is empty or has a checkpoint; never one with other things only.
    fn check_is_ours(&self) -> Result<(), CheckpointError> {
        let entries = self.io("listing", "", self.storage.list(""))?;
        let is_checkpoint = entries.iter().any(|e| e.name == META || e.name == DROPPED);
        match entries.into_iter().find(|e| !OURS.contains(&e.name.as_str())) {
            Some(other) if !is_checkpoint => {
                Err(CheckpointError::NotACheckpoint { place: self.name.clone(), found: other.name })
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<Box<dyn Lock>, CheckpointError> {
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

    /// Removes everything but the lock, in an order that can be taken up again after a crash.
    fn drop_everything(&self, forget: Option<&Forget>) -> Result<(), CheckpointError> {
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
        self.io("removing", SPOOL, self.storage.remove_folder(SPOOL))?;
        self.io("removing", DROPPED, self.storage.remove(DROPPED))?;
        self.io("syncing", "", self.storage.sync_folder(""))?;
        self.faults.hit(point::DROP_AFTER);
        Ok(())
    }

    fn read_or_make_meta(&self, options: &Options) -> Result<Meta, CheckpointError> {
        if self.io("looking at", META, self.storage.exists(META))? {
            let bytes = self.io("reading", META, self.storage.read(META))?;
            return Meta::read(&bytes).map_err(|e| match e {
                MetaError::Damaged(what) => self.damaged(META, what),
                MetaError::Newer(what) => {
                    CheckpointError::Newer { place: self.name.clone(), file: META.to_string(), what }
                }
            });
        }
        for (folder, is_ours) in [("log", is_log as fn(&str) -> bool), ("state", is_state)] {
            let entries = self.io("listing", folder, self.storage.list(folder))?;
            if let Some(entry) = entries.iter().find(|e| is_ours(&e.name)) {
                let what = format!("it is missing, but there is {folder}/{}", entry.name);
                return Err(self.damaged(META, what));
            }
        }
        let meta = Meta {
            format: FORMAT,
            rows: crate::state::row::FORMAT,
            id: format!("{:016x}", options.id.unwrap_or_else(random)),
            partitions: options.partitions.max(1),
            job: options.job.clone(),
            created: options.now,
        };
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

    /// All files of a folder whose names `parse` knows, sorted by what it makes of them. Temporary files that a crash
    /// left behind are removed.
    fn read_all<K: Ord + Send>(
        &self,
        folder: &str,
        parse: fn(&str) -> Option<K>,
    ) -> Result<Vec<(K, File)>, CheckpointError> {
        let entries = self.io("listing", folder, self.storage.list(folder))?;
        for entry in entries.iter().filter(|e| e.name.ends_with(".tmp")) {
            let path = format!("{folder}/{}", entry.name);
            self.io("removing", &path, self.storage.remove(&path))?;
            self.faults.hit(point::REMAINS_REMOVED);
        }
        let known = entries.into_iter().filter_map(|entry| Some((parse(&entry.name)?, entry)));
        let files = self.workers.each(known, |(key, entry)| {
            let path = format!("{folder}/{}", entry.name);
            let bytes = self.io("reading", &path, self.storage.read(&path));
            bytes.map(|bytes| (key, (path, bytes)))
        });
        let mut files: Vec<_> = files.into_iter().collect::<Result<_, _>>()?;
        files.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(files)
    }

    /// What was read may stand in the machine's memory only, written by a process that died before it could sync. The
    /// job goes on from it, and publishes what it says: it must not be lost later.
    fn make_durable(&self, found: &Found, decision: &Decision) -> Result<(), CheckpointError> {
        if let Some((segment, _)) = decision.goes_on {
            // Earlier segments are whole: a new one begins after the last record of the old one is synced.
            let path = &found.segments[segment].file;
            let synced = self.storage.append(path).and_then(|mut file| file.sync());
            self.io("syncing", path, synced)?;
        }
        for folder in ["log", "state", ""] {
            self.io("syncing", folder, self.storage.sync_folder(folder))?;
        }
        Ok(())
    }

    fn restore(
        &self,
        found: &Found,
        decision: &Decision,
        segments: &[(u64, File)],
        snapshots: &[((u64, u64), File)],
    ) -> Result<State, CheckpointError> {
        let partitions = found.partitions;
        let mut pieces: Vec<Vec<Piece<'_>>> = vec![Vec::new(); partitions as usize];
        let read = |file: &str, at: usize, bytes| {
            let pieces = StateChange::pieces(bytes).and_then(|pieces| {
                let foreign = pieces.iter().find(|p| p.partition >= partitions);
                let error = foreign.map(|p| StateError::NoPartition { partition: p.partition, partitions });
                error.map_or(Ok(pieces), Err)
            });
            pieces.map_err(|e| damaged_change(&self.name, file, at as u64, &e))
        };
        for (partition, base) in decision.bases.iter().enumerate() {
            let Some((s, section)) = *base else { continue };
            let (file, bytes) = &snapshots[s].1;
            let section = &found.snapshots[s].sections.as_ref().expect("it was chosen for its sections")[section];
            pieces[partition].extend(read(file, section.range.start, &bytes[section.range.clone()])?);
        }
        let from: Vec<u64> =
            decision.bases.iter().map(|base| base.map_or(0, |(s, _)| found.snapshots[s].epoch + 1)).collect();
        let oldest = from.iter().min().copied().unwrap_or(0);
        let replayed = self.workers.each(&decision.frames, |(s, f)| {
            let (file, bytes) = &segments[*s].1;
            let frame = &found.segments[*s].frames[*f];
            let epoch = frame.header.epoch;
            let pieces = if epoch < oldest { Vec::new() } else { read(file, frame.at, frame.parts(bytes).1)? };
            Ok((epoch, pieces))
        });
        for (epoch, change) in replayed.into_iter().collect::<Result<Vec<_>, _>>()? {
            for piece in change {
                if epoch >= from[piece.partition as usize] {
                    pieces[piece.partition as usize].push(piece);
                }
            }
        }
        State::restore(partitions, &pieces, self.workers).map_err(|e| self.damaged("state", e.to_string()))
    }
}

/// Scans what was read, in parallel.
fn examine(
    meta: &Meta,
    segments: &[(u64, File)],
    snapshots: &[((u64, u64), File)],
    workers: &Workers,
) -> Result<Found, Refusal> {
    let id = meta.number();
    let segments = workers.each(segments, |(first, (file, bytes))| {
        let (frames, end) = frame::scan(bytes, id);
        Segment { file: file.clone(), first: *first, len: bytes.len() as u64, frames, end }
    });
    let snapshots = workers.each(snapshots, |((epoch, sequence), (file, bytes))| {
        let sections = match snapshot::read(bytes, id, *epoch) {
            Ok(read) => Ok(read.sections),
            Err(SnapshotError::Damaged(what)) => Err(what),
            Err(SnapshotError::Newer(what)) => return Err(Refusal::Newer { file: file.clone(), what }),
        };
        Ok(Snapshot { file: file.clone(), epoch: *epoch, sequence: *sequence, sections })
    });
    Ok(Found { partitions: meta.partitions, segments, snapshots: snapshots.into_iter().collect::<Result<_, _>>()? })
}

/// Where the log goes on.
fn go_on(found: &Found, decision: &Decision) -> Log {
    let frame = |(s, f): &(usize, usize)| &found.segments[*s].frames[*f];
    let published = |back: usize| decision.frames.iter().rev().nth(back).map_or(0, |i| frame(i).header.published);
    let mut log = Log {
        last: decision.last,
        previous: 0,
        segment: None,
        cut: None,
        published: [published(1), published(0)],
        file: None,
    };
    let Some((segment, len)) = decision.goes_on else { return log };
    log.segment = Some((found.segments[segment].first, len));
    // Marks count too: the next frame names the frame before it, whatever that is.
    let in_segment = found.segments[segment].frames.iter().rev().find(|f| f.end() as u64 <= len);
    let before = || found.segments[..segment].iter().rev().find_map(|s| s.frames.last());
    log.previous = in_segment.or_else(before).map_or(0, |f| f.checksum);
    let cut = Cut {
        snapshots: found
            .snapshots
            .iter()
            .filter(|s| decision.last.is_none_or(|last| s.epoch > last))
            .map(|s| s.file.clone())
            .collect(),
        segments: found.segments[segment + 1..].iter().rev().map(|s| s.first).collect(),
        truncate: found.segments[segment].len != len,
    };
    log.cut = (cut != Cut::default()).then_some(cut);
    log
}

/// The accounts of log and snapshots as they were before the restart.
fn plan(found: &Found, decision: &Decision, snapshots: &[((u64, u64), File)], options: &Options) -> Planner {
    let mut planner = Planner::new(found.partitions, options.snapshots);
    let mut due: BTreeSet<usize> = decision.bases.iter().flatten().map(|(s, _)| *s).collect();
    let before = decision.frames.first().map_or(0, |(s, f)| found.segments[*s].frames[*f].header.epoch);
    let mut write_until = |planner: &mut Planner, epoch: u64| {
        while let Some(s) = due.first().copied().filter(|s| found.snapshots[*s].epoch <= epoch) {
            let bases = (0u32..).zip(&decision.bases);
            let of_file = bases.filter(|(_, base)| base.is_some_and(|(file, _)| file == s));
            planner.snapshot(of_file.map(|(partition, _)| partition), snapshots[s].1.1.len() as u64);
            due.pop_first();
        }
    };
    write_until(&mut planner, before.saturating_sub(1));
    for (s, f) in &decision.frames {
        let frame = &found.segments[*s].frames[*f];
        planner.logged((frame.end() - frame.at) as u64);
        write_until(&mut planner, frame.header.epoch);
    }
    planner
}

fn parse_segment(name: &str) -> Option<u64> {
    let first = name.strip_suffix(".log")?.parse().ok()?;
    (segment_file(first) == format!("log/{name}")).then_some(first)
}

fn parse_snapshot(name: &str) -> Option<(u64, u64)> {
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

/// A random number from the keys that the standard library draws from the system for its hash maps.
fn random() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
