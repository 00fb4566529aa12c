//! `millstream run JOB`

use std::sync::Arc;

use millstream_engine::connector::Connectors;
use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Control, Environment, Observer, RunOptions};
use millstream_engine::{Result, run};

use super::runtime;
use crate::args::RunArgs;
#[cfg(unix)]
use crate::control;
use crate::progress::Progress;
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
    let control = Control::default();
    let heard = Heard::begin(&job, &control, &progress);
    stop::on_signals(&control, terminal.clone(), progress.clone(), heard.forget())?;
    let watch = match &runtime {
        Some(runtime) if args.watch => Watch::begin(&args.job, &job, runtime, &control, &progress)?,
        _ => Watch::nothing(),
    };
    let options = RunOptions {
        fresh: args.fresh,
        from: args.from.clone(),
        allow_dropped_state: args.allow_dropped_state,
        trigger: args.available_now.then_some(Trigger::AvailableNow),
        observer: heard.observer.clone(),
        control,
        environment: Environment { connectors, faults, ..Environment::default() },
        console: Box::new(Console::new(terminal)),
        runtime,
        ..RunOptions::default()
    };
    let done = run::run(job, options);
    drop(watch);
    drop(heard);
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

/// A run that is heard of: as progress is shown, and on its control socket.
struct Heard {
    observer: Arc<dyn Observer>,
    #[cfg(unix)]
    socket: Option<control::Listening>,
}

#[cfg(unix)]
impl Heard {
    /// Without a socket the job runs all the same.
    fn begin(job: &Job, told: &Control, progress: &Arc<dyn Progress>) -> Self {
        let board = control::Board::new(job, progress.clone());
        let socket = control::listen(&board, told);
        let socket = socket.inspect_err(|why| {
            let help = why.help().map(|help| format!(" ({help})")).unwrap_or_default();
            progress.message(&format!("`millstream ps`, `swap` and `stop` do not find this run: {why}{help}"));
        });
        Self { observer: board, socket: socket.ok() }
    }

    /// What is done before the process ends at once.
    fn forget(&self) -> impl Fn() + Send + 'static {
        let path = self.socket.as_ref().map(|socket| socket.path().to_owned());
        move || path.iter().for_each(|path| control::remove(path))
    }
}

#[cfg(not(unix))]
impl Heard {
    fn begin(_: &Job, _: &Control, progress: &Arc<dyn Progress>) -> Self {
        Self { observer: progress.clone() }
    }

    fn forget(&self) -> impl Fn() + Send + 'static {
        || {}
    }
}
