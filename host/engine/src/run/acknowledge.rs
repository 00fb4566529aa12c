//! Sources are told what was committed, so that they can acknowledge it or throw it away: each epoch once it is durable, in
//! order, and again after a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::report::{EpochReport, Observer, SourceChange, Started, Swapped};
use super::sources::LiveSource;
use crate::clock::Wake;
use crate::name::{Name, Named};
use crate::operator::LogLine;
use crate::record::{EpochRecord, SourceRange};
use crate::{Error, Result};

/// What sources are still to be told.
#[derive(Debug, Default)]
pub(super) struct Acknowledge {
    /// Epochs before this one are committed.
    committed: Arc<AtomicU64>,
    /// In the order of the epochs.
    waiting: VecDeque<ReadRange>,
    /// When to try again, per source that could not take it.
    again: BTreeMap<Name, i64>,
}

/// What an epoch has read of a source.
#[derive(Debug)]
struct ReadRange {
    epoch: u64,
    source: Name,
    /// None: after a restart, whatever the source was restored with.
    range: Option<SourceRange>,
}

impl Acknowledge {
    /// Nothing is known of what the sources were told before the restart from `last`.
    pub fn after(last: Option<&EpochRecord>, sources: &Named<LiveSource>) -> Self {
        let mut all = Self::default();
        if let Some(last) = last {
            all.committed.store(last.epoch + 1, Ordering::SeqCst);
            for (name, _) in sources.iter().filter(|(_, live)| live.source.acknowledges()) {
                let range = last.ranges.get(&**name).cloned();
                all.waiting.push_back(ReadRange { epoch: last.epoch, source: name.clone(), range });
            }
        }
        all
    }

    /// An observer that notes what is committed before it tells `observer`; `wake` is notified if somebody waits for it.
    pub fn watching(&self, observer: Arc<dyn Observer>, sources: &Named<LiveSource>, wake: &Wake) -> Arc<dyn Observer> {
        if !sources.values().any(|live| live.source.acknowledges()) {
            return observer;
        }
        Arc::new(Watching { observer, committed: self.committed.clone(), wake: wake.clone() })
    }

    /// Epoch `epoch`, which reads `ranges`, is on its way to be committed.
    pub fn computed(&mut self, epoch: u64, ranges: &Named<SourceRange>, sources: &Named<LiveSource>) {
        for (name, range) in ranges.iter().filter(|(name, _)| sources[name].source.acknowledges()) {
            self.waiting.push_back(ReadRange { epoch, source: name.clone(), range: Some(range.clone()) });
        }
    }

    /// Tells the sources what was committed by `now`.
    ///
    /// # Errors
    /// A source cannot take it, and that will not pass.
    pub fn tell(&mut self, sources: &mut Named<LiveSource>, now: i64) -> Result<()> {
        let committed = self.committed.load(Ordering::SeqCst);
        self.again.retain(|_, again| now < *again);
        for _ in 0..self.waiting.len() {
            let Some(read) = self.waiting.pop_front() else { break };
            if read.epoch >= committed || self.again.contains_key(&read.source) {
                self.waiting.push_back(read);
                continue;
            }
            let at = |e: Error| e.context(format!("source `{}`", read.source));
            match sources[&read.source].source.committed(read.epoch, read.range.as_ref()) {
                Ok(()) => {}
                Err(e) => {
                    let again_after = e.again_after().ok_or(e).map_err(at)?;
                    let again = now.saturating_add(i64::try_from(again_after.as_micros()).unwrap_or(i64::MAX));
                    // At the earliest, so that it is not told of later epochs now.
                    self.again.insert(read.source.clone(), again.max(now.saturating_add(1)));
                    self.waiting.push_back(read);
                }
            }
        }
        Ok(())
    }

    /// When to try again.
    pub fn again(&self) -> Option<i64> {
        self.again.values().min().copied()
    }
}

struct Watching {
    observer: Arc<dyn Observer>,
    committed: Arc<AtomicU64>,
    wake: Wake,
}

impl Observer for Watching {
    fn started(&self, started: &Started) {
        self.observer.started(started);
    }

    fn epoch(&self, report: &EpochReport) {
        self.committed.store(report.epoch + 1, Ordering::SeqCst);
        self.wake.notify();
        self.observer.epoch(report);
    }

    fn message(&self, message: &str) {
        self.observer.message(message);
    }

    fn logged(&self, epoch: u64, line: &LogLine) {
        self.observer.logged(epoch, line);
    }

    fn swapped(&self, swapped: &Swapped) {
        self.observer.swapped(swapped);
    }

    fn source(&self, change: &SourceChange) {
        self.observer.source(change);
    }
}
