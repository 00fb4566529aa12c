//! Another version of a plugin that answers for a share of the keys, beside the version that has all of them: the plan with
//! both, and what the new one begins with.
//!
//! What always holds: the version before calls its function with all keys and keeps all states, so the job can go on without
//! the new one after any epoch. The new one's states are in tables of their own, which are dropped with it.

use serde::{Deserialize, Serialize};

use super::branches;
use super::canary_tables::{canary_of, canary_table};
use super::take_up::{as_recorded, node_of, states_to_bring_over};
use super::takes_place::check_takes_place;
use crate::executor::Workers;
use crate::name::Name;
use crate::operator::fingerprint::Old;
use crate::operator::keyed::{Keyed, KeyedCanary, keyed_of};
use crate::plan::{Plan, PlannedStateful};
use crate::share::Share;
use crate::state::State;
use crate::{Error, ErrorKind, Result};

/// How a canary is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryTerms {
    /// The keys that it answers for.
    pub share: Share,
    /// The job is swapped to it after so many clean epochs with rows of its keys, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote_after: Option<u64>,
}

fn is_of<'k>(keyed: Option<&'k Keyed>, plugin: &str) -> Option<&'k Keyed> {
    let called = keyed?.plugin()?;
    let name = called.split('.').next().unwrap_or(&called).to_owned();
    keyed.filter(|_| name == plugin)
}

/// Puts the canary of `plugin` that `alone` has beside `plan`, which is the same job without it, for a share of the keys; gives
/// what is to be brought over for it, by the names of the states.
///
/// # Errors
/// `alone` cannot take the place of `plan`, or not for some keys.
pub(super) fn combine(
    plan: &mut Plan,
    mut alone: Plan,
    state: &State,
    plugin: &str,
    share: Share,
) -> Result<Vec<(Name, Old)>> {
    let recorded = as_recorded(plan);
    branches::find(&mut alone, &recorded, state)?;
    check_takes_place(plan, &alone)?;
    let olds = states_to_bring_over(&alone, &recorded)?;
    let olds = olds.into_iter().map(|(stateful, old)| (stateful.name.clone(), old)).collect();
    put_beside(plan, &alone, plugin, share)?;
    Ok(olds)
}

/// Puts the keyed operators that `new` has of `plugin` beside those of `plan`, whose states have the same names, for a share
/// of their keys.
///
/// # Errors
/// The plugin is used for something without keys, or the new version does not take the place of the one before in all.
fn put_beside(plan: &mut Plan, new: &Plan, plugin: &str, share: Share) -> Result<()> {
    if !plan.plugins.has_keyed_only(plugin) || !new.plugins.has_keyed_only(plugin) {
        let message =
            format!("plugin `{plugin}` has operators without keys of their own, and a canary answers for some keys");
        return Err(refused(message));
    }
    for (name, source) in plan.sources.iter() {
        if new.sources[name].columns != source.columns {
            return Err(refused(format!(
                "the new version reads other columns of `{name}`, which the job does not read at present"
            )));
        }
    }
    let mut found = false;
    for (name, stateful) in plan.stateful.iter_mut() {
        let Some(before) = is_of(keyed_of(&stateful.operator), plugin) else { continue };
        let after = new.stateful.get(name).and_then(|new| is_of(keyed_of(&new.operator), plugin));
        let after = after.ok_or_else(|| refused(format!("`{}` would be another operator", node_of(name))))?;
        let both = KeyedCanary::new(before, after, share)?;
        let own = both.own_tables().iter().map(|of| match of.is_empty() {
            true => canary_table(name),
            false => format!("{}.{of}", canary_table(name)),
        });
        stateful.tables.extend(own);
        stateful.operator = std::sync::Arc::new(both);
        found = true;
    }
    match found {
        true => Ok(()),
        false => Err(refused(format!("no operator of the job uses plugin `{plugin}`"))),
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Conflict, message).with_help("swap to it, or try it in the shadow")
}

/// The operators of `plan` that have a canary.
pub(super) fn canaries(plan: &Plan) -> impl Iterator<Item = (&PlannedStateful, &KeyedCanary)> {
    plan.stateful.values().filter_map(|stateful| Some((stateful, stateful.operator.as_any().downcast_ref()?)))
}

/// Gives the canaries of `plan` what the versions before have of their keys; `olds` is what is to be brought over.
///
/// # Errors
/// The plugin cannot.
pub(super) fn fork(plan: &Plan, olds: &[(Name, Old)], state: &mut State, workers: &Workers) -> Result<()> {
    let nothing = Old::default();
    for (stateful, canary) in canaries(plan) {
        let old = olds.iter().find(|(name, _)| *name == stateful.name).map_or(&nothing, |(_, old)| old);
        canary.fork(old, &mut state.tables_named(&stateful.tables), workers)?;
    }
    Ok(())
}

/// Drops what the canaries of `plan` keep.
pub(super) fn drop_states(plan: &Plan, state: &mut State) {
    for (stateful, _) in canaries(plan) {
        stateful.tables.iter().filter(|table| canary_of(table).is_some()).for_each(|table| state.drop_table(table));
    }
}
