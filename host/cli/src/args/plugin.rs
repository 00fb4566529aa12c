//! `millstream plugin …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::key_value;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Build a plugin's project folder to a component.
    Build(BuildArgs),
    /// Show what a component is: its kind, what it exports, what it asks for and may not have.
    Inspect(InspectArgs),
    /// Try whether a plugin is deterministic, as restarts and results that do not depend on the cores need it.
    Verify(VerifyArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A folder with a Cargo.toml is built with cargo for wasm32-wasip2. `millstream run` builds
a job's plugins by itself: this is for giving a component away.

Examples:
  millstream plugin build plugins/split-words
  millstream plugin build plugins/split-words -o split-words.wasm

Exit codes: 0 done, 1 failed, 2 the command line must be mended.")]
pub(crate) struct BuildArgs {
    /// The project folder.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Where to write the component. Without it: the folder's name with `.wasm`, in the current folder.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  millstream plugin inspect split-words.wasm

Exit codes: 0 done, 1 failed, 2 it is no plugin, or the command line must be mended.")]
pub(crate) struct InspectArgs {
    /// The component, or a project folder, which is built first.
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Each operator is called with the same rows in many ways: on new and on used instances, cut at
other places, row by row, from several threads; an aggregate's states are merged in other
nestings, a keyed operator goes through epochs with its states and timers. All that comes back
is compared, byte by byte. Without --input the rows are made by chance, with nulls, empty and
strange values among them, of the columns that the operator asks for.

Examples:
  millstream plugin verify split-words.wasm
  millstream plugin verify plugins/keep-containing --with text=item
  millstream plugin verify plugins/top-k --with item=page --columns \"site string\" --key site
  millstream plugin verify my.wasm --operator score --input sample.csv

Exit codes: 0 deterministic, as far as was tried, 1 it is not, or it fails, 2 it is no plugin, or
the command line must be mended.")]
pub(crate) struct VerifyArgs {
    /// The component, or a project folder, which is built first.
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,

    /// Which of its operators. Without it: all.
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// An entry of its configuration: a dotted path, and TOML or plain text. Can be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) with: Vec<(String, String)>,

    /// Rows to try it with: a file, a folder or a pattern, as `millstream sql` reads them.
    #[arg(long, value_name = "PATH", conflicts_with = "columns")]
    pub(crate) input: Option<PathBuf>,

    /// Columns of the rows that are made, each with its type as in a job file. Others that it asks for are added.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) columns: Option<String>,

    /// The columns that make the key of a keyed operator. Without it rows that are made have a column `key`.
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) key: Option<String>,

    /// The column that a keyed operator's watermark follows. Without it: the first timestamp.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) event_time: Option<String>,

    /// How many rows are made, or taken of the input.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) rows: u32,

    /// Other seeds make other rows and cut them elsewhere.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// The report as JSON, an object per operator.
    #[arg(long)]
    pub(crate) json: bool,
}
