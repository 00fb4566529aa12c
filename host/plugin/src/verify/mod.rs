//! Whether an operator is what all are promised to be: a function of its configuration and its arguments, and of nothing
//! else. Exactly-once, replay, and results that do not depend on the cores rest on that, and a plugin can break it without
//! failing: by a static that counts, by memory that outlives a call, by asking where a row stands in its batch.
//!
//! [`verify`] calls an operator with the same rows in many ways in which a host may call it, and compares what comes back
//! byte by byte. What is compared, kind by kind, is in `stateless`, `aggregate` and `keyed`; the rows may be a
//! user's, or [`rows_of`] makes some. A difference is a proof; none is none: what these rows do not reach was not tried.
//!
//! Always holds: the same plugin, rows and seed give the same report, but for what threads come upon.

mod aggregate;
mod answers;
mod ask;
mod found;
mod isolate;
mod keyed;
mod random;
mod report;
mod rows;
mod show;
mod stateless;
mod taken;
mod way;

use arrow::array::RecordBatch;

pub use ask::asked_fields;
pub use report::{Comparison, Difference, Failure, Outcome, Report, Verdict};
pub use rows::rows_of;
pub use way::{Unit, Way};

use crate::bound::Bound;
use crate::error::{PluginError, Result};
use crate::limits::{CallOptions, Limits};
use crate::plugin::Plugin;
use crate::request::Request;

/// The most rows of one trial: what one call of an aggregate is given at most.
pub const MOST_ROWS: usize = 65_536;

/// With what an operator is tried.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// The rows, of the columns of the request; [`MOST_ROWS`] at most.
    pub rows: &'a RecordBatch,
    /// What decides where rows are cut.
    pub seed: u64,
    /// The column with the event time of rows, for a keyed operator: the watermark follows it. None: it has none.
    pub event_time: Option<usize>,
}

/// Tries the operator that `request` names. What differs is in the report, and so is what it fails with.
///
/// # Errors
/// If it cannot be bound, or the host has no room for it; if there are more than [`MOST_ROWS`] rows.
pub fn verify(plugin: &Plugin, request: &Request<'_>, limits: &Limits, trial: &Trial<'_>) -> Result<Report> {
    if trial.rows.num_rows() > MOST_ROWS {
        return Err(PluginError::Unsupported(format!(
            "{} rows are too many to try an operator with; the most are {MOST_ROWS}",
            trial.rows.num_rows()
        )));
    }
    let operator = plugin.operator(request.operator, limits)?;
    let bind = || plugin.bind(request, limits);
    let bound = bind()?;
    let mut report = Report::new(&operator.name, operator.kind, trial, bound.hints().deterministic);
    match bound {
        Bound::Aggregate(bound) => aggregate::verify(bound, &bind, trial, &mut report)?,
        Bound::Keyed(bound) => keyed::verify(bound, &bind, request.keys, trial, &mut report)?,
        bound => stateless::verify(bound, &bind, trial, &mut report)?,
    }
    Ok(report)
}

/// How an operator is bound anew, so that no instance of one comparison is met in the next.
type Bind<'a> = &'a (dyn Fn() -> Result<Bound> + Sync);

/// Ten times the usual time, as the second try of a failed call has it: a slow machine is no difference.
const PATIENT: CallOptions = CallOptions { fresh_instance: false, time_factor: 10, time_divisor: 1 };
/// The same on a new instance.
const FRESH: CallOptions = CallOptions { fresh_instance: true, ..PATIENT };

/// How many threads call at once where that is tried.
const THREADS: usize = 4;
