//! What a run tells those who watch it: a report per epoch, a summary at the end.
//!
//! Every number belongs to a committed epoch. How it is shown is left to the program.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::share::Share;

pub use crate::operator::LogLine;

/// What one committed epoch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EpochReport {
    /// The epoch's number, from 0.
    pub epoch: u64,
    /// Processing time at its start, microseconds since 1970.
    pub started: i64,
    /// Rows decoded from all sources, the rejected ones included.
    pub rows_in: u64,
    /// Bytes read from all sources.
    pub bytes_in: u64,
    /// Rows given to all sinks.
    pub rows_out: u64,
    /// Rows late for every window they belong to.
    pub late: u64,
    /// Rows late for some of their windows only.
    pub partly_late: u64,
    /// Rows whose event time was further ahead of their epoch than `max_ahead` allows.
    pub ahead: u64,
    /// Rows that went to the dead letters.
    pub rejected: u64,
    /// Static sources that could not be read again, each time counted: they stayed as they were.
    pub not_refreshed: u64,
    /// Files noticed to have changed after they were read: what came later was not read.
    pub changed_files: u64,
    /// Files without a byte, of a format that has none such.
    pub empty_files: u64,
    /// Entries of state after the epoch.
    pub state_rows: u64,
    /// Bytes of state in memory after the epoch.
    pub state_bytes: u64,
    /// The least watermark that state goes by, as it stands after the epoch, with what was decided of idle inputs;
    /// microseconds since 1970; none = none yet.
    pub watermark: Option<i64>,
    /// Time to read and compute.
    pub compute: Duration,
    /// Time to make the epoch durable: the checkpoint.
    pub commit: Duration,
    /// Time of the epoch in all.
    pub total: Duration,
}

/// Why a run ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The trigger asked for no more, or the input is bounded and used up.
    InputEnded,
    /// It was told to ([`Control::stop`](super::Control::stop)).
    Requested,
}

/// What a run did in all.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Epochs committed by this run.
    pub epochs: u64,
    /// Rows decoded from all sources.
    pub rows_in: u64,
    /// Bytes read from all sources.
    pub bytes_in: u64,
    /// Rows given to each sink.
    pub rows_out: BTreeMap<String, u64>,
    /// Rows late for every window they belong to.
    pub late: u64,
    /// Rows late for some of their windows only.
    pub partly_late: u64,
    /// Rows whose event time was further ahead of their epoch than `max_ahead` allows.
    pub ahead: u64,
    /// Rows that went to the dead letters.
    pub rejected: u64,
    /// Static sources that could not be read again, each time counted: they stayed as they were.
    pub not_refreshed: u64,
    /// Files noticed to have changed after they were read: what came later was not read.
    pub changed_files: u64,
    /// Files without a byte, of a format that has none such.
    pub empty_files: u64,
    /// Time from start to end.
    pub elapsed: Duration,
    /// The least watermark at the end, microseconds since 1970; none = none yet.
    pub watermark: Option<i64>,
    /// Where the checkpoint is.
    pub checkpoint: String,
    /// The job names no checkpoint: this one will not be found again.
    pub temporary_checkpoint: bool,
    /// The last committed epoch that the run started from; none = from the beginning.
    pub resumed_from: Option<u64>,
    /// Where rejected rows are, if there are any and they are kept in a file.
    pub dead_letters: Option<String>,
    /// Why it ended.
    pub stopped: StopReason,
}

/// What a run says before its first epoch.
#[derive(Debug, Clone)]
pub struct Started {
    /// The job's name.
    pub job: String,
    /// Where the checkpoint is.
    pub checkpoint: String,
    /// The job names no checkpoint: this one will not be found again.
    pub temporary_checkpoint: bool,
    /// The last committed epoch, which the run goes on from; none = from the beginning.
    pub resumed_from: Option<u64>,
    /// Its plugins by name.
    pub plugins: BTreeMap<String, UsedPlugin>,
}

/// The version of a plugin that a job uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedPlugin {
    /// BLAKE3, hexadecimal, of its component.
    pub digest: String,
    /// The first epoch that was made with it, where the job was swapped to it; none = it is the one of the job's file.
    pub swapped_since: Option<u64>,
}

/// A swap that came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swapped {
    /// The plugin's name in the job.
    pub plugin: String,
    /// The first epoch that was made with it; it is committed.
    pub epoch: u64,
    /// BLAKE3, hexadecimal, of the component that is used now.
    pub digest: String,
    /// That of the one before.
    pub before: String,
    /// It answers only for this share of the keys; the one before has all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

impl fmt::Display for Swapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, epoch, digest, before, share } = self;
        if let Some(share) = share {
            let now = short(digest);
            return write!(
                f,
                "plugin `{plugin}`: {now} answers for {share} of the keys since epoch {epoch}, beside {}",
                short(before)
            );
        }
        write!(f, "plugin `{plugin}` was swapped with epoch {epoch}: ")?;
        match digest == before {
            true => write!(f, "its component is {} as before", short(digest)),
            false => write!(f, "{} in the place of {}", short(digest), short(before)),
        }
    }
}

/// A version of a plugin that answers for a share of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryReport {
    /// The plugin's name in the job.
    pub plugin: String,
    /// BLAKE3, hexadecimal, of its component.
    pub digest: String,
    /// The keys.
    pub share: Share,
    /// The first epoch that was made with it.
    pub since: u64,
    /// Epochs with rows of its keys in which it refused no more of them than the version before, one after the other.
    pub clean: u64,
    /// After so many the job is swapped to it.
    pub promote_after: Option<u64>,
}

/// A digest as people are shown it.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Watches a run. Methods are called by the threads that run the job, in the order of what happened, and hold it up
/// while they run.
pub trait Observer: Send + Sync {
    /// The job is checked and its checkpoint is open.
    fn started(&self, _started: &Started) {}

    /// An epoch is committed.
    fn epoch(&self, _report: &EpochReport) {}

    /// Something a person should know, in one line.
    fn message(&self, _message: &str) {}

    /// A plugin logged a line while `epoch` was computed. An epoch that fails is computed again after a restart, and what
    /// is logged then is told again. Left as it is, it is a message.
    fn logged(&self, epoch: u64, line: &LogLine) {
        self.message(&format!("epoch {epoch}, {line}"));
    }

    /// The job was swapped to another version of a plugin; its first epoch was told before. Left as it is, it is a message.
    fn swapped(&self, swapped: &Swapped) {
        self.message(&swapped.to_string());
    }

    /// How the canary of the job goes, after each epoch that was computed with it; none = it has ended, or the job is
    /// swapped to it.
    fn canary(&self, _canary: Option<&CanaryReport>) {}

    /// A source went away for a while, or is back: told of each once, and of one that comes and goes now and then. Left as
    /// it is, it is a message.
    fn source(&self, change: &SourceChange) {
        self.message(&change.to_string());
    }
}

/// What becomes of a source that cannot be reached for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceChange {
    /// It cannot be looked at or read, and is tried again until it can.
    Away {
        /// Its name in the job.
        source: String,
        /// What it said, in one line.
        why: String,
    },
    /// It can be read again.
    Back {
        /// Its name in the job.
        source: String,
        /// How long it was away, processing time.
        after: Duration,
    },
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
