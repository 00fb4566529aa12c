//! Running a job: plan an epoch, compute it, hand it to be committed and published, and again. An [`Engine`] does it step
//! by step; [`run`] is the loop over its steps.

mod acknowledge;
mod as_committed;
mod away;
mod beside;
mod branches;
mod canary;
mod canary_tables;
mod chunk;
mod commit;
mod control;
mod decode;
mod engine;
mod environment;
mod epoch;
mod gather;
mod inspect;
mod noticed;
mod parts;
mod pass;
mod progress;
mod query;
mod read_again;
mod recover;
mod replay;
pub mod report;
mod side_by_side;
mod sinks;
mod sources;
mod state_memory;
mod statics;
mod swap;
mod take_up;
mod takes_place;
mod unseen;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_plugin::{Runtime, RuntimeOptions};

pub use canary::CanaryTerms;
pub use control::{Control, EndingCanary};
pub use engine::{Engine, Step};
pub use environment::{Environment, Pace, Turn};
pub use inspect::{ReadSoFar, StateOverview, StoredRows, StoredRowsOptions, StoredSource, overview};
pub use query::{Answer, Answered, QueryTable, Refused, TakeRows, ask, query};
pub use replay::{
    Changed, Counts, Replay, Replayed, ReplayedEpoch, Shadow, SinkDifference, replay, replayable, shadow,
};
pub use report::{
    CanaryReport, EpochReport, Observer, Silent, SourceChange, Started, StopReason, Summary, Swapped, UsedPlugin,
};
pub use swap::Swapping;

use crate::Result;
use crate::connector::Connectors;
use crate::connector::memory::MemoryTables;
use crate::job::{Job, JobText, SourceSpec, Trigger};
use crate::plan::{Components, Plan, Plugins, plan};

use environment::OpenSource;
use statics::read_all;

/// How a job is run. [`RunOptions::default`] is what the program does without options, but silent.
pub struct RunOptions {
    /// Drop the checkpoint and begin anew.
    pub fresh: bool,
    /// A savepoint, or another job's checkpoint: the job, which has none, begins with the state and the offsets that it has.
    pub from: Option<PathBuf>,
    /// State that the job cannot use is dropped; else the job is refused.
    pub allow_dropped_state: bool,
    /// Instead of the job's trigger.
    pub trigger: Option<Trigger>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
    /// How it is told to stop, to pause and to go on.
    pub control: Control,
    /// Where console sinks write.
    pub console: Box<dyn Write + Send>,
    /// The tables of memory sinks: keep a clone to read them.
    pub memory: MemoryTables,
    /// Where plugins run; none = one of its own.
    pub runtime: Option<Runtime>,
    /// How much is decoded and computed at once, at the most; none = as much as the environment's executor has threads.
    pub threads: Option<usize>,
    /// Time, files, sources: the world outside.
    pub environment: Environment,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            fresh: false,
            from: None,
            allow_dropped_state: false,
            trigger: None,
            observer: Arc::new(Silent),
            control: Control::default(),
            console: Box::new(std::io::stdout()),
            memory: MemoryTables::default(),
            runtime: None,
            threads: None,
            environment: Environment::default(),
        }
    }
}

/// Checks `job` as [`run`] does, without running it, with the built-in connectors.
pub fn check(job: Job, runtime: Option<&Runtime>) -> Result<Plan> {
    check_in(job, &Environment::default(), runtime)
}

/// Checks `job` as [`run`] does in `environment`, without running it.
pub fn check_in(job: Job, environment: &Environment, runtime: Option<&Runtime>) -> Result<Plan> {
    let sources = environment.sources();
    let (connectors, partitions) = (&environment.connectors, environment.partitions);
    let plan = check_with(job, runtime, connectors, &sources, partitions, &Components::new())?;
    read_all(&plan, &sources, environment.clock.now(), &Silent)?;
    Ok(plan)
}

fn check_with(
    job: Job,
    runtime: Option<&Runtime>,
    connectors: &Connectors,
    sources: &OpenSource,
    partitions: u32,
    components: &Components,
) -> Result<Plan> {
    let source_schema = |spec: &SourceSpec, job: &JobText| Ok(sources(spec, job)?.schema());
    let made;
    let runtime = match runtime {
        Some(runtime) => runtime,
        None if job.plugins.is_empty() => return plan(job, Plugins::default(), connectors, &source_schema, partitions),
        None => {
            made = Runtime::new(RuntimeOptions::default())?;
            &made
        }
    };
    let plugins = Plugins::load(&job, runtime, components)?;
    plan(job, plugins, connectors, &source_schema, partitions)
}

/// Runs `job` until its input ends (where the trigger says so) or it is told to stop, on this thread.
///
/// # Errors
/// The first error ends the run; everything before its epoch is committed, nothing of it is.
pub fn run(job: Job, options: RunOptions) -> Result<Summary> {
    let clock = options.environment.clock.clone();
    let mut engine = Engine::open(job, options)?;
    loop {
        match engine.step()? {
            Step::Ready => {}
            Step::WaitUntil(time) => clock.wait(Some(time), engine.wake()),
            Step::WaitFor(wake) => clock.wait(None, &wake),
            Step::Done(_) => return engine.close(),
        }
    }
}

/// Loads the job file at `path` and runs it.
pub fn run_file(path: &Path, overrides: &[(String, String)], options: RunOptions) -> Result<Summary> {
    run(Job::load(path, &options.environment.connectors.keys(), overrides)?, options)
}
