//! Which timers are due: those that the slots their clocks have reached speak of, and those that were set too late.
//!
//! They are found before the epoch's rows are handed over: what is set by a row to a time that has passed already waits for
//! the next epoch, so nothing goes round within one.

use super::Tables;
use super::function::Domain;
use super::timers::{Entry, Reached, event_slots, processing_slots, read, read_if_any};
use crate::Result;
use crate::state::{Key, Partition, hash_key};

/// The bucket of the table of keys with timers that were set too late.
pub(super) const LATE: i64 = 0;

/// The keys of a partition with timers that are due, in order of their bytes, each with these, in order of time.
#[derive(Debug, Default)]
pub(super) struct DueTimers {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// Per key.
    pub timers: Vec<Vec<Entry>>,
}

impl DueTimers {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Key number `i`.
    pub fn key(&self, i: usize) -> Key<'_> {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        Key { bucket: 0, hash: self.hashes[i], bytes: &self.bytes[start..self.ends[i]] }
    }

    /// Those of `tables` by what the clocks have reached.
    pub fn find(tables: &Tables<'_>, reached: Reached) -> Result<Self> {
        let mut keys: Vec<&[u8]> = Vec::new();
        for (domain, slots, partition) in tables.slots() {
            let buckets = slots.reached(partition, reached.by(domain));
            keys.extend(buckets.flat_map(|(_, bucket)| bucket.iter().map(|(key, _)| key)));
        }
        let late = tables.overdue.bucket(LATE);
        keys.extend(late.into_iter().flat_map(|bucket| bucket.iter().map(|(key, _)| key)));
        keys.sort_unstable();
        keys.dedup();
        let hashes: Vec<u64> = keys.iter().map(|key| hash_key(key)).collect();
        let asked = keys.iter().zip(&hashes).map(|(bytes, hash)| Key { bucket: 0, hash: *hash, bytes });
        let mut due = Self::default();
        for ((key, hash), stored) in keys.iter().zip(&hashes).zip(tables.timers.get_many(asked)) {
            let Some(stored) = stored else { continue };
            let mut timers: Vec<Entry> = read(stored)?.into_iter().filter(|entry| reached.is_due(entry)).collect();
            if !timers.is_empty() {
                timers.sort_unstable_by_key(|entry| (entry.at, entry.domain, entry.tag));
                due.bytes.extend_from_slice(key);
                due.ends.push(due.bytes.len());
                due.hashes.push(*hash);
                due.timers.push(timers);
            }
        }
        Ok(due)
    }

    /// Leaves of key number `i`'s those that are still set as they were.
    pub fn still_set(&mut self, i: usize, timers: &Partition) -> Result<()> {
        let key = self.key(i);
        let set = read_if_any(timers.get_hashed(0, key.hash, key.bytes))?;
        self.timers[i].retain(|entry| set.contains(entry));
        Ok(())
    }

    /// Forgets what has been found: slots that are over, and in those that are not the keys whose timers have fired.
    pub fn forget(&self, tables: &mut Tables<'_>, reached: Reached) -> Result<()> {
        for (domain, slots) in [(Domain::EventTime, event_slots()), (Domain::ProcessingTime, processing_slots())] {
            let by = reached.by(domain);
            slots.drop_passed(tables.slots_of(domain), by);
            let Some(by) = by else { continue };
            let slot = slots.slot(by);
            if tables.slots_of(domain).bucket(slot).is_none() {
                continue;
            }
            let in_slot = |entry: &Entry| entry.domain == domain && slots.slot(entry.at) == slot;
            let fired = (0..self.len()).filter(|i| self.timers[*i].iter().any(in_slot));
            let keys: Vec<Key<'_>> = fired.map(|i| self.key(i)).collect();
            let mut over = Vec::with_capacity(keys.len());
            for (key, stored) in keys.iter().zip(tables.timers.get_many(keys.iter().copied())) {
                if !read_if_any(stored)?.iter().any(in_slot) {
                    over.push(Key { bucket: slot, ..*key });
                }
            }
            tables.slots_of(domain).delete_many(over.iter().copied());
        }
        Ok(())
    }
}
