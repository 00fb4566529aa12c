//! Which rows an epoch's new rows match: stored ones of the other side, and each other.

use std::ops::{ControlFlow, Range};

use super::entry;
use super::fresh::{Fresh, NewRows};
use super::output::{Mark, Output, RowRef};
use super::{StreamJoin, of_lane};
use crate::state::{Bucket, Partition, Timers};
use crate::time::reach::Side;
use crate::{Error, Result};

/// Groups whose places in memory are fetched together.
const WARM: usize = 32;

/// The stored rows of both sides, by slot.
struct Slots<'a> {
    left: Vec<(i64, &'a Bucket)>,
    right: Vec<(i64, &'a Bucket)>,
}

impl<'a> Slots<'a> {
    fn of(partition: &'a Partition, timers: &Timers) -> Self {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for (number, bucket) in partition.buckets() {
            let (slot, lane) = timers.of_bucket(number);
            if of_lane(lane) == Side::Left { &mut left } else { &mut right }.push((slot, bucket));
        }
        Self { left, right }
    }

    /// The slots from `slots.0` to `slots.1` of `side`.
    fn between(&self, side: Side, slots: (i64, i64)) -> &[(i64, &'a Bucket)] {
        let all = if side == Side::Left { &self.left } else { &self.right };
        let start = all.partition_point(|(slot, _)| *slot < slots.0);
        let end = all.partition_point(|(slot, _)| *slot <= slots.1);
        &all[start..end.max(start)]
    }
}

impl StreamJoin {
    /// Finds every pair in which one row at least is new.
    pub(super) fn find<'a>(&self, fresh: &Fresh<'a>, stored: &'a Partition, output: &mut Output<'a, '_>) -> Result<()> {
        let slots = Slots::of(stored, &self.grid.slots);
        for from in (0..fresh.keys.len()).step_by(WARM) {
            let block = from..(from + WARM).min(fresh.keys.len());
            // New rows of the one side look for stored ones of the other.
            for side in [Side::Right, Side::Left] {
                self.warm(fresh, side, block.clone(), &slots);
            }
            for group in block {
                if fresh.has_null[group] {
                    continue;
                }
                for side in [Side::Right, Side::Left] {
                    self.find_stored(fresh, side, group, &slots, output)?;
                }
                self.find_new(fresh, group, output)?;
            }
        }
        output.flush()
    }

    /// The slots in which partners of a group's new rows of `side` may be.
    fn slots_of(&self, new: &NewRows<'_>, side: Side, group: usize) -> Option<(i64, i64)> {
        let rows = new.of_group(group);
        let (first, last) = (*rows.first()?, *rows.last()?);
        let expiry = |row: u32| self.parts.reach.partners_expire(side, new.times[row as usize]);
        let (from, to) = (expiry(first), expiry(last));
        let slots = &self.grid.slots;
        Some((slots.slot(*from.start().min(to.start())), slots.slot(*from.end().max(to.end()))))
    }

    /// Fetches the places of a block of keys, so that waiting for memory overlaps. Each key's own slots only: those of
    /// all together may be many more.
    fn warm(&self, fresh: &Fresh<'_>, side: Side, block: Range<usize>, slots: &Slots<'_>) {
        let new = fresh.of_side(side);
        for group in block {
            let Some(wanted) = self.slots_of(new, side, group) else { continue };
            for (_, bucket) in slots.between(side.other(), wanted) {
                bucket.warm(&fresh.hashes[group..=group]);
            }
        }
    }

    fn find_stored<'a>(
        &self,
        fresh: &Fresh<'a>,
        side: Side,
        group: usize,
        slots: &Slots<'a>,
        output: &mut Output<'a, '_>,
    ) -> Result<()> {
        let new = fresh.of_side(side);
        let Some(wanted) = self.slots_of(new, side, group) else { return Ok(()) };
        let (rows, other) = (new.of_group(group), side.other());
        let reach = &self.parts.reach;
        for (slot, bucket) in slots.between(other, wanted) {
            let mut failed: Option<Error> = None;
            let read = entry::rows(bucket, fresh.hashes[group], fresh.keys[group], |stored| {
                let partners = reach.partners(other, stored.time);
                for row in new.between(rows, *partners.start(), *partners.end()) {
                    let mark = Mark { group: group as u32, slot: *slot, chunk: stored.chunk, at: stored.flag_at };
                    let there = (RowRef::Stored(mark, stored.matched), stored.columns);
                    let here = (RowRef::New(*row), new.columns[*row as usize]);
                    let (left, right) = if side == Side::Right { (there, here) } else { (here, there) };
                    if let Err(e) = output.pair(left, right) {
                        failed = Some(e);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
            read.map_err(|e| self.named(e))?;
            if let Some(e) = failed {
                return Err(e);
            }
        }
        Ok(())
    }

    fn find_new<'a>(&self, fresh: &Fresh<'a>, group: usize, output: &mut Output<'a, '_>) -> Result<()> {
        let (left, right) = (&fresh.left, &fresh.right);
        let rows = right.of_group(group);
        if rows.is_empty() {
            return Ok(());
        }
        for l in left.of_group(group) {
            let partners = self.parts.reach.partners(Side::Left, left.times[*l as usize]);
            for r in right.between(rows, *partners.start(), *partners.end()) {
                let here = (RowRef::New(*l), left.columns[*l as usize]);
                output.pair(here, (RowRef::New(*r), right.columns[*r as usize]))?;
            }
        }
        Ok(())
    }
}
