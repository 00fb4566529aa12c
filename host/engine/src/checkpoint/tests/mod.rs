//! A checkpoint against a naive model: after whatever happened it must open at an epoch that was really committed,
//! with exactly that epoch's state, or refuse.

mod begin;
mod crashes;
mod damage;
mod opening;
mod snapshots;

use std::collections::BTreeMap;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::*;
use crate::error::{Error, ErrorKind};
use crate::fault::{Faults, point};
use crate::record::{Counters, EpochRecord, Held, OutputAction, OutputRecord};
use crate::state::tests::Rng;
use crate::storage::LocalStorage;
use crate::storage::faulty::{Fault, FaultyStorage, Survives};

/// Partitions with their bytes.
type Sections = Vec<(u32, Vec<u8>)>;

pub(super) type Content = BTreeMap<(String, i64, Vec<u8>), Vec<u8>>;

pub(super) fn content(state: &State) -> Content {
    let mut found = Content::new();
    for (name, table) in state.tables() {
        for (bucket, rows) in table.partitions().iter().flat_map(|p| p.buckets()) {
            found.extend(rows.iter().map(|(key, value)| ((name.to_string(), bucket, key.to_vec()), value.to_vec())));
        }
    }
    found
}

pub(super) fn record(epoch: u64) -> EpochRecord {
    EpochRecord {
        dropped: Vec::new(),
        statics: std::collections::BTreeMap::new(),
        swapped: std::collections::BTreeMap::new(),
        not_swapped: Vec::new(),
        canary: None,
        epoch,
        started: 1_000_000 * epoch as i64,
        ranges: BTreeMap::new(),
        partition_times: BTreeMap::new(),
        event_times: BTreeMap::new(),
        event_time_columns: BTreeMap::new(),
        watermarks: BTreeMap::new(),
        counters: Counters { rows_in: epoch, ..Counters::default() },
        outputs: vec![OutputRecord {
            sink: "out".into(),
            connector: "file".into(),
            folder: "/out".into(),
            target: format!("{epoch}.csv"),
            action: OutputAction::Add,
            held: Held::Inline { offset: 0 },
            len: 3,
            digest: "d".into(),
            rows: 1,
        }],
        job: "job".into(),
        plugins: BTreeMap::new(),
        stateful: BTreeMap::new(),
        finished: false,
    }
}

pub(super) fn inline(epoch: u64) -> Vec<u8> {
    format!("output of {epoch}").into_bytes()
}

pub(super) fn options() -> OpenOptions {
    OpenOptions {
        job: "test".into(),
        partitions: 3,
        id: Some(0xfeed),
        snapshots: SnapshotSizes { least: 700, most: 300 },
        ..OpenOptions::default()
    }
}

/// A job in small: one state, changed at random in each epoch; knows what the state was after every epoch.
pub(super) struct Run {
    pub disk: FaultyStorage,
    pub options: OpenOptions,
    pub open: Option<(Checkpoint, State)>,
    /// The state after each epoch that an append was begun for.
    pub after: Vec<Content>,
    /// Epochs whose append came to its end.
    pub committed: u64,
    /// Snapshots that are not written yet: of which epoch, and what.
    pub late: Vec<(u64, Sections)>,
}

impl Run {
    pub fn new() -> Self {
        Self {
            disk: FaultyStorage::new(),
            options: options(),
            open: None,
            after: Vec::new(),
            committed: 0,
            late: Vec::new(),
        }
    }

    /// With so many epochs, closed.
    pub fn with_epochs(epochs: u64) -> Self {
        let mut run = Self::new();
        run.open().unwrap();
        (0..epochs).for_each(|epoch| run.epoch(epoch).unwrap());
        run.open = None;
        run
    }

    /// Opens it and checks what is found: the last epoch committed, or the one after it if its append was begun.
    pub fn open(&mut self) -> Result<Recovered, CheckpointError> {
        let (checkpoint, mut found) = Checkpoint::open(Arc::new(self.disk.clone()), &self.options)?;
        let epochs = found.last.as_ref().map_or(0, |last| last.epoch + 1);
        assert!(epochs >= self.committed, "{} epochs are committed, {epochs} found", self.committed);
        self.check(&found);
        self.after.truncate(epochs as usize);
        self.committed = epochs;
        let state = std::mem::replace(&mut found.state, State::new(1));
        self.open = Some((checkpoint, state));
        self.late.clear();
        Ok(found)
    }

    /// What was found is the state after some epoch.
    pub fn check(&self, found: &Recovered) {
        assert_eq!(found.id, "000000000000feed");
        match &found.last {
            None => assert!(content(&found.state).is_empty()),
            Some(last) => {
                assert_eq!(*last, record(last.epoch));
                let expected = self.after.get(last.epoch as usize).expect("an epoch that was begun");
                assert_eq!(content(&found.state), *expected, "after epoch {}", last.epoch);
            }
        }
        for (back, unpublished) in found.unpublished.iter().rev().enumerate() {
            let epoch = found.last.as_ref().expect("an epoch").epoch - back as u64;
            assert_eq!(*unpublished, Unpublished { record: record(epoch), inline: inline(epoch) });
        }
    }

    /// One epoch as the engine does it: change, commit, publish, mark, snapshot if wanted. The same for the same
    /// epoch, whatever happened before.
    pub fn epoch(&mut self, seed: u64) -> Result<(), CheckpointError> {
        let (checkpoint, state) = self.open.as_mut().expect("it is open");
        let epoch = checkpoint.last().map_or(0, |last| last + 1);
        let mut rng = Rng::new(seed.wrapping_mul(1000).wrapping_add(epoch));
        for _ in 0..rng.below(12) {
            let table = state.table_mut(["counts", "files"][rng.below(2) as usize]);
            let (bucket, key) = (rng.below(3) as i64, rng.below(20).to_le_bytes());
            match rng.below(10) {
                0..7 => {
                    table.put(bucket, &key, &vec![rng.next() as u8; rng.below(30) as usize]);
                }
                7..9 => {
                    table.delete(bucket, &key);
                }
                _ => table.drop_buckets(bucket),
            }
        }
        let change = state.take_changes();
        self.after.truncate(epoch as usize);
        self.after.push(content(state));
        let appended = checkpoint.append(&record(epoch), &change, &inline(epoch))?;
        self.committed = epoch + 1;
        if epoch % 3 != 2 {
            checkpoint.mark_published(epoch)?;
        }
        if !appended.snapshot.is_empty() {
            let sections: Vec<_> = appended.snapshot.iter().map(|p| (*p, state.snapshot(*p))).collect();
            self.late.push((epoch, sections));
        }
        // The engine writes them behind the commits: the log may be an epoch further by then.
        if epoch % 4 != 1 {
            self.late.drain(..).try_for_each(|(epoch, sections)| checkpoint.write_snapshot(epoch, &sections))?;
        }
        Ok(())
    }

    /// The files that there are, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.disk)
    }
}

pub(super) fn files(storage: &dyn Storage) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["", "log", "state"] {
        for entry in storage.list(folder).unwrap().into_iter().filter(|e| !e.is_folder) {
            let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
            let bytes = storage.read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

/// A new disk with these files.
pub(super) fn disk_of(files: &BTreeMap<String, Vec<u8>>) -> FaultyStorage {
    let disk = FaultyStorage::new();
    files.iter().for_each(|(path, bytes)| put(&disk, path, bytes));
    disk
}

pub(super) fn put(disk: &dyn Storage, path: &str, bytes: &[u8]) {
    let mut file = disk.create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync().unwrap();
    disk.sync_folder(path.rsplit_once('/').map_or("", |(folder, _)| folder)).unwrap();
}
