//! After the matching: who had a match is noted in the state, new rows are stored, and rows that nothing can match any
//! more go.

use super::entry::{self, Appender};
use super::fresh::Fresh;
use super::output::{Mark, Matched, Output};
use super::{Grid, JoinKind, StreamJoin, lane, of_lane};
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
            let mut bucket = stored.bucket_mut(self.grid.slots.bucket(slot, lane(side)));
            let marked = appender.mark(&mut bucket, hash, key, chunk, marks.iter().map(|m| m.at));
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
        let Grid { slots, timers: fine } = &self.grid;
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
            for rows in kept.chunk_by(|a, b| slots.slot(expiry(*a)) == slots.slot(expiry(*b))) {
                // Of a semi-join's left side only rows wait that have not come out yet.
                let mut waiting = rows.iter().filter(|row| !(is_semi && matched[**row as usize])).peekable();
                if waiting.peek().is_none() {
                    continue;
                }
                let bucket_number = slots.bucket(slots.slot(expiry(rows[0])), lane(side));
                let waiting = waiting.map(|row| {
                    let row = *row as usize;
                    (matched[row], new.times[row], new.columns[row])
                });
                let appended = appender.append(&mut stored.bucket_mut(bucket_number), hash, key, waiting);
                appended.map_err(|e| self.named(e))?;
            }
            if let (true, Some(timers)) = (is_outer, timers.as_deref_mut()) {
                let mut last = None;
                for row in kept.iter().filter(|row| !matched[**row as usize]) {
                    let timer = fine.slot(expiry(*row));
                    if last.replace(timer) != Some(timer) {
                        timers.put_hashed(fine.bucket(timer, lane(side)), hash, key, &[]);
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
        let Grid { slots, timers: fine } = &self.grid;
        for (number, due) in fine.reached(timers, at.close) {
            let (timer, lane) = fine.of_bucket(number);
            let side = of_lane(lane);
            let slot = slots.slot(fine.first_instant(timer));
            let Some(rows) = stored.bucket(slots.bucket(slot, lane)) else { continue };
            let mut alone: Vec<&'a [u8]> = Vec::new();
            for (key, _) in due.sorted() {
                let read = entry::rows(rows, hash_key(key), key, |row| {
                    let expiry = self.parts.reach.expiry(side, row.time);
                    let is_due = is_late(expiry, at.close) && !is_late(expiry, at.late);
                    if is_due && !row.matched && fine.slot(expiry) == timer {
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
        self.grid.slots.drop_passed(stored, at.close);
        if let Some(timers) = timers {
            self.grid.timers.drop_passed(timers, at.close);
        }
    }
}
