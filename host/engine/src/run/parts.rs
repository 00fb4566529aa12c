//! Rows through a flow in as many parts as it takes.
//!
//! As a rule all rows of a chunk are taken at once. Where that makes more than there is room for, or a library panics (its
//! columns hold 2 GiB), the attempt is thrown away and half of the rows are taken, down to a single one; a row that
//! fails alone is a dead letter. The next part is larger again where there is room. Which parts are made depends on the
//! rows alone, so that an epoch that is run again gives the same.

use std::sync::Arc;

use super::chunk::{EpochContext, Passed, pass};
use crate::operator::Rows;
use crate::panics;
use crate::plan::Flow;
use crate::{Error, ErrorKind, Result};

/// The rows that have still to go through a flow.
pub(super) struct Parts<'a> {
    flow: &'a Flow,
    /// Whose rows they are: who refuses one that fails.
    node: Arc<str>,
    rows: Rows,
    /// Rows before this one are through.
    from: usize,
    /// How many are taken next.
    size: usize,
}

/// How rows fared that were taken together.
enum Outcome {
    Passed(Box<Passed>),
    /// Fewer of them might go through.
    TooMuch(String),
}

impl<'a> Parts<'a> {
    /// All rows of `node`.
    pub fn of(flow: &'a Flow, node: Arc<str>, rows: Rows) -> Self {
        let size = rows.len();
        Self { flow, node, rows, from: 0, size }
    }

    /// What comes of the next rows; none where there are no more.
    pub fn next(&mut self, context: EpochContext<'_>) -> Result<Option<Passed>> {
        loop {
            let size = self.size.min(self.rows.len() - self.from);
            if size == 0 {
                return Ok(None);
            }
            // Slicing what is whole would cost a copy of where the rows came from.
            let part = if size == self.rows.len() { self.rows.clone() } else { self.rows.slice(self.from, size) };
            match attempt(self.flow, part, context)? {
                Outcome::Passed(passed) => {
                    self.from += size;
                    if passed.effects.room.is_half_empty() {
                        self.size = size.saturating_mul(2);
                    }
                    return Ok(Some(*passed));
                }
                Outcome::TooMuch(_) if size > 1 => self.size = size / 2,
                Outcome::TooMuch(reason) => {
                    let mut passed = Passed::new(context);
                    passed.effects.reject(&self.node, &self.rows, self.from, reason);
                    self.from += 1;
                    return Ok(Some(passed));
                }
            }
        }
    }
}

fn attempt(flow: &Flow, rows: Rows, context: EpochContext<'_>) -> Result<Outcome> {
    match panics::catch(|| pass(flow, rows, context)) {
        Ok(Ok(passed)) => Ok(Outcome::Passed(Box::new(passed))),
        Ok(Err(e)) if e.kind() == ErrorKind::Quota => Ok(Outcome::TooMuch(e.message().to_owned())),
        Ok(Err(e)) => Err(e),
        Err(panic) if panic.is_too_large() => {
            Ok(Outcome::TooMuch(format!("what is made of it is too large: {}", panic.message())))
        }
        Err(panic) => Ok(Outcome::TooMuch(format!("the engine failed on this row: {panic}"))),
    }
}

/// Rows that must go through all at once: an order, a limit.
pub(super) fn whole(flow: &Flow, node: &str, rows: Rows, context: EpochContext<'_>) -> Result<Passed> {
    let many = rows.len();
    match attempt(flow, rows, context)? {
        Outcome::Passed(passed) => Ok(*passed),
        Outcome::TooMuch(reason) => Err(Error::new(
            ErrorKind::Quota,
            format!("the result of `{node}`, {many} rows, cannot be put in order or cut: {reason}"),
        )
        .with_help("an order or a limit takes the whole result at once: make fewer rows or columns of it")),
    }
}
