//! The end of an epoch: each key with rows is called with them, then each whose timers are due; partitions side by side.

use std::collections::HashSet;

use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;

use super::due::DueTimers;
use super::partial::KeyedPartial;
use super::timers::Reached;
use super::{Keyed, Tables};
use crate::operator::rows::arrow_failed;
use crate::operator::{Closed, EpochEnd, LateRows, Reject};
use crate::state::Table;
use crate::{Error, Result};

/// Rows of timers that are put together at once.
const TOGETHER: usize = 65_536;

/// How often keys are called anew at the end of time for the timers that they have set there.
const ROUNDS: usize = 10_000;

/// What came of one partition.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// What came out for rows.
    pub rows: Vec<RecordBatch>,
    /// What came out for the timers of the round, each row with the time of its timer and the number of its key.
    pub fired: Vec<(RecordBatch, Vec<(i64, u32)>)>,
    pub rejects: Vec<Reject>,
    pub late: Vec<LateRows>,
    /// Hashes of the keys whose timers rows have changed.
    pub changed: HashSet<u64>,
    /// The timers that fired, and what came out for them: once, or at the end of time until none is due.
    rounds: Vec<Round>,
}

/// Timers that fired together.
#[derive(Debug, Default)]
struct Round {
    due: DueTimers,
    fired: Vec<(RecordBatch, Vec<(i64, u32)>)>,
}

impl Keyed {
    pub(super) fn end_epoch(
        &self,
        end: &EpochEnd,
        partials: &[KeyedPartial],
        tables: &mut [&mut Table],
    ) -> Result<Closed> {
        let [states, timers, event, processing, overdue, more @ ..] = tables else {
            return Err(Error::internal(format!("{}: other tables than it has", self.name)));
        };
        let others = timers.partitions_mut().iter_mut().zip(event.partitions_mut());
        let others = others.zip(processing.partitions_mut()).zip(overdue.partitions_mut());
        let tables = states.partitions_mut().iter_mut().zip(others);
        let mut more = more.iter_mut().map(|table| table.partitions_mut().iter_mut());
        let binding = self.function.binding();
        let mut maps = if binding.maps.is_empty() { None } else { more.next() };
        let mut expiry = binding.time_to_live.and_then(|_| more.next());
        let tables = tables.map(|(states, (((timers, event), processing), overdue))| Tables {
            states,
            timers,
            event,
            processing,
            overdue,
            maps: maps.as_mut().and_then(Iterator::next),
            expiry: expiry.as_mut().and_then(Iterator::next),
        });
        let workers = end.workers.for_rows(partials.iter().map(|partial| partial.rows.num_rows()).sum());
        let came = workers.each(tables.enumerate(), |(p, tables)| self.close_partition(p, end, partials, tables));
        let mut came: Vec<Came> = came.into_iter().collect::<Result<_>>()?;
        let mut closed = Closed::default();
        for came in &mut came {
            closed.batches.append(&mut came.rows);
            closed.rejects.append(&mut came.rejects);
            closed.late.append(&mut came.late);
        }
        for round in 0..came.iter().map(|came| came.rounds.len()).max().unwrap_or(0) {
            closed.batches.extend(fired(came.iter().filter_map(|came| came.rounds.get(round)))?);
        }
        Ok(closed)
    }

    fn close_partition(
        &self,
        p: usize,
        end: &EpochEnd,
        partials: &[KeyedPartial],
        mut tables: Tables<'_>,
    ) -> Result<Came> {
        let reached = Reached { watermark: end.watermarks.close, now: end.now };
        self.expire(&mut tables, reached)?;
        let mut due = DueTimers::find(&tables, reached)?;
        tables.take_late(reached)?;
        let mut came = Came::default();
        self.call_rows(p, end, partials, &mut tables, &mut came)?;
        for i in 0..due.len() {
            if came.changed.contains(&due.key(i).hash) {
                due.still_set(i, tables.timers)?;
            }
        }
        loop {
            let goes_on = came.rounds.len() < ROUNDS;
            self.call_timers(end, &due, goes_on, &mut tables, &mut came)?;
            due.forget(&mut tables, reached)?;
            let fired = std::mem::take(&mut came.fired);
            came.rounds.push(Round { due, fired });
            // No epoch follows the end of time, in which those could fire that were set to a time that has passed.
            if end.watermarks.close != Some(i64::MAX) {
                return Ok(came);
            }
            due = DueTimers::find(&tables, reached)?;
            if due.len() == 0 {
                return Ok(came);
            }
            tables.take_late(reached)?;
        }
    }
}

/// What came out for timers of all partitions in one round, by their time, then key.
fn fired<'a>(rounds: impl Iterator<Item = &'a Round>) -> Result<Vec<RecordBatch>> {
    let mut batches: Vec<&RecordBatch> = Vec::new();
    let mut rows: Vec<(i64, &[u8], (usize, usize))> = Vec::new();
    for round in rounds {
        for (batch, of) in &round.fired {
            let number = batches.len();
            rows.extend(of.iter().enumerate().map(|(row, (at, key))| {
                let key = round.due.key(*key as usize).bytes;
                (*at, key, (number, row))
            }));
            batches.push(batch);
        }
    }
    // Stable: the rows of one key's timers of one time stay in their order.
    rows.sort_by_key(|(at, key, _)| (*at, *key));
    let together = rows.chunks(TOGETHER).map(|rows| {
        let places: Vec<(usize, usize)> = rows.iter().map(|(_, _, place)| *place).collect();
        interleave_record_batch(&batches, &places).map_err(arrow_failed)
    });
    together.collect()
}
