//! Epochs are committed and published behind the loop, by threads that all jobs share.
//!
//! What must hold: the epochs of a job are committed one after the other, and published so; each of the two is done by one
//! thread at a time. A job has one task for each of them at the most, which does one commit, or publishes what waits, and
//! then goes to the end of the line if there is more: whatever a job has to do, others come in between. A disk that
//! stands still keeps two threads waiting, of the many that there may be.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::steps::{CommittedEpoch, Steps};
use super::{ComputedEpoch, first_cause};
use crate::clock::Wake;
use crate::executor::WaitingThreads;
use crate::panics;
use crate::{Error, Result};

/// Epochs published with one sync of their folders, at the most; and committed ones that wait for it.
const TOGETHER: usize = 64;

/// The epochs of a job on their way.
pub(in crate::run) struct Behind {
    /// What there was no room for.
    kept: Option<Box<ComputedEpoch>>,
    job: Arc<OfJob>,
}

struct OfJob {
    threads: WaitingThreads,
    way: Mutex<EpochsUnderWay>,
    /// Nothing is under way any more.
    rests: Condvar,
    wake: Wake,
}

struct EpochsUnderWay {
    /// None once everything is done: nothing holds the checkpoint any more.
    steps: Option<Arc<Steps>>,
    computed: VecDeque<ComputedEpoch>,
    committed: VecDeque<CommittedEpoch>,
    /// There is a task that commits.
    commits: bool,
    /// There is one that publishes.
    publishes: bool,
    commit_failed: Option<Error>,
    publish_failed: Option<Error>,
    /// Something has failed: nothing is committed any more.
    failed: bool,
    /// The loop waits for room.
    waits: bool,
}

impl Behind {
    /// `wake` is notified when there is room again, and when something failed.
    pub fn new(steps: Steps, wake: Wake, threads: WaitingThreads) -> Self {
        let way = EpochsUnderWay {
            steps: Some(Arc::new(steps)),
            computed: VecDeque::new(),
            committed: VecDeque::new(),
            commits: false,
            publishes: false,
            commit_failed: None,
            publish_failed: None,
            failed: false,
            waits: false,
        };
        Self { kept: None, job: Arc::new(OfJob { threads, way: Mutex::new(way), rests: Condvar::new(), wake }) }
    }

    /// Takes an epoch, without waiting.
    pub fn commit(&mut self, computed: ComputedEpoch) -> Result<()> {
        self.kept = Some(Box::new(computed));
        self.has_room();
        Ok(())
    }

    /// Whether nothing is kept for want of room; where something is, the job is woken when there is some.
    pub fn has_room(&mut self) -> bool {
        let mut way = self.job.way();
        if self.kept.is_some() && !way.failed && !way.computed.is_empty() {
            // One epoch may wait: then the loop is an epoch ahead, and no more.
            way.waits = true;
            return false;
        }
        if let Some(computed) = self.kept.take()
            && !way.failed
        {
            way.computed.push_back(*computed);
            self.job.go_on(&mut way);
        }
        true
    }

    pub fn has_failed(&self) -> bool {
        self.job.way().failed
    }

    /// Waits until everything is committed and published.
    pub fn finish(&mut self) -> Result<()> {
        let mut way = self.job.way();
        if let Some(computed) = self.kept.take()
            && !way.failed
        {
            way.computed.push_back(*computed);
            self.job.go_on(&mut way);
        }
        let mut way = self.job.rests.wait_while(way, |way| way.is_busy()).unwrap_or_else(PoisonError::into_inner);
        way.steps = None;
        let failed = |error: Option<Error>| error.map_or(Ok(()), Err);
        first_cause(failed(way.publish_failed.take()), failed(way.commit_failed.take()))
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // Nobody is left who could be told of an error.
        drop(self.finish());
    }
}

impl EpochsUnderWay {
    fn is_busy(&self) -> bool {
        self.commits || self.publishes
    }

    /// Nothing more is committed, and nothing published that is not committed.
    fn fail(&mut self) {
        self.failed = true;
        self.computed.clear();
    }
}

impl OfJob {
    fn way(&self) -> MutexGuard<'_, EpochsUnderWay> {
        // It is changed in one step each time, and steps are done without it.
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that there are tasks for what is to be done.
    fn go_on(self: &Arc<Self>, way: &mut EpochsUnderWay) {
        if !way.commits && !way.computed.is_empty() && way.committed.len() < TOGETHER {
            way.commits = true;
            let job = self.clone();
            if let Err(e) = self.threads.run(move || job.commit_one()) {
                way.commits = false;
                way.commit_failed = Some(e);
                way.fail();
            }
        }
        if !way.publishes && !way.committed.is_empty() && way.publish_failed.is_none() {
            way.publishes = true;
            let job = self.clone();
            if let Err(e) = self.threads.run(move || job.publish_some()) {
                way.publishes = false;
                way.publish_failed = Some(e);
                way.fail();
            }
        }
    }

    fn commit_one(self: Arc<Self>) {
        let mut way = self.way();
        let (computed, steps) = (way.computed.pop_front(), way.steps.clone());
        let waits = std::mem::take(&mut way.waits);
        drop(way);
        if waits {
            self.wake.notify();
        }
        let done = match (computed, steps) {
            (Some(computed), Some(steps)) => panics::as_error(|| steps.commit(computed)).map(Some),
            _ => Ok(None),
        };
        self.after(|way| {
            way.commits = false;
            match done {
                Ok(committed) => way.committed.extend(committed),
                Err(e) => {
                    way.commit_failed = Some(e);
                    way.fail();
                }
            }
        });
    }

    fn publish_some(self: Arc<Self>) {
        let mut way = self.way();
        let some = way.committed.len().min(TOGETHER);
        let (committed, steps) = (way.committed.drain(..some).collect::<Vec<_>>(), way.steps.clone());
        drop(way);
        let done = steps.map_or(Ok(()), |steps| panics::as_error(|| steps.publish(committed)));
        self.after(|way| {
            way.publishes = false;
            if let Err(e) = done {
                way.publish_failed = Some(e);
                way.fail();
            }
        });
    }

    /// After a task is done: what follows, and who has to know.
    fn after(self: &Arc<Self>, note: impl FnOnce(&mut EpochsUnderWay)) {
        let mut way = self.way();
        note(&mut way);
        self.go_on(&mut way);
        let (failed, rests) = (way.failed, !way.is_busy());
        drop(way);
        if failed {
            self.wake.notify();
        }
        if rests {
            self.rests.notify_all();
        }
    }
}
