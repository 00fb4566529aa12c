//! The command line: what can be written, with help and examples. What it does is in `commands`.

mod checkpoint;
mod plugin;
#[cfg(unix)]
mod running;
mod state;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use checkpoint::{EpochsArgs, ReplayArgs, SavepointArgs, ShadowArgs};
pub(crate) use plugin::{BuildArgs, InspectArgs, NewArgs, NewKind, NewLanguage, PluginCommand, TestArgs, VerifyArgs};
#[cfg(unix)]
pub(crate) use running::{PsArgs, RunningCommand, SwapArgs, TopArgs};
pub(crate) use state::{StateArgs, StateFormat};

/// Runs stream jobs whose operators are SQL and sandboxed Wasm plugins.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = "\
Examples:
  millstream run examples/page-hits/job.toml      run a job
  millstream check job.toml                       look at a job without running it
  millstream ps                                   show the jobs that run
  millstream sql \"SELECT ... FROM t\" -s t=data   ask files a question, once
  millstream plugin build my-plugin               build a plugin's project folder
  millstream generate access-logs --out data      make sample data")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job until its input ends, or until it is stopped.
    Run(RunArgs),
    /// Check a job, and show or explain its plan. Runs nothing.
    Check(CheckArgs),
    /// Show the committed epochs of a checkpoint, also while its job runs.
    Epochs(EpochsArgs),
    /// Show what a checkpoint's state holds, also while its job runs.
    State(StateArgs),
    /// Compute committed epochs again: whether they give what was written, and what a changed job would have made of them.
    Replay(ReplayArgs),
    /// Try another version of a plugin beside a running job, which does not notice.
    Shadow(ShadowArgs),
    /// Copy a job's state and offsets, also while it runs, for another run to begin with.
    Savepoint(SavepointArgs),
    #[cfg(unix)]
    #[command(flatten)]
    Running(RunningCommand),
    /// Ask files a question in SQL, once.
    Sql(SqlArgs),
    /// Begin a plugin, build it, test it, look into one.
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Make sample data.
    Generate {
        #[command(subcommand)]
        command: GenerateCommand,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Console sinks print on standard output; progress, messages and the summary go to
standard error. Ctrl-C ends the running epoch, commits it and exits with 0; twice stops
at once. The next run goes on after the last committed epoch of the job's checkpoint.
While it runs `ps` and `top` show it; `swap`, `pause`, `resume` and `stop` steer it.

Examples:
  millstream run job.toml
  millstream run job.toml --available-now                 take what is there, then stop
  millstream run job.toml --fresh                         forget the checkpoint, begin anew
  millstream run job.toml --watch                         swap plugins that change meanwhile
  millstream run changed.toml --from savepoint            begin with a savepoint's state and offsets
  millstream run job.toml --set source.logs.path=/data    change the job for this run
  millstream run job.toml --progress json 2> progress.jsonl

Exit codes: 0 done, also where nobody reads standard output any more (| head), 1 failed,
2 the job or the command line must be mended, 130 stopped at once.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// Take all input that is there, in epochs of the job's limits, then stop.
    #[arg(long)]
    pub(crate) available_now: bool,

    /// Drop the job's checkpoint first, and the files that its file sinks have published. Dead letters stay.
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Begin with the state and the offsets that a savepoint, or another job's checkpoint, has. The job must have no checkpoint yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,

    /// Drop stored state that the job cannot use: its operator is gone, or means something else by it. Without it the job is refused.
    #[arg(long)]
    pub(crate) allow_dropped_state: bool,

    /// Look at the files of the plugins, at the sources of their projects and at their `with` in the job file while
    /// the job runs: what changes takes the place of what was before, with an epoch.
    #[arg(long)]
    pub(crate) watch: bool,

    /// How progress is shown on standard error: a live line on a terminal, log lines elsewhere (auto); log lines at
    /// most once a second (log); an object per epoch, at the end one with `summary` (json); nothing (none).
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: ProgressMode,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Without --explain the plan is shown by its nodes only: each sink, below it where its rows
come from. With it, of each node: its columns and their types, its event time and its
watermark, what it does step by step, which columns each plugin reads; what its state is
kept by and when it is dropped, when rows come out, and where late rows go.

Examples:
  millstream check job.toml
  millstream check --explain job.toml
  millstream check job.toml --set trigger=once

Exit codes: 0 the job can run, 2 it must be mended: the message points at the line.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,

    /// Say of each node what it gives, does and keeps.
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A table is a file, a folder or a pattern; what is in it is told by the endings of its files'
names: .csv .tsv .json .jsonl .ndjson .logfmt .parquet .txt .log, each also with .gz; or --read-as
says it. Columns and their types are told from all rows: where a value fits no narrower type
its column is text, as it is written. Rows of csv and json come as they are found.

Examples:
  millstream sql \"SELECT url, count(*) AS n FROM logs GROUP BY url ORDER BY n DESC LIMIT 5\" --source logs=data
  millstream sql \"SELECT window.start, count(*) AS n FROM v GROUP BY window(timestamp, '1 hour')\" -s v=views.csv
  millstream sql \"SELECT * FROM t WHERE bytes > 1000\" -s t=a.parquet --format json

Exit codes: 0 done, 1 failed, 2 the query or the command line must be mended, 3 the answer is
there, but some rows could not be used (0 with --skip-bad-rows), 130 stopped.")]
pub(crate) struct SqlArgs {
    /// The query.
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,

    /// A table of the query: its name and where its files are. Can be given several times.
    #[arg(short, long = "source", value_name = "NAME=PATH", value_parser = name_path)]
    pub(crate) sources: Vec<(String, String)>,

    /// What a table's files hold, whatever their names: csv, tsv, json, logfmt, text or parquet. Can be given several times.
    #[arg(long, value_name = "NAME=FORMAT", value_parser = name_format)]
    pub(crate) read_as: Vec<(String, String)>,

    /// Records of CSV may have line breaks in their quotes.
    #[arg(long)]
    pub(crate) multiline: bool,

    /// Exit with 0 though some rows could not be used. They are counted all the same.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,

    /// How the rows are printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AnswerFormat,
}

/// How a query's rows are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// A table, for people.
    #[default]
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
}

/// A job file and what is changed in it.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct JobArgs {
    /// The job file.
    #[arg(value_name = "JOB")]
    pub(crate) file: PathBuf,

    /// Change a key of the job file: a dotted path, and TOML or plain text. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    #[default]
    Auto,
    Json,
    Log,
    None,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Access-log rows of a web server: url, status, bytes and a time, some of them late.
    AccessLogs(AccessLogArgs),
}

#[derive(Debug, ClapArgs)]
#[command(allow_negative_numbers = true)]
#[command(after_help = "\
The same options give the same rows, on any machine: those of a job's source with
connector = \"generate\".

Examples:
  millstream generate access-logs --out data
  millstream generate access-logs --out data --rows 1000000 --files 10 --format json
  millstream generate access-logs --out data --seed 7 --max-delay \"10 minutes\"

Exit codes: 0 done, 1 failed, 2 the command line must be mended.")]
pub(crate) struct AccessLogArgs {
    /// The folder to write to; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Rows in all.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) rows: u64,

    /// Files that the rows are spread over, in order.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) files: u64,

    /// What the files hold.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: LogFormat,

    /// Other seeds give other rows.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Distinct urls.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) urls: u64,

    /// Event time of the first row.
    #[arg(long, default_value = "2026-01-01T00:00:00Z", value_name = "TIME")]
    pub(crate) start: String,

    /// Rows per second of event time.
    #[arg(long, default_value_t = 1000.0, value_name = "N")]
    pub(crate) events_per_second: f64,

    /// How far event times lie behind on average.
    #[arg(long, default_value = "5 seconds", value_name = "DURATION")]
    pub(crate) mean_delay: String,

    /// How far they lie behind at the most.
    #[arg(long, default_value = "1 minute", value_name = "DURATION")]
    pub(crate) max_delay: String,
}

/// What generated files hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines as a web server writes them.
    Text,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    #[default]
    Json,
    /// Apache Parquet.
    Parquet,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as trigger=once or source.logs.path=/data".to_owned()),
    }
}

fn name_path(text: &str) -> Result<(String, String), String> {
    named(text).ok_or_else(|| "write NAME=PATH, such as logs=data/ or people=people.csv".to_owned())
}

fn name_format(text: &str) -> Result<(String, String), String> {
    named(text).ok_or_else(|| "write NAME=FORMAT, such as logs=csv".to_owned())
}

/// What stands before and behind the first equals sign, neither of them empty.
fn named(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let is_there = !name.trim().is_empty() && !value.is_empty();
    is_there.then(|| (name.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples() {
        fn look(command: &clap::Command) {
            let subcommands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
            if subcommands.is_empty() {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:"), "{} has no examples", command.get_name());
            }
            subcommands.into_iter().for_each(look);
        }
        look(&Args::command());
    }

    #[test]
    fn overrides_are_cut_at_the_first_equals_sign() {
        assert_eq!(key_value("a.b=c=d"), Ok(("a.b".into(), "c=d".into())));
        assert!(key_value("a.b").is_err() && key_value("=x").is_err());
        assert_eq!(name_path("t=a=b"), Ok(("t".into(), "a=b".into())));
        assert!(name_path("data").is_err() && name_path("t=").is_err());
    }
}
