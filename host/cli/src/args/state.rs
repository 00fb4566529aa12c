//! What can be written to look into a state.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Without NODE: each state with what it is, what its rows are kept by and how many there are, and how
far each source was read. That is told by the checkpoint alone, whatever has become of its job.

With NODE: its rows. Groups have a column per column of an aggregate's state; keyed operators what
their plugin keeps, how many entries each map has (--map shows them), and timers; sessions, joins, dedup and throttle
what is open or remembered, and until when. For that the job is planned again as it was: it is kept
in the checkpoint (keep_epochs), or given as CHECKPOINT or with --job.

Examples:
  millstream state job.toml
  millstream state state alerts --key card=c1046
  millstream state job.toml counts --key window_start=2026-03-01T12:00:00Z --limit 20
  millstream state job.toml visits --map pages --key user=ann
  millstream state job.toml alerts --epoch 12 --format json | jq .timers
  millstream state savepoint alerts --job job.toml -o alerts.parquet

Exit codes: 0 done, 1 failed, 2 the command line must be mended.")]
pub(crate) struct StateArgs {
    /// The folder of the checkpoint or savepoint, or the job file.
    #[arg(value_name = "CHECKPOINT")]
    pub(crate) checkpoint: PathBuf,

    /// A node with state, as the overview calls it.
    #[arg(value_name = "NODE")]
    pub(crate) node: Option<String>,

    /// Only rows with this value, TOML or plain text, in this column of the key, or of a window's ends. Can be given several
    /// times: all must match.
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = super::key_value, requires = "node")]
    pub(crate) key: Vec<(String, String)>,

    /// The entries of this map of a keyed operator, instead of what there is of each key.
    #[arg(long, value_name = "NAME", requires = "node")]
    pub(crate) map: Option<String>,

    /// The state after this epoch. Without it: after the last one.
    #[arg(long, value_name = "N")]
    pub(crate) epoch: Option<u64>,

    /// The job file as it was in that epoch, where the checkpoint does not keep it.
    #[arg(long, value_name = "FILE", requires = "node")]
    pub(crate) job: Option<PathBuf>,

    /// How it is written: by the ending of FILE, or a table.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<StateFormat>,

    /// The file to write to. Without it: standard output.
    #[arg(short, long, value_name = "FILE", requires = "node")]
    pub(crate) output: Option<PathBuf>,

    /// At most N rows. Without it: 100 of a table, else all.
    #[arg(long, value_name = "N", requires = "node")]
    pub(crate) limit: Option<u64>,
}

/// How a state is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateFormat {
    /// A table, for people.
    Table,
    /// One JSON object a line.
    Json,
    /// Apache Parquet, to a file.
    Parquet,
}
