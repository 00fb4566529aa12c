//! After the matching: who had a match is noted in the state, new rows are stored, and rows that nothing can match any
//! more go.

use super::entry::{self, Appender};
use super::finder::Fresh;
use super::output::{Mark, Matched, Output};
use super::{JoinKind, StreamJoin, bucket, of_bucket};
use crate::Result;
use crate::record::WatermarkPair;
use crate::state::{Partition, hash_key};
use crate::time::reach::Side;
use crate::time::watermark::is_late;
use std::ops::ControlFlow;

impl StreamJoin {
    /// Notes first matches of stored rows.
    pub(super) fn mark(&self, fresh: &Fresh<'_>, side: Side, matched: &Matched, stored: &mut Partition) -> Result<()> {
        let mut marks: Vec<Mark> = matched.stored.iter().copied().collect();
        marks.sort_unstable();
        let mut appender = Appender::default();
        for marks in marks.chunk_by(|a, b| (a.group, a.slot, a.chunk) == (b.group, b.slot, b.chunk)) {
            let Mark { group, slot, chunk, .. } = marks[0];
            let (key, hash) = (fresh.keys[group as usize], fresh.hashes[group as usize]);
            let bucket = stored.bucket_mut(bucket(slot, side));
            let marked = appender.mark(bucket, hash, key, chunk, marks.iter().map(|m| m.at));
            marked.map_err(|e| self.named(e))?;
        }
        Ok(())
    }

    /// Stores the new rows of `side` that something can still match. Returns those of an outer side that nothing can, and
    /// nothing did.
    pub(super) fn store<'a>(
        &self,
        fresh: &Fresh<'a>,
        side: Side,
        matched: &[bool],
        stored: &mut Partition,
        mut timers: Option<&mut Partition>,
        at: WatermarkPair,
    ) -> Result<Vec<&'a [u8]>> {
        let kind = self.parts.kind;
        let (is_outer, is_semi) = (kind.is_outer(side), kind == JoinKind::LeftSemi && side == Side::Left);
        let new = fresh.of_side(side);
        let expiry = |row: u32| self.parts.reach.expiry(side, new.times[row as usize]);
        let mut alone = Vec::new();
        let mut appender = Appender::default();
        for group in 0..fresh.keys.len() {
            let (key, hash) = (fresh.keys[group], fresh.hashes[group]);
            let rows = new.of_group(group);
            // By time, and so by expiry.
            let expired = rows.partition_point(|row| is_late(expiry(*row), at.close));
            let (expired, kept) = rows.split_at(expired);
            if is_outer {
                let unmatched = expired.iter().filter(|row| !matched[**row as usize]);
                alone.extend(unmatched.map(|row| new.columns[*row as usize]));
            }
            for rows in kept.chunk_by(|a, b| self.grid.slot_of(expiry(*a)) == self.grid.slot_of(expiry(*b))) {
                // Of a semi-join's left side only rows wait that have not come out yet.
                let mut waiting = rows.iter().filter(|row| !(is_semi && matched[**row as usize])).peekable();
                if waiting.peek().is_none() {
                    continue;
                }
                let bucket_number = bucket(self.grid.slot_of(expiry(rows[0])), side);
                let waiting = waiting.map(|row| {
                    let row = *row as usize;
                    (matched[row], new.times[row], new.columns[row])
                });
                let appended = appender.append(stored.bucket_mut(bucket_number), hash, key, waiting);
                appended.map_err(|e| self.named(e))?;
            }
            if let (true, Some(timers)) = (is_outer, timers.as_deref_mut()) {
                let mut last = None;
                for row in kept.iter().filter(|row| !matched[**row as usize]) {
                    let timer = self.grid.timer_of(expiry(*row));
                    if last.replace(timer) != Some(timer) {
                        timers.put_hashed(bucket(timer, side), hash, key, &[]);
                    }
                }
            }
        }
        Ok(alone)
    }

    /// Gives out the stored rows of outer sides that had no match and have expired since the last epoch.
    pub(super) fn give_expired<'a>(
        &self,
        stored: &'a Partition,
        timers: &Partition,
        at: WatermarkPair,
        output: &mut Output<'a, '_>,
    ) -> Result<()> {
        let Some(close) = at.close else { return Ok(()) };
        let begins = |timer: i64| timer.saturating_mul(self.grid.timer);
        for (number, due) in timers.buckets().take_while(|(number, _)| begins(of_bucket(*number).0) <= close) {
            let (timer, side) = of_bucket(number);
            let slot = self.grid.slot_of(begins(timer));
            let Some(rows) = stored.bucket(bucket(slot, side)) else { continue };
            let mut alone: Vec<&'a [u8]> = Vec::new();
            for (key, _) in due.sorted() {
                let read = entry::rows(rows, hash_key(key), key, |row| {
                    let expiry = self.parts.reach.expiry(side, row.time);
                    let is_due = is_late(expiry, at.close) && !is_late(expiry, at.late);
                    if is_due && !row.matched && self.grid.timer_of(expiry) == timer {
                        alone.push(row.columns);
                    }
                    ControlFlow::Continue(())
                });
                read.map_err(|e| self.named(e))?;
            }
            output.without_match(side, &alone)?;
        }
        Ok(())
    }

    /// Drops slots and timers that the watermark has passed.
    pub(super) fn drop_expired(&self, stored: &mut Partition, timers: Option<&mut Partition>, at: WatermarkPair) {
        let drop = |partition: &mut Partition, width: i64| {
            let ends = |number: i64| (of_bucket(number).0 + 1).saturating_mul(width) - 1;
            let numbers = partition.buckets().map(|(number, _)| number);
            let passed: Vec<i64> = numbers.take_while(|number| is_late(ends(*number), at.close)).collect();
            passed.into_iter().for_each(|number| partition.drop_bucket(number));
        };
        drop(stored, self.grid.slot);
        if let Some(timers) = timers {
            drop(timers, self.grid.timer);
        }
    }
}
