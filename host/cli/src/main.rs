//! The program `millstream`: runs and checks jobs, asks running ones, looks into checkpoints, builds, inspects and tries plugins,
//! makes sample data.
//!
//! This file only starts things. What the commands do is the library crates'; how it is shown is in `progress`, how a
//! failure is told in `failure`. Results go to standard output, everything about the run to standard error.
//! Exit codes: 0 done, 1 failed (also by a defect of ours, which the message says), 2 the job or the command line must
//! be mended or a plugin was not swapped, 3 an answer without some of its rows, 130 stopped at once.

mod answer;
mod args;
mod columns;
mod commands;
#[cfg(unix)]
mod control;
mod defect;
mod excerpt;
mod failure;
mod faults;
mod progress;
mod replayed;
mod stop;
mod text;
mod tree;
mod watch;

use std::process::ExitCode;

use clap::Parser;

#[cfg(unix)]
use args::RunningCommand;
use args::{Args, Command, PluginCommand};

/// Batches are allocated and freed in large pieces from many threads, which is what mimalloc is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    defect::contain(command)
}

fn command() -> ExitCode {
    let done = match Args::parse().command {
        Command::Run(args) => commands::run::run(&args),
        Command::Check(args) => commands::check::check(&args),
        Command::Epochs(args) => commands::epochs::epochs(&args),
        Command::State(args) => commands::state::state(&args),
        Command::Replay(args) => match commands::replay::replay(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Shadow(args) => commands::shadow::shadow(&args),
        Command::Savepoint(args) => commands::savepoint::savepoint(&args),
        #[cfg(unix)]
        Command::Running(command) => running(&command),
        Command::Sql(args) => match commands::sql::sql(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Plugin { command: PluginCommand::New(args) } => commands::new::new(&args),
        Command::Plugin { command: PluginCommand::Build(args) } => commands::plugin::build(&args),
        Command::Plugin { command: PluginCommand::Inspect(args) } => commands::plugin::inspect(&args),
        Command::Plugin { command: PluginCommand::Test(args) } => match commands::cases::test(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Plugin { command: PluginCommand::Verify(args) } => match commands::verify::verify(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Generate { command } => commands::generate::generate(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(unix)]
fn running(command: &RunningCommand) -> millstream_engine::Result<()> {
    match command {
        RunningCommand::Ps(args) => commands::ps::ps(args),
        RunningCommand::Top(args) => commands::top::top(args),
        RunningCommand::Swap(args) => commands::swap::swap(args),
        RunningCommand::Stop(args) => commands::tell::stop(&args.job),
        RunningCommand::Pause(args) => commands::tell::pause(&args.job),
        RunningCommand::Resume(args) => commands::tell::resume(&args.job),
    }
}
