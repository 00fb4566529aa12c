//! Sums of epoch reports.

use std::time::Duration;

use millstream_engine::run::report::EpochReport;

/// What some epochs did together. Counts add up; state and watermark are the last epoch's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Number of epochs.
    pub(super) epochs: u64,
    /// Their first.
    pub(super) first: u64,
    /// Their last.
    pub(super) last: EpochReport,
    pub(super) rows_in: u64,
    pub(super) bytes_in: u64,
    pub(super) rows_out: u64,
    pub(super) late: u64,
    pub(super) ahead: u64,
    pub(super) rejected: u64,
    /// Time of the longest epoch.
    pub(super) longest: Duration,
    /// Longest time that an epoch took to become durable.
    pub(super) longest_commit: Duration,
}

impl Totals {
    pub(super) fn add(&mut self, report: &EpochReport) {
        if self.epochs == 0 {
            self.first = report.epoch;
        }
        self.epochs += 1;
        self.rows_in += report.rows_in;
        self.bytes_in += report.bytes_in;
        self.rows_out += report.rows_out;
        self.late += report.late;
        self.ahead += report.ahead;
        self.rejected += report.rejected;
        self.longest = self.longest.max(report.total);
        self.longest_commit = self.longest_commit.max(report.commit);
        self.last = report.clone();
    }
}
