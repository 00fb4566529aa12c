//! Filters, maps and flat-maps: what becomes of a row follows from the row. So it is the same on a fresh instance and on a
//! used one, whatever rows stand beside it, wherever they are cut, and whoever calls at the same time.

use std::ops::Range;
use std::thread;

use arrow::array::RecordBatch;

use super::answers::{Answer, Answers};
use super::found::{Found, first_that_differs, found, of_thread};
use super::isolate::{isolate, subject};
use super::random::Random;
use super::report::{Comparison, Report};
use super::way::{Unit, Way};
use super::{Bind, FRESH, PATIENT, THREADS, Trial};
use crate::bound::Bound;
use crate::error::{PluginError, Result};
use crate::limits::CallOptions;
use crate::rejects::Reject;

/// Rows of one call: as many as a job gives at once.
const ROWS: usize = 8192;
/// How often the rows are cut, and at how many places.
const TIMES: usize = 4;
const CUTS: usize = 12;
/// How many rows are given one by one: each takes a new instance.
const ONE_BY_ONE: usize = 64;

/// Tries `bound`, which `bind` binds anew.
pub(super) fn verify(bound: Bound, bind: Bind<'_>, trial: &Trial<'_>, report: &mut Report) -> Result<()> {
    let reads = bound.reads().to_vec();
    let names: Vec<String> = bound.output().iter().map(|field| format!("column `{}`", field.name())).collect();
    let isolated = isolate(trial, ROWS, |rows| call(&bound, rows, FRESH).map(drop))?;
    report.failures = isolated.failures(trial, &reads);
    report.refused = isolated.refused();
    if isolated.gives_up {
        return Ok(());
    }
    let rows = &isolated.rows;
    let all = plain_parts(rows.num_rows());
    let plain = in_parts(&bound, rows, &all, FRESH)?;
    report.refused += plain.answers.iter().filter(|answer| answer.facts.iter().any(|fact| fact.0 == REASON)).count();
    drop(bound);

    let mut record = |way: Way, times: usize, plain: &Answers, found: Found, at: &dyn Fn(usize) -> usize| {
        let compared = plain.answers.len();
        let outcome = found.outcome(|row| subject(trial, &reads, at(row)));
        report.comparisons.push(Comparison { way, times, compared, unit: Unit::Rows, outcome });
    };
    let number = |row: usize| isolated.numbers.get(row).copied().unwrap_or(usize::MAX);
    let compare = |other: &Answers| plain.compare(other, &names, false);

    if !isolated.failing.is_empty() {
        let bound = bind()?;
        let again = isolated.again(trial, |rows| call(&bound, rows, PATIENT).map(drop))?;
        let failing = isolated.answers();
        let found = Found::Compared(failing.compare(&again, &names, false));
        record(Way::Failing, 1, &failing, found, &|at| isolated.failing[at].0);
    }
    let once = |options: CallOptions, parts: &[Range<usize>]| Ok(compare(&in_parts(&bind()?, rows, parts, options)?));
    record(Way::Fresh, 1, &plain, found(once(FRESH, &all))?, &number);

    let used = || {
        let bound = bind()?;
        // What it has seen before are the same rows, cut and ordered otherwise, and the same calls once.
        let mut parts = Random::new(trial.seed).parts(rows.num_rows(), CUTS);
        parts.reverse();
        in_parts(&bound, rows, &parts, PATIENT)?;
        in_parts(&bound, rows, &all, PATIENT)?;
        Ok(compare(&in_parts(&bound, rows, &all, PATIENT)?))
    };
    record(Way::Used, 1, &plain, found(used())?, &number);

    let mut random = Random::new(trial.seed);
    let mut cut = || {
        let bound = bind()?;
        first_that_differs((0..TIMES).map(|_| {
            let parts = random.parts(rows.num_rows(), CUTS);
            let parts: Vec<_> = parts.into_iter().flat_map(|part| shorter(&part)).collect();
            Ok(compare(&in_parts(&bound, rows, &parts, FRESH)?))
        }))
    };
    record(Way::Cuts, TIMES, &plain, found(cut())?, &number);

    // Those that come last: where a row stands in a call shows best far from the first.
    let few = rows.num_rows().min(ONE_BY_ONE);
    let from = rows.num_rows() - few;
    let ones: Vec<Range<usize>> = (from..rows.num_rows()).map(|row| row..row + 1).collect();
    let last = Answers { answers: plain.answers[from..].to_vec(), columns: plain.columns.clone() };
    let one_by_one = || Ok(last.compare(&in_parts(&bind()?, rows, &ones, FRESH)?, &names, false));
    record(Way::OneByOne, 1, &last, found(one_by_one())?, &|row| number(from + row));

    let on_threads = || {
        let bound = bind()?;
        let parts = Random::new(trial.seed).parts(rows.num_rows(), CUTS);
        // Compared with the same cuts: what differs by these has been told.
        let alone = in_parts(&bound, rows, &parts, FRESH)?;
        let one = |thread: usize| {
            let mut parts = parts.clone();
            let by = parts.len() * thread / THREADS;
            parts.rotate_left(by);
            Ok(alone.compare(&in_parts(&bound, rows, &parts, PATIENT)?, &names, false))
        };
        let one = &one;
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || one(number))).collect();
            first_that_differs(threads.into_iter().map(|thread| of_thread(thread.join())))
        })
    };
    record(Way::Threads, THREADS, &plain, found(on_threads())?, &number);
    Ok(())
}

/// All rows in calls as long as a job makes them.
fn plain_parts(rows: usize) -> Vec<Range<usize>> {
    // Without rows there is a call too.
    if rows == 0 { vec![Range { start: 0, end: 0 }] } else { shorter(&(0..rows)).collect() }
}

fn shorter(part: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = part.end;
    part.clone().step_by(ROWS).map(move |first| first..(first + ROWS).min(end))
}

/// The answers to the rows of these parts in order of the rows, each part in a call of its own, in the order given.
fn in_parts(bound: &Bound, rows: &RecordBatch, parts: &[Range<usize>], options: CallOptions) -> Result<Answers> {
    let answer = |part: &Range<usize>| Ok((part.start, call(bound, &rows.slice(part.start, part.len()), options)?));
    let mut answers = parts.iter().map(answer).collect::<Result<Vec<_>>>()?;
    answers.sort_by_key(|(start, _)| *start);
    Answers::together(answers.into_iter().map(|(_, answers)| answers).collect())
}

const REASON: &str = "the reason for which it is refused";

/// One call.
fn call(bound: &Bound, batch: &RecordBatch, options: CallOptions) -> Result<Answers> {
    let rows = batch.num_rows();
    let (mut answers, columns, rejects): (Vec<Answer>, _, Vec<Reject>) = match bound {
        Bound::Map(map) => {
            let mapped = map.call_with(batch, options)?;
            let answer = |row| Answer { rows: row..row + 1, facts: Vec::new() };
            ((0..rows).map(answer).collect(), mapped.columns, mapped.rejects)
        }
        Bound::Filter(filter) => {
            let selected = filter.call_with(batch, options)?;
            let answer = |keep: bool| Answer::of_fact("whether it is kept", if keep { "kept" } else { "dropped" });
            (selected.keep.iter().map(answer).collect(), Vec::new(), selected.rejects)
        }
        Bound::FlatMap(flat_map) => {
            let expanded = flat_map.call_with(batch, options)?;
            let parents = expanded.parents.values();
            let first = |row: usize| parents.partition_point(|parent| (*parent as usize) < row);
            let answer = |row| Answer { rows: first(row)..first(row + 1), facts: Vec::new() };
            ((0..rows).map(answer).collect(), expanded.columns, expanded.rejects)
        }
        Bound::Aggregate(_) | Bound::Keyed(_) => {
            return Err(PluginError::Unsupported("an operator with state is tried in another way".to_owned()));
        }
    };
    for reject in rejects {
        answers[reject.row as usize] = Answer::of_fact(REASON, reject.reason);
    }
    Ok(Answers { answers, columns })
}
