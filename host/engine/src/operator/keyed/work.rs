//! What calls make of some keys, before any of it is stored: their new states and timers, what comes out, what is refused.
//!
//! A key with more rows, or timers, than one call takes comes in several calls, each with what the one before has left of
//! it. They are one piece of work all the same: if one of them fails, nothing of the key was changed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, BinaryBuilder, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{take, take_record_batch};

use super::Keyed;
use super::check::{check, check_needs};
use super::function::{KeyedError, Outcome, Phase, Step, Timer, ValueChanges};
use super::maps::{MapChanges, Stored};
use super::timers::{Entry, MOST_TIMERS, Reached, added, put_in, take_out};
use crate::operator::isolate::Attempt;
use crate::operator::plugin::BYTES_PER_CALL;
use crate::operator::room::Sizes;
use crate::operator::rows::{arrow_failed, batch_of};
use crate::state::row::{Form, RowBuffer, encode};
use millstream_plugin::Reject;

/// What came of some keys.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Keys with another state, each with whether it has one at all; going up.
    pub states: Vec<(u32, bool)>,
    /// Their states as they are stored, in that order.
    pub stored: RowBuffer,
    /// Keys with other timers, each with all that it has now.
    pub timers: Vec<(u32, Vec<Entry>)>,
    /// Timers that they did not have so before.
    pub added: Vec<(u32, Entry)>,
    /// What has changed of their maps.
    pub maps: MapChanges,
    /// The rows that come out, each with the key or the due timer that it is of, in order of these.
    pub output: Vec<(RecordBatch, Vec<u32>)>,
    /// Rows that were refused.
    pub rejects: Vec<Reject>,
    /// Rows that were late.
    pub late: Vec<u32>,
}

/// What keys have in the middle of the work on them.
struct Having<'a> {
    values: Vec<BinaryArray>,
    /// Keys whose values were changed.
    touched: Vec<bool>,
    /// Per key its timers before the work, and now; of those that were not asked for none.
    timers: Vec<Option<(Vec<Entry>, Vec<Entry>)>>,
    stored: Stored<'a>,
    maps: MapChanges,
}

/// How a step is cut.
pub(super) trait Cut {
    /// The same for these of its keys alone.
    fn of_keys(&self, keys: Range<usize>) -> Self;

    /// What is handed over in one call each: rows and timers of it; more than one piece of a single key only. No piece has
    /// more rows than `most`, nor more bytes of the columns `reads` than one call takes.
    fn pieces(&self, reads: &[usize], most: usize) -> Vec<(Range<usize>, Range<usize>)>;
}

impl Cut for Step {
    fn of_keys(&self, keys: Range<usize>) -> Self {
        if keys == (0..self.key_count()) {
            return self.clone();
        }
        let (start, end) = (self.row_offsets[keys.start], self.row_offsets[keys.end]);
        let is_theirs = |timer: &&Timer| keys.contains(&(timer.key as usize));
        let first = keys.start as u32;
        Self {
            keys: self.keys.slice(keys.start, keys.len()),
            row_offsets: self.row_offsets[keys.start..=keys.end].iter().map(|offset| offset - start).collect(),
            rows: self.rows.slice(start as usize, (end - start) as usize),
            values: self.values.iter().map(|column| column.slice(keys.start, keys.len())).collect(),
            maps: Vec::new(),
            due: self.due.iter().filter(is_theirs).map(|t| Timer { key: t.key - first, ..*t }).collect(),
            ..*self
        }
    }

    fn pieces(&self, reads: &[usize], most: usize) -> Vec<(Range<usize>, Range<usize>)> {
        if self.key_count() != 1 {
            return vec![(0..self.rows.num_rows(), 0..self.due.len())];
        }
        match self.phase {
            Phase::Rows => {
                let sizes = Sizes::of_all(reads.iter().map(|c| self.rows.column(*c)));
                let (mut pieces, mut next, end) = (Vec::new(), 0, self.rows.num_rows());
                while next < end {
                    let rows = sizes.fitting(next, end, most, BYTES_PER_CALL);
                    pieces.push((next..next + rows, 0..0));
                    next += rows;
                }
                pieces
            }
            Phase::Timers => {
                let starts = (0..self.due.len()).step_by(most);
                starts.map(|start| (0..0, start..self.due.len().min(start + most))).collect()
            }
        }
    }
}

impl Having<'_> {
    /// Fetches the timers of these keys, unless they were asked for before.
    fn fetch_timers(&mut self, keys: impl Iterator<Item = u32>) -> crate::Result<()> {
        let mut keys: Vec<u32> = keys.filter(|key| self.timers[*key as usize].is_none()).collect();
        keys.sort_unstable();
        keys.dedup();
        for (key, stored) in keys.iter().zip(self.stored.timers_of(&keys)?) {
            self.timers[*key as usize] = Some((stored.clone(), stored));
        }
        Ok(())
    }

    /// The timers of a key for which they were fetched: those before the work, and those now.
    fn timers_of(&mut self, key: u32) -> &mut (Vec<Entry>, Vec<Entry>) {
        self.timers[key as usize].as_mut().expect("whoever asks has fetched them")
    }

    fn has_state(&self, key: usize) -> bool {
        self.values.iter().any(|column| column.is_valid(key))
    }

    /// Changes what the outcome of a call says.
    fn change(&mut self, outcome: &Outcome, keep_timers: bool) -> Result<(), KeyedError> {
        let gone = self.change_values(outcome);
        self.maps.note(&outcome.removed, &outcome.entries);
        let gone = if keep_timers { Vec::new() } else { gone };
        let changed = outcome.clear_timers.iter().chain(&outcome.set_timers).map(|timer| timer.key);
        self.fetch_timers(gone.iter().copied().chain(changed))?;
        for key in gone {
            self.timers_of(key).1.clear();
        }
        for timers in outcome.clear_timers.chunk_by(|a, b| a.key == b.key) {
            take_out(&mut self.timers_of(timers[0].key).1, timers.iter().map(Entry::from));
        }
        for timers in outcome.set_timers.chunk_by(|a, b| a.key == b.key) {
            let now = &mut self.timers_of(timers[0].key).1;
            put_in(now, timers.iter().map(Entry::from));
            if now.len() > MOST_TIMERS {
                let why = format!(
                    "it set timers until their key had {}; at most {MOST_TIMERS} are kept: set one, for the earliest, and the \
                     next when it fires",
                    now.len()
                );
                return Err(KeyedError::Keys(why));
            }
        }
        Ok(())
    }

    /// Changes values; the keys whose state was removed.
    fn change_values(&mut self, outcome: &Outcome) -> Vec<u32> {
        let mut could_go: Vec<u32> = Vec::new();
        for ValueChanges { keys, values, .. } in &outcome.values {
            could_go.extend((0..keys.len()).filter(|i| values.is_null(*i)).map(|i| keys[i]));
        }
        could_go.sort_unstable();
        could_go.dedup();
        // What is in their maps is not looked for.
        could_go.retain(|key| self.stored.maps.is_none() && self.has_state(*key as usize));

        let none = (Vec::new(), BinaryArray::new_null(0));
        for value in 0..self.values.len() {
            let changes = outcome.values.iter().find(|changes| changes.value == value);
            let (keys, values) = changes.map_or((&none.0, &none.1), |changes| (&changes.keys, &changes.values));
            if keys.is_empty() && outcome.removed.is_empty() {
                continue;
            }
            self.values[value] = changed(&self.values[value], &outcome.removed, keys, values);
            keys.iter().for_each(|key| self.touched[*key as usize] = true);
        }
        outcome.removed.iter().for_each(|key| self.touched[*key as usize] = true);
        could_go.retain(|key| !self.has_state(*key as usize));
        could_go.extend(&outcome.removed);
        could_go
    }
}

/// A column without what `removed` have, and with `values` for `keys`.
fn changed(before: &BinaryArray, removed: &[u32], keys: &[u32], values: &BinaryArray) -> BinaryArray {
    if keys.len() == before.len() {
        return values.clone();
    }
    let mut column = BinaryBuilder::with_capacity(before.len(), before.value_data().len() + values.value_data().len());
    let (mut removed, mut changes) = (removed.iter().peekable(), keys.iter().enumerate().peekable());
    for i in 0..before.len() {
        let is_removed = removed.next_if(|key| **key as usize == i).is_some();
        match changes.next_if(|(_, key)| **key as usize == i) {
            Some((at, _)) => column.append_option(values.is_valid(at).then(|| values.value(at))),
            None => column.append_option((before.is_valid(i) && !is_removed).then(|| before.value(i))),
        }
    }
    column.finish()
}

impl Keyed {
    /// Calls the function with the keys of `step`, of which this is `stored`.
    pub(super) fn work(&self, step: &Step, attempt: Attempt, stored: Stored<'_>) -> Result<Done, KeyedError> {
        let (keys, binding) = (step.key_count(), self.function.binding());
        let mut having = Having {
            values: step.values.clone(),
            touched: vec![false; keys],
            timers: vec![None; keys],
            stored,
            maps: MapChanges::default(),
        };
        // What is due is gone, whatever comes of it.
        having.fetch_timers(step.due.iter().map(|timer| timer.key))?;
        let mut due: Vec<&Timer> = step.due.iter().collect();
        due.sort_by_key(|timer| timer.key);
        for timers in due.chunk_by(|a, b| a.key == b.key) {
            let (before, now) = having.timers_of(timers[0].key);
            take_out(now, timers.iter().map(|timer| Entry::from(*timer)));
            // So that one that is set again to the same time counts as new.
            before.clone_from(now);
        }
        let mut done = Done::default();
        let pieces = step.pieces(&binding.reads, self.rows_per_call());
        for (rows, due) in &pieces {
            let mut part;
            let piece = if pieces.len() == 1 && binding.maps.is_empty() {
                step
            } else {
                part = Step { values: having.values.clone(), ..step.clone() };
                if pieces.len() > 1 {
                    part.row_offsets = vec![0, rows.len() as i32];
                    part.rows = step.rows.slice(rows.start, rows.len());
                    part.due = step.due[due.clone()].to_vec();
                }
                if !binding.maps.is_empty() {
                    let needs = self.function.needs(&part, attempt)?;
                    check_needs(&binding.maps, &needs, keys).map_err(KeyedError::Keys)?;
                    part.maps = having.maps.fetch(&needs, &stored)?;
                }
                &part
            };
            let outcome = self.function.call(piece, attempt)?;
            check(binding, piece, &outcome).map_err(KeyedError::Keys)?;
            having.change(&outcome, binding.keep_timers)?;
            self.take_output(piece, outcome, rows.start as u32, due.start as u32, &mut done)?;
        }
        self.finish(step, having, &mut done)?;
        Ok(done)
    }

    /// Puts what came out of a piece, which begins at these of the rows and due timers, to the rest.
    fn take_output(
        &self,
        piece: &Step,
        outcome: Outcome,
        first_row: u32,
        first_due: u32,
        done: &mut Done,
    ) -> Result<(), KeyedError> {
        let Outcome { output, mut output_of, rejects, late, .. } = outcome;
        done.rejects.extend(rejects.into_iter().map(|r| Reject { row: r.row + first_row, ..r }));
        done.late.extend(late.into_iter().map(|row| row + first_row));
        if output_of.is_empty() {
            return Ok(());
        }
        let mut batch = batch_of(&self.schema, output, output_of.len())?;
        if !output_of.is_sorted() {
            // So that an order does not depend on how keys are cut into calls.
            let mut order: Vec<u32> = (0..output_of.len() as u32).collect();
            order.sort_by_key(|row| output_of[*row as usize]);
            output_of = order.iter().map(|row| output_of[*row as usize]).collect();
            batch = take_record_batch(&batch, &UInt32Array::from(order)).map_err(arrow_failed)?;
        }
        if piece.phase == Phase::Timers {
            let at = output_of.iter().map(|of| piece.due[*of as usize].at);
            batch = self.with_event_times(batch, at)?;
            output_of.iter_mut().for_each(|of| *of += first_due);
        }
        done.output.push((batch, output_of));
        Ok(())
    }

    /// What has changed in the end.
    fn finish(&self, step: &Step, having: Having<'_>, done: &mut Done) -> Result<(), KeyedError> {
        let mut touched = having.touched.clone();
        let expires = self.function.binding().time_to_live;
        // Where states go after a while, a key that has nothing but entries of maps is stored for the sake of that time.
        let of_maps = if expires.is_some() { having.maps.keys() } else { BTreeMap::new() };
        of_maps.keys().for_each(|key| touched[*key as usize] = true);
        let touched: Vec<u32> = (0u32..).zip(touched).filter(|(_, touched)| *touched).map(|(i, _)| i).collect();
        let has_more = |key: u32| {
            let in_maps = expires.is_some() && having.stored.maps.is_some();
            in_maps && of_maps.get(&key).copied().unwrap_or(true)
        };
        done.states = touched.iter().map(|key| (*key, having.has_state(*key as usize) || has_more(*key))).collect();
        let which = UInt32Array::from(touched);
        let columns = having.values.iter().map(|column| match which.len() == step.key_count() {
            true => Ok(Arc::new(column.clone()) as ArrayRef),
            false => take(column, &which, None).map_err(arrow_failed),
        });
        let mut columns: Vec<ArrayRef> = columns.collect::<crate::Result<_>>()?;
        if let Some(expires) = expires {
            let clock = Reached { watermark: step.watermark, now: step.now }.by(expires.domain);
            columns.push(Arc::new(Int64Array::from(vec![clock; which.len()])));
        }
        encode(&columns, which.len(), Form::Value, &mut done.stored).map_err(crate::Error::from)?;

        done.maps = having.maps;
        let fired: Vec<bool> = {
            let mut fired = vec![false; step.key_count()];
            step.due.iter().for_each(|timer| fired[timer.key as usize] = true);
            fired
        };
        for ((key, of), fired) in (0u32..).zip(having.timers).zip(fired) {
            let Some((before, now)) = of else { continue };
            if before != now || fired {
                done.added.extend(added(&before, &now).into_iter().map(|entry| (key, entry)));
                done.timers.push((key, now));
            }
        }
        Ok(())
    }
}
