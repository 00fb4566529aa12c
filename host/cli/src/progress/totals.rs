//! Sums of epoch reports.

use std::time::Duration;

use millstream_engine::run::report::EpochReport;

/// What some epochs did together. Counts add up; state and watermark are the last epoch's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Number of epochs.
    pub(crate) epochs: u64,
    /// Their first.
    pub(crate) first: u64,
    /// Their last.
    pub(crate) last: EpochReport,
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
    /// Time of the longest epoch.
    pub(crate) longest: Duration,
    /// Longest time that an epoch took to become durable.
    pub(crate) longest_commit: Duration,
}

impl Totals {
    pub(crate) fn add(&mut self, report: &EpochReport) {
        if self.epochs == 0 {
            self.first = report.epoch;
        }
        self.epochs += 1;
        self.rows_in += report.rows_in;
        self.bytes_in += report.bytes_in;
        self.rows_out += report.rows_out;
        self.late += report.late;
        self.partly_late += report.partly_late;
        self.ahead += report.ahead;
        self.rejected += report.rejected;
        self.not_refreshed += report.not_refreshed;
        self.changed_files += report.changed_files;
        self.empty_files += report.empty_files;
        self.longest = self.longest.max(report.total);
        self.longest_commit = self.longest_commit.max(report.commit);
        self.last = report.clone();
    }
}
