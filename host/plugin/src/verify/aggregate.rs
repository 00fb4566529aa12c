//! Aggregates: rows come in an order, and states are merged in that order; how they are cut and in which nesting they are
//! merged is the host's affair. So the same calls give the same states and results byte by byte, and other cuts the same
//! results, where floats may differ by rounding. That another order of rows gives the same is not promised.

use std::ops::Range;
use std::thread;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat, take_arrays};
use arrow::datatypes::{DataType, Float64Type};

use super::answers::{Answer, Answers};
use super::found::{Found, first_that_differs, found, of_thread};
use super::isolate::{FAILURE, is_stop, isolate, told};
use super::random::Random;
use super::report::{Comparison, Report};
use super::taken::taken;
use super::way::{Unit, Way};
use super::{Bind, FRESH, MOST_ROWS, PATIENT, THREADS, Trial};
use crate::bound::{Bound, BoundAggregate};
use crate::error::{PluginError, Result};
use crate::limits::CallOptions;

/// Groups. No row is in the last, and in the one before are those of [`wild`].
const GROUPS: u32 = 8;
/// How often the rows are cut, and at how many places.
const TIMES: usize = 4;
const CUTS: usize = 12;

/// Tries `bound`, which `bind` binds anew.
pub(super) fn verify(bound: BoundAggregate, bind: Bind<'_>, trial: &Trial<'_>, report: &mut Report) -> Result<()> {
    let reads = bound.reads().to_vec();
    let isolated =
        isolate(trial, MOST_ROWS, |rows| bound.partial_with(&vec![0; rows.num_rows()], 1, rows, FRESH).map(drop))?;
    report.failures = isolated.failures(trial, &reads);
    report.refused = isolated.refused();
    if isolated.gives_up {
        return Ok(());
    }
    let mut random = Random::new(trial.seed);
    let wild = wild(&isolated.rows, &reads);
    let groups: Vec<u32> = (wild.iter())
        .map(|is_wild| if *is_wild { GROUPS - 2 } else { random.below(GROUPS as usize - 2) as u32 })
        .collect();
    let rows = Rows { rows: &isolated.rows, groups: &groups };
    let all = 0..groups.len();
    let of_states = bound.state_fields().iter().map(|field| format!("state `{}`", field.name()));
    let of_results = bound.output().iter().map(|field| format!("column `{}`", field.name()));
    let (with_states, names): (Vec<String>, Vec<String>) =
        (of_states.chain(of_results.clone()).collect(), of_results.collect());
    drop(bound);

    let aggregate = || match bind()? {
        Bound::Aggregate(bound) => Ok(bound),
        _ => Err(PluginError::Unsupported("an operator that is an aggregate no longer".to_owned())),
    };
    let whole = |bound: &BoundAggregate, options: CallOptions| -> Result<(Answers, Answers)> {
        let states = rows.partial(bound, all.clone(), options)?;
        let results = finished(bound, &states, options)?;
        Ok((with(&states, &results)?, results))
    };
    let (plain, result) = match whole(&aggregate()?, FRESH) {
        Ok(whole) => whole,
        Err(error) if error.is_call_failure() => {
            let message = super::show::line(&error.to_string());
            let subject = "all rows together".to_owned();
            report.failures.push(super::Failure { subject, message, ends_the_trial: true });
            return Ok(());
        }
        Err(error) => return Err(error),
    };

    for (group, answer) in (0u32..).zip(&result.answers) {
        let failed = answer.facts.iter().filter(|fact| fact.0 == FAILURE);
        report.failures.extend(failed.map(|(_, message)| super::Failure {
            subject: rows.subject(group, &isolated.numbers),
            message: super::show::line(message),
            ends_the_trial: false,
        }));
    }

    let mut record = |way: Way, times: usize, found: Found| {
        let outcome = found.outcome(|group| rows.subject(group as u32, &isolated.numbers));
        let (compared, unit) = (GROUPS as usize, Unit::Groups);
        report.comparisons.push(Comparison { way, times, compared, unit, outcome });
    };
    let same_calls =
        |bound: &BoundAggregate, options| Ok(plain.compare(&whole(bound, options)?.0, &with_states, false));
    let rounded = |states: Vec<ArrayRef>, bound: &BoundAggregate| {
        Ok(result.compare(&finished(bound, &states, FRESH)?, &names, true))
    };

    record(Way::Fresh, 1, found(aggregate().and_then(|bound| same_calls(&bound, FRESH)))?);
    let used = || {
        let bound = aggregate()?;
        for part in random_parts(trial.seed, all.end) {
            finished(&bound, &rows.partial(&bound, part, PATIENT)?, PATIENT)?;
        }
        whole(&bound, PATIENT)?;
        same_calls(&bound, PATIENT)
    };
    record(Way::Used, 1, found(used())?);

    let cut = || {
        let bound = aggregate()?;
        first_that_differs((0..TIMES as u64).map(|time| {
            let mut parts = random_parts(trial.seed.wrapping_add(time), all.end).into_iter();
            let mut states = rows.partial(&bound, parts.next().unwrap_or(0..0), FRESH)?;
            for part in parts {
                states = merged(&bound, &[states, rows.partial(&bound, part, FRESH)?])?;
            }
            rounded(states, &bound)
        }))
    };
    record(Way::Cuts, TIMES, found(cut())?);

    let mut merges = || {
        let bound = aggregate()?;
        first_that_differs((0..TIMES).flat_map(|_| {
            let (one, other) = (random.below(all.end + 1), random.below(all.end + 1));
            let (first, second) = (one.min(other), one.max(other));
            let parts = [0..first, first..second, second..all.end].map(|part| rows.partial(&bound, part, FRESH));
            let [a, b, c] = parts;
            let nested = || -> Result<[Vec<ArrayRef>; 3]> {
                let (a, b, c) = (a?, b?, c?);
                let left = merged(&bound, &[merged(&bound, &[a.clone(), b.clone()])?, c.clone()])?;
                let right = merged(&bound, &[a.clone(), merged(&bound, &[b.clone(), c.clone()])?])?;
                Ok([left, right, merged(&bound, &[a, b, c])?])
            };
            match nested() {
                Ok(all) => all.into_iter().map(|states| rounded(states, &bound)).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            }
        }))
    };
    record(Way::Merges, TIMES, found(merges())?);

    let alone = || {
        let bound = aggregate()?;
        let one = |group| {
            let rows = rows.of_group(group)?;
            finished(&bound, &bound.partial_with(&vec![0; rows.num_rows()], 1, &rows, FRESH)?, FRESH)
        };
        Ok(result.compare(&Answers::together((0..GROUPS).map(one).collect::<Result<_>>()?)?, &names, true))
    };
    record(Way::GroupsAlone, 1, found(alone())?);

    let on_threads = || {
        let bound = aggregate()?;
        let one = || {
            whole(&bound, PATIENT)?;
            same_calls(&bound, PATIENT)
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
            first_that_differs(threads.into_iter().map(|thread| of_thread(thread.join())))
        })
    };
    record(Way::Threads, THREADS, found(on_threads())?);
    Ok(())
}

/// Rows with floats that swallow what is added to them, in columns that are read: in a group of their own, or they would hide
/// what is wrong with the others.
fn wild(rows: &RecordBatch, reads: &[usize]) -> Vec<bool> {
    let mut wild = vec![false; rows.num_rows()];
    for column in reads.iter().map(|at| rows.column(*at)).filter(|column| column.data_type().is_floating()) {
        let Ok(floats) = cast(column, &DataType::Float64) else { continue };
        for (wild, x) in wild.iter_mut().zip(floats.as_primitive::<Float64Type>()) {
            *wild |= x.is_some_and(|x| !x.is_finite() || x.abs() > 1e15);
        }
    }
    wild
}

fn random_parts(seed: u64, rows: usize) -> Vec<Range<usize>> {
    Random::new(seed).parts(rows, CUTS)
}

/// The rows, each in its group.
#[derive(Clone, Copy)]
struct Rows<'a> {
    rows: &'a RecordBatch,
    groups: &'a [u32],
}

impl Rows<'_> {
    /// The states of all groups after these rows.
    fn partial(&self, bound: &BoundAggregate, part: Range<usize>, options: CallOptions) -> Result<Vec<ArrayRef>> {
        bound.partial_with(&self.groups[part.clone()], GROUPS, &self.rows.slice(part.start, part.len()), options)
    }

    fn of_group(&self, group: u32) -> Result<RecordBatch> {
        let rows = (0u32..).zip(self.groups).filter(|(_, of)| **of == group).map(|(row, _)| row);
        taken(self.rows, rows)
    }

    /// A group, by its first rows.
    fn subject(&self, group: u32, numbers: &[usize]) -> String {
        let rows: Vec<usize> = (0..self.groups.len()).filter(|row| self.groups[*row] == group).collect();
        let shown: Vec<String> = rows.iter().take(4).map(|row| numbers[*row].to_string()).collect();
        match rows.len() {
            0 => format!("group {group} (no rows)"),
            1..=4 => format!("group {group} (rows {})", shown.join(", ")),
            many => format!("group {group} (rows {}, … {many} in all)", shown.join(", ")),
        }
    }
}

/// States of all groups, merged in their order.
fn merged(bound: &BoundAggregate, states: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    let column = |at: usize| concat(&states.iter().map(|states| states[at].as_ref()).collect::<Vec<_>>());
    let columns = (0..bound.state_fields().len()).map(column).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let groups: Vec<u32> = states.iter().flat_map(|_| 0..GROUPS).collect();
    bound.merge_with(&groups, GROUPS, &columns, FRESH)
}

/// The results of states; of a group with which it fails alone the error.
fn finished(bound: &BoundAggregate, states: &[ArrayRef], options: CallOptions) -> Result<Answers> {
    let count = states.first().map_or(0, |column| column.len());
    let answer = |row| Answer { rows: row..row + 1, facts: Vec::new() };
    match bound.finish_with(states, options) {
        Ok(columns) => Ok(Answers { answers: (0..count).map(answer).collect(), columns }),
        Err(error) if error.is_call_failure() && count == 1 => {
            let what = if is_stop(&error) { FAILURE } else { "the error of `finish`" };
            Ok(Answers { answers: vec![Answer::of_fact(what, told(&error))], columns: Vec::new() })
        }
        Err(error) if error.is_call_failure() => {
            let one = |group| {
                let states: Vec<ArrayRef> = states.iter().map(|column| column.slice(group, 1)).collect();
                finished(bound, &states, options)
            };
            Answers::together((0..count).map(one).collect::<Result<_>>()?)
        }
        Err(error) => Err(error),
    }
}

/// Each group's state beside its result.
fn with(states: &[ArrayRef], results: &Answers) -> Result<Answers> {
    let rows = (0u32..).zip(&results.answers).filter(|(_, answer)| !answer.rows.is_empty()).map(|(group, _)| group);
    let states = take_arrays(states, &UInt32Array::from_iter_values(rows), None).map_err(failed)?;
    let columns = states.into_iter().chain(results.columns.iter().cloned()).collect();
    Ok(Answers { answers: results.answers.clone(), columns })
}

fn failed(error: arrow::error::ArrowError) -> PluginError {
    PluginError::Engine(format!("putting groups together: {error}"))
}
