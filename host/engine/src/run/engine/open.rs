//! A job is opened: its checkpoint, its state, its sources and its sinks.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use millstream_plugin::{Runtime, RuntimeOptions};

use super::rest::Bell;
use super::swap::Swaps;
use super::{Engine, Totals};
use crate::Result;
use crate::checkpoint::{Forget, SPOOL, passing};
use crate::connector::sink::SinkContext;
use crate::job::{Job, Trigger};
use crate::run::acknowledge::Acknowledge;
use crate::run::commit::{Committer, WantedSnapshot};
use crate::run::noticed::Noticed;
use crate::run::progress::Progress;
use crate::run::recover::{self, CheckpointFolder, Opening};
use crate::run::report::Started;
use crate::run::sinks::build_sinks;
use crate::run::sources::live_sources;
use crate::run::statics::read_all;
use crate::run::swap::{Resumed, Workshop, resume};
use crate::run::take_up::fingerprints;
use crate::run::{Environment, RunOptions, branches, check_with, read_again, take_up};

impl Engine {
    /// Opens `job`: publishes again what was committed, checks the job, takes its state up and opens its sources and
    /// sinks. Nothing of it is read yet.
    ///
    /// # Errors
    /// The job is wrong, or does not fit its checkpoint, or something of it cannot be opened.
    pub fn open(job: Job, mut options: RunOptions) -> Result<Self> {
        let looks_after_swaps = options.control.looks_after_swaps();
        let folder = CheckpointFolder::of(&job)?;
        let folders = options.environment.folders.clone();
        let storage = folders(&folder.path);
        let observer = options.observer.clone();
        let workers = options.environment.executor.workers(options.threads);

        // What was committed is published before the job is looked at; a checkpoint that is not there yet is not made
        // for a job that is wrong.
        let existing = !options.fresh && recover::is_there(&*storage)?;
        let beginning = options.from.as_ref();
        let beginning =
            beginning.map(|path| recover::beginning(path, &job, existing, &folders, &workers)).transpose()?;
        let open = |job: &Job, forget: Option<Forget>| {
            let opening = Opening { fresh: options.fresh, from: beginning.as_ref(), forget };
            recover::open(storage.clone(), job, opening, &options.environment, &*observer, &workers)
        };
        let early = if existing { Some(open(&job, None)?) } else { None };
        let runtime = match options.runtime.take() {
            None if !job.plugins.is_empty() => Some(Runtime::new(RuntimeOptions::default())?),
            runtime => runtime,
        };
        let in_file = job.clone();
        let (before, kept_in) = match (&early, &beginning) {
            (Some((_, recovered)), _) => (recovered.last.as_ref().map(|last| (last, &recovered.state)), &storage),
            (None, Some(beginning)) => (Some((&beginning.at.record, &beginning.at.state)), &beginning.storage),
            (None, None) => (None, &storage),
        };
        let Resumed { job, swapped } = match before {
            Some((last, _)) => resume(job, last, runtime.as_ref(), &**kept_in, &*observer)?,
            None => Resumed::nothing(job),
        };
        let open_source = options.environment.sources();
        let Environment { connectors, partitions, .. } = &options.environment;
        let partitions = match (&early, &beginning) {
            (Some((checkpoint, _)), _) => checkpoint.partitions(),
            (None, Some(beginning)) => beginning.at.state.partitions(),
            (None, None) => *partitions,
        };
        let mut plan = check_with(job, runtime.as_ref(), connectors, &open_source, partitions, &swapped.components)?;
        if let Some((last, state)) = before {
            branches::find(&mut plan, last, state)?;
        }
        if let Some(beginning) = beginning.as_ref().filter(|_| !options.allow_dropped_state) {
            recover::refuse_dropped_state(&plan, beginning)?;
        }
        let (checkpoint, mut recovered) = match early {
            Some(opened) => opened,
            None => open(&plan.job, Some(recover::forget_published(&plan, &folders)))?,
        };
        if let Some(last) = &recovered.last {
            let may_drop = options.allow_dropped_state;
            take_up::take_up(&plan, last, &recovered.job, may_drop, &mut recovered.state, &*observer, &workers)?;
            read_again::refuse(&plan, &recovered.state, &open_source, options.environment.clock.now())?;
        }
        let last = recovered.last.as_ref();
        recover::refuse_lost_epochs(&plan, &recovered, &folders)?;
        let resumed_from = last.map(|l| l.epoch);
        observer.started(&Started {
            job: plan.job.name.clone(),
            checkpoint: folder.path.display().to_string(),
            temporary_checkpoint: folder.is_temporary(),
            resumed_from,
            plugins: swapped.used(&plan),
        });

        if let (Some(beginning), Some(epoch)) = (&beginning, resumed_from) {
            observer.message(&format!("begins with what {} has after epoch {epoch}", beginning.storage.describe()));
        }
        drop(beginning);
        let statics = read_all(&plan, &open_source, options.environment.clock.now(), &*observer)?;
        let state = recovered.state;
        let trigger = options.trigger.unwrap_or(plan.job.trigger);
        let spool = |source: &str| folders(&folder.path.join(SPOOL).join(source));
        let now = options.environment.clock.now();
        let mut sources = live_sources(&plan, &state, trigger, &open_source, Some(&spool), now, &*observer)?;
        let bell = Bell::default();
        if trigger == Trigger::Continuous {
            let wake = bell.waking(options.control.wake());
            sources.values_mut().for_each(|live| live.source.wake_with(&wake));
        }
        let console = std::mem::replace(&mut options.console, Box::new(std::io::sink()));
        let context = SinkContext {
            job: plan.job.name.clone(),
            checkpoint: checkpoint.id(),
            folders,
            first_epoch: last.map_or(0, |l| l.epoch + 1),
            inline_limit: options.environment.inline_limit,
            faults: options.environment.faults.clone(),
            console: Arc::new(Mutex::new(console)),
            memory: options.memory.clone(),
        };
        let sinks = build_sinks(&plan, &context)?;
        let progress = Progress::after(&plan, last);
        let finished = last.is_some_and(|l| l.finished);
        let checkpoint = Arc::new(Mutex::new(checkpoint));
        let publishers = sinks.map(|_, sink| sink.publisher());
        let wanted = WantedSnapshot::default();
        let pace = std::mem::take(&mut options.environment.pace);
        let workshop = Workshop {
            runtime,
            connectors: plan.connectors.clone(),
            sources: open_source,
            partitions: plan.partitions,
            storage: passing(storage, options.environment.faults.clone()),
        };
        let swaps = Swaps::new(looks_after_swaps, workshop, &in_file, swapped, &plan, &pace);
        let wake = options.control.wake().clone();
        let acknowledge = Acknowledge::after(last, &sources);
        let observer = acknowledge.watching(observer, &sources, &wake);
        let committer = Committer::start(pace, checkpoint.clone(), publishers, observer, wanted.clone(), wake);

        if !folder.is_temporary() {
            swaps.keep_what_epochs_are_made_with(&plan, recovered.made_with)?;
        }
        let plugins = plan.plugins.digests();
        let fingerprints = fingerprints(&plan);
        Ok(Self {
            plan: Arc::new(plan),
            options,
            trigger,
            checkpoint,
            folder,
            resumed_from,
            sources,
            sinks,
            state,
            statics,
            swaps,
            looked: progress.last_started,
            rest: None,
            bell,
            progress,
            acknowledge,
            committer,
            wanted,
            workers,
            totals: Totals::default(),
            noticed: Noticed::default(),
            plugins,
            fingerprints,
            began: Instant::now(),
            finished,
            done: None,
        })
    }
}
