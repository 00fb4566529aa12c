//! A job as it was and a changed one, side by side over the same epochs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::changed::{Changed, is_made_alike};
use super::compare::compare;
use super::report::{Counts, ReplayedEpoch, unlike};
use super::side::{Made, Side, Version, World};
use crate::executor::Workers;
use crate::name::Name;
use crate::record::{CanaryVersion, EpochRecord};
use crate::run::as_committed::AsCommitted;
use crate::run::takes_place::check_takes_place;
use crate::state::State;
use crate::storage::Storage;
use crate::{Error, Result};

/// Both, between two epochs.
pub(super) struct Pair<'a> {
    world: World<'a>,
    committed: AsCommitted<'a>,
    side: Side,
    after: Option<Side>,
    keys: BTreeMap<String, Vec<String>>,
    /// The epoch before, of those that were computed.
    previous: Option<EpochRecord>,
    noted: BTreeSet<String>,
}

/// What the epoch of `record` was made with.
fn version_of(committed: &AsCommitted<'_>, record: &EpochRecord) -> Result<Version> {
    let (job, components) = committed.of(record)?;
    let canary = committed.canary(record, &job, &components)?;
    Ok(Version { job, components, canary })
}

/// Gives the state to begin with, and the epoch after which it is: once for each side.
pub(super) type Before<'b> = dyn Fn(&Workers) -> Result<(Option<EpochRecord>, State)> + 'b;

impl<'a> Pair<'a> {
    /// Begins with what `before` gives; the job as it was is that of `made_with`. State that the changed job cannot use is dropped
    /// if it may be.
    pub fn begin(
        world: World<'a>,
        storage: &'a dyn Storage,
        made_with: &EpochRecord,
        before: &Before<'_>,
        (changed, may_drop): (Option<&Changed>, bool),
        keys: BTreeMap<String, Vec<String>>,
        note: &dyn Fn(&str),
    ) -> Result<Self> {
        let known = world.environment.connectors.keys();
        let committed = AsCommitted { storage, runtime: world.runtime.clone(), known };
        let begin = |version, may_drop| {
            let (start, state) = before(&world.workers)?;
            Side::begin(&world, version, start.as_ref(), state, may_drop)
        };
        let version = version_of(&committed, made_with)?;
        let (job, components) = (version.job.clone(), version.components.clone());
        // It has dropped what it could not use, if it was allowed to.
        let side = begin(version, true)?;
        // That was said when the job ran.
        drop(world.told.take()?);
        // The same job without a change is no other one.
        let after = match changed.filter(|changed| changed.is_change(made_with)) {
            None => None,
            Some(changed) => {
                let (job, components) = committed.changed(changed, job, components, made_with)?;
                Some(begin(Version { job, components, canary: None }, may_drop)?)
            }
        };
        world.told.tell(note)?;
        for (sink, columns) in &keys {
            let planned = [Some(&side), after.as_ref()].into_iter().flatten().find_map(|s| s.plan().sinks.get(sink));
            let Some(planned) = planned else {
                let names: Vec<String> = side.plan().rows_sinks().map(|s| format!("`{}`", s.spec.name.value)).collect();
                let error = Error::invalid(format!("the job has no sink `{sink}`, whose keys are named"));
                return Err(error.with_help(format!("its sinks are {}", names.join(", "))));
            };
            if let Some(unknown) = columns.iter().find(|column| planned.schema.index_of(column).is_err()) {
                let there: Vec<String> = planned.schema.fields().iter().map(|f| format!("`{}`", f.name())).collect();
                let error = Error::invalid(format!("sink `{sink}` has no column `{unknown}`"));
                return Err(error.with_help(format!("its columns are {}", there.join(", "))));
            }
        }
        Ok(Self { world, committed, side, after, keys, previous: None, noted: BTreeSet::new() })
    }

    /// The epoch before the first one, with which the job as it was had been made.
    pub fn after(self, previous: EpochRecord) -> Self {
        Self { previous: Some(previous), ..self }
    }

    /// Whether there is a changed job.
    pub fn is_compared(&self) -> bool {
        self.after.is_some()
    }

    /// Refuses a changed job that a running one could not be swapped to.
    pub fn check_takes_place(&self) -> Result<()> {
        self.after.as_ref().map_or(Ok(()), |after| check_takes_place(self.side.plan(), after.plan()))
    }

    /// Computes the next epoch with both.
    pub fn epoch(&mut self, record: &EpochRecord, note: &dyn Fn(&str)) -> Result<ReplayedEpoch> {
        if let Some(previous) = self.previous.as_ref().filter(|previous| !is_made_alike(previous, record)) {
            self.side.goes_on(&self.world, version_of(&self.committed, record)?, previous)?;
            drop(self.world.told.take()?);
        }
        let statics = self.side.changed_statics(record).map(|name| {
            let told = format!("static source `{name}` has other files than it had in epoch {}", record.epoch);
            (name.clone(), told)
        });
        let canary = record.canary.as_ref().filter(|_| self.after.is_some()).map(|canary| {
            let CanaryVersion { plugin, share, since, .. } = canary;
            let told = format!(
                "a canary answered for {share} of the keys of plugin `{plugin}` since epoch {since}; the changed job has none"
            );
            (format!("{plugin} {since}"), told)
        });
        for (what, told) in statics.chain(canary) {
            if self.noted.insert(what) {
                note(&told);
            }
        }
        let made = self.side.epoch(&self.world, record)?;
        let mut replayed = ReplayedEpoch {
            epoch: record.epoch,
            committed: Counts::of(&record.counters),
            again: Counts::of(&made.counters),
            unlike: unlike(record, &made),
            after: None,
            differences: Vec::new(),
            took: made.took,
            took_after: Duration::ZERO,
            fuel: made.fuel,
            fuel_after: None,
        };
        if let Some(after) = &mut self.after {
            let other = after.epoch(&self.world, record).map_err(|e| e.context("the changed job"))?;
            replayed.after = Some(Counts::of(&other.counters));
            (replayed.took_after, replayed.fuel_after) = (other.took, other.fuel);
            self.compare(&made, &other, &mut replayed)?;
        }
        self.previous = Some(record.clone());
        Ok(replayed)
    }

    fn compare(&self, made: &Made, other: &Made, replayed: &mut ReplayedEpoch) -> Result<()> {
        let keys_of = |name: &Name, side: &Side| match self.keys.get(&**name) {
            Some(keys) => keys.clone(),
            None => side.plan().sinks[name].keys.clone(),
        };
        let none = Vec::new();
        for (name, rows) in made.rows.iter() {
            let keys = keys_of(name, &self.side);
            let found = compare(name, &keys, rows, other.rows.get(name).unwrap_or(&none))?;
            replayed.differences.extend(found);
        }
        let Some(after) = &self.after else { return Ok(()) };
        for (name, rows) in other.rows.iter().filter(|(name, _)| !made.rows.contains(name)) {
            replayed.differences.extend(compare(name, &keys_of(name, after), &[], rows)?);
        }
        Ok(())
    }
}
