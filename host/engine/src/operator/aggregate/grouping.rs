//! Which rows of a chunk belong together: dense group ids by bucket and encoded key.

use crate::state::hash_key;
use crate::state::row::RowBuffer;

const EMPTY: u32 = u32::MAX;

/// Groups found so far: an open-addressing table over the rows that founded them.
#[derive(Debug)]
pub(in crate::operator) struct Grouper {
    /// Group ids by hash; a power of two, at most half full.
    slots: Vec<u32>,
    /// Per group: the hash it is found by.
    found_by: Vec<u64>,
    /// Per group: the hash of its key, which decides its partition.
    pub hashes: Vec<u64>,
    /// Per group: its bucket.
    pub buckets: Vec<i64>,
}

impl Grouper {
    /// No groups yet; `expected` of them will not make it grow.
    pub fn new(expected: usize) -> Self {
        let capacity = (expected * 2).next_power_of_two().max(64);
        Self { slots: vec![EMPTY; capacity], found_by: Vec::new(), hashes: Vec::new(), buckets: Vec::new() }
    }

    /// The group of (`bucket`, key); `hash` is the key's, `same` says whether a group's key is the key. A new group
    /// gets the next id.
    #[inline]
    pub fn group(&mut self, bucket: i64, hash: u64, same: impl Fn(u32) -> bool) -> u32 {
        // Mixed so that the keys of neighbouring buckets do not fall into one slot.
        let found_by = hash ^ (bucket as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
        let mask = self.slots.len() - 1;
        let mut slot = found_by as usize & mask;
        loop {
            let group = self.slots[slot];
            if group == EMPTY {
                break;
            }
            let g = group as usize;
            if self.found_by[g] == found_by && self.buckets[g] == bucket && same(group) {
                return group;
            }
            slot = (slot + 1) & mask;
        }
        let group = self.hashes.len() as u32;
        self.slots[slot] = group;
        self.found_by.push(found_by);
        self.hashes.push(hash);
        self.buckets.push(bucket);
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        group
    }

    fn grow(&mut self) {
        let capacity = self.slots.len() * 2;
        let mask = capacity - 1;
        self.slots.clear();
        self.slots.resize(capacity, EMPTY);
        for (group, found_by) in self.found_by.iter().enumerate() {
            let mut slot = *found_by as usize & mask;
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = group as u32;
        }
    }
}

/// The groups of a chunk's rows.
pub(super) struct ChunkGroups {
    /// Per row: its group.
    pub ids: Vec<u32>,
    /// Per group: the row that founded it.
    pub founders: Vec<u32>,
    /// Hashes and buckets of the groups.
    pub groups: Grouper,
}

/// Groups rows by bucket and key.
pub(super) fn group_rows(buckets: &[i64], keys: &RowBuffer) -> ChunkGroups {
    let mut groups = Grouper::new(1024);
    let mut founders: Vec<u32> = Vec::new();
    let mut ids = Vec::with_capacity(buckets.len());
    for (i, bucket) in buckets.iter().enumerate() {
        let key = keys.row(i);
        let id = groups.group(*bucket, hash_key(key), |g| keys.row(founders[g as usize] as usize) == key);
        if id as usize == founders.len() {
            founders.push(i as u32);
        }
        ids.push(id);
    }
    ChunkGroups { ids, founders, groups }
}
