//! An epoch's report as JSON: a line of `--progress json`, and what the control socket says of a job's last epoch.
//!
//! Times are RFC 3339 in UTC, durations milliseconds; a watermark is null as long as there is none.

use std::time::Duration;

use millstream_engine::run::report::EpochReport;
use serde::{Deserialize, Serialize};

use crate::text;

/// What [`EpochReport`] says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EpochJson {
    pub(crate) epoch: u64,
    pub(crate) started: Option<String>,
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
    pub(crate) state_rows: u64,
    pub(crate) state_bytes: u64,
    pub(crate) watermark: Option<String>,
    pub(crate) compute_ms: f64,
    pub(crate) commit_ms: f64,
    pub(crate) total_ms: f64,
}

impl From<&EpochReport> for EpochJson {
    fn from(report: &EpochReport) -> Self {
        Self {
            epoch: report.epoch,
            started: text::instant(report.started),
            rows_in: report.rows_in,
            bytes_in: report.bytes_in,
            rows_out: report.rows_out,
            late: report.late,
            partly_late: report.partly_late,
            ahead: report.ahead,
            rejected: report.rejected,
            not_refreshed: report.not_refreshed,
            changed_files: report.changed_files,
            empty_files: report.empty_files,
            state_rows: report.state_rows,
            state_bytes: report.state_bytes,
            watermark: watermark(report.watermark),
            compute_ms: millis(report.compute),
            commit_ms: millis(report.commit),
            total_ms: millis(report.total),
        }
    }
}

impl EpochJson {
    /// The watermark for people, to the second.
    pub(crate) fn shown_watermark(&self) -> String {
        match self.watermark.as_deref() {
            None => "none yet".to_owned(),
            Some(END) => "end of input".to_owned(),
            Some(time) => time.chars().take("2026-03-01T00:00:00".len()).collect::<String>().replace('T', " "),
        }
    }
}

/// The watermark when bounded input is used up.
const END: &str = "end";

pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// None: no watermark yet. `"end"`: bounded input is used up.
pub(super) fn watermark(micros: Option<i64>) -> Option<String> {
    micros.map(|micros| text::instant(micros).unwrap_or_else(|| END.into()))
}
