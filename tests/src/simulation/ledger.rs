//! What was planned and promised, noted while a job runs; a promise that is not kept is noted too.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use millstream_engine::run::{EpochReport, Observer, Started};

/// One epoch as it was planned.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Processing time at its beginning.
    pub now: i64,
    /// Per source the files that it reads.
    pub files: Vec<Vec<usize>>,
    /// Per source whether it was away.
    pub away: Vec<bool>,
}

impl Planned {
    /// Whether source `source` may have more than what was read: then nobody takes it to be idle.
    pub fn has_more(&self, source: usize) -> bool {
        !self.files[source].is_empty() || self.away[source]
    }
}

/// What is known of the job's epochs.
#[derive(Debug, Default)]
pub struct Ledger {
    /// All epochs that are committed, and behind them those that may be.
    pub epochs: Vec<Planned>,
    /// The one that is computed; it is given up if a source goes away.
    pub next: Option<Planned>,
    /// Epochs that somebody was told are committed.
    pub promised: usize,
    /// The disk was damaged before this run: the last epoch may be gone and computed again.
    pub damaged: bool,
    /// Damage took a committed record whose output a crash had taken: from this epoch on everything is new.
    pub forgotten: Option<usize>,
    /// What went wrong.
    pub broken: Vec<String>,
    /// What became of swaps, of [`SWAPS`].
    pub swaps: BTreeSet<&'static str>,
}

/// All epochs that a checkpoint has kept were computed again.
pub const REPLAYED: &str = "replayed";

/// What a run tells of swaps and canaries.
pub const SWAPS: [&str; 9] = [
    "was swapped with",
    "goes on as it was swapped",
    "was not swapped",
    "no way from version",
    "are being brought over",
    "were being brought over for a swap when the job ended",
    "of the keys since epoch",
    "has ended, as it was told",
    "it has ended with the job",
];

impl Ledger {
    /// The next epoch is computed, and has read these files of source `source`.
    pub fn computed(&mut self, source: usize, files: Vec<usize>) {
        self.epochs.extend(self.next.take());
        let epoch = self.epochs.last_mut().expect("an epoch is planned before it is computed");
        epoch.files[source] = files;
    }
}

/// Notes what a run says of itself.
pub struct Watch(pub Arc<Mutex<Ledger>>);

impl Observer for Watch {
    fn started(&self, started: &Started) {
        let mut ledger = self.0.lock().unwrap();
        let committed = started.resumed_from.map_or(0, |last| last as usize + 1);
        let (promised, planned) = (ledger.promised, ledger.epochs.len());
        if committed < promised && !ledger.damaged {
            ledger.broken.push(format!("{promised} epochs were committed, and {committed} are there"));
        }
        if committed > planned {
            ledger.broken.push(format!("{planned} epochs were planned, and {committed} are there"));
        }
        if committed < promised {
            ledger.forgotten = Some(committed);
        }
        ledger.epochs.truncate(committed);
        ledger.promised = committed;
    }

    fn epoch(&self, report: &EpochReport) {
        self.0.lock().unwrap().promised = report.epoch as usize + 1;
    }

    fn message(&self, message: &str) {
        self.0.lock().unwrap().swaps.extend(SWAPS.iter().filter(|swap| message.contains(**swap)));
    }
}
