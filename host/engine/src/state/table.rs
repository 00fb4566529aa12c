//! The tables of a job, each cut into the same fixed number of partitions. Partitions are units of parallel work
//! and of snapshots; their number is stored with the checkpoint and does not depend on the machine.

use std::collections::{BTreeMap, BTreeSet};

use super::StateError;
use super::change::{self, Piece, StateChange};
use super::hash::{hash_key, partition_of};
use super::partition::Partition;
use crate::executor::Workers;

/// Partitions of a new checkpoint: enough to keep many cores busy, few enough that each is worth a task. One that is there
/// has its own, which a job's plan is made for.
pub const DEFAULT_PARTITIONS: u32 = 16;

/// The keyed rows of one stateful node, or of one source (the files it has seen).
#[derive(Debug)]
pub struct Table {
    partitions: Vec<Partition>,
}

impl Table {
    /// An empty table.
    pub fn new(partitions: u32) -> Self {
        Self { partitions: (0..partitions.max(1)).map(|_| Partition::default()).collect() }
    }

    /// Whether another table has the same keys with the same values in the same buckets.
    pub fn holds_what(&self, other: &Self) -> bool {
        let mut both = self.partitions.iter().zip(&other.partitions);
        self.partitions.len() == other.partitions.len()
            && both.all(|(a, b)| {
                let (a, b) = (a.buckets(), b.buckets());
                a.map(|(number, bucket)| (number, bucket.sorted()))
                    .eq(b.map(|(number, bucket)| (number, bucket.sorted())))
            })
    }

    /// The partitions, in order.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition of a key with this hash.
    pub fn partition(&self, hash: u64) -> &Partition {
        &self.partitions[partition_of(hash, self.partitions.len())]
    }

    /// The partitions, to be changed each by another thread.
    pub fn partitions_mut(&mut self) -> &mut [Partition] {
        &mut self.partitions
    }

    /// The partition of a key with this hash.
    pub fn partition_mut(&mut self, hash: u64) -> &mut Partition {
        let i = partition_of(hash, self.partitions.len());
        &mut self.partitions[i]
    }

    /// The value of `key` in `bucket`.
    pub fn get(&self, bucket: i64, key: &[u8]) -> Option<&[u8]> {
        let hash = hash_key(key);
        self.partitions[partition_of(hash, self.partitions.len())].get_hashed(bucket, hash, key)
    }

    /// Sets the value of `key` in `bucket`; whether the key is new there.
    pub fn put(&mut self, bucket: i64, key: &[u8], value: &[u8]) -> bool {
        let hash = hash_key(key);
        self.partition_mut(hash).put_hashed(bucket, hash, key, value)
    }

    /// Removes `key` from `bucket`; whether it was there.
    pub fn delete(&mut self, bucket: i64, key: &[u8]) -> bool {
        let hash = hash_key(key);
        self.partition_mut(hash).delete_hashed(bucket, hash, key)
    }

    /// Drops all buckets with numbers less than `before`.
    pub fn drop_buckets(&mut self, before: i64) {
        self.partitions.iter_mut().for_each(|p| p.drop_buckets(before));
    }

    /// Drops everything in it.
    pub fn clear(&mut self) {
        self.partitions.iter_mut().for_each(Partition::clear);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.partitions.iter().map(Partition::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.partitions.iter().all(Partition::is_empty)
    }

    /// Bytes of all entries, a function of the content alone.
    pub fn bytes(&self) -> usize {
        self.partitions.iter().map(Partition::bytes).sum()
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.partitions.iter().map(Partition::memory).sum()
    }
}

/// A table that took the place of another one.
#[derive(Debug)]
struct Moved {
    /// What it was called.
    from: String,
    /// What was there, where it may be wanted again.
    before: Option<Table>,
}

/// All tables of a job, by name.
#[derive(Debug)]
pub struct State {
    partitions: u32,
    /// Whether what is changed may be undone.
    undoable: bool,
    tables: BTreeMap<String, Table>,
    /// Tables dropped in this epoch.
    dropped: BTreeSet<String>,
    /// Tables that were others until this epoch.
    moved: BTreeMap<String, Moved>,
    /// Who writes down what changed: partitions side by side.
    workers: Workers,
}

impl State {
    /// No tables; each will have this many partitions (at least one).
    pub fn new(partitions: u32) -> Self {
        Self {
            partitions: partitions.max(1),
            undoable: false,
            tables: BTreeMap::new(),
            dropped: BTreeSet::new(),
            moved: BTreeMap::new(),
            workers: Workers::alone(),
        }
    }

    /// The same, which these workers write down.
    pub fn with(self, workers: &Workers) -> Self {
        Self { workers: workers.clone(), ..self }
    }

    /// Partitions of every table.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The table `name`, if something was ever put there.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// The table `name`, made if it is not there.
    pub fn table_mut(&mut self, name: &str) -> &mut Table {
        if !self.tables.contains_key(name) {
            let mut table = Table::new(self.partitions);
            if self.undoable {
                table.partitions.iter_mut().for_each(Partition::keep_undo);
            }
            self.tables.insert(name.to_string(), table);
        }
        self.tables.get_mut(name).expect("it was put there if it was missing")
    }

    /// The tables of these names, which differ, each made if it is not there.
    pub fn tables_named(&mut self, names: &[String]) -> Vec<&mut Table> {
        for name in names {
            self.table_mut(name);
        }
        let mut found: Vec<(usize, &mut Table)> = self
            .tables
            .iter_mut()
            .filter_map(|(name, table)| Some((names.iter().position(|wanted| wanted == name)?, table)))
            .collect();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, table)| table).collect()
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }

    /// Drops a table with everything in it, which the next change says.
    pub fn drop_table(&mut self, name: &str) {
        if let Some(table) = self.tables.get_mut(name) {
            table.clear();
            self.dropped.insert(name.to_owned());
        }
    }

    /// Table `from` is called `to` from now on, and what was called so is gone; in time that does not depend on what is in
    /// them, also for the next change. Once in an epoch, and `from` comes after `to` in the order of their names: what is
    /// put there anew in this epoch is another table.
    pub fn move_table(&mut self, from: &str, to: &str) {
        self.table_mut(from);
        let table = self.tables.remove(from).unwrap_or_else(|| Table::new(self.partitions));
        let before = self.tables.insert(to.to_owned(), table).filter(|_| self.undoable);
        self.moved.insert(to.to_owned(), Moved { from: from.to_owned(), before });
    }

    /// From now on what is changed can be undone, which costs the memory of what the changed keys had.
    pub fn keep_undo(&mut self) {
        self.undoable = true;
        self.every_partition().for_each(Partition::keep_undo);
    }

    /// Whether what is changed can be undone.
    pub fn keeps_undo(&self) -> bool {
        self.undoable
    }

    /// What was changed since [`State::keep_undo`] stays.
    pub fn forget_undo(&mut self) {
        self.undoable = false;
        self.moved.values_mut().for_each(|moved| moved.before = None);
        self.every_partition().for_each(Partition::forget_undo);
    }

    /// All keys have again what they had at [`State::keep_undo`]. That counts as changes of this epoch.
    pub fn undo(&mut self) {
        self.undoable = false;
        for (to, Moved { from, before }) in std::mem::take(&mut self.moved) {
            let moved = self.tables.remove(&to);
            self.tables.extend(moved.map(|table| (from, table)));
            self.tables.extend(before.map(|table| (to, table)));
        }
        self.every_partition().for_each(Partition::undo);
    }

    fn every_partition(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.tables.values_mut().flat_map(|table| &mut table.partitions)
    }

    /// Bytes of memory held by all tables.
    pub fn memory(&self) -> usize {
        self.tables.values().map(Table::memory).sum()
    }

    /// Bytes of all entries in one partition, over all tables.
    fn partition_bytes(&self, partition: usize) -> usize {
        self.tables.values().map(|table| table.partitions[partition].bytes()).sum()
    }

    /// What was changed since the last time; ends the epoch for the state. Its bytes are the same for the same
    /// sequence of operations, whenever the state was last restored.
    pub fn take_changes(&mut self) -> StateChange {
        let parts = self.tables.iter_mut().flat_map(|(name, table)| {
            let partitions = (0u32..).zip(&mut table.partitions);
            let from = self.moved.get(name).map(|moved| moved.from.as_str());
            let wanted = partitions.filter(move |(_, p)| from.is_some() || !p.is_unchanged());
            wanted.map(move |(i, p)| (name.as_str(), i, from, p))
        });
        let parts: Vec<_> = parts.collect();
        let changes = parts.iter().map(|(.., partition)| partition.changes()).sum();
        let mut blocks = self.workers.for_rows(changes).each(parts, |(name, i, from, partition)| {
            let mut block = Vec::new();
            from.into_iter().for_each(|from| change::moved(&mut block, from));
            partition.take_changes(&mut block);
            (name, i, block)
        });
        blocks.retain(|(_, _, block)| !block.is_empty());
        let bytes = change::write(&blocks);
        self.moved.clear();
        let sizes = (0..self.partitions as usize).map(|p| self.partition_bytes(p) as u64).collect();
        // One that was made anew since has keys again.
        let dropped: Vec<String> = std::mem::take(&mut self.dropped).into_iter().collect();
        for name in &dropped {
            if self.tables.get(name).is_some_and(Table::is_empty) {
                self.tables.remove(name);
            }
        }
        StateChange { bytes, sizes, dropped }
    }

    /// Everything in one partition of all tables, as the bytes of a change from nothing. To be called between
    /// [`State::take_changes`] and the next epoch's first change, so that it is the state after an epoch.
    pub fn snapshot(&self, partition: u32) -> Vec<u8> {
        let parts = self.tables.iter().map(|(name, table)| {
            let mut block = Vec::new();
            table.partitions[partition as usize].snapshot(&mut block);
            (name.as_str(), partition, block)
        });
        let mut parts: Vec<_> = parts.collect();
        parts.retain(|(_, _, block)| !block.is_empty());
        change::write(&parts)
    }

    /// Makes all changes of `bytes`, the bytes of a [`StateChange`]; they count as no change of this epoch.
    ///
    /// # Errors
    /// [`StateError`]; the state is then half changed and of no use.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let partitions = self.partitions;
        for piece in StateChange::pieces(bytes)? {
            let number = piece.partition as usize;
            if number >= partitions as usize {
                return Err(StateError::NoPartition { partition: piece.partition, partitions });
            }
            if let Some(from) = piece.from {
                let moved = std::mem::take(&mut self.table_mut(from).partitions[number]);
                self.table_mut(piece.table).partitions[number] = moved;
                if self.tables[from].is_empty() {
                    self.tables.remove(from);
                }
            }
            self.table_mut(piece.table).partitions[number].apply_changes(piece.bytes)?;
        }
        Ok(())
    }

    /// The state that all pieces make, in the order given within each partition; partitions in parallel.
    ///
    /// # Errors
    /// [`StateError`], of the first partition that has one.
    pub fn restore(partitions: u32, pieces: &[Vec<Piece<'_>>], workers: &Workers) -> Result<Self, StateError> {
        let mut state = Self::new(partitions).with(workers);
        if pieces.len() > state.partitions as usize {
            return Err(StateError::NoPartition { partition: state.partitions, partitions: state.partitions });
        }
        let restored = workers.each(pieces, |pieces| {
            let mut tables: BTreeMap<&str, Partition> = BTreeMap::new();
            for piece in pieces {
                if let Some(from) = piece.from {
                    let moved = tables.remove(from).unwrap_or_default();
                    tables.insert(piece.table, moved);
                }
                tables.entry(piece.table).or_default().apply_changes(piece.bytes)?;
            }
            Ok(tables)
        });
        let restored: Vec<_> = restored.into_iter().collect::<Result<_, StateError>>()?;
        for (i, tables) in restored.into_iter().enumerate() {
            for (name, partition) in tables {
                state.table_mut(name).partitions[i] = partition;
            }
        }
        Ok(state)
    }
}
