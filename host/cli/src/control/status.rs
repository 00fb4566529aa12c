//! What a running job says of itself: the JSON of `GET /job`.

use std::collections::BTreeMap;
use std::fmt;

use millstream_engine::run::report::{CanaryReport, UsedPlugin};
use serde::{Deserialize, Serialize};

use crate::progress::epoch_json::EpochJson;
use crate::progress::totals::Totals;

/// A running job. Times are RFC 3339 in UTC; every number belongs to committed epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobStatus {
    /// Its name.
    pub(crate) job: String,
    /// The process that runs it.
    pub(crate) pid: u32,
    /// Its file, absolute.
    pub(crate) file: String,
    /// Of the program that runs it.
    pub(crate) version: String,
    pub(crate) state: JobState,
    /// When this run began.
    pub(crate) started: String,
    /// How long it has run since then.
    pub(crate) elapsed_ms: f64,
    /// The folder of its checkpoint; none = it is not open yet.
    pub(crate) checkpoint: Option<String>,
    /// The job names no checkpoint: this one will not be found again.
    pub(crate) temporary_checkpoint: bool,
    /// The last committed epoch that this run started from; none = from the beginning.
    pub(crate) resumed_from: Option<u64>,
    /// What each of its plugins is at present.
    pub(crate) plugins: BTreeMap<String, UsedPlugin>,
    /// Sources that cannot be reached at present, with what they say.
    pub(crate) away: BTreeMap<String, String>,
    /// The version of a plugin that answers for a share of its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<CanaryReport>,
    /// Of the last seconds.
    pub(crate) rows_in_per_second: u64,
    /// Of the last seconds.
    pub(crate) rows_out_per_second: u64,
    /// What this run did.
    pub(crate) totals: TotalsJson,
    /// What the last epoch did that this run committed.
    pub(crate) last_epoch: Option<EpochJson>,
}

impl JobStatus {
    /// The last committed epoch, be it of an earlier run.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.last_epoch.as_ref().map(|last| last.epoch).or(self.resumed_from)
    }
}

/// What a job is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// Its checkpoint is being opened.
    Starting,
    Running,
    Paused,
    /// It was told to stop, and is in its last epoch.
    Stopping,
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
        })
    }
}

/// Sums of the epochs of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TotalsJson {
    pub(crate) epochs: u64,
    pub(crate) rows_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) late: u64,
    pub(crate) partly_late: u64,
    pub(crate) ahead: u64,
    pub(crate) rejected: u64,
    pub(crate) not_refreshed: u64,
    pub(crate) changed_files: u64,
    pub(crate) empty_files: u64,
}

impl From<&Totals> for TotalsJson {
    fn from(totals: &Totals) -> Self {
        Self {
            epochs: totals.epochs,
            rows_in: totals.rows_in,
            bytes_in: totals.bytes_in,
            rows_out: totals.rows_out,
            late: totals.late,
            partly_late: totals.partly_late,
            ahead: totals.ahead,
            rejected: totals.rejected,
            not_refreshed: totals.not_refreshed,
            changed_files: totals.changed_files,
            empty_files: totals.empty_files,
        }
    }
}
