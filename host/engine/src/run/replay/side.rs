//! One version of a job at the epochs that are computed again: its plan, its state, its sinks, which publish nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::record_batch::RecordBatch;

use super::rows::{TakenRows, Taking};
use super::told::Told;
use crate::connector::memory::MemoryTables;
use crate::connector::sink::{Folders, Sink, SinkContext};
use crate::executor::Workers;
use crate::fault::Faults;
use crate::job::{Job, Trigger};
use crate::name::{Name, Named};
use crate::panics;
use crate::plan::{Components, Plan};
use crate::record::{CanaryVersion, Counters, EpochRecord, SourceRange, WatermarkPair};
use crate::run::as_committed::CommittedCanary;
use crate::run::canary::{combine, fork};
use crate::run::environment::{Environment, OpenSource};
use crate::run::epoch::{EpochOutcome, EpochPlan, compute};
use crate::run::progress::{Progress, SourceInput};
use crate::run::report::Silent;
use crate::run::sinks::build_sinks;
use crate::run::sources::{LiveSource, live_sources};
use crate::run::statics::read_all;
use crate::run::take_up::take_up;
use crate::run::{branches, check_with};
use crate::state::State;
use crate::storage::faulty::FaultyStorage;
use crate::{Error, ErrorKind, Result};

use millstream_plugin::Runtime;

/// What all sides share.
pub(super) struct World<'a> {
    /// None where no job has plugins.
    pub runtime: Option<Runtime>,
    pub environment: &'a Environment,
    pub sources: OpenSource,
    pub workers: Workers,
    pub partitions: u32,
    /// Processing time, to read static sources by.
    pub now: i64,
    pub told: Told,
}

/// What a side is made with.
pub(super) struct Version {
    pub job: Job,
    pub components: Components,
    pub canary: Option<CommittedCanary>,
}

/// A version of the job between two epochs.
pub(super) struct Side {
    plan: Plan,
    sources: Named<LiveSource>,
    sinks: Sinks,
    taken: Named<TakenRows>,
    state: State,
    progress: Progress,
    /// Digests of the static sources as they are now.
    statics: BTreeMap<String, String>,
    /// Where its plugins run, and are counted apart from those of other sides.
    runtime: Option<Runtime>,
}

/// What a side has made of an epoch.
pub(super) struct Made {
    pub counters: Counters,
    /// Per sink, digests of the outputs that would be published.
    pub outputs: BTreeMap<String, Vec<String>>,
    /// Per sink of rows.
    pub rows: Named<Vec<RecordBatch>>,
    pub took: Duration,
    /// What calls of plugins have consumed; none where it is not counted, or there are no plugins.
    pub fuel: Option<u64>,
}

impl Side {
    /// The job of `version` after `last`, whose state is `state`. State that it cannot use is dropped if it may be, which is told.
    ///
    /// # Errors
    /// The job cannot be used, or not with this state.
    pub fn begin(
        world: &World<'_>,
        version: Version,
        last: Option<&EpochRecord>,
        mut state: State,
        may_drop: bool,
    ) -> Result<Self> {
        let World { runtime, environment, sources, workers, partitions, now, told } = world;
        let runtime = runtime.as_ref().map(Runtime::apart);
        let check = |job: Job, components: &Components| {
            check_with(job, runtime.as_ref(), &environment.connectors, sources, *partitions, components)
        };
        let Version { job, components, canary } = version;
        let maker = job.name.clone();
        let mut plan = check(job, &components)?;
        if let Some(last) = last {
            branches::find(&mut plan, last, &state)?;
        }
        let take_up = |plan: &Plan, state: &mut State| {
            last.map_or(Ok(()), |last| take_up(plan, last, &maker, may_drop, state, told, workers))
        };
        match canary {
            None => take_up(&plan, &mut state)?,
            Some(CommittedCanary { version: CanaryVersion { plugin, share, since, .. }, job, components }) => {
                let alone = check(job, &components)?;
                let begins = last.is_none_or(|last| last.epoch < since);
                if begins {
                    take_up(&plan, &mut state)?;
                }
                let olds = combine(&mut plan, alone, &state, &plugin, share)?;
                match begins {
                    true => fork(&plan, &olds, &mut state, workers)?,
                    // What the canary has is in the state.
                    false => take_up(&plan, &mut state)?,
                }
            }
        }
        let statics = read_all(&plan, sources, *now, &Silent)?.versions;
        let live = live_sources(&plan, &state, Trigger::Continuous, sources, None, *now, &Silent)?;
        let (sinks, taken) = taking_sinks(&plan, last)?;
        let progress = Progress::after(&plan, last);
        let statics = statics.into_iter().map(|(name, version)| (name, version.digest)).collect();
        Ok(Self { plan, sources: live, sinks, taken, state, progress, statics, runtime })
    }

    /// Its state is taken up by another version of the job.
    pub fn goes_on(&mut self, world: &World<'_>, version: Version, last: &EpochRecord) -> Result<()> {
        let state = std::mem::replace(&mut self.state, State::new(world.partitions));
        *self = Self::begin(world, version, Some(last), state, true)?;
        Ok(())
    }

    /// What it does.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Static sources that have other rows now than `record` says.
    pub fn changed_statics<'a>(&'a self, record: &'a EpochRecord) -> impl Iterator<Item = &'a String> {
        let before = |name: &String| record.statics.get(name).map(|version| &version.digest);
        self.statics
            .iter()
            .filter(move |(name, now)| before(name).is_some_and(|before| before != *now))
            .map(|(name, _)| name)
    }

    /// Computes the epoch of `record` again.
    pub fn epoch(&mut self, world: &World<'_>, record: &EpochRecord) -> Result<Made> {
        panics::as_error(|| self.compute(world, record)).map_err(|e| e.context(format!("epoch {}", record.epoch)))
    }

    fn compute(&mut self, world: &World<'_>, record: &EpochRecord) -> Result<Made> {
        let now = record.started;
        let ranges =
            self.plan.sources.names().filter_map(|name| Some((name.clone(), record.ranges.get(&**name)?.clone())));
        let ranges: Named<_> = ranges.collect();
        if let Some((name, _)) = ranges.iter().find(|(_, range)| matches!(range, SourceRange::Spooled { .. })) {
            let message = format!("what was pushed to source `{name}` is gone since the epoch is committed");
            return Err(Error::invalid(message).with_help("only epochs without such rows can be computed again"));
        }
        let reads = self.sources.map(|name, live| SourceInput::of(ranges.get(name), live));
        let mut decided = match record.finished {
            true => self.progress.decide_final(),
            false => self.progress.decide(&self.plan, &reads, now),
        };
        for (name, pair) in decided.pairs.iter_mut() {
            if let Some(recorded) = self.recorded_pair(name, record) {
                *pair = recorded;
            }
        }
        let fuel = self.fuel();
        let planned = EpochPlan { epoch: record.epoch, started: now, ranges, pairs: decided.pairs.clone() };
        let environment = &world.environment;
        let outcome = compute(
            &self.plan,
            &planned,
            &self.sources,
            &mut self.sinks,
            &mut self.state,
            &world.workers,
            environment,
        )?;
        let result = match outcome {
            EpochOutcome::Computed(result) => result,
            EpochOutcome::GivenUp(gone) => {
                let gone: Vec<String> = gone.keys().map(|name| format!("`{name}`")).collect();
                let message = format!("source {} cannot be read at present", gone.join(", "));
                return Err(Error::new(ErrorKind::Unavailable, message).with_help("try again when it is there"));
            }
        };
        self.progress.advance(&self.plan, &decided, &result.seen, now);
        drop(self.state.take_changes());
        let outputs = result.prepared.iter().map(|(name, prepared)| {
            (name.to_string(), prepared.outputs.iter().map(|output| output.digest.clone()).collect())
        });
        let rows = self.taken.iter().map(|(name, taken)| Ok((name.clone(), taken.take()?)));
        Ok(Made {
            outputs: outputs.collect(),
            rows: rows.collect::<Result<_>>()?,
            counters: result.counters,
            took: result.took,
            fuel: self.fuel().zip(fuel).map(|(now, before)| now - before),
        })
    }

    /// What calls of its plugins have consumed up to now.
    fn fuel(&self) -> Option<u64> {
        self.runtime.as_ref().filter(|_| !self.plan.job.plugins.is_empty())?.fuel()
    }

    /// The watermarks that `record` has of a stateful operator, where those of the rows as sources give them decide: there
    /// idle sources count, as they were found then. Behind an operator a version may give other event times.
    fn recorded_pair(&self, name: &Name, record: &EpochRecord) -> Option<WatermarkPair> {
        let pair = record.watermarks.get(&**name)?;
        let of_sources = std::cell::Cell::new(true);
        let times = |node: &Name| {
            of_sources.set(of_sources.get() && self.plan.sources.contains(node));
            None
        };
        let _ = self.plan.stateful[name].watermark.now(&times);
        of_sources.get().then_some(*pair)
    }
}

type Sinks = Named<Box<dyn Sink>>;

/// The sinks of `plan`, whose outputs stay in memory, and what comes to those of rows.
fn taking_sinks(plan: &Plan, last: Option<&EpochRecord>) -> Result<(Sinks, Named<TakenRows>)> {
    let disk = FaultyStorage::new();
    let folders: Folders = Arc::new(move |folder| Arc::new(disk.at(&folder.display().to_string())));
    let context = SinkContext {
        job: plan.job.name.clone(),
        checkpoint: "replay".to_owned(),
        folders,
        first_epoch: last.map_or(0, |last| last.epoch + 1),
        // Nothing is written aside.
        inline_limit: usize::MAX,
        faults: Faults::default(),
        console: Arc::new(Mutex::new(Box::new(std::io::sink()))),
        memory: MemoryTables::default(),
    };
    let mut taken = Named::new();
    let sinks = build_sinks(plan, &context)?.into_iter().map(|(name, inner)| {
        let sink: Box<dyn Sink> = if plan.is_letters(&plan.sinks[&name]) {
            inner
        } else {
            let rows = TakenRows::default();
            taken.insert(name.clone(), rows.clone());
            Box::new(Taking { inner, rows })
        };
        (name, sink)
    });
    let sinks = sinks.collect();
    Ok((sinks, taken))
}
