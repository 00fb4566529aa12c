//! How much memory a job's state may take: where the job says so, an epoch that would leave more of it stops the job, in
//! words that say whose state it is, instead of the machine, without any.

use super::beside::tables::brought_over_from;
use crate::plan::Plan;
use crate::state::State;
use crate::{Error, ErrorKind, Result};

/// Refuses state that takes more memory than `plan`'s job allows.
///
/// # Errors
/// [`ErrorKind::Quota`]. The epoch that it was found in is not committed.
pub(super) fn refuse_too_much(plan: &Plan, state: &State) -> Result<()> {
    let Some(most) = plan.job.max_state_memory else { return Ok(()) };
    // What is brought over for another version may be given up, and the job goes on.
    let own = state.tables().filter(|(name, _)| brought_over_from(name).is_none());
    let taken = own.map(|(_, table)| table.memory() as u64).sum::<u64>();
    if taken <= most {
        return Ok(());
    }
    let of_operators = plan.stateful.values().map(|stateful| {
        let tables = stateful.tables.iter().filter_map(|name| state.table(name));
        (tables.map(|table| table.memory() as u64).sum::<u64>(), stateful.node())
    });
    let whose = match of_operators.max() {
        Some((most, node)) => format!(", {} of them that of `{node}`", in_mib(most)),
        None => String::new(),
    };
    let message = format!(
        "the job's state takes {} of memory{whose}, and may take {} (`max_state_memory`)",
        in_mib(taken),
        in_mib(most)
    );
    Err(Error::new(ErrorKind::Quota, message).with_help(
        "keep less (fewer keys, shorter windows or waits, a shorter watermark delay), or raise max_state_memory; the epochs before this one are committed",
    ))
}

/// Refuses states of two versions side by side that take more memory than `plan`'s job allows.
///
/// # Errors
/// [`ErrorKind::Quota`]: the job goes on with the one.
pub(super) fn refuse_both(plan: &Plan, state: &State) -> Result<()> {
    let Some(most) = plan.job.max_state_memory else { return Ok(()) };
    if state.memory() as u64 <= most {
        return Ok(());
    }
    let message = format!(
        "its states of both versions would take more memory than the job's state may, which is {} (`max_state_memory`)",
        in_mib(most)
    );
    let help =
        "raise max_state_memory; or stop the job and start it with the new version, where there is one state at a time";
    Err(Error::new(ErrorKind::Quota, message).with_help(help))
}

fn in_mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
