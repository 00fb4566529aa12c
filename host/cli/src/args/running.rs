//! The commands that find running jobs and ask them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use millstream_engine::share::Share;

use super::key_value;

#[derive(Debug, Subcommand)]
pub(crate) enum RunningCommand {
    /// Show the jobs that run.
    Ps(PsArgs),
    /// Watch the jobs that run: what they read, keep and take.
    Top(TopArgs),
    /// Swap a running job to another version of a plugin, and wait for its first epoch.
    Swap(SwapArgs),
    /// Let a running job finish its epoch, make no more, and stay ready.
    #[command(after_help = "\
What the job has computed is committed and published. `millstream resume` lets it go on.

Examples:
  millstream pause page-hits
  millstream pause job.toml

Exit codes: 0 done, also where it was paused before, 1 failed, 2 no such job runs, or it stops.")]
    Pause(JobArg),
    /// Let a paused job go on.
    #[command(after_help = "\
Examples:
  millstream resume page-hits

Exit codes: 0 done, also where it was not paused, 1 failed, 2 no such job runs, or it stops.")]
    Resume(JobArg),
    /// Let a running job finish its epoch, and end.
    #[command(after_help = "\
As the first Ctrl-C does: the epoch is committed, and the next run goes on after it. The
command does not wait for that.

Examples:
  millstream stop page-hits
  millstream stop 4711

Exit codes: 0 done, also where it was told before, 1 failed, 2 no such job runs.")]
    Stop(JobArg),
}

/// A running job.
#[derive(Debug, ClapArgs)]
pub(crate) struct JobArg {
    /// Its name, its process id, or its file.
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Shown are the jobs of the user who asks: their name, the process that runs them, their last
committed epoch, the rows that they read in the last seconds. With --json each line is an
object with all that a job says of itself.

Examples:
  millstream ps
  millstream ps --json | jq .totals

Exit codes: 0 done, also where no job runs, 1 failed.")]
pub(crate) struct PsArgs {
    /// All of it, an object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
On a terminal it is shown again each second, until Ctrl-C; elsewhere once. Per second is
counted over the last three; in, out, late and rejected since the run began; compute and
commit are the times of the last epoch.

Examples:
  millstream top
  millstream top | cat                                    once
  millstream top --json

Exit codes: 0 done, 1 failed, 130 stopped.")]
pub(crate) struct TopArgs {
    /// All of it once, an object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The new version is made ready while the job goes on, and takes the other's place between two
epochs. If it is refused, or the first epoch with it fails, the job goes on with the version
that it has. States of an older version are brought over by the plugin's `migrate`; an operator
with state keeps its configuration. A job that has nothing to do is swapped when something comes.

Examples:
  millstream swap payments fraud_rules rules-2.wasm
  millstream swap payments fraud_rules plugins/fraud-rules    a project folder, which is built
  millstream swap job.toml keep --with text=/shop             the component as it is
  millstream swap payments fraud_rules rules-2.wasm --canary 10% --promote-after 1000
  millstream swap payments fraud_rules --abort                the canary ends

A canary answers for a share of the keys, with states of its own, beside the version that the job
has; it is for plugins whose operators are keyed. It ends with --abort, with the job, when an epoch
fails with it, and when the job is swapped. A clean epoch, for --promote-after, has rows of its
keys, of which it refuses no more than the version before.

Exit codes: 0 its first epoch is committed, 1 failed, 2 not swapped: the message says why.")]
pub(crate) struct SwapArgs {
    /// The running job: its name, its process id, or its file.
    #[arg(value_name = "JOB")]
    pub(crate) job: String,

    /// The plugin's name in the job.
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: String,

    /// The component, or a project folder. Without it the component stays as it is, and --with says what changes.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Set a key of the plugin's `with`: TOML, or plain text. Other keys stay as they are. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) with: Vec<(String, String)>,

    /// The new version answers for this share of the keys alone, always the same ones.
    #[arg(long, value_name = "SHARE")]
    pub(crate) canary: Option<Share>,

    /// Swap the job to its canary after N clean epochs, one after the other.
    #[arg(long, value_name = "N", requires = "canary", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) promote_after: Option<u64>,

    /// End the plugin's canary: the version before answers for all keys again.
    #[arg(long, conflicts_with_all = ["file", "with", "canary"])]
    pub(crate) abort: bool,
}
