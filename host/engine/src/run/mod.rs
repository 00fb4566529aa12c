//! The epoch loop: plan an epoch, compute it, hand it to be committed and published, and again.

mod branches;
mod chunk;
mod commit;
mod decode;
mod environment;
mod epoch;
mod gather;
mod noticed;
mod parts;
mod progress;
mod query;
mod read_again;
mod recover;
pub mod report;
mod statics;
mod take_up;
mod unseen;
mod workers;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millstream_plugin::{Runtime, RuntimeOptions};

pub use environment::{Environment, Pace, Turn};
pub use query::{Answer, Answered, QueryTable, Refused, TakeRows, ask, query};
pub use report::{EpochReport, Observer, Silent, Started, Stop, StopReason, Summary};

use crate::checkpoint::Forget;
use crate::connector::memory::MemoryTables;
use crate::connector::sink::{Sink, SinkContext};
use crate::connector::source::{EntryChange, Known};
use crate::connector::{Connectors, SinkInput};
use crate::fault::point;
use crate::job::{Job, JobText, SourceSpec, Trigger};
use crate::panics;
use crate::plan::{Plan, Plugins, plan};
use crate::record::{EpochRecord, SourceRange};
use crate::state::State;
use crate::time::trigger::{self, Next};
use crate::{Error, ErrorKind, Result};

use environment::OpenSource;

use commit::{Committer, Computed, Wanted, first_cause, locked};
use epoch::{EpochPlan, LiveSource, compute};
use noticed::Noticed;
use progress::{Decided, Progress};
use recover::CheckpointFolder;
use statics::{Statics, read_all};

/// How a job is run. [`RunOptions::default`] is what the program does without options, but silent.
pub struct RunOptions {
    /// Drop the checkpoint and begin anew.
    pub fresh: bool,
    /// Instead of the job's trigger.
    pub trigger: Option<Trigger>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// How to ask for an end.
    pub stop: Stop,
    /// Where console sinks write.
    pub console: Box<dyn Write + Send>,
    /// The tables of memory sinks: keep a clone to read them.
    pub memory: MemoryTables,
    /// Where plugins run; none = one of its own.
    pub runtime: Option<Runtime>,
    /// Threads that decode and compute; none = one per core.
    pub threads: Option<usize>,
    /// Time, files, sources: the world outside.
    pub environment: Environment,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            fresh: false,
            trigger: None,
            observer: Arc::new(Silent),
            stop: Stop::default(),
            console: Box::new(std::io::stdout()),
            memory: MemoryTables::default(),
            runtime: None,
            threads: None,
            environment: Environment::default(),
        }
    }
}

/// Longest sleep between two looks at whether a stop was asked for.
const NAP: i64 = 20_000;

/// Checks `job` as [`run`] does, without running it, with the built-in connectors.
pub fn check(job: Job, runtime: Option<&Runtime>) -> Result<Plan> {
    check_in(job, &Environment::default(), runtime)
}

/// Checks `job` as [`run`] does in `environment`, without running it.
pub fn check_in(job: Job, environment: &Environment, runtime: Option<&Runtime>) -> Result<Plan> {
    let sources = environment.sources();
    let plan = check_with(job, runtime, &environment.connectors, &sources)?;
    read_all(&plan, &sources, environment.clock.now(), &Silent)?;
    Ok(plan)
}

fn check_with(job: Job, runtime: Option<&Runtime>, connectors: &Connectors, sources: &OpenSource) -> Result<Plan> {
    let source_schema = |spec: &SourceSpec, job: &JobText| Ok(sources(spec, job)?.schema());
    let made;
    let runtime = match runtime {
        Some(runtime) => runtime,
        None if job.plugins.is_empty() => return plan(job, Plugins::default(), connectors, &source_schema),
        None => {
            made = Runtime::new(RuntimeOptions::default())?;
            &made
        }
    };
    let plugins = Plugins::load(&job, runtime)?;
    plan(job, plugins, connectors, &source_schema)
}

/// Runs `job` until its input ends (where the trigger says so) or a stop is asked for.
///
/// # Errors
/// The first error ends the run; everything before its epoch is committed, nothing of it is.
pub fn run(job: Job, mut options: RunOptions) -> Result<Summary> {
    let folder = CheckpointFolder::of(&job)?;
    let folders = options.environment.folders.clone();
    let storage = folders(&folder.path);
    let observer = options.observer.clone();

    // What was committed is published before the job is looked at; a checkpoint that is not there yet is not made
    // for a job that is wrong.
    let existing = !options.fresh && recover::is_there(&*storage)?;
    let open = |job: &Job, forget: Option<Forget>| {
        recover::open(storage.clone(), job, options.fresh, &options.environment, &*observer, forget)
    };
    let early = if existing { Some(open(&job, None)?) } else { None };
    let open_source = options.environment.sources();
    let mut plan = check_with(job, options.runtime.as_ref(), &options.environment.connectors, &open_source)?;
    let (checkpoint, mut recovered) = match early {
        Some(opened) => opened,
        None => open(&plan.job, Some(recover::forget_published(&plan, &folders)))?,
    };
    if let Some(last) = &recovered.last {
        branches::find(&mut plan, last)?;
        take_up::take_up(&plan, last, &recovered.job, &mut recovered.state, &*observer)?;
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
    });

    let statics = read_all(&plan, &open_source, options.environment.clock.now(), &*observer)?;
    let state = recovered.state;
    let trigger = options.trigger.unwrap_or(plan.job.trigger);
    let sources = live_sources(&plan, &state, trigger, &open_source, options.environment.clock.now())?;
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
    let publishers = sinks.iter().map(|s| s.publisher()).collect();
    let wanted = Wanted::default();
    let pace = std::mem::take(&mut options.environment.pace);
    let committer = Committer::start(pace, checkpoint.clone(), publishers, observer, wanted.clone())?;

    workers::prepare_pool();
    let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let plugins = plan.plugins.digests();
    let fingerprints = plan.stateful.iter().enumerate();
    let fingerprints = fingerprints.map(|(n, s)| (s.name.to_string(), plan.fingerprint(n).told())).collect();
    let mut engine = Engine {
        plan,
        options,
        sources,
        sinks,
        state,
        statics,
        progress,
        committer,
        wanted,
        threads,
        totals: Totals::default(),
        noticed: Noticed::default(),
        plugins,
        fingerprints,
    };
    // What is told as the job's time has no builds of plugins in it.
    let began = Instant::now();
    let ended = panics::as_error(|| engine.run(finished));
    // What was computed before an error is committed all the same; the first error is the one to tell.
    let committed = engine.committer.finish();
    let stopped = first_cause(ended, committed)?;
    if let Some(checkpoint) = Arc::into_inner(checkpoint) {
        let checkpoint = checkpoint.into_inner().map_err(|_| Error::internal("another thread of this job panicked"))?;
        checkpoint.close()?;
    }
    for (planned, live) in engine.plan.sources.iter().zip(&engine.sources) {
        unseen::tell(&planned.spec.name.value, &*live.decoder, &*engine.options.observer);
    }
    Ok(engine.summary(stopped, &folder, resumed_from, began.elapsed()))
}

fn live_sources(plan: &Plan, state: &State, trigger: Trigger, open: &OpenSource, now: i64) -> Result<Vec<LiveSource>> {
    plan.sources
        .iter()
        .map(|planned| {
            let mut source = open(&planned.spec, &plan.job.text)?;
            let known = known(state, &planned.spec);
            source.restore(&mut known.iter())?;
            match trigger {
                Trigger::AvailableNow => {
                    refuse_endless(plan, &planned.spec)?;
                    source.stop_discovery(now, known)?;
                }
                Trigger::Once => source.admit_all(),
                Trigger::Continuous | Trigger::Every(_) => {}
            }
            let decoder = source.decoder(&planned.columns)?;
            Ok(LiveSource { source, decoder })
        })
        .collect()
}

/// All there is of a source without an end would be read for ever.
fn refuse_endless(plan: &Plan, spec: &SourceSpec) -> Result<()> {
    let Some(help) = plan.connectors.source(spec)?.endless(&spec.options) else { return Ok(()) };
    let message = format!("source `{}` never ends, so not all of it can be read", spec.name.value);
    Err(plan.job.text.error(spec.name.span.clone(), message).with_help(help))
}

/// What the tables' names begin with that hold what a source has read. No operator can have such a name.
const SOURCE: &str = "source:";

/// The table of what a source has read.
fn source_table(source: &str) -> String {
    format!("{SOURCE}{source}")
}

/// What the state has of a source.
fn known<'a>(state: &'a State, source: &SourceSpec) -> Known<'a> {
    Known::of(state.table(&source_table(&source.name.value)))
}

fn build_sinks(plan: &Plan, context: &SinkContext) -> Result<Vec<Box<dyn Sink>>> {
    let last = plan.sinks.len() - 1;
    let build = |(i, planned): (usize, &crate::plan::PlannedSink)| {
        let input = SinkInput { mode: planned.mode, schema: planned.schema.clone(), keys: planned.keys.clone() };
        if i == last {
            plan.connectors.open_dead_letters(&planned.spec, input, context)
        } else {
            plan.connectors.open_sink(&planned.spec, input, context)
        }
    };
    plan.sinks.iter().enumerate().map(build).collect()
}

#[derive(Default)]
struct Totals {
    epochs: u64,
    rows_in: u64,
    bytes_in: u64,
    rows_out: BTreeMap<String, u64>,
    late: u64,
    partly_late: u64,
    ahead: u64,
    rejected: u64,
    not_refreshed: u64,
}

struct Engine {
    plan: Plan,
    options: RunOptions,
    sources: Vec<LiveSource>,
    sinks: Vec<Box<dyn Sink>>,
    state: State,
    statics: Statics,
    progress: Progress,
    committer: Committer,
    wanted: Wanted,
    threads: usize,
    totals: Totals,
    noticed: Noticed,
    /// What every record says of the plugins and of the stateful operators.
    plugins: BTreeMap<String, String>,
    fingerprints: BTreeMap<String, serde_json::Value>,
}

impl Engine {
    fn run(&mut self, finished: bool) -> Result<StopReason> {
        let trigger = self.options.trigger.unwrap_or(self.plan.job.trigger);
        let clock = self.options.environment.clock.clone();
        if finished {
            return self.refuse_more_input();
        }
        // A look that finds nothing keeps to the trigger's grid as an epoch does.
        let mut looked = self.progress.last_started;
        loop {
            if self.options.stop.is_requested() {
                return Ok(StopReason::Requested);
            }
            if self.committer.has_failed() {
                // finish() has the error.
                return Ok(StopReason::Requested);
            }
            let now = clock.now();
            if let Next::WaitUntil(due) = trigger::next(trigger, looked, now) {
                self.nap(now, due);
                continue;
            }
            looked = Some(now);
            self.options.environment.faults.hit(point::PLAN_BEFORE);
            let ranges = self.plan_ranges(now)?;
            let decided = self.progress.decide(&self.plan, &ranges, now);
            let has_input = ranges.iter().any(Option::is_some);
            if has_input || (trigger != Trigger::Once && decided.closes_something(&self.plan)) {
                self.epoch(ranges, decided, now, false)?;
                if trigger == Trigger::Once {
                    return Ok(StopReason::InputEnded);
                }
                continue;
            }
            let exhausted = self.sources.iter().all(|s| s.source.exhausted());
            match trigger::without_input(trigger, exhausted, now) {
                Some(Next::WaitUntil(due)) => self.nap(now, due),
                Some(Next::Now) => {}
                None => {
                    if self.plan.job.final_watermark && trigger != Trigger::Once {
                        let decided = self.progress.decide_final();
                        self.epoch(vec![None; self.sources.len()], decided, now, true)?;
                    }
                    return Ok(StopReason::InputEnded);
                }
            }
        }
    }

    fn nap(&self, now: i64, until: i64) {
        let length = until.saturating_sub(now).clamp(1, NAP);
        self.options.environment.clock.sleep(Duration::from_micros(length.unsigned_abs()));
    }

    /// Later input of a job whose watermark was sent to the end of time would be late, and so lost.
    fn refuse_more_input(&mut self) -> Result<StopReason> {
        let now = self.options.environment.clock.now();
        if self.plan_ranges(now)?.iter().all(Option::is_none) {
            return Ok(StopReason::InputEnded);
        }
        let message = "the job is finished (final_watermark closed all of its windows), and there is new input for it";
        Err(Error::new(ErrorKind::Conflict, message).with_help("start over with --fresh, or leave final_watermark out"))
    }

    fn plan_ranges(&mut self, now: i64) -> Result<Vec<Option<SourceRange>>> {
        let mut ranges = Vec::with_capacity(self.sources.len());
        for (live, planned) in self.sources.iter_mut().zip(&self.plan.sources) {
            let name = &planned.spec.name.value;
            let at = |e: Error| e.context(format!("source `{name}`"));
            ranges.push(live.source.plan(now, known(&self.state, &planned.spec)).map_err(at)?);
            self.noticed.take(name, live.source.notices(), &*self.options.observer);
        }
        Ok(ranges)
    }

    fn epoch(&mut self, ranges: Vec<Option<SourceRange>>, decided: Decided, now: i64, finished: bool) -> Result<()> {
        let began = Instant::now();
        let epoch = self.progress.next_epoch;
        self.options.environment.faults.hit(point::PLANNED);
        let sources = self.options.environment.sources();
        let not_refreshed = self.statics.refresh(&self.plan, &sources, now, &*self.options.observer);
        let planned = EpochPlan { epoch, started: now, ranges, pairs: decided.pairs.clone() };
        let mut result = compute(
            &self.plan,
            &planned,
            &self.sources,
            &mut self.sinks,
            &mut self.state,
            self.threads,
            &self.options.environment,
        )
        .map_err(|e| e.context(format!("epoch {epoch}")))?;

        for ((range, live), source) in planned.ranges.iter().zip(&mut self.sources).zip(&self.plan.sources) {
            let read = range.iter().flat_map(|range| live.source.entries(range));
            let mut changes: Vec<EntryChange> = read.map(|(key, value)| (key, Some(value))).collect();
            changes.extend(live.source.housekeeping());
            if changes.is_empty() {
                continue;
            }
            let table = self.state.table_mut(&source_table(&source.spec.name.value));
            for (key, value) in changes {
                match value {
                    Some(value) => drop(table.put(0, &key, &value)),
                    None => drop(table.delete(0, &key)),
                }
            }
        }
        self.progress.advance(&self.plan, &decided, &result.seen, now);
        result.counters.not_refreshed = not_refreshed;
        self.noticed.give(&mut result.counters);
        let names = self.plan.sources.iter().map(|s| s.spec.name.value.clone());
        let record = EpochRecord {
            epoch,
            started: now,
            ranges: names.zip(planned.ranges).filter_map(|(name, range)| Some((name, range?))).collect(),
            event_times: self.progress.event_times(&self.plan),
            event_time_columns: self.plan.watermarks.iter().map(|w| (w.name.clone(), w.column.clone())).collect(),
            watermarks: decided.pairs_by_name(&self.plan),
            counters: result.counters,
            outputs: Vec::new(),
            job: self.plan.job.digest().to_owned(),
            plugins: self.plugins.clone(),
            stateful: self.fingerprints.clone(),
            finished,
            statics: self.statics.versions.clone(),
        };
        let report = self.report(&record, result.took);
        let change = self.state.take_changes();
        let wanted = std::mem::take(&mut *locked(&self.wanted)?);
        let snapshot = wanted.into_iter().map(|p| (p, self.state.snapshot(p))).collect();
        self.committer.commit(Computed { record, change, prepared: result.prepared, snapshot, report, began })
    }

    fn report(&mut self, record: &EpochRecord, compute: Duration) -> EpochReport {
        let counters = &record.counters;
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        let (late, partly_late, ahead) = (sum(&counters.late), sum(&counters.partly_late), sum(&counters.ahead));
        let (rejected, not_refreshed) = (sum(&counters.rejected), sum(&counters.not_refreshed));
        let (changed_files, empty_files) = (sum(&counters.changed_files), sum(&counters.empty_files));
        let totals = &mut self.totals;
        totals.epochs += 1;
        totals.rows_in += counters.rows_in;
        totals.bytes_in += counters.bytes_in;
        totals.late += late;
        totals.partly_late += partly_late;
        totals.ahead += ahead;
        totals.rejected += rejected;
        totals.not_refreshed += not_refreshed;
        for (sink, rows) in &counters.rows_out {
            *totals.rows_out.entry(sink.clone()).or_default() += rows;
        }
        let names = self.plan.stateful.iter().flat_map(|stateful| &stateful.tables);
        let tables = names.filter_map(|name| self.state.table(name));
        EpochReport {
            epoch: record.epoch,
            started: record.started,
            rows_in: counters.rows_in,
            bytes_in: counters.bytes_in,
            rows_out: sum(&counters.rows_out),
            late,
            partly_late,
            ahead,
            rejected,
            not_refreshed,
            changed_files,
            empty_files,
            state_rows: sum(&counters.state_rows),
            state_bytes: tables.map(|t| t.bytes() as u64).sum(),
            watermark: self.progress.watermark(&self.plan),
            compute,
            ..EpochReport::default()
        }
    }

    fn summary(
        &self,
        stopped: StopReason,
        folder: &CheckpointFolder,
        resumed_from: Option<u64>,
        elapsed: Duration,
    ) -> Summary {
        let totals = &self.totals;
        let letters = &self.plan.job.dead_letters;
        let letters = self.plan.connectors.dead_letters(letters).ok().and_then(|connector| connector.writes(letters));
        let letters = letters.map(|writes| writes.path.display().to_string());
        Summary {
            epochs: totals.epochs,
            rows_in: totals.rows_in,
            bytes_in: totals.bytes_in,
            rows_out: totals.rows_out.clone(),
            late: totals.late,
            partly_late: totals.partly_late,
            ahead: totals.ahead,
            rejected: totals.rejected,
            not_refreshed: totals.not_refreshed,
            changed_files: self.noticed.all_changed,
            empty_files: self.noticed.all_empty,
            elapsed,
            watermark: self.progress.watermark(&self.plan),
            checkpoint: folder.path.display().to_string(),
            temporary_checkpoint: folder.is_temporary(),
            resumed_from,
            dead_letters: letters,
            stopped,
        }
    }
}

/// Loads the job file at `path` and runs it.
pub fn run_file(path: &Path, overrides: &[(String, String)], options: RunOptions) -> Result<Summary> {
    run(Job::load(path, &options.environment.connectors.keys(), overrides)?, options)
}
