//! Which of an epoch's rows are new, and what is forgotten after it.

use super::{Dedup, DedupPartial, Expiry};
use crate::operator::EpochEnd;
use crate::operator::stored::stored_number;
use crate::record::WatermarkPair;
use crate::state::{Partition, Table, Timers, hash_key};
use crate::time::watermark::is_late;
use crate::{Error, Result};

/// Length of a slot where the event time is among the keys: what is kept longer than need be.
const SLOT: i64 = 10_000_000;

/// Slots in the time that a key is remembered for otherwise.
const SLOTS: i64 = 1024;

impl Dedup {
    /// The rows that are new, partition by partition: partial and row. They are remembered from now on.
    pub(super) fn remember(
        &self,
        partials: &[DedupPartial],
        tables: &mut [&mut Table],
        end: &EpochEnd,
    ) -> Result<Vec<Vec<(u32, u32)>>> {
        let at = end.watermarks;
        let workers = end.workers.for_rows(partials.iter().map(|partial| partial.rows.num_rows()).sum());
        match (&self.expiry, tables) {
            (Expiry::After { wait, .. }, [keys, timers]) => {
                let partitions = keys.partitions_mut().iter_mut().zip(timers.partitions_mut()).enumerate();
                let remember = |(p, (keys, timers))| remember_after(p, *wait, partials, keys, timers, at);
                workers.each(partitions, remember).into_iter().collect()
            }
            (Expiry::AtEventTime { .. }, [keys]) => {
                let partitions = keys.partitions_mut().iter_mut().enumerate();
                Ok(workers.each(partitions, |(p, keys)| remember_until(p, partials, keys, at)))
            }
            (Expiry::Never, [keys]) => {
                let partitions = keys.partitions_mut().iter_mut().enumerate();
                Ok(workers.each(partitions, |(p, keys)| remember_in(p, partials, keys, |_| 0)))
            }
            _ => Err(Error::internal(format!("{}: other tables than it has", self.name))),
        }
    }
}

/// Puts keys into the buckets of their times; those that were not there are new.
fn remember_in(
    p: usize,
    partials: &[DedupPartial],
    keys: &mut Partition,
    bucket: impl Fn(i64) -> i64 + Copy,
) -> Vec<(u32, u32)> {
    let mut new = Vec::new();
    for (number, partial) in partials.iter().enumerate() {
        let range = partial.keys.of_partition(p);
        let entries = range.clone().map(|i| (partial.keys.key(bucket(partial.times[i]), i), &[][..]));
        keys.put_many(entries, |nth, is_new| {
            if is_new {
                new.push((number as u32, partial.row[range.start + nth]));
            }
        });
    }
    new
}

fn remember_until(p: usize, partials: &[DedupPartial], keys: &mut Partition, at: WatermarkPair) -> Vec<(u32, u32)> {
    let timers = Timers::by_last_instant(SLOT);
    let new = remember_in(p, partials, keys, |time| timers.slot(time));
    timers.drop_passed(keys, at.close);
    new
}

fn remember_after(
    p: usize,
    wait: i64,
    partials: &[DedupPartial],
    keys: &mut Partition,
    timers: &mut Partition,
    at: WatermarkPair,
) -> Result<Vec<(u32, u32)>> {
    let slots = Timers::by_last_instant((wait / SLOTS).max(1000));
    let mut new = Vec::new();
    for (number, partial) in partials.iter().enumerate() {
        // The keys of one partial differ from each other.
        let range = partial.keys.of_partition(p);
        let mut remembered: Vec<(usize, [u8; 8])> = Vec::new();
        for (i, stored) in range.clone().zip(keys.get_many(range.map(|i| partial.keys.key(0, i)))) {
            let until = stored.map(stored_number).transpose()?;
            // What the last epoch's watermark has passed is forgotten, whether or not it is there still.
            if until.is_none_or(|until| is_late(until, at.late)) {
                remembered.push((i, (partial.times[i] + wait).to_le_bytes()));
                new.push((number as u32, partial.row[i]));
            }
        }
        keys.put_many(remembered.iter().map(|(i, until)| (partial.keys.key(0, *i), &until[..])), |_, _| {});
        let due = remembered.iter().map(|(i, until)| partial.keys.key(slots.slot(i64::from_le_bytes(*until)), *i));
        timers.put_many(due.map(|key| (key, &[][..])), |_, _| {});
    }
    for slot in slots.passed(timers, at.close) {
        let due = timers.bucket(slot).into_iter().flat_map(|bucket| bucket.sorted());
        for (key, _) in due {
            let hash = hash_key(key);
            // A key that came again since has another timer.
            let until = keys.get_hashed(0, hash, key).map(stored_number).transpose()?;
            if until.is_some_and(|until| is_late(until, at.close)) {
                keys.delete_hashed(0, hash, key);
            }
        }
        timers.drop_bucket(slot);
    }
    Ok(new)
}
