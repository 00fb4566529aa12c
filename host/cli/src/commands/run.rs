//! `millstream run JOB`

use millstream_engine::connector::Connectors;
use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Environment, RunOptions};
use millstream_engine::{Result, run};

use super::runtime;
use crate::args::RunArgs;
use crate::progress::terminal::{Console, Terminal};
use crate::watch::Watch;
use crate::{faults, progress, stop};

/// A run that has not taken all its input says so, although it is no failure.
const STOPPED_UNREAD: &str = "stopped: nobody reads standard output any more";

/// Runs the job to its end, or until a signal asks it to stop.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let connectors = Connectors::built_in();
    let job = Job::load(&args.job.file, &connectors.keys(), &args.job.set)?;
    let faults = faults::from_environment()?;
    let terminal = Terminal::new();
    let progress = progress::of_mode(args.progress, &terminal);
    let name = job.name.clone();
    let notify = progress.clone();
    let runtime = if job.plugins.is_empty() { None } else { Some(runtime(move |line| notify.message(line))?) };
    let control = stop::on_signals(terminal.clone(), progress.clone())?;
    let watch = match &runtime {
        Some(runtime) if args.watch => Watch::begin(&args.job, &job, runtime, &control, &progress)?,
        _ => Watch::nothing(),
    };
    let options = RunOptions {
        fresh: args.fresh,
        from: args.from.clone(),
        allow_dropped_state: args.allow_dropped_state,
        trigger: args.available_now.then_some(Trigger::AvailableNow),
        observer: progress.clone(),
        control,
        environment: Environment { connectors, faults, ..Environment::default() },
        console: Box::new(Console::new(terminal)),
        runtime,
        ..RunOptions::default()
    };
    let done = run::run(job, options);
    drop(watch);
    // Also before a failure is reported: the live line must be gone, and the epochs before it told.
    progress.finish();
    match done {
        Ok(summary) => {
            progress.summary(&name, &summary);
            Ok(())
        }
        // Whoever read the tables (`| head`) has seen enough. What was not committed comes again in the next run.
        Err(error) if is_closed_pipe(&error) => {
            progress.message(STOPPED_UNREAD);
            Ok(())
        }
        Err(error) => Err(error),
    }
}
