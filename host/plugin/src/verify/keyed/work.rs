//! What some keys have to do in an epoch, call by call; the keys with which a call fails are found, and what they had to
//! do is given up, as in a job: of rows their key's state stays, timers that are due are gone.

use arrow::array::{Array, ArrayRef, RecordBatch};

use super::kept::{Kept, apply, check};
use super::step::{Clocks, Todo, step, with_maps};
use crate::bound::BoundKeyed;
use crate::error::{PluginError, Result};
use crate::keyed::{Outcome, Phase, Step, Timer};
use crate::limits::CallOptions;
use crate::verify::isolate::{FAILURE, is_stop, told};

/// What an error of the operator's own is called among what is compared.
const ERROR: &str = "its error";

/// Keys with which it fails, after which a trial ends: a job stops as well.
const MOST: usize = 32;

/// What has come of an epoch so far.
#[derive(Default)]
pub(super) struct Came {
    /// Columns of calls.
    pub parts: Vec<Vec<ArrayRef>>,
    /// Of each row that comes out its key, and where it stands: the part and the row.
    pub rows: Vec<(usize, (usize, usize))>,
    /// Of timers' rows the times of the timers, by part.
    pub times: Vec<Option<Vec<i64>>>,
    /// What else is said of keys.
    pub facts: Vec<(usize, (String, String))>,
    /// Rows that were refused.
    pub refused: usize,
    /// Keys that failed.
    pub failed: usize,
}

/// Who works on an epoch.
pub(super) struct Works<'a> {
    pub bound: &'a BoundKeyed,
    pub options: CallOptions,
    pub clocks: Clocks,
    pub keys: &'a RecordBatch,
    pub rows: &'a RecordBatch,
    /// How many rows, or timers, of a key one call has.
    pub most: usize,
}

impl Works<'_> {
    /// Does what these keys have to do, all at once if it goes through.
    pub(super) fn work(&self, todo: &[(usize, Todo)], kept: &mut [Kept], came: &mut Came) -> Result<()> {
        // One that is cut is alone, and what came of its first calls is taken back if a later one fails.
        let is_cut = todo.len() == 1 && todo[0].1.len() > self.most;
        let done = if is_cut {
            let parts = todo[0].1.in_parts(self.most).into_iter().map(|part| [(todo[0].0, part)]);
            let mut now: Vec<Kept> = vec![kept[todo[0].0].clone()];
            let done = parts.map(|part| self.call(&part, &mut now)).collect::<Result<Vec<_>>>();
            done.map(|done| (now, done))
        } else {
            let mut now: Vec<Kept> = todo.iter().map(|(key, _)| kept[*key].clone()).collect();
            self.call(todo, &mut now).map(|done| (now, vec![done]))
        };
        match done {
            Ok((now, done)) => {
                todo.iter().zip(now).for_each(|((key, _), now)| kept[*key] = now);
                done.into_iter().for_each(|(step, outcome)| came.note(todo, &step, outcome));
                Ok(())
            }
            Err(error) if !(error.is_call_failure() || matches!(error, PluginError::State { .. })) => Err(error),
            Err(error) if todo.len() > 1 => {
                let middle = match error.key().map(|key| key as usize).or_else(|| self.key_of_row(todo, &error)) {
                    Some(key) if key < todo.len() => key,
                    _ => todo.len() / 2,
                };
                // Its halves, or the key that it names between those before and behind it.
                let is_named = error.key().is_some() || error.row().is_some();
                let parts: &[&[_]] = match is_named {
                    true => &[&todo[..middle], &todo[middle..=middle], &todo[middle + 1..]],
                    false => &[&todo[..middle], &todo[middle..]],
                };
                parts.iter().filter(|part| !part.is_empty()).try_for_each(|part| self.work(part, kept, came))
            }
            Err(error) => {
                let Some((key, of_key)) = todo.first() else { return Err(error) };
                came.failed += usize::from(is_stop(&error));
                if came.failed > MOST {
                    return Err(error);
                }
                let what = if is_stop(&error) { FAILURE } else { ERROR };
                came.facts.push((*key, (what.to_owned(), told(&error))));
                match of_key {
                    Todo::Rows(rows) => came.refused += rows.len(),
                    Todo::Timers(timers) => timers.iter().for_each(|timer| {
                        kept[*key].timers.remove(&(timer.domain, timer.tag));
                    }),
                }
                Ok(())
            }
        }
    }

    fn key_of_row(&self, todo: &[(usize, Todo)], error: &PluginError) -> Option<usize> {
        let mut left = error.row()? as usize;
        todo.iter().position(|(_, of_key)| {
            let is_there = left < of_key.len();
            left = left.saturating_sub(of_key.len());
            is_there
        })
    }

    /// One call, which changes `kept`, what is kept of its keys.
    fn call(&self, todo: &[(usize, Todo)], kept: &mut [Kept]) -> Result<(Step, Outcome)> {
        let binding = self.bound.binding();
        let step = step(self.clocks, todo, kept, self.keys, self.rows, binding)?;
        let step = with_maps(self.bound, step, kept, self.options)?;
        let outcome = self.bound.call_with(&step, self.options)?;
        if let Some(wrong) = check(&outcome, binding, todo.len(), step.rows.num_rows(), step.due.len()) {
            return Err(PluginError::bad_output(format!("it named {wrong}")));
        }
        apply(kept, &outcome, &step.due, binding);
        Ok((step, outcome))
    }
}

impl Came {
    fn note(&mut self, todo: &[(usize, Todo)], step: &Step, outcome: Outcome) {
        let part = self.parts.len();
        let of = |of: u32| match step.phase {
            Phase::Rows => of as usize,
            Phase::Timers => step.due[of as usize].key as usize,
        };
        let row_of = |row: u32| {
            let key = step.row_offsets.partition_point(|offset| *offset as u32 <= row) - 1;
            (todo[key].0, row as usize - step.row_offsets[key] as usize)
        };
        self.rows.extend(outcome.output_of.iter().enumerate().map(|(row, key)| (todo[of(*key)].0, (part, row))));
        self.times.push(
            (step.phase == Phase::Timers).then(|| {
                outcome.output_of.iter().map(|of| step.due[*of as usize]).map(|Timer { at, .. }| at).collect()
            }),
        );
        self.refused += outcome.rejects.len();
        for reject in &outcome.rejects {
            let (key, _) = row_of(reject.row);
            self.facts.push((key, ("why rows are refused".to_owned(), reject.reason.clone())));
        }
        for row in &outcome.late {
            let (key, _) = row_of(*row);
            self.facts.push((key, ("late rows".to_owned(), "one".to_owned())));
        }
        debug_assert!(outcome.output.iter().all(|column| column.len() == outcome.output_of.len()));
        self.parts.push(outcome.output);
    }
}
