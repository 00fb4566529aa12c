//! Committed epochs computed again, from the state before them and what their records say: as the job was, and what a changed
//! job would have made of them. Nothing is written, and the checkpoint may be in use.
//!
//! What always holds: an epoch is computed again with the job, the components and the configurations that its record names, the
//! same offsets, the same processing time and the same watermarks; so it must give the same bytes, or something in it is not
//! deterministic, or what it read has changed. Which of both is for whoever looks: what is said is where they part.

mod compare;
mod rows;
mod side;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use millstream_plugin::{Runtime, RuntimeOptions, digest};

pub use compare::SinkDifference;

use self::compare::compare;
use self::side::{Made, Side, World};
use self::told::Told;
use super::environment::Environment;
use super::swap::component_at;
use crate::checkpoint::{Looked, kept_component, kept_job, look, oldest_restorable, read_at};
use crate::executor::Workers;
use crate::job::{Job, PluginChange};
use crate::plan::Components;
use crate::record::{Counters, EpochRecord};
use crate::state::State;
use crate::storage::Storage;
use crate::{Error, Result};

/// Which epochs are computed again, and how.
pub struct Replay {
    /// The epochs.
    pub epochs: RangeInclusive<u64>,
    /// What is computed besides, to be compared; none = only whether the epochs give again what was written.
    pub changed: Option<Changed>,
    /// Where plugins run; none = one of its own.
    pub runtime: Option<Runtime>,
    /// How much is computed at once, at the most; none = as much as the environment's executor has threads.
    pub threads: Option<usize>,
    /// The world outside.
    pub environment: Environment,
}

/// A changed job. The change counts from the first of the epochs on, whatever the job was swapped to in them.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// Another job; none = the one that the first of the epochs was made with.
    pub job: Option<Job>,
    /// Keys of the job that are set.
    pub set: Vec<(String, String)>,
    /// Other versions of its plugins.
    pub plugins: Vec<PluginChange>,
}

/// How the epochs went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many were computed again.
    pub epochs: u64,
    /// How many of them gave what was written.
    pub same: u64,
    /// In how many the changed job gives the same.
    pub same_after: u64,
    /// Rows that were read.
    pub rows_in: u64,
    /// Time to compute them as the job was.
    pub took: Duration,
    /// Time to compute them with the changed job.
    pub took_after: Duration,
    /// Whether there was a changed job.
    pub is_compared: bool,
}

/// What a count of an epoch's rows is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read.
    pub rows_in: u64,
    /// Rows given to all sinks.
    pub rows_out: u64,
    /// Late for every window that they belong to.
    pub late: u64,
    /// Rows that went to the dead letters.
    pub rejected: u64,
}

/// An epoch that was computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedEpoch {
    /// Its number.
    pub epoch: u64,
    /// What was counted when it was committed.
    pub committed: Counts,
    /// What is not as it was committed, in words; none = all is.
    pub unlike: Vec<String>,
    /// What the changed job counts, if there is one.
    pub after: Option<Counts>,
    /// How what the changed job gives differs, by sink; none = it does not.
    pub differences: Vec<SinkDifference>,
}

/// Computes epochs of the checkpoint in `storage` again; `each` is told of one after the other, `note` what else a person should
/// know.
///
/// # Errors
/// An epoch is not there any more, or what it was made with is not; what it read is gone; or the changed job cannot be used.
pub fn replay(
    storage: &dyn Storage,
    options: Replay,
    note: &dyn Fn(&str),
    mut each: impl FnMut(&ReplayedEpoch) -> Result<()>,
) -> Result<Replayed> {
    let looked = look(storage)?;
    let workers = options.environment.executor.workers(options.threads);
    let records = records(&looked, &options.epochs, storage, &workers)?;
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Err(
            Error::invalid("no epoch is named").with_help("name them as N or as N..M, the first one and the last")
        );
    };
    let known = options.environment.connectors.keys();
    let runtime = match &options.runtime {
        None if !first.plugins.is_empty() || !last.plugins.is_empty() || options.changed.is_some() => {
            Some(Runtime::new(RuntimeOptions::default())?)
        }
        runtime => runtime.clone(),
    };
    let committed = AsCommitted { storage, runtime: runtime.clone(), known };
    let (job, components) = committed.of(first)?;
    let world = World {
        runtime,
        environment: &options.environment,
        sources: options.environment.sources(),
        workers,
        partitions: looked.partitions,
        now: last.started,
        told: Told::default(),
    };
    let before = |world: &World| -> Result<(Option<EpochRecord>, State)> {
        match first.epoch.checked_sub(1) {
            None => Ok((None, State::new(looked.partitions).with(&world.workers))),
            Some(epoch) => {
                let at = read_at(storage, Some(epoch), &world.workers)?;
                Ok((Some(at.record), at.state))
            }
        }
    };
    let (start, state) = before(&world)?;
    let mut side = Side::begin(&world, job.clone(), &components, start.as_ref(), state)?;
    // The same job without a change is no other one.
    let is_change = |changed: &&Changed| {
        let is_other = changed.job.as_ref().is_some_and(|job| job.digest() != first.job);
        is_other || !changed.set.is_empty() || !changed.plugins.is_empty()
    };
    let mut after = match options.changed.as_ref().filter(is_change) {
        None => None,
        Some(changed) => {
            let (job, components) = committed.changed(changed, job, components, first)?;
            let (start, state) = before(&world)?;
            Some(Side::begin(&world, job, &components, start.as_ref(), state)?)
        }
    };
    world.told.tell(note)?;

    let mut done = Replayed { is_compared: after.is_some(), ..Replayed::default() };
    let mut noted: BTreeSet<String> = BTreeSet::new();
    let mut previous: Option<&EpochRecord> = None;
    for record in &records {
        if let Some(previous) = previous.filter(|previous| !is_made_alike(previous, record)) {
            let (job, components) = committed.of(record)?;
            side = side.goes_on(&world, job, &components, previous)?;
            drop(world.told.take()?);
        }
        previous = Some(record);
        for name in side.changed_statics(record).filter(|name| noted.insert((*name).clone())) {
            note(&format!("static source `{name}` has other files than it had in epoch {}", record.epoch));
        }
        let made = side.epoch(&world, record)?;
        let mut replayed = ReplayedEpoch {
            epoch: record.epoch,
            committed: Counts::of(&record.counters),
            unlike: unlike(record, &made),
            after: None,
            differences: Vec::new(),
        };
        done.took += made.took;
        done.rows_in += record.counters.rows_in;
        if let Some(after) = &mut after {
            let other = after.epoch(&world, record)?;
            replayed.after = Some(Counts::of(&other.counters));
            done.took_after += other.took;
            for (name, rows) in made.rows.iter() {
                let none = Vec::new();
                let keys = &side.plan().sinks[name].keys;
                let found = compare(name, keys, rows, other.rows.get(name).unwrap_or(&none))?;
                replayed.differences.extend(found);
            }
            for (name, rows) in other.rows.iter().filter(|(name, _)| !made.rows.contains(name)) {
                replayed.differences.extend(compare(name, &after.plan().sinks[name].keys, &[], rows)?);
            }
        }
        done.epochs += 1;
        done.same += u64::from(replayed.unlike.is_empty());
        let is_same = replayed.differences.is_empty() && replayed.after.is_none_or(|after| after == replayed.committed);
        done.same_after += u64::from(is_same);
        each(&replayed)?;
    }
    Ok(done)
}

/// The epochs of the checkpoint in `storage` that can be computed again: the state before them can be restored. None = no epoch
/// is committed.
///
/// # Errors
/// The checkpoint cannot be read.
pub fn replayable(storage: &dyn Storage, workers: &Workers) -> Result<Option<RangeInclusive<u64>>> {
    let looked = look(storage)?;
    let (Some(first), Some(last)) = (looked.epochs.first(), looked.epochs.last()) else { return Ok(None) };
    // Before the first one of all there was no state.
    let oldest = match first.epoch {
        0 => Some(0),
        _ => oldest_restorable(storage, workers)?.map(|epoch| epoch + 1),
    };
    Ok(oldest.map(|oldest| oldest..=last.epoch))
}

/// The records of `epochs`.
fn records(
    looked: &Looked,
    epochs: &RangeInclusive<u64>,
    storage: &dyn Storage,
    workers: &Workers,
) -> Result<Vec<EpochRecord>> {
    let place = storage.describe();
    let Some(there) = replayable(storage, workers)? else {
        return Err(Error::invalid(format!("the checkpoint {place} has no committed epoch")));
    };
    let (oldest, last) = there.into_inner();
    if *epochs.start() < oldest || *epochs.end() > last {
        let wanted = match epochs.start() == epochs.end() {
            true => format!("epoch {}", epochs.start()),
            false => format!("epochs {} to {}", epochs.start(), epochs.end()),
        };
        let there = match oldest > last {
            true => "none of its epochs can be computed again".to_owned(),
            false => format!("epochs {oldest} to {} can be computed again", last),
        };
        let message = format!("{wanted} of the checkpoint {place} is not there: {there}");
        return Err(Error::invalid(message).with_help(
            "name one of these; how many are kept is said by `keep_epochs` and `keep_bytes` in the job's file",
        ));
    }
    Ok(looked.epochs.iter().filter(|record| epochs.contains(&record.epoch)).cloned().collect())
}

/// Whether two epochs were made with the same job, components and configurations.
fn is_made_alike(one: &EpochRecord, other: &EpochRecord) -> bool {
    let configured = |record: &EpochRecord| -> BTreeMap<String, Option<serde_json::Value>> {
        record.swapped.iter().map(|(name, swapped)| (name.clone(), swapped.configurations.clone())).collect()
    };
    one.job == other.job && one.plugins == other.plugins && configured(one) == configured(other)
}

impl Counts {
    fn of(counters: &Counters) -> Self {
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum();
        Self {
            rows_in: counters.rows_in,
            rows_out: sum(&counters.rows_out),
            late: sum(&counters.late),
            rejected: sum(&counters.rejected),
        }
    }
}

/// What of an epoch is not as it was committed.
fn unlike(record: &EpochRecord, made: &Made) -> Vec<String> {
    let mut unlike = Vec::new();
    let mut differ = |what: String, before: u64, now: u64| {
        if before != now {
            unlike.push(format!("{what}: {now} instead of {before}"));
        }
    };
    let (before, now) = (&record.counters, &made.counters);
    differ("rows read".to_owned(), before.rows_in, now.rows_in);
    for (what, before, now) in [
        ("rows given to", &before.rows_out, &now.rows_out),
        ("rows late at", &before.late, &now.late),
        ("rows rejected at", &before.rejected, &now.rejected),
    ] {
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for name in names {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
            differ(format!("{what} `{name}`"), count(before), count(now));
        }
    }
    let mut written: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for output in &record.outputs {
        written.entry(&output.sink).or_default().push(&output.digest);
    }
    for (sink, digests) in &made.outputs {
        let before = written.remove(sink.as_str()).unwrap_or_default();
        if *digests != before {
            unlike.push(format!("sink `{sink}` gets other bytes than were written"));
        }
    }
    unlike
}

/// Finds what epochs were made with.
struct AsCommitted<'a> {
    storage: &'a dyn Storage,
    runtime: Option<Runtime>,
    known: Vec<crate::job::ConnectorKeys>,
}

impl AsCommitted<'_> {
    /// The job that an epoch was made with, and its components.
    fn of(&self, record: &EpochRecord) -> Result<(Job, Components)> {
        let job = kept_job(self.storage, &record.job, &self.known, &[])?;
        self.with_components(job, record)
    }

    fn with_components(&self, mut job: Job, record: &EpochRecord) -> Result<(Job, Components)> {
        for (name, swapped) in &record.swapped {
            let configurations = swapped.configurations.clone();
            job = job.with_plugin(&PluginChange { plugin: name.clone(), configurations, ..PluginChange::default() })?;
        }
        let mut components = Components::new();
        for (name, wanted) in &record.plugins {
            let Some(spec) = job.plugins.get(name) else { continue };
            let bytes = match kept_component(self.storage, wanted) {
                Ok(bytes) => bytes,
                Err(e) => match &self.runtime {
                    Some(runtime) => match runtime.component(&spec.path.value) {
                        Ok(bytes) if digest(&bytes) == *wanted => bytes,
                        _ => return Err(e.context(format!("plugin `{name}`"))),
                    },
                    None => return Err(e.context(format!("plugin `{name}`"))),
                },
            };
            components.insert(name.clone(), bytes.into());
        }
        Ok((job, components))
    }

    /// The changed job: `job` with `components`, which `record` was made with, and the change.
    fn changed(
        &self,
        changed: &Changed,
        job: Job,
        mut components: Components,
        record: &EpochRecord,
    ) -> Result<(Job, Components)> {
        let mut job = match &changed.job {
            // Its file says which components it uses.
            Some(other) if other.digest() != record.job => {
                components = Components::new();
                other.clone()
            }
            _ if changed.set.is_empty() => job,
            _ => {
                let set = kept_job(self.storage, &record.job, &self.known, &changed.set)?;
                self.with_components(set, record)?.0
            }
        };
        for change in &changed.plugins {
            job = job.with_plugin(change)?;
            if let (Some(path), Some(runtime)) = (&change.path, &self.runtime) {
                let named = |e: Error| e.context(format!("plugin `{}`", change.plugin));
                components.insert(change.plugin.clone(), component_at(runtime, path).map_err(named)?.into());
            }
        }
        Ok((job, components))
    }
}
