//! A source is known by its name. Under another one it would read everything again, and operators that go on would count
//! each row twice: such a job is refused. A folder that is read by a second source, beside the first, is another matter.

use std::collections::BTreeSet;

use super::environment::OpenSource;
use super::sources::{SOURCE, source_table};
use crate::connector::source::Known;
use crate::name::Name;
use crate::plan::{Edge, Flow, Plan};
use crate::state::{State, Table};
use crate::{Error, ErrorKind, Result};

/// Refuses a job with a new source that would read what a source of the checkpoint which the job has not has read, where
/// an operator behind it has state. `state` holds what the job goes on with.
pub(super) fn refuse(plan: &Plan, state: &State, open: &OpenSource, now: i64) -> Result<()> {
    let of_job: BTreeSet<String> = plan.sources.names().map(|name| source_table(name)).collect();
    let gone = state.tables().filter(|(name, table)| !of_job.contains(*name) && !table.is_empty());
    let gone: Vec<(&str, &Table)> =
        gone.filter_map(|(name, table)| Some((name.strip_prefix(SOURCE)?, table))).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let has_entries = |table: &String| state.table(table).is_some_and(|t| !t.is_empty());
    for (name, planned) in plan.sources.iter() {
        let mut behind = BTreeSet::new();
        reached(&planned.flow, plan, &mut behind);
        let mut behind = plan.stateful.iter().filter(|(state, _)| behind.contains(*state));
        let operator = behind.find(|(_, stateful)| stateful.tables.iter().any(has_entries));
        let (Some((operator, _)), false) = (operator, has_entries(&source_table(name))) else { continue };
        let mut source = open(&planned.spec, &plan.job.text)?;
        source.admit_all();
        let Some(range) = source.plan(now, Known::default())? else { continue };
        // A source that counts its rows has one entry, with no key, whatever it reads.
        let entries = source.entries(&range).into_iter().zip(0u32..).filter(|((key, _), _)| !key.is_empty());
        for ((key, _), number) in entries {
            let Some((before, _)) = gone.iter().find(|(_, table)| table.get(0, &key).is_some()) else { continue };
            let file = source.part_name(&range, number);
            let message = format!(
                "source `{name}` would read {file} again, which `{before}` has read: `{operator}` would count its rows twice"
            );
            return Err(Error::new(ErrorKind::Conflict, message).with_help(format!(
                "call the source `{before}` again, give `{operator}` another name too (its state then begins anew), or start over with --fresh"
            )));
        }
    }
    Ok(())
}

/// The operators that rows can come to.
fn reached(flow: &Flow, plan: &Plan, behind: &mut BTreeSet<Name>) {
    for edge in flow {
        match edge {
            Edge::Through(_, rest) | Edge::EventTime(_, rest) => reached(rest, plan, behind),
            Edge::State { operator, .. } => {
                if behind.insert(operator.clone()) {
                    reached(&plan.stateful[operator].flow, plan, behind);
                }
            }
            Edge::Sink(_) => {}
        }
    }
}
