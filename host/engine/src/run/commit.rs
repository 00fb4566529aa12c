//! The way of an epoch from computed to committed to published.
//!
//! As a rule on two threads, so that the next epoch is computed while this one is made durable, and the epoch after it is made durable
//! while this one is published. The *committer* syncs what was written aside and appends the record: the fsync of
//! that is the commit. The *publisher* gives outputs their names, in the order of the epochs, several epochs at once
//! where they wait, and then writes the mark. A simulation does the same steps on the loop's own thread.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use super::environment::{Pace, Turn};
use super::report::{EpochReport, Observer};
use crate::checkpoint::Checkpoint;
use crate::connector::sink::{Payload, Prepared, Publish};
use crate::panics;
use crate::record::{EpochRecord, Held};
use crate::state::StateChange;
use crate::{Error, Result};

/// Epochs published with one sync of their folders, at the most.
const TOGETHER: usize = 64;

/// Parts of the state, written out whole: partitions and their bytes.
pub(super) type Snapshot = Vec<(u32, Vec<u8>)>;

/// The partitions that the checkpoint wants a snapshot of; the epoch loop, which owns the state, takes it with its next epoch.
pub(super) type Wanted = Arc<Mutex<Vec<u32>>>;

/// A computed epoch.
pub(super) struct Computed {
    pub record: EpochRecord,
    pub change: StateChange,
    /// Per sink.
    pub prepared: Vec<Prepared>,
    /// Parts of the state to be written out whole, after the record.
    pub snapshot: Snapshot,
    /// Filled in but for the time of the commit.
    pub report: EpochReport,
    pub began: Instant,
}

/// Commits and publishes what the loop has computed.
pub(super) enum Committer {
    Threads(Threads),
    Stepped(Stepped),
}

impl Committer {
    /// Starts what `pace` needs.
    pub fn start(
        pace: Pace,
        checkpoint: Arc<Mutex<Checkpoint>>,
        publishers: Vec<Arc<dyn Publish>>,
        observer: Arc<dyn Observer>,
        wanted: Wanted,
    ) -> Result<Self> {
        let steps = Steps { checkpoint, publishers, observer, wanted };
        Ok(match pace {
            Pace::Threads => Self::Threads(Threads::start(steps)?),
            Pace::Stepped(schedule) => Self::Stepped(Stepped {
                steps: Some(steps),
                schedule,
                computed: VecDeque::new(),
                committed: Vec::new(),
                failed: false,
            }),
        })
    }

    /// Hands an epoch over; waits while two are under way.
    pub fn commit(&mut self, computed: Computed) -> Result<()> {
        match self {
            Self::Threads(threads) => threads.commit(computed),
            Self::Stepped(stepped) => stepped.commit(computed),
        }
    }

    /// Whether something failed: [`Committer::finish`] has the error.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Threads(threads) => threads.have_ended(),
            Self::Stepped(stepped) => stepped.failed,
        }
    }

    /// Waits until everything handed over is committed and published.
    pub fn finish(&mut self) -> Result<()> {
        match self {
            Self::Threads(threads) => threads.finish(),
            Self::Stepped(stepped) => stepped.finish(),
        }
    }
}

/// The two threads.
pub(super) struct Threads {
    send: Option<SyncSender<Computed>>,
    commits: Option<JoinHandle<Result<()>>>,
    publishes: Option<JoinHandle<Result<()>>>,
}

impl Threads {
    fn start(steps: Steps) -> Result<Self> {
        // One epoch may wait: then the loop is an epoch ahead, and no more.
        let (send, computed) = sync_channel::<Computed>(1);
        let (pass_on, committed) = sync_channel::<Committed>(TOGETHER);
        let name = |what: &str| std::thread::Builder::new().name(format!("millstream-{what}"));
        let publishing = steps.clone();
        let commit = move || {
            for computed in computed {
                if pass_on.send(steps.commit(computed)?).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let publish = move || {
            while let Ok(first) = committed.recv() {
                publishing.publish(std::iter::once(first).chain(committed.try_iter().take(TOGETHER - 1)))?;
            }
            Ok(())
        };
        let commits = name("commit").spawn(|| panics::as_error(commit));
        let publishes = name("publish").spawn(|| panics::as_error(publish));
        let failed = |e: std::io::Error| Error::internal(format!("a thread could not be started: {e}"));
        Ok(Self {
            send: Some(send),
            commits: Some(commits.map_err(failed)?),
            publishes: Some(publishes.map_err(failed)?),
        })
    }

    fn commit(&mut self, computed: Computed) -> Result<()> {
        let sent = self.send.as_ref().is_some_and(|send| send.send(computed).is_ok());
        // A thread that does not listen any more has failed: its error says why.
        if sent { Ok(()) } else { Err(self.finish().err().unwrap_or_else(|| Error::internal("the committer is gone"))) }
    }

    /// Whether a thread has ended, which before [`Threads::finish`] it only does when it failed.
    fn have_ended(&self) -> bool {
        [&self.commits, &self.publishes].into_iter().flatten().any(JoinHandle::is_finished)
    }

    fn finish(&mut self) -> Result<()> {
        self.send = None;
        let join = |thread: Option<JoinHandle<Result<()>>>| match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::internal("a thread that commits or publishes panicked")),
        };
        let committed = join(self.commits.take());
        let published = join(self.publishes.take());
        // If publishing failed, the committer only found nobody listening.
        first_cause(published, committed)
    }
}

/// The same steps on the loop's own thread, in the order of a schedule.
pub(super) struct Stepped {
    /// None once everything is done: nothing holds the checkpoint any more.
    steps: Option<Steps>,
    schedule: Box<dyn FnMut() -> Turn + Send>,
    computed: VecDeque<Computed>,
    committed: Vec<Committed>,
    failed: bool,
}

impl Stepped {
    fn commit(&mut self, computed: Computed) -> Result<()> {
        // As many wait as where threads do it: one is being committed, one waits.
        while self.computed.len() > 1 {
            self.turn(Turn::Commit)?;
        }
        self.computed.push_back(computed);
        loop {
            match (self.schedule)() {
                Turn::Compute => return Ok(()),
                turn => self.turn(turn)?,
            }
        }
    }

    fn turn(&mut self, turn: Turn) -> Result<()> {
        let Some(steps) = &self.steps else { return Err(Error::internal("an epoch after the last one")) };
        let done = match turn {
            Turn::Compute => Ok(()),
            Turn::Commit => self.computed.pop_front().map_or(Ok(()), |computed| {
                self.committed.push(steps.commit(computed)?);
                Ok(())
            }),
            Turn::Publish if self.committed.is_empty() => Ok(()),
            Turn::Publish => steps.publish(std::mem::take(&mut self.committed)),
        };
        // Nothing follows a failed step, as a thread that has failed does nothing more.
        if done.is_err() {
            self.failed = true;
            self.computed.clear();
            self.committed.clear();
        }
        done
    }

    fn finish(&mut self) -> Result<()> {
        while !self.computed.is_empty() {
            self.turn(Turn::Commit)?;
        }
        self.turn(Turn::Publish)?;
        self.steps = None;
        Ok(())
    }
}

/// An epoch on its way to the publisher.
struct Committed {
    epoch: u64,
    prepared: Vec<Prepared>,
    snapshot: Snapshot,
}

/// What committing and publishing work with.
#[derive(Clone)]
pub(super) struct Steps {
    checkpoint: Arc<Mutex<Checkpoint>>,
    publishers: Vec<Arc<dyn Publish>>,
    observer: Arc<dyn Observer>,
    wanted: Wanted,
}

impl Steps {
    /// Makes an epoch durable.
    fn commit(&self, computed: Computed) -> Result<Committed> {
        let Computed { mut record, change, mut prepared, snapshot, mut report, began } = computed;
        let started = Instant::now();
        let epoch = record.epoch;
        let at = |e: Error| e.context(format!("epoch {epoch}"));
        for (sink, publisher) in prepared.iter_mut().zip(&self.publishers) {
            publisher.make_durable(sink).map_err(at)?;
        }
        let inline = place_inline(&mut prepared);
        record.outputs = prepared.iter().flat_map(|p| p.outputs.iter().cloned()).collect();
        let appended = locked(&self.checkpoint)?.append(&record, &change, &inline).map_err(|e| at(e.into()))?;
        if !appended.snapshot.is_empty() {
            *locked(&self.wanted)? = appended.snapshot;
        }
        report.commit = started.elapsed();
        report.total = began.elapsed();
        self.observer.epoch(&report);
        Ok(Committed { epoch, prepared, snapshot })
    }

    /// Publishes epochs, in their order, and notes that they are.
    fn publish(&self, committed: impl IntoIterator<Item = Committed>) -> Result<()> {
        let mut last = None;
        let mut snapshots = Vec::new();
        for Committed { epoch, prepared, snapshot } in committed {
            let at = |e: Error| e.context(format!("epoch {epoch}"));
            for (Prepared { outputs, payload, .. }, publisher) in prepared.into_iter().zip(&self.publishers) {
                publisher.publish(epoch, &outputs, payload).map_err(at)?;
            }
            last = Some(epoch);
            if !snapshot.is_empty() {
                snapshots.push((epoch, snapshot));
            }
        }
        for publisher in &self.publishers {
            publisher.sync()?;
        }
        if let Some(last) = last {
            locked(&self.checkpoint)?.mark_published(last)?;
        }
        for (epoch, sections) in snapshots {
            locked(&self.checkpoint)?.write_snapshot(epoch, &sections)?;
        }
        Ok(())
    }
}

/// Puts small outputs one after the other and notes in each where it stands.
fn place_inline(prepared: &mut [Prepared]) -> Vec<u8> {
    let mut inline = Vec::new();
    for sink in prepared {
        if let Payload::Inline(bytes) = &sink.payload {
            for output in &mut sink.outputs {
                output.held = Held::Inline { offset: inline.len() as u64 };
            }
            inline.extend_from_slice(bytes);
        }
    }
    inline
}

/// What is said where another thread's panic is in the way; that thread says what it was.
const ANOTHER_PANICKED: &str = "another thread of this job panicked";

/// A lock that no thread has left behind in a panic.
pub(super) fn locked<T>(shared: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    shared.lock().map_err(|_| Error::internal(ANOTHER_PANICKED))
}

/// The error of `one`, or else of `other`; but none that only says that somebody else panicked, if that one is known.
pub(super) fn first_cause<A, B>(one: Result<A>, other: Result<B>) -> Result<A> {
    match (one, other) {
        (Err(e), Err(cause)) if e.message().contains(ANOTHER_PANICKED) => Err(cause),
        (Ok(_), Err(e)) | (Err(e), _) => Err(e),
        (Ok(done), Ok(_)) => Ok(done),
    }
}
