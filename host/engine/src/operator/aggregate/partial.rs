//! A chunk's rows to one state per group: lateness, time, keys, arguments, partial aggregates.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::take;

use super::function::{AggregateFunction, FunctionError, Unmerged, merge_parts};
use super::session::group_sessions;
use super::{GroupAggregate, TimeKey};
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::expression::Expressions;
use crate::operator::grouping::{KeysByPartition, by_partition, group_rows};
use crate::operator::isolate::{Attempt, isolate};
use crate::operator::plugin::BYTES_PER_CALL;
use crate::operator::room::Sizes;
use crate::operator::rows::arrow_failed;
use crate::operator::{Effects, Rows, cut_reason};
use crate::record::WatermarkPair;
use crate::state::row::{Form, RowBuffer, encode};
use crate::time::watermark::is_late;
use crate::{Error, Result};

/// Rows handed over to a plugin in one call: more than with a map, since each call gives a state for each of its groups.
const ROWS_AT_ONCE: usize = 65_536;

/// One chunk's groups, ordered by partition, each with its partial state.
#[derive(Debug)]
pub struct GroupPartial {
    pub(super) keys: KeysByPartition,
    pub(super) buckets: Vec<i64>,
    /// Of sessions only: where they end.
    pub(super) ends: Vec<i64>,
    /// The state columns of all aggregates, one row per group.
    pub(super) states: Vec<ArrayRef>,
}

/// Of the groups in `ranges`, one after the other, those that stay.
pub(super) fn rows_that_stay(
    ranges: Vec<(&GroupPartial, Range<usize>)>,
    stays: impl Fn(usize) -> bool,
) -> Vec<(&GroupPartial, Range<usize>)> {
    let mut left: Vec<(&GroupPartial, Range<usize>)> = Vec::new();
    let rows = ranges.into_iter().flat_map(|(partial, range)| range.map(move |row| (partial, row)));
    for (_, (partial, row)) in rows.enumerate().filter(|(number, _)| stays(*number)) {
        match left.last_mut() {
            Some((last, rows)) if std::ptr::eq(*last, partial) && rows.end == row => rows.end += 1,
            _ => left.push((partial, row..row + 1)),
        }
    }
    left
}

/// Rows with the bucket that each goes into. With `rows_of`, a row may go into several: entry `i` is row `rows_of[i]`.
struct Timed {
    rows: Rows,
    buckets: Vec<i64>,
    rows_of: Option<UInt32Array>,
}

impl GroupAggregate {
    pub(super) fn condense(
        &self,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<GroupPartial>> {
        let mut rows = rows;
        loop {
            // Late rows are counted once, though rows may turn out to fail afterwards and be left out.
            let timed = self.assign_time(rows, at, effects)?;
            if timed.buckets.is_empty() {
                return Ok(None);
            }
            match self.aggregate(timed, effects)? {
                Outcome::Done(partial) => return Ok(Some(partial)),
                Outcome::Without(remaining) => rows = remaining,
            }
        }
    }

    /// Sends late rows and rows without a usable time away, and says which bucket each of the others goes into.
    fn assign_time(&self, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Timed> {
        let late_by = self.lateness(at);
        let Some(expr) = self.time.expression() else {
            let buckets = vec![0; rows.len()];
            return Ok(Timed { rows, buckets, rows_of: None });
        };
        let (rows, times) = usable_times(&self.name, rows, expr, "it belongs to no window", effects)?;
        let late_at = |t: i64| match &self.time {
            TimeKey::Window { spec, .. } => spec.last_end(t),
            // By its own interval: a row is late also where it would have extended an open session.
            TimeKey::Session { spec, .. } => t + spec.gap(),
            TimeKey::EventTime { .. } | TimeKey::None => t,
        };
        let (rows, times) = on_time(&self.name, rows, times, |t| is_late(late_at(t), late_by), effects)?;
        let TimeKey::Window { spec, .. } = &self.time else {
            return Ok(Timed { rows, buckets: times.to_vec(), rows_of: None });
        };
        if !spec.is_tumbling() {
            let partly = times.iter().filter(|t| is_late(spec.first_end(**t), late_by)).count();
            if partly > 0 {
                effects.partly_late.push((self.name.clone(), partly as u64));
            }
        }
        if !self.stores_windows() {
            let buckets = times.iter().map(|t| spec.slice_start(*t)).collect();
            return Ok(Timed { rows, buckets, rows_of: None });
        }
        if spec.is_tumbling() {
            let buckets = times.iter().map(|t| spec.last_start(*t)).collect();
            return Ok(Timed { rows, buckets, rows_of: None });
        }
        // A row goes into each of its windows: counted before that is done.
        let into = (spec.size() / spec.slide().max(1) + 1) as u64;
        let own = Sizes::of_all(rows.batch.columns()).of_range(0, times.len());
        effects.room.take(into.saturating_mul(12 * times.len() as u64 + own))?;
        let (mut buckets, mut rows_of) = (Vec::new(), Vec::new());
        for (row, t) in times.iter().enumerate() {
            for start in spec.starts(*t).filter(|start| !is_late(start + spec.size(), late_by)) {
                buckets.push(start);
                rows_of.push(row as u32);
            }
        }
        Ok(Timed { rows, buckets, rows_of: Some(UInt32Array::from(rows_of)) })
    }

    fn aggregate(&self, timed: Timed, effects: &mut Effects) -> Result<Outcome> {
        let Timed { rows, buckets, rows_of } = timed;
        let node = |e: Error| e.context(format!("operator `{}`", self.name));
        let mut failing: Vec<(u32, String)> = Vec::new();
        let mut evaluate = |e: &Expressions| -> Result<Vec<ArrayRef>> {
            let (mut arrays, rejected) = e.evaluate(&rows.batch).map_err(node)?;
            failing.extend(rejected.into_iter().map(|r| (r.row, r.reason)));
            if let Some(rows_of) = &rows_of {
                for array in &mut arrays {
                    *array = take(array, rows_of, None).map_err(arrow_failed)?;
                }
            }
            Ok(arrays)
        };
        let keys = evaluate(&self.keys)?;
        let mut args = Vec::with_capacity(self.aggregates.len());
        for call in &self.aggregates {
            let filter = match &call.filter {
                Some(f) => Some(evaluate(f)?.swap_remove(0)),
                None => None,
            };
            args.push((evaluate(&call.args)?, filter));
        }
        if !failing.is_empty() {
            return self.leave_out(rows, failing, effects);
        }

        let key_columns = keys;
        let mut keys = RowBuffer::new();
        encode(&key_columns, buckets.len(), Form::Key, &mut keys)?;
        let mut grouped = match &self.time {
            TimeKey::Session { spec, .. } => group_sessions(&buckets, &keys, *spec),
            _ => group_rows(&buckets, &keys),
        };
        let (offsets, order) = by_partition(&mut grouped, self.partitions);
        let n = order.len();

        let mut states: Vec<Vec<ArrayRef>> = vec![Vec::new(); self.aggregates.len()];
        // Plugins come first: a row that makes one fail must count nowhere.
        let mut turns: Vec<usize> = (0..self.aggregates.len()).collect();
        turns.sort_by_key(|i| !self.aggregates[*i].function.may_reject());
        for i in turns {
            let (args, filter) = &args[i];
            let filter = filter.as_ref().map(|f| f.as_boolean());
            let found = partial_states(&*self.aggregates[i].function, &grouped.ids, n, args, filter)
                .map_err(|e| self.failed(e))?;
            if found.failing.is_empty() {
                states[i] = found.states;
            } else {
                let row = |entry: usize| rows_of.as_ref().map_or(entry as u32, |r| r.value(entry));
                let failing = found.failing.into_iter().map(|(entry, reason)| (row(entry), reason)).collect();
                return self.leave_out(rows, failing, effects);
            }
        }

        let in_order = |values: &[i64]| order.iter().filter_map(|g| values.get(*g as usize).copied()).collect();
        Ok(Outcome::Done(GroupPartial {
            keys: KeysByPartition::new(&grouped, &keys, offsets, &order),
            buckets: in_order(&grouped.buckets),
            ends: in_order(&grouped.ends),
            states: states.into_iter().flatten().collect(),
        }))
    }

    /// Rejects rows, and hands back the others.
    fn leave_out(&self, rows: Rows, mut failing: Vec<(u32, String)>, effects: &mut Effects) -> Result<Outcome> {
        failing.sort_by_key(|f| f.0);
        failing.dedup_by_key(|f| f.0);
        let gone: Vec<u32> = failing.iter().map(|f| f.0).collect();
        for (row, reason) in failing {
            effects.reject(&self.name, &rows, row as usize, reason);
        }
        Ok(Outcome::Without(rows.without(&gone)?))
    }
}

enum Outcome {
    Done(GroupPartial),
    /// Some rows failed: the others, to be aggregated anew.
    Without(Rows),
}

struct PartialStates {
    states: Vec<ArrayRef>,
    failing: Vec<(usize, String)>,
}

/// The rows of some groups: `ids` are numbered from 0 on; group `i` of them is `of[i]`.
struct Renumbered {
    ids: Vec<u32>,
    of: Vec<u32>,
}

impl Renumbered {
    /// Of rows whose groups are `ids`, in `0..n`: a call costs its rows, not all groups.
    fn new(ids: &[u32], n: usize) -> Self {
        let mut numbers = vec![u32::MAX; n];
        let mut of = Vec::new();
        let number = |id: &u32| {
            let number = &mut numbers[*id as usize];
            if *number == u32::MAX {
                *number = of.len() as u32;
                of.push(*id);
            }
            *number
        };
        let ids = ids.iter().map(number).collect();
        Self { ids, of }
    }
}

fn partial_states(
    function: &dyn AggregateFunction,
    ids: &[u32],
    n: usize,
    args: &[ArrayRef],
    filter: Option<&BooleanArray>,
) -> Result<PartialStates, FunctionError> {
    if !function.may_reject() {
        let states = function.partial(ids, n, args, filter, Attempt::First)?;
        return Ok(PartialStates { states, failing: Vec::new() });
    }
    let sizes = Sizes::of_all(function.reads().iter().filter_map(|at| args.get(*at)));
    let (mut parts, mut groups): (Vec<Vec<ArrayRef>>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut failing: Vec<(usize, String)> = Vec::new();
    let mut next = 0;
    while next < ids.len() || (ids.is_empty() && parts.is_empty()) {
        let (start, rows) = (next, sizes.fitting(next, ids.len(), ROWS_AT_ONCE, BYTES_PER_CALL));
        next += rows;
        let (good, bad) = isolate(rows, |part, attempt| {
            let part = start + part.start..start + part.end;
            let args: Vec<ArrayRef> = args.iter().map(|a| a.slice(part.start, part.len())).collect();
            let filter = filter.map(|f| f.slice(part.start, part.len()));
            if part.len() == ids.len() {
                let states = function.partial(ids, n, &args, filter.as_ref(), attempt)?;
                return Ok((states, (0..n as u32).collect()));
            }
            let Renumbered { ids, of } = Renumbered::new(&ids[part], n);
            Ok((function.partial(&ids, of.len(), &args, filter.as_ref(), attempt)?, of))
        })
        .map_err(|stopped| stopped.into_error("rows", |row| format!("row {row}"), FunctionError::into_error))?;
        failing.extend(
            bad.into_iter().map(|(row, e): (usize, FunctionError)| (start + row, e.into_error().message().to_owned())),
        );
        for (_, (states, of)) in good {
            parts.push(states);
            groups.extend(of);
        }
    }
    if !failing.is_empty() {
        return Ok(PartialStates { states: Vec::new(), failing });
    }
    // Where the rows went through in several calls there is one state per call of each group that it touched.
    match merge_parts(function, parts, n, |_| groups) {
        Ok(states) => Ok(PartialStates { states, failing: Vec::new() }),
        // There is nothing stored of them yet: all their rows in the chunk can be told.
        Err(FunctionError::Groups(Unmerged { groups, .. })) => {
            let told = |why| cut_reason(format!("the states of its group cannot be merged: {why}"));
            let reasons: HashMap<usize, String> = groups.into_iter().map(|(g, why)| (g, told(why))).collect();
            let of_row = |(row, group): (usize, &u32)| Some((row, reasons.get(&(*group as usize))?.clone()));
            Ok(PartialStates { states: Vec::new(), failing: ids.iter().enumerate().filter_map(of_row).collect() })
        }
        Err(e) => Err(e),
    }
}
