//! The way of an epoch from computed to committed to published.
//!
//! As a rule on two threads, so that the next epoch is computed while this one is made durable, and the epoch after it is made durable
//! while this one is published. The *committer* syncs what was written aside and appends the record: the fsync of
//! that is the commit. The *publisher* gives outputs their names, in the order of the epochs, several epochs at once
//! where they wait, and then writes the mark. A simulation does the same steps on the loop's own thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use super::environment::{Pace, Turn};
use super::report::{EpochReport, Observer};
use crate::checkpoint::Checkpoint;
use crate::clock::Wake;
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
    /// Starts what `pace` needs. `wake` is notified when there is room again, and when something failed.
    pub fn start(
        pace: Pace,
        checkpoint: Arc<Mutex<Checkpoint>>,
        publishers: Vec<Arc<dyn Publish>>,
        observer: Arc<dyn Observer>,
        wanted: Wanted,
        wake: Wake,
    ) -> Result<Self> {
        let steps = Steps { checkpoint, publishers, observer, wanted };
        Ok(match pace {
            Pace::Threads => Self::Threads(Threads::start(steps, wake)?),
            Pace::Stepped(schedule) => Self::Stepped(Stepped {
                steps: Some(steps),
                schedule,
                computed: VecDeque::new(),
                committed: Vec::new(),
                failed: false,
            }),
        })
    }

    /// Hands an epoch over, without waiting. Ask [`Committer::has_room`] before the next one is computed.
    pub fn commit(&mut self, computed: Computed) -> Result<()> {
        match self {
            Self::Threads(threads) => threads.commit(computed),
            Self::Stepped(stepped) => stepped.commit(computed),
        }
    }

    /// Whether another epoch may be computed: not while two are under way and a third is to be handed over.
    pub fn has_room(&mut self) -> bool {
        match self {
            Self::Threads(threads) => threads.has_room(),
            // It makes room itself.
            Self::Stepped(_) => true,
        }
    }

    /// Commits and publishes what was handed over, where no other thread does.
    pub fn settle(&mut self) -> Result<()> {
        match self {
            Self::Threads(_) => Ok(()),
            Self::Stepped(stepped) => stepped.settle(),
        }
    }

    /// Whether something failed: [`Committer::finish`] has the error.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Threads(threads) => threads.signs.failed.load(Ordering::SeqCst),
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
    /// What there was no room for.
    kept: Option<Box<Computed>>,
    signs: Arc<Signs>,
    commits: Option<JoinHandle<Result<()>>>,
    publishes: Option<JoinHandle<Result<()>>>,
}

/// What the threads tell the loop.
struct Signs {
    failed: AtomicBool,
    /// The loop waits for room.
    waits: AtomicBool,
    wake: Wake,
}

impl Signs {
    /// Work that is told about when it fails.
    fn watched(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let done = panics::as_error(work);
        if done.is_err() {
            self.failed.store(true, Ordering::SeqCst);
            self.wake.notify();
        }
        done
    }
}

impl Threads {
    fn start(steps: Steps, wake: Wake) -> Result<Self> {
        // One epoch may wait: then the loop is an epoch ahead, and no more.
        let (send, computed) = sync_channel::<Computed>(1);
        let (pass_on, committed) = sync_channel::<Committed>(TOGETHER);
        let name = |what: &str| std::thread::Builder::new().name(format!("millstream-{what}"));
        let publishing = steps.clone();
        let signs = Arc::new(Signs { failed: AtomicBool::new(false), waits: AtomicBool::new(false), wake });
        let (committing, seen) = (signs.clone(), signs.clone());
        let commit = move || {
            for computed in computed {
                if committing.waits.swap(false, Ordering::SeqCst) {
                    committing.wake.notify();
                }
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
        let of_commits = signs.clone();
        let commits = name("commit").spawn(move || of_commits.watched(commit));
        let publishes = name("publish").spawn(move || seen.watched(publish));
        let failed = |e: std::io::Error| Error::internal(format!("a thread could not be started: {e}"));
        Ok(Self {
            send: Some(send),
            kept: None,
            signs,
            commits: Some(commits.map_err(failed)?),
            publishes: Some(publishes.map_err(failed)?),
        })
    }

    fn commit(&mut self, computed: Computed) -> Result<()> {
        self.kept = Some(Box::new(computed));
        self.hand_over();
        Ok(())
    }

    fn has_room(&mut self) -> bool {
        if !self.hand_over() {
            self.signs.waits.store(true, Ordering::SeqCst);
            // There may have been room in between, which nobody tells of.
            return self.hand_over();
        }
        true
    }

    /// Whether nothing is left to hand over.
    fn hand_over(&mut self) -> bool {
        let (Some(send), Some(computed)) = (&self.send, self.kept.take()) else { return true };
        match send.try_send(*computed) {
            Ok(()) => true,
            Err(TrySendError::Full(computed)) => {
                self.kept = Some(Box::new(computed));
                false
            }
            // A thread that does not listen any more has failed: `finish` says why.
            Err(TrySendError::Disconnected(_)) => true,
        }
    }

    fn finish(&mut self) -> Result<()> {
        if let (Some(send), Some(computed)) = (self.send.take(), self.kept.take()) {
            // Where nobody listens any more, a thread has failed.
            drop(send.send(*computed));
        }
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

impl Drop for Threads {
    fn drop(&mut self) {
        // Nobody is left who could be told of an error.
        drop(self.finish());
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

    fn settle(&mut self) -> Result<()> {
        while !self.computed.is_empty() {
            self.turn(Turn::Commit)?;
        }
        self.turn(Turn::Publish)
    }

    fn finish(&mut self) -> Result<()> {
        if self.steps.is_some() {
            self.settle()?;
        }
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
