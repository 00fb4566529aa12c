//! Which rows an operator refuses with an error, and with which it fails: found before anything is compared, and left out
//! then, since a call that fails says nothing of the others.
//!
//! Whoever runs a job looks for such rows as well, in more ways; here they are found in the simplest.

use arrow::array::RecordBatch;

use super::answers::{Answer, Answers};
use super::report::Failure;
use super::taken::taken;
use super::{Trial, show};
use crate::error::{PluginError, Result, TrapKind};

/// Rows with which it fails alone, after which nothing more is tried: a job would stop as well.
const MOST: usize = 32;

/// The rows that are left, and what became of the others.
pub(super) struct Isolated {
    /// Those that it does not fail with.
    pub rows: RecordBatch,
    /// Where each stands in the trial's rows.
    pub numbers: Vec<usize>,
    /// The others, by where they stand, each with its error.
    pub failing: Vec<(usize, PluginError)>,
    /// Whether there are too many.
    pub gives_up: bool,
}

/// Calls with all rows, `most` at once, and where that fails without those that it fails with.
///
/// # Errors
/// Those that are no failure of a call.
pub(super) fn isolate(
    trial: &Trial<'_>,
    most: usize,
    mut call: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<Isolated> {
    let mut failing: Vec<(usize, PluginError)> = Vec::new();
    let all = trial.rows.num_rows();
    // Without rows there is a call too.
    let starts = (0..all.max(1)).step_by(most);
    let mut parts: Vec<_> = starts.rev().map(|first| first..(first + most).min(all)).collect();
    let mut gives_up = false;
    let mut stops = 0;
    while let Some(part) = parts.pop() {
        let Err(error) = call(&trial.rows.slice(part.start, part.len())) else { continue };
        if !error.is_call_failure() {
            return Err(error);
        }
        let middle = match error.row() {
            Some(row) => part.start + row as usize,
            None if part.len() > 1 => {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
                continue;
            }
            None => part.start,
        };
        let is_stopped = is_stop(&error);
        stops += usize::from(is_stopped);
        // Without rows it fails as well.
        gives_up |= part.is_empty() || stops > MOST;
        failing.push((middle, error));
        if gives_up {
            break;
        }
        parts.extend([middle + 1..part.end, part.start..middle].into_iter().filter(|part| !part.is_empty()));
    }
    failing.sort_by_key(|(row, _)| *row);
    let fails = |row: &usize| failing.binary_search_by_key(row, |(failing, _)| *failing).is_ok();
    let numbers: Vec<usize> = (0..all).filter(|row| !fails(row)).collect();
    let rows = taken(trial.rows, numbers.iter().map(|row| *row as u32))?;
    Ok(Isolated { rows, numbers, failing, gives_up })
}

impl Isolated {
    /// What it fails with, but for errors of its own, which refuse a row.
    pub(super) fn failures(&self, trial: &Trial<'_>, reads: &[usize]) -> Vec<Failure> {
        let last = self.failing.len().saturating_sub(1);
        let stopped = self.failing.iter().enumerate().filter(|(_, (_, error))| is_stop(error));
        let failure = |(at, (row, error)): (usize, &(usize, PluginError))| Failure {
            subject: subject(trial, reads, *row),
            message: show::line(&error.to_string()),
            ends_the_trial: self.gives_up && at == last,
        };
        stopped.map(failure).collect()
    }

    /// How many rows it refused with an error of its own.
    pub(super) fn refused(&self) -> usize {
        self.failing.iter().filter(|(_, error)| !is_stop(error)).count()
    }

    /// The errors of the rows that fail.
    pub(super) fn answers(&self) -> Answers {
        let answers = self.failing.iter().map(|(_, error)| Answer::of_fact(FAILURE, told(error)));
        Answers { answers: answers.collect(), columns: Vec::new() }
    }

    /// The same, each row called by itself once more.
    ///
    /// # Errors
    /// Those that are no failure of a call.
    pub(super) fn again(&self, trial: &Trial<'_>, mut call: impl FnMut(&RecordBatch) -> Result<()>) -> Result<Answers> {
        let answer = |(row, _): &(usize, PluginError)| match call(&trial.rows.slice(*row, 1)) {
            Ok(()) => Ok(Answer::of_fact(FAILURE, "it goes through")),
            Err(error) if error.is_call_failure() => Ok(Answer::of_fact(FAILURE, told(&error))),
            Err(error) => Err(error),
        };
        Ok(Answers { answers: self.failing.iter().map(answer).collect::<Result<_>>()?, columns: Vec::new() })
    }
}

/// What a failure is called among what is compared.
pub(super) const FAILURE: &str = "the failure";

/// Row number `row` of the trial's, with what the operator reads of it.
pub(super) fn subject(trial: &Trial<'_>, reads: &[usize], row: usize) -> String {
    if row >= trial.rows.num_rows() {
        return "a call without rows".to_owned();
    }
    match reads {
        [] => format!("row {row}"),
        reads => format!("row {row} ({})", show::row(trial.rows, reads, row)),
    }
}

/// Whether the operator was stopped or broke the contract, where others return an error.
pub(super) fn is_stop(error: &PluginError) -> bool {
    matches!(error, PluginError::Trap(_) | PluginError::BadOutput { .. } | PluginError::State { .. })
}

/// What is compared of a failure: of limits that they were reached, since by how much depends on the machine.
pub(super) fn told(error: &PluginError) -> String {
    match error {
        PluginError::Trap(trap) => match trap.kind {
            TrapKind::TimeLimit => "it runs longer than it may".to_owned(),
            TrapKind::OutOfMemory => "it wants more memory than it may have".to_owned(),
            TrapKind::StackOverflow => "its calls nest too deeply".to_owned(),
            _ => trap.message.clone(),
        },
        PluginError::Returned { message, .. }
        | PluginError::BadOutput { message, .. }
        | PluginError::State { message, .. } => message.clone(),
        other => other.to_string(),
    }
}
