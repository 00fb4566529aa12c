//! `millstream plugin …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use millstream_plugin::Language;

use super::key_value;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Begin a plugin: a project that builds and passes its own tests as it stands.
    New(NewArgs),
    /// Build a plugin's project folder to a component.
    Build(BuildArgs),
    /// Show what a component is: its kind, what it exports, what it asks for and may not have.
    Inspect(InspectArgs),
    /// Run a plugin's cases: rows in files, and what is to come of them.
    Test(TestArgs),
    /// Try whether a plugin is deterministic, as restarts and results that do not depend on the cores need it.
    Verify(VerifyArgs),
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
The project has a copy of the SDK and of the contract (sdk, wit), a test of the logic, and a case
with rows for the component. Nothing has to be installed but the language's own tools.

Examples:
  millstream plugin new keep-slow --kind filter
  millstream plugin new plugins/visits --language rust --kind keyed

Exit codes: 0 done, 1 failed, 2 the command line must be mended.")]
pub(crate) struct NewArgs {
    /// The folder that is made. The plugin is called like it.
    #[arg(value_name = "NAME")]
    pub(crate) path: PathBuf,

    /// In which language it is written.
    #[arg(long, value_enum, default_value_t = NewLanguage::Rust)]
    pub(crate) language: NewLanguage,

    /// What it does with rows.
    #[arg(long, value_enum)]
    pub(crate) kind: NewKind,
}

/// A language that a project can be begun in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewLanguage {
    /// Built with cargo.
    Rust,
    /// CPython in a component; needs Python 3.11.
    Python,
    /// QuickJS in a component; needs Node.js 20.
    Javascript,
    /// The same, checked by its compiler.
    Typescript,
}

impl NewLanguage {
    /// Whose SDK it has.
    pub(crate) fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::Python => Language::Python,
            Self::Javascript => Language::JavaScript,
            Self::Typescript => Language::TypeScript,
        }
    }

    /// The folder of its templates.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Javascript => "javascript",
            Self::Typescript => "typescript",
        }
    }

    /// What it is called, and where the plugin is.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Rust => "Rust, src/lib.rs",
            Self::Python => "Python, plugin.py",
            Self::Javascript => "JavaScript, plugin.js",
            Self::Typescript => "TypeScript, plugin.ts",
        }
    }

    /// How the logic is tested without a component.
    pub(crate) fn test(self) -> &'static str {
        match self {
            Self::Rust => "cargo test",
            Self::Python => "python3 -m pytest",
            Self::Javascript | Self::Typescript => "npm install && npm test",
        }
    }
}

/// A kind of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NewKind {
    /// Keeps or drops rows.
    Filter,
    /// Adds columns.
    Map,
    /// Makes any number of rows from each.
    FlatMap,
    /// Makes one row of each group.
    Aggregate,
    /// Keeps state per key, and sets timers.
    Keyed,
}

impl NewKind {
    /// In a sentence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Keyed => "keyed operator",
            other => other.name(),
        }
    }

    /// As folders have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Map => "map",
            Self::FlatMap => "flat-map",
            Self::Aggregate => "aggregate",
            Self::Keyed => "keyed",
        }
    }
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
A folder with a Cargo.toml is built with cargo for wasm32-wasip2, one with a plugin.py, plugin.js
or plugin.ts with what its SDK builds with, which is installed once, into a cache. `millstream run`
builds a job's plugins by itself: this is for giving a component away.

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
A case is a folder in DIR/cases: case.toml, which has [input] with the keys of a source in a job
file and [operator] with those of its node; the rows, as input.jsonl, input.csv or input.parquet;
and what is to come of them: output.jsonl, rejected.jsonl (reason and row), late.jsonl, and
state.jsonl, which is looked at where it is there. Among the rows of input.jsonl
{\"$watermark\": \"2026-03-01T12:00:00Z\"} moves the watermark, {\"$now\": …} processing time.
Then the laws are tried with the rows of each case, with none, and with nulls: as `verify` does.

Examples:
  millstream plugin test                          the plugin whose project this is
  millstream plugin test plugins/sessionise --case late-clicks
  millstream plugin test plugins/sessionise --bless
  millstream plugin test built.wasm --cases plugins/sessionise/cases

Exit codes: 0 all as it is said, 1 not so, 2 it is no plugin, or the command line must be mended.")]
pub(crate) struct TestArgs {
    /// The project folder, which is built first, or a component.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) path: PathBuf,

    /// Only this case. Can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) case: Vec<String>,

    /// The folder of the cases. Without it: `cases` in DIR.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cases: Option<PathBuf>,

    /// Write down what comes as what is to come. Look at it before you keep it.
    #[arg(long)]
    pub(crate) bless: bool,

    /// Run the cases alone.
    #[arg(long)]
    pub(crate) no_laws: bool,
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
