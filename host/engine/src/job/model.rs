//! The job file's types, after parsing: names resolved, durations in microseconds, paths absolute.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::event_time::EventTimeSpec;
use super::options::Options;
use super::text::{JobText, Spanned};

/// A checked job file: every name outside SQL points somewhere, no plugin operators read each other in a circle.
/// Columns and SQL are checked later, by [`crate::plan`].
#[derive(Debug, Clone)]
pub struct Job {
    /// The job's name: letters, digits, `-` and `_`.
    pub name: String,
    /// The file it came from and its text.
    pub text: JobText,
    /// The folder that relative paths in it count from, absolute.
    pub base: PathBuf,
    /// The folder of the checkpoint; none = a temporary one.
    pub checkpoint: Option<PathBuf>,
    /// Where that stands.
    pub(crate) checkpoint_at: Range<usize>,
    /// When epochs run.
    pub trigger: Trigger,
    /// What happens to a row that fails.
    pub on_error: OnError,
    /// Send the watermark to the end of time when bounded input is used up.
    pub final_watermark: bool,
    /// Bytes of memory that its state may take; none = as much as there is.
    pub max_state_memory: Option<u64>,
    /// What its checkpoint keeps of earlier epochs.
    pub keep: KeepEpochs,
    /// Sources by name, in file order.
    pub sources: Vec<SourceSpec>,
    /// Plugins by name.
    pub plugins: BTreeMap<String, PluginSpec>,
    /// Operators, inputs before their users.
    pub operators: Vec<OperatorSpec>,
    /// Sinks, in file order.
    pub sinks: Vec<SinkSpec>,
    /// Where rows go that fail. Its `input` is empty.
    pub dead_letters: SinkSpec,
    /// As it was given.
    pub(crate) given: Given,
    /// What [`Job::digest`] gives.
    pub(crate) content_digest: String,
}

/// The text of a job, and what is set besides.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub text: Arc<str>,
    pub overrides: Vec<(String, String)>,
}

/// What is kept of earlier epochs, so that they can be computed again: their records, and the state before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepEpochs {
    /// How many, at the most; 0 = none that no restart needs.
    pub epochs: u64,
    /// Bytes of all files, at the most; what a restart needs is kept besides.
    pub bytes: u64,
}

/// When epochs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// As soon as there is input.
    Continuous,
    /// On the interval's grid; at once after an overrun.
    Every(Duration),
    /// All there is, in epochs bounded by the admission limits, then stop.
    AvailableNow,
    /// One epoch, then stop.
    Once,
}

/// What happens to a row that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It goes to the dead letters.
    DeadLetter,
    /// The job stops at the last committed epoch.
    Fail,
}

/// A `[source.NAME]` table.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// Its name, and where it stands.
    pub name: Spanned<String>,
    /// What it reads.
    pub options: Options,
    /// Event time and watermark.
    pub event_time: Option<EventTimeSpec>,
    /// It stands still, to be joined with streams; none = it is a stream.
    pub static_spec: Option<StaticSpec>,
}

/// `static = true` on a source: it is read as a whole at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticSpec {
    /// After how long it is read again, microseconds of processing time.
    pub refresh: Option<i64>,
    /// How many bytes of memory its rows may take, with what finds them.
    pub max_memory: u64,
}

impl StaticSpec {
    /// What is allowed where the job says nothing.
    pub const MAX_MEMORY: u64 = 2 << 30;
}

/// A `[plugin.NAME]` table.
#[derive(Debug, Clone)]
pub struct PluginSpec {
    /// Its name, and where it stands.
    pub name: Spanned<String>,
    /// A `.wasm` file or a project folder; absolute.
    pub path: Spanned<PathBuf>,
    /// Which of its operators, where the table is a name for one of several.
    pub operator: Option<Spanned<String>>,
    /// Greatest linear memory of an instance, bytes.
    pub memory: Option<u64>,
    /// Longest time of one call.
    pub time: Option<Duration>,
    /// The configuration, a JSON object as text, where the plugin is called from SQL; an operator has its own.
    pub config: String,
}

/// An `[operator.NAME]` table.
#[derive(Debug, Clone)]
pub struct OperatorSpec {
    /// Its name, and where it stands.
    pub name: Spanned<String>,
    /// SQL text, a plugin, or a list of keys.
    pub logic: Logic,
    /// Output mode, where the node is stateful.
    pub output_mode: Option<Spanned<OutputMode>>,
    /// Event time and watermark: of the output if the node is stateless, of the input if it is stateful.
    pub event_time: Option<EventTimeSpec>,
    /// The sink that late rows go to.
    pub late: Option<Spanned<String>>,
    /// How several inputs' watermarks become one.
    pub watermark_policy: WatermarkPolicy,
    /// Whether it may keep state that nothing bounds.
    pub unbounded_state: bool,
    /// It is asked once, of input that ends: its result is whole then, and nothing comes out of an aggregation, an order or
    /// a limit before. No job file says so.
    pub asked_once: bool,
}

/// How several inputs' watermarks become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WatermarkPolicy {
    /// The least: no input's rows become late because another is ahead.
    #[default]
    Min,
    /// The greatest.
    Max,
}

/// What an operator does.
#[derive(Debug, Clone)]
pub enum Logic {
    /// `sql = "…"`; the span is that of the text inside the quotes.
    Sql(Spanned<String>),
    /// `plugin = "…"` with its `input` and `with`.
    Plugin {
        /// The node it reads.
        input: Spanned<String>,
        /// The plugin's name.
        plugin: Spanned<String>,
        /// The plugin's configuration, a JSON object as text.
        config: String,
        /// Where the configuration's keys stand, and `with`; the operator's name where it has none.
        config_at: ConfigPlaces,
        /// Columns to group by, for an aggregate plugin used as a node.
        group_by: Vec<Spanned<String>>,
        /// Columns that make the key, for a keyed plugin.
        key_by: Vec<Spanned<String>>,
    },
    /// `dedup = { keys = […] }` with its `input`: of rows with the same keys the first one.
    Dedup {
        /// The node it reads.
        input: Spanned<String>,
        /// The columns that make two rows the same.
        keys: Vec<Spanned<String>>,
        /// How long after its event time a row is remembered, microseconds; none = the watermark's delay.
        within: Option<Spanned<i64>>,
    },
    /// `throttle = { keys = […], rows = …, per = "…" }` with its `input`: of each key's rows no more than so many in a while.
    Throttle {
        /// The node it reads.
        input: Spanned<String>,
        /// The columns that tell who shares an allowance.
        keys: Vec<Spanned<String>>,
        /// How many of a key's rows pass in each window of event time.
        rows: u64,
        /// How long a window is, microseconds.
        per: i64,
    },
}

impl Logic {
    /// The node it reads, where the job file names it; a query names its tables in its text.
    pub fn input(&self) -> Option<&Spanned<String>> {
        match self {
            Self::Sql(_) => None,
            Self::Plugin { input, .. } | Self::Dedup { input, .. } | Self::Throttle { input, .. } => Some(input),
        }
    }
}

/// Where a plugin's configuration stands.
#[derive(Debug, Clone, Default)]
pub struct ConfigPlaces {
    /// Of each key of it.
    pub keys: Vec<(String, Range<usize>)>,
    /// Of the whole.
    pub whole: Range<usize>,
}

impl ConfigPlaces {
    /// Where `key` stands, or where it is missing.
    pub fn of(&self, key: &str) -> Range<usize> {
        self.keys.iter().find(|(name, _)| name == key).map_or(&self.whole, |(_, place)| place).clone()
    }
}

/// What a stateful node emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputMode {
    /// Each group once, when the watermark passes it.
    Append,
    /// Every group the epoch touched.
    Update,
    /// The whole result each epoch.
    Complete,
}

/// A `[sink.NAME]` table.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// Its name, and where it stands.
    pub name: Spanned<String>,
    /// The node it takes rows from; empty for a sink that is only named by `late`, and for the dead letters.
    pub input: Option<Spanned<String>>,
    /// Where the rows go.
    pub options: Options,
}
