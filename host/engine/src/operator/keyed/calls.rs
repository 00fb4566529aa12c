//! How the keys of a partition are cut into calls, and what becomes of those that fail.
//!
//! A call has many keys: as many as have together no more rows, and bytes, than one call takes. The keys with which a call
//! fails are found as rows are ([`isolate`]). Of such a key all rows of the epoch are dead letters and its state stays; if
//! it was its timers that failed, they are gone.

use std::ops::Range;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::filter_record_batch;
use chrono::{DateTime, SecondsFormat};

use super::close::Came;
use super::due::DueTimers;
use super::function::{Domain, KeyedError, Phase, Step, Timer};
use super::gather::Gathered;
use super::maps::Stored;
use super::partial::KeyedPartial;
use super::timers::{Entry, Reached, take_out};
use super::work::{Cut, Done};
use super::{Keyed, Tables};
use crate::Result;
use crate::format::UTC;
use crate::operator::isolate::isolate;
use crate::operator::plugin::{BYTES_PER_CALL, ROWS_PER_CALL};
use crate::operator::room::Sizes;
use crate::operator::rows::{arrow_failed, batch_of};
use crate::operator::{EpochEnd, LateRows, Reject, Rows, cut_reason, row_as_json};
use crate::state::Key;
use crate::state::row::decode;

/// Why a timer is given up at the end of time.
const SETS_FOR_EVER: &str = "the input has ended, and its key has gone on setting timers, each time one fired: by now it seems that it would for ever";

impl Keyed {
    /// Calls the function with the rows of partition `p`.
    pub(super) fn call_rows(
        &self,
        p: usize,
        end: &EpochEnd,
        partials: &[KeyedPartial],
        tables: &mut Tables<'_>,
        came: &mut Came,
    ) -> Result<()> {
        let gathered = Gathered::of(p, partials);
        let mut next = 0;
        while next < gathered.keys.len() {
            let start = next;
            let most = fitting(start..gathered.keys.len(), self.rows_per_call() as u64, |i| gathered.count(i) as u64);
            let (values, keys) = self.values_of(&gathered.keys[start..start + most], tables)?;
            next = start + keys.len();
            let (rows, row_offsets) = gathered.rows_of(start..next, &self.input)?;
            let sizes = Sizes::of_all(self.function.binding().reads.iter().map(|c| rows.column(*c)));
            let step = Step { rows: rows.clone(), row_offsets, ..self.step(Phase::Rows, end, keys, values)? };
            let bytes = |i: usize| sizes.of_range(step.rows_of(i).start, step.rows_of(i).len());
            let mut of_step = 0;
            while of_step < keys.len() {
                let range = of_step..of_step + fitting(of_step..keys.len(), BYTES_PER_CALL, bytes);
                of_step = range.end;
                self.call(&step.of_keys(range.clone()), &keys[range], |_| 0, tables, came)?;
            }
        }
        Ok(())
    }

    /// Calls the function with the timers that are due; where it `goes_on` no longer, they are given up.
    pub(super) fn call_timers(
        &self,
        end: &EpochEnd,
        due: &DueTimers,
        goes_on: bool,
        tables: &mut Tables<'_>,
        came: &mut Came,
    ) -> Result<()> {
        let numbers: Vec<u32> = (0..due.len() as u32).filter(|i| !due.timers[*i as usize].is_empty()).collect();
        let keys: Vec<Key<'_>> = numbers.iter().map(|i| due.key(*i as usize)).collect();
        let timers_of = |i: usize| &due.timers[numbers[i] as usize];
        let mut next = 0;
        while next < keys.len() {
            let start = next;
            let most = fitting(start..keys.len(), self.rows_per_call() as u64, |i| timers_of(i).len() as u64);
            let (values, keys) = self.values_of(&keys[start..start + most], tables)?;
            next = start + keys.len();
            let timers = (0u32..).zip(start..next).flat_map(|(key, i)| timers_of(i).iter().map(move |e| (key, e)));
            let mut timers: Vec<Timer> =
                timers.map(|(key, e)| Timer { key, domain: e.domain, tag: e.tag, at: e.at }).collect();
            // Stable: the timers of a key are in order already.
            timers.sort_by_key(|timer| (timer.at, timer.key));
            let step = Step { due: timers, ..self.step(Phase::Timers, end, keys, values)? };
            if !goes_on {
                for (number, key) in keys.iter().enumerate() {
                    self.give_up_timers(&step, number, key, SETS_FOR_EVER, tables, came)?;
                }
                continue;
            }
            self.call(&step, keys, |i| numbers[start + i], tables, came)?;
        }
        Ok(())
    }

    /// How many rows, or timers, one call has at most.
    pub(super) fn rows_per_call(&self) -> usize {
        let wished = self.function.binding().rows_per_call.map_or(ROWS_PER_CALL, |rows| rows as usize);
        wished.clamp(1, ROWS_PER_CALL)
    }

    /// A step without rows and timers.
    fn step(&self, phase: Phase, end: &EpochEnd, keys: &[Key<'_>], values: Vec<ArrayRef>) -> Result<Step> {
        let bytes: Vec<&[u8]> = keys.iter().map(|key| key.bytes).collect();
        Ok(Step {
            phase,
            now: end.now,
            watermark: end.watermarks.close,
            late_watermark: end.watermarks.late,
            keys: batch_of(&self.key_schema, decode(&bytes, &self.key_types)?, keys.len())?,
            row_offsets: vec![0; keys.len() + 1],
            rows: RecordBatch::new_empty(self.input.clone()),
            values: values.iter().map(|column| column.as_binary::<i32>().clone()).collect(),
            maps: Vec::new(),
            due: Vec::new(),
        })
    }

    /// The values of the first of `keys`, of as many as fit into one call, and these keys.
    fn values_of<'k>(&self, keys: &'k [Key<'k>], tables: &Tables<'_>) -> Result<(Vec<ArrayRef>, &'k [Key<'k>])> {
        let stored = tables.states.get_many(keys.iter().copied());
        let bytes = |i: usize| stored[i].map_or(0, |stored| stored.len() as u64);
        let keys = &keys[..fitting(0..keys.len(), BYTES_PER_CALL, bytes)];
        let stored: Vec<&[u8]> = stored[..keys.len()].iter().map(|stored| stored.unwrap_or(&self.no_state)).collect();
        let mut values = decode(&stored, &self.state_types)?;
        // Behind them may stand when they were changed.
        values.truncate(self.function.binding().values.len());
        Ok((values, keys))
    }

    /// One call, and what comes of it. `number_of`: the number that what is fired has of a key of the call.
    fn call(
        &self,
        step: &Step,
        keys: &[Key<'_>],
        number_of: impl Fn(usize) -> u32,
        tables: &mut Tables<'_>,
        came: &mut Came,
    ) -> Result<()> {
        let reached = Reached { watermark: step.watermark, now: step.now };
        let stored = Stored { keys, timers: tables.timers, maps: tables.maps.as_deref() };
        let found = isolate(keys.len(), |range, attempt| {
            let stored = Stored { keys: &keys[range.clone()], ..stored };
            self.work(&step.of_keys(range), attempt, stored)
        });
        let (good, bad) = found.map_err(|stopped| {
            let key = |key: usize| row_as_json(&step.keys, key);
            stopped.into_error("keys", key, KeyedError::into_error).context(format!("operator `{}`", self.name))
        })?;
        let mut rejects: Vec<(usize, String)> = Vec::new();
        let mut late = vec![false; step.rows.num_rows()];
        for (range, mut done) in good {
            let keys = &keys[range.clone()];
            tables.store(keys, &done, reached, self.function.binding().time_to_live);
            if self.silence.is_some() {
                self.silence(&step.of_keys(range.clone()), keys, &mut done)?;
            }
            let Done { timers, output, rejects: refused, late: late_rows, .. } = done;
            if step.phase == Phase::Rows {
                came.changed.extend(timers.iter().map(|(key, _)| keys[*key as usize].hash));
            }
            let first = step.row_offsets[range.start] as usize;
            rejects.extend(refused.into_iter().map(|reject| (first + reject.row as usize, reject.reason)));
            late_rows.iter().for_each(|row| late[first + *row as usize] = true);
            match step.phase {
                Phase::Rows => came.rows.extend(output.into_iter().map(|(batch, _)| batch)),
                Phase::Timers => {
                    let due = step.of_keys(range.clone()).due;
                    let of = |of: &u32| {
                        let timer = due[*of as usize];
                        (timer.at, number_of(range.start + timer.key as usize))
                    };
                    came.fired.extend(output.into_iter().map(|(batch, fired)| (batch, fired.iter().map(of).collect())));
                }
            }
        }
        for (key, failed) in bad {
            let why = failed.to_string();
            match step.phase {
                Phase::Rows if self.says_nothing_of(&keys[key], step.rows_of(key).len()) => {}
                Phase::Rows => rejects.extend(step.rows_of(key).map(|row| (row, why.clone()))),
                Phase::Timers => self.give_up_timers(step, key, &keys[key], &why, tables, came)?,
            }
        }
        rejects.sort_by_key(|(row, _)| *row);
        came.rejects.extend(rejects.into_iter().map(|(row, reason)| self.reject(&step.rows, row, reason, false)));
        if late.contains(&true) {
            let late = filter_record_batch(&step.rows, &BooleanArray::from(late)).map_err(arrow_failed)?;
            came.late.push(LateRows { node: self.name.clone(), rows: Rows::new(late) });
        }
        Ok(())
    }

    /// The due timers of a key are gone, each with a dead letter: they would fail again in every epoch.
    fn give_up_timers(
        &self,
        step: &Step,
        number: usize,
        key: &Key<'_>,
        why: &str,
        tables: &mut Tables<'_>,
        came: &mut Came,
    ) -> Result<()> {
        let due: Vec<&Timer> = step.due.iter().filter(|timer| timer.key as usize == number).collect();
        let keys = std::slice::from_ref(key);
        let mut left = Stored { keys, timers: tables.timers, maps: None }.timers_of(&[0])?.remove(0);
        take_out(&mut left, due.iter().map(|timer| Entry::from(*timer)));
        tables.store_timers(keys, &[(0, left)]);
        if self.says_nothing_of(key, due.len()) {
            return Ok(());
        }
        for Timer { domain, tag, at, .. } in due {
            let clock = match domain {
                Domain::EventTime => "event time",
                Domain::ProcessingTime => "processing time",
            };
            let at = DateTime::from_timestamp_micros(*at)
                .map_or_else(|| format!("{at} µs"), |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            let reason = format!("its timer {tag} of {at} by {clock}: {why}");
            came.rejects.push(self.reject(&step.keys, number, reason, true));
        }
        Ok(())
    }

    fn reject(&self, batch: &RecordBatch, row: usize, reason: String, is_group: bool) -> Reject {
        let (node, row, reason) = (self.name.clone(), row_as_json(batch, row), cut_reason(reason));
        Reject { node, origin: 0, reason, row, is_group }
    }

    /// The rows of timers with the times of these as event time, where the function says which column that is.
    pub(super) fn with_event_times(&self, batch: RecordBatch, times: impl Iterator<Item = i64>) -> Result<RecordBatch> {
        let Some(at) = self.function.binding().event_time else { return Ok(batch) };
        let (rows, mut columns) = (batch.num_rows(), batch.columns().to_vec());
        columns[at] = std::sync::Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone(UTC));
        batch_of(&self.schema, columns, rows)
    }
}

/// How many of `range` can be taken at once: as many as come to `most` by `size`, but one in any case.
fn fitting(range: Range<usize>, most: u64, size: impl Fn(usize) -> u64) -> usize {
    let mut sum = 0u64;
    let fits = |i: &usize| {
        sum = sum.saturating_add(size(*i));
        sum <= most
    };
    range.clone().take_while(fits).count().max(range.len().min(1))
}
