//! Which rows of a chunk belong together: dense group ids by bucket and encoded key.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use crate::state::row::{Form, RowBuffer, RowError, encode};
use crate::state::{Key, hash_key, partition_of};

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
#[derive(Debug, Default)]
pub(in crate::operator) struct ChunkGroups {
    /// Per row: its group.
    pub ids: Vec<u32>,
    /// Per group: the row that founded it.
    pub founders: Vec<u32>,
    /// Per group: the hash of its key.
    pub hashes: Vec<u64>,
    /// Per group: its bucket; of a session, its start.
    pub buckets: Vec<i64>,
    /// Per session: its end.
    pub ends: Vec<i64>,
}

/// Groups rows by bucket and key.
pub(in crate::operator) fn group_rows(buckets: &[i64], keys: &RowBuffer) -> ChunkGroups {
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
    let Grouper { hashes, buckets, .. } = groups;
    ChunkGroups { ids, founders, hashes, buckets, ends: Vec::new() }
}

/// The encoded keys of groups, one after the other. The chunk's own buffer has a key for every row.
#[derive(Debug)]
struct GroupKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl GroupKeys {
    /// The keys of these rows.
    fn gather(keys: &RowBuffer, rows: impl Iterator<Item = usize>) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for row in rows {
            bytes.extend_from_slice(keys.row(row));
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    /// The key of group `i`.
    fn row(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }
}

/// The groups of a chunk that stand together by partition: their hashes and encoded keys.
#[derive(Debug)]
pub(in crate::operator) struct KeysByPartition {
    /// Groups of partition `p` are `offsets[p]..offsets[p + 1]`.
    offsets: Vec<u32>,
    hashes: Vec<u64>,
    keys: GroupKeys,
}

impl KeysByPartition {
    /// Of `grouped`, whose rows have these keys, in this order: what [`by_partition`] gave.
    pub fn new(grouped: &ChunkGroups, keys: &RowBuffer, offsets: Vec<u32>, order: &[u32]) -> Self {
        let founder = |group: &u32| grouped.founders[*group as usize] as usize;
        Self {
            offsets,
            hashes: order.iter().map(|group| grouped.hashes[*group as usize]).collect(),
            keys: GroupKeys::gather(keys, order.iter().map(founder)),
        }
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The groups of partition `p`.
    pub fn of_partition(&self, p: usize) -> Range<usize> {
        self.offsets[p] as usize..self.offsets[p + 1] as usize
    }

    /// The key of group `i`, in this bucket.
    pub fn key(&self, bucket: i64, i: usize) -> Key<'_> {
        Key { bucket, hash: self.hashes[i], bytes: self.keys.row(i) }
    }
}

/// Numbers `0..n` in order of their bins, of which there are `bins`, those of a bin in their own order: bin `b` has
/// `order[offsets[b]..offsets[b + 1]]`. `bin_of`: of each number its bin.
pub(in crate::operator) fn in_bins(
    bins: usize,
    bin_of: impl ExactSizeIterator<Item = usize> + Clone,
) -> (Vec<u32>, Vec<u32>) {
    let mut offsets = vec![0u32; bins + 1];
    let mut order = vec![0u32; bin_of.len()];
    bin_of.clone().for_each(|bin| offsets[bin + 1] += 1);
    for bin in 0..bins {
        offsets[bin + 1] += offsets[bin];
    }
    let mut next = offsets.clone();
    for (number, bin) in bin_of.enumerate() {
        order[next[bin] as usize] = number as u32;
        next[bin] += 1;
    }
    (offsets, order)
}

/// Renumbers groups so that those of a partition stand together, in the order in which they were founded. Returns the
/// partitions' offsets and, per new id, the old one.
pub(in crate::operator) fn by_partition(grouped: &mut ChunkGroups, partitions: u32) -> (Vec<u32>, Vec<u32>) {
    let partitions = partitions as usize;
    let (offsets, order) = in_bins(partitions, grouped.hashes.iter().map(|hash| partition_of(*hash, partitions)));
    let mut new_ids = vec![0u32; order.len()];
    order.iter().zip(0..).for_each(|(old, new)| new_ids[*old as usize] = new);
    for id in &mut grouped.ids {
        *id = new_ids[*id as usize];
    }
    (offsets, order)
}

/// Rows grouped by bucket and by the values of `columns`. Returns the groups, renumbered as by [`by_partition`]; per new id
/// the old one, by which founders, hashes and buckets still stand; and the keys.
pub(in crate::operator) fn group_by_columns(
    rows: &RecordBatch,
    columns: &[usize],
    buckets: &[i64],
    partitions: u32,
) -> Result<(ChunkGroups, Vec<u32>, KeysByPartition), RowError> {
    let columns: Vec<ArrayRef> = columns.iter().map(|column| rows.column(*column).clone()).collect();
    let mut keys = RowBuffer::new();
    encode(&columns, rows.num_rows(), Form::Key, &mut keys)?;
    let mut grouped = group_rows(buckets, &keys);
    let (offsets, order) = by_partition(&mut grouped, partitions);
    let keys = KeysByPartition::new(&grouped, &keys, offsets, &order);
    Ok((grouped, order, keys))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bins_have_their_numbers_in_order(bin_of in prop::collection::vec(0usize..7, 0..60)) {
            let (offsets, order) = in_bins(7, bin_of.iter().copied());
            let mut sorted: Vec<u32> = (0..bin_of.len() as u32).collect();
            sorted.sort_by_key(|number| bin_of[*number as usize]);
            prop_assert_eq!(&order, &sorted);
            for bin in 0..7 {
                let numbers = &order[offsets[bin] as usize..offsets[bin + 1] as usize];
                prop_assert!(numbers.iter().all(|number| bin_of[*number as usize] == bin));
            }
            prop_assert_eq!(offsets[7] as usize, bin_of.len());
        }
    }
}
