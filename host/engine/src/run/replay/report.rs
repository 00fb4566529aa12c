//! What is told of epochs that were computed again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::compare::SinkDifference;
use super::side::Made;
use crate::record::{Counters, EpochRecord};

/// How the epochs went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many were computed again.
    pub epochs: u64,
    /// How many of them gave what was written.
    pub same: u64,
    /// In how many the changed job gives the same.
    pub same_after: u64,
    /// Rows that were read.
    pub rows_in: u64,
    /// Time to compute them as the job was.
    pub took: Duration,
    /// Time to compute them with the changed job.
    pub took_after: Duration,
    /// What calls of plugins have consumed as the job was ([`Runtime::fuel`](millstream_plugin::Runtime::fuel)); none where it is not
    /// counted, or the job has no plugins.
    pub fuel: Option<u64>,
    /// What they have consumed with the changed job.
    pub fuel_after: Option<u64>,
    /// Whether there was a changed job.
    pub is_compared: bool,
}

/// What a count of an epoch's rows is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows read.
    pub rows_in: u64,
    /// Rows given to all sinks.
    pub rows_out: u64,
    /// Late for every window that they belong to.
    pub late: u64,
    /// Rows that went to the dead letters.
    pub rejected: u64,
}

/// An epoch that was computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedEpoch {
    /// Its number.
    pub epoch: u64,
    /// What was counted when it was committed.
    pub committed: Counts,
    /// What is counted when it is computed again as the job was.
    pub again: Counts,
    /// What is not as it was committed, in words; none = all is.
    pub unlike: Vec<String>,
    /// What the changed job counts, if there is one.
    pub after: Option<Counts>,
    /// How what the changed job gives differs, by sink; none = it does not.
    pub differences: Vec<SinkDifference>,
    /// Time to compute it as the job was.
    pub took: Duration,
    /// Time to compute it with the changed job.
    pub took_after: Duration,
    /// What calls of plugins have consumed as the job was ([`Runtime::fuel`](millstream_plugin::Runtime::fuel)); none where it is not
    /// counted, or the job has no plugins.
    pub fuel: Option<u64>,
    /// What they have consumed with the changed job.
    pub fuel_after: Option<u64>,
}

impl ReplayedEpoch {
    /// Whether the changed job gives what the job as it was does, and counts the same.
    pub fn is_same_after(&self) -> bool {
        self.differences.is_empty() && self.after.is_none_or(|after| after == self.again)
    }
}

impl Counts {
    /// The sums of an epoch's counters.
    pub(super) fn of(counters: &Counters) -> Self {
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum();
        Self {
            rows_in: counters.rows_in,
            rows_out: sum(&counters.rows_out),
            late: sum(&counters.late),
            rejected: sum(&counters.rejected),
        }
    }
}

/// What of an epoch is not as it was committed.
pub(super) fn unlike(record: &EpochRecord, made: &Made) -> Vec<String> {
    let mut unlike = Vec::new();
    let mut differ = |what: String, before: u64, now: u64| {
        if before != now {
            unlike.push(format!("{what}: {now} instead of {before}"));
        }
    };
    let (before, now) = (&record.counters, &made.counters);
    differ("rows read".to_owned(), before.rows_in, now.rows_in);
    for (what, before, now) in [
        ("rows given to", &before.rows_out, &now.rows_out),
        ("rows late at", &before.late, &now.late),
        ("rows rejected at", &before.rejected, &now.rejected),
    ] {
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        for name in names {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
            differ(format!("{what} `{name}`"), count(before), count(now));
        }
    }
    let mut written: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for output in &record.outputs {
        written.entry(&output.sink).or_default().push(&output.digest);
    }
    for (sink, digests) in &made.outputs {
        let before = written.remove(sink.as_str()).unwrap_or_default();
        if *digests != before {
            unlike.push(format!("sink `{sink}` gets other bytes than were written"));
        }
    }
    unlike
}
