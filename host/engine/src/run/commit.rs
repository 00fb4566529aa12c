//! The way of an epoch from computed to committed to published.
//!
//! Two threads, so that the next epoch is computed while this one is made durable, and the epoch after it is made durable
//! while this one is published. The *committer* syncs what was written aside and appends the record: the fsync of
//! that is the commit. The *publisher* gives outputs their names, in the order of the epochs, several epochs at once
//! where they wait, and then writes the mark.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;

use super::report::{EpochReport, Observer};
use crate::checkpoint::Checkpoint;
use crate::record::{EpochRecord, Held};
use crate::sink::{Payload, Prepared, Publish};
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

/// The two threads.
pub(super) struct Committer {
    send: Option<SyncSender<Computed>>,
    commits: Option<JoinHandle<Result<()>>>,
    publishes: Option<JoinHandle<Result<()>>>,
}

impl Committer {
    /// Starts the threads.
    pub fn start(
        checkpoint: Arc<Mutex<Checkpoint>>,
        publishers: Vec<Arc<dyn Publish>>,
        observer: Arc<dyn Observer>,
        wanted: Wanted,
    ) -> Result<Self> {
        // One epoch may wait: then the loop is an epoch ahead, and no more.
        let (send, computed) = sync_channel::<Computed>(1);
        let (pass_on, committed) = sync_channel::<Committed>(TOGETHER);
        let name = |what: &str| std::thread::Builder::new().name(format!("millstream-{what}"));
        let (log, syncs) = (checkpoint.clone(), publishers.clone());
        let commits = name("commit").spawn(move || commit_all(&log, &syncs, &*observer, &wanted, computed, pass_on));
        let publishes = name("publish").spawn(move || publish_all(&checkpoint, &publishers, committed));
        let failed = |e: std::io::Error| Error::internal(format!("a thread could not be started: {e}"));
        Ok(Self {
            send: Some(send),
            commits: Some(commits.map_err(failed)?),
            publishes: Some(publishes.map_err(failed)?),
        })
    }

    /// Hands an epoch over; waits while two are under way.
    pub fn commit(&mut self, computed: Computed) -> Result<()> {
        let sent = self.send.as_ref().is_some_and(|send| send.send(computed).is_ok());
        // A thread that does not listen any more has failed: its error says why.
        if sent { Ok(()) } else { Err(self.finish().err().unwrap_or_else(|| Error::internal("the committer is gone"))) }
    }

    /// Whether a thread has ended, which before [`Committer::finish`] it only does when it failed.
    pub fn has_failed(&self) -> bool {
        [&self.commits, &self.publishes].into_iter().flatten().any(JoinHandle::is_finished)
    }

    /// Waits until everything handed over is committed and published.
    pub fn finish(&mut self) -> Result<()> {
        self.send = None;
        let join = |thread: Option<JoinHandle<Result<()>>>| match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::internal("a thread that commits or publishes panicked")),
        };
        let committed = join(self.commits.take());
        let published = join(self.publishes.take());
        // If publishing failed, the committer only found nobody listening.
        published.and(committed)
    }
}

/// An epoch on its way to the publisher.
struct Committed {
    epoch: u64,
    prepared: Vec<Prepared>,
    snapshot: Snapshot,
}

fn commit_all(
    checkpoint: &Mutex<Checkpoint>,
    publishers: &[Arc<dyn Publish>],
    observer: &dyn Observer,
    wanted: &Mutex<Vec<u32>>,
    computed: Receiver<Computed>,
    pass_on: SyncSender<Committed>,
) -> Result<()> {
    for Computed { mut record, change, mut prepared, snapshot, mut report, began } in computed {
        let started = Instant::now();
        let epoch = record.epoch;
        let at = |e: Error| e.context(format!("epoch {epoch}"));
        for (sink, publisher) in prepared.iter_mut().zip(publishers) {
            publisher.make_durable(sink).map_err(at)?;
        }
        let inline = place_inline(&mut prepared);
        record.outputs = prepared.iter().flat_map(|p| p.outputs.iter().cloned()).collect();
        let appended = locked(checkpoint)?.append(&record, &change, &inline).map_err(|e| at(e.into()))?;
        if !appended.snapshot.is_empty() {
            *locked(wanted)? = appended.snapshot;
        }
        report.commit = started.elapsed();
        report.total = began.elapsed();
        observer.epoch(&report);
        if pass_on.send(Committed { epoch, prepared, snapshot }).is_err() {
            return Ok(());
        }
    }
    Ok(())
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

fn publish_all(
    checkpoint: &Mutex<Checkpoint>,
    publishers: &[Arc<dyn Publish>],
    committed: Receiver<Committed>,
) -> Result<()> {
    while let Ok(first) = committed.recv() {
        let mut last = first.epoch;
        let mut snapshots = Vec::new();
        let waiting = std::iter::once(first).chain(committed.try_iter().take(TOGETHER - 1));
        for Committed { epoch, prepared, snapshot } in waiting {
            let at = |e: Error| e.context(format!("epoch {epoch}"));
            for (Prepared { outputs, payload, .. }, publisher) in prepared.into_iter().zip(publishers) {
                publisher.publish(epoch, &outputs, payload).map_err(at)?;
            }
            last = epoch;
            if !snapshot.is_empty() {
                snapshots.push((epoch, snapshot));
            }
        }
        for publisher in publishers {
            publisher.sync()?;
        }
        locked(checkpoint)?.mark_published(last)?;
        for (epoch, sections) in snapshots {
            locked(checkpoint)?.write_snapshot(epoch, &sections)?;
        }
    }
    Ok(())
}

/// A lock that no thread has left behind in a panic.
pub(super) fn locked<T>(shared: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    shared.lock().map_err(|_| Error::internal("another thread of this job panicked"))
}
