//! A job meets the state of its checkpoint: what fits is used, what belongs to nobody any more is dropped, what was changed
//! is refused.
//!
//! What always holds: a table is used only by the operator that the last record names for it, with a fingerprint that says
//! that both mean the same by it. All else that the state holds is dropped here, but for what sources have read. It is
//! done in memory, before the first epoch, and so is part of that epoch's change of state: as long as none is
//! committed, nothing has happened, and the job as it was finds its state.

use std::collections::{BTreeMap, BTreeSet};

use super::beside::tables::brought_over_from;
use super::canary_tables::canary_of;
use super::report::Observer;
use super::sources::{SOURCE, source_table};
use crate::executor::Workers;
use crate::operator::fingerprint::{Fit, Misfit, Old, OldStates};
use crate::plan::{Plan, PlannedStateful};
use crate::record::EpochRecord;
use crate::state::{State, Table};
use crate::{Error, ErrorKind, Result};

/// Makes `state`, which is that after `last`, the state that `plan` begins with, and says what the difference means.
/// `maker` is the name of the job that the checkpoint was made for; `may_drop`: what does not fit is dropped instead of refused.
///
/// # Errors
/// What is stored does not mean what the job means by it, or a plugin cannot bring its old states over. Nothing of it is
/// durable.
pub(super) fn take_up(
    plan: &Plan,
    last: &EpochRecord,
    maker: &str,
    may_drop: bool,
    state: &mut State,
    observer: &dyn Observer,
    workers: &Workers,
) -> Result<()> {
    let fitting = match may_drop {
        true => known(plan, last).filter_map(|(stateful, fit)| Some((stateful, fit.ok()?))).collect(),
        false => states_to_bring_over(plan, last)?,
    };
    // Of a query with several states one message is enough.
    for name in plan.stateful.names().filter(|name| !last.stateful.contains_key(&***name) && !name.contains('/')) {
        observer.message(&format!("`{name}` is new: its state begins with the next epoch"));
    }
    if fitting.is_empty() && !last.stateful.is_empty() && maker != plan.job.name && !may_drop {
        return Err(refuse_another_jobs(plan, last, maker));
    }
    for (name, node) in plan.watermarks.iter() {
        let column = &node.column;
        if last.event_time_columns.get(&**name).is_some_and(|before| before != column) {
            observer.message(&format!("the event time of `{name}` is `{column}` now: its watermark begins anew"));
        }
    }
    drop_the_rest(plan, &fitting, last, state, observer);
    tell_of_sources(plan, state, observer);
    bring_over(fitting, state, observer, workers)?;
    if last.job != plan.job.digest() {
        let fits = if unusable(plan, last).is_empty() { "; its state still fits" } else { "" };
        observer.message(&format!("the job was changed since its last epoch{fits}"));
    }
    for (name, digest) in &plan.plugins.digests() {
        if last.plugins.get(name).is_some_and(|before| before != digest) {
            observer.message(&format!("plugin `{name}` was replaced: it is used from the next epoch on"));
        }
    }
    Ok(())
}

/// What records say of the stateful operators of `plan`.
pub(super) fn fingerprints(plan: &Plan) -> BTreeMap<String, serde_json::Value> {
    let stateful = plan.stateful.iter();
    stateful.map(|(name, stateful)| (name.to_string(), plan.fingerprint(stateful).told())).collect()
}

/// What a record would say of a job that does `plan`, as far as states go.
pub(super) fn as_recorded(plan: &Plan) -> EpochRecord {
    EpochRecord { job: plan.job.digest().to_owned(), stateful: fingerprints(plan), ..EpochRecord::default() }
}

/// The states of `plan` that `last` knows, each with what of it is of an older version.
///
/// # Errors
/// One does not mean what the plan means by it.
pub(super) fn states_to_bring_over<'p>(plan: &'p Plan, last: &EpochRecord) -> Result<Vec<(&'p PlannedStateful, Old)>> {
    let or_refuse = |(stateful, fit): (&'p PlannedStateful, std::result::Result<Old, Misfit>)| match fit {
        Ok(old) => Ok((stateful, old)),
        Err(misfit) => Err(refuse(stateful, misfit)),
    };
    known(plan, last).map(or_refuse).collect()
}

/// The states of `plan` that `last` knows, and whether each can be used.
fn known<'p>(
    plan: &'p Plan,
    last: &EpochRecord,
) -> impl Iterator<Item = (&'p PlannedStateful, std::result::Result<Old, Misfit>)> {
    let known = plan.stateful.iter().filter_map(|(name, stateful)| Some((stateful, last.stateful.get(&**name)?)));
    known.map(|(stateful, noted)| (stateful, fit(stateful, noted, last, plan)))
}

/// What of the states that `last` knows `plan` would drop: the operator's name, and why.
pub(super) fn unusable(plan: &Plan, last: &EpochRecord) -> BTreeMap<String, String> {
    let misfits =
        known(plan, last).filter_map(|(stateful, fit)| Some((node_of(&stateful.name).to_owned(), fit.err()?.what)));
    let mut unusable: BTreeMap<String, String> = misfits.collect();
    let gone = last.stateful.keys().filter(|name| !plan.stateful.contains(name));
    for name in gone {
        unusable.entry(node_of(name).to_owned()).or_insert_with(|| "the job has no such state".to_owned());
    }
    unusable
}

/// Brings what is of older versions over, in `state`.
///
/// # Errors
/// A plugin cannot.
pub(super) fn bring_over(
    states: Vec<(&PlannedStateful, Old)>,
    state: &mut State,
    observer: &dyn Observer,
    workers: &Workers,
) -> Result<()> {
    for (stateful, old) in states.into_iter().filter(|(_, old)| !old.is_nothing()) {
        stateful.operator.bring_over(&old, &mut state.tables_named(&stateful.tables), workers)?;
        tell_brought_over(&stateful.name, &old, observer);
    }
    Ok(())
}

/// Says that what `old` names of the states `state` was brought over.
pub(super) fn tell_brought_over(state: &str, old: &Old, observer: &dyn Observer) {
    let name = node_of(state);
    if old.lists {
        observer.message(&format!(
            "`{name}`: an earlier version kept the values of DISTINCT in the states of sessions; they were brought over"
        ));
    }
    for OldStates { plugin, version, .. } in &old.plugins {
        observer.message(&format!("`{name}`: its states of version {version} of plugin `{plugin}` were brought over"));
    }
}

/// A source is known by its name: under another one it reads everything, whatever the operators behind it have seen.
fn tell_of_sources(plan: &Plan, state: &State, observer: &dyn Observer) {
    let tables: BTreeSet<String> = plan.sources.names().map(|name| source_table(name)).collect();
    let gone =
        state.tables().any(|(name, table)| name.starts_with(SOURCE) && !table.is_empty() && !tables.contains(name));
    let has_read = |table: &String| state.table(table).is_some_and(|t| !t.is_empty());
    for table in tables.iter().filter(|table| gone && !has_read(table)) {
        let source = table.trim_start_matches(SOURCE);
        observer.message(&format!("source `{source}` is new: it is read from its beginning"));
    }
}

/// Drops the tables that are none of `fitting`.
fn drop_the_rest(
    plan: &Plan,
    fitting: &[(&PlannedStateful, Old)],
    last: &EpochRecord,
    state: &mut State,
    observer: &dyn Observer,
) {
    let kept: BTreeSet<&str> = fitting.iter().flat_map(|(s, _)| s.tables.iter().map(String::as_str)).collect();
    let (mut orphans, mut canaries): (BTreeSet<String>, BTreeSet<String>) = Default::default();
    let is_orphan = |name: &str, table: &Table| !name.starts_with(SOURCE) && !kept.contains(name) && !table.is_empty();
    let dropped = state.tables().filter(|(name, table)| is_orphan(name, table)).map(|(name, _)| name.to_owned());
    for name in dropped.collect::<Vec<_>>() {
        state.drop_table(&name);
        if let Some(of) = brought_over_from(&name) {
            observer.message(&format!(
                "the states of `{}` were being brought over for a swap when the job ended; it goes on as it was",
                node_of(of)
            ));
        } else if let Some(of) = canary_of(&name) {
            canaries.insert(node_of(of).to_owned());
        } else {
            orphans.insert(node_of(&name).to_owned());
        }
    }
    for of in canaries {
        observer.message(&format!(
            "a canary answered for some keys of `{of}`: it has ended with the job, and its states are dropped"
        ));
    }
    let used: BTreeSet<&str> = fitting.iter().map(|(s, _)| &*s.name).collect();
    for name in last.stateful.keys().filter(|name| !used.contains(name.as_str()) && !name.contains('/')) {
        orphans.remove(name);
        let why = match plan.stateful.contains(name) {
            true => "does not fit any more",
            false => "is gone from the job",
        };
        observer.message(&format!("`{name}` {why}: its state is dropped with the next epoch"));
    }
    // Versions before `docs/decisions/0007` kept it for ever.
    for name in orphans {
        observer
            .message(&format!("the checkpoint has state of an earlier `{name}`: it is dropped with the next epoch"));
    }
}

/// The node that a state or a table belongs to: a query's second state is `node/1`, its table of timers `node/1.timers`.
pub(super) fn node_of(name: &str) -> &str {
    name.split(['/', '.']).next().unwrap_or(name)
}

/// Nothing of what the checkpoint holds is of this job, which has another name than the one that made it: it is in the
/// wrong folder, and would drop all of it.
fn refuse_another_jobs(plan: &Plan, last: &EpochRecord, maker: &str) -> Error {
    let operators: BTreeSet<String> = last.stateful.keys().map(|name| format!("`{}`", node_of(name))).collect();
    let operators: Vec<String> = operators.into_iter().collect();
    let message = format!(
        "the checkpoint is that of job `{maker}` and holds the state of {}, which job `{}` has not",
        operators.join(", "),
        plan.job.name
    );
    Error::new(ErrorKind::Conflict, message).with_help(format!(
        "give this job a checkpoint of its own; or name it `{maker}`, and that state is dropped; or start over with --fresh"
    ))
}

fn refuse(stateful: &PlannedStateful, Misfit { what, help }: Misfit) -> Error {
    let name = node_of(&stateful.name);
    let message = format!("the checkpoint's state of `{name}` does not fit any more: {what}");
    let help = help.as_deref().unwrap_or("undo the change, give");
    let help = format!("{help} the operator another name (its state then begins anew), or start over with --fresh");
    Error::new(ErrorKind::Conflict, message).with_help(help)
}

/// What of the state of `stateful` is to be brought over before it can be used; `noted` is what `last` says of it.
fn fit(
    stateful: &PlannedStateful,
    noted: &serde_json::Value,
    last: &EpochRecord,
    plan: &Plan,
) -> std::result::Result<Old, Misfit> {
    let refused = |what: &str, help: Option<&str>| Err(Misfit { what: what.to_owned(), help: help.map(str::to_owned) });
    if let Some(text) = noted.as_str() {
        let former = stateful.operator.former_fingerprint();
        if text != former.text {
            let what =
                "its keys, window or aggregates were changed, or are kept in another way by this version of Millstream";
            return refused(what, None);
        }
        if !former.is_enough && last.job != plan.job.digest() {
            let what =
                "an older version of Millstream has not noted all that decides what it means, and the job was changed";
            return refused(what, Some("undo all changes of the job until this version has committed an epoch, give"));
        }
        return Ok(Old::default());
    }
    match plan.fingerprint(stateful).fits(noted) {
        Fit::AsItIs => Ok(Old::default()),
        Fit::After(old) => Ok(old),
        Fit::No(misfit) => Err(misfit),
    }
}
