//! The way of an epoch from computed to committed to published.
//!
//! To *commit* is to sync what was written aside and to append the record: the fsync of that is the commit. To *publish*
//! is to give outputs their names, in the order of the epochs, several epochs at once where they wait, and then to write
//! the mark. As a rule threads that all jobs share do it ([`behind`]), so that the next epoch is computed while this one
//! is made durable, and the epoch after it is made durable while this one is published. A simulation does the same
//! [`steps`] on the loop's own thread ([`stepped`]).

mod behind;
mod stepped;
mod steps;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use self::behind::Behind;
use self::stepped::Stepped;
use self::steps::Steps;
use super::environment::Pace;
use super::report::{EpochReport, Observer};
use crate::Result;
use crate::checkpoint::Checkpoint;
use crate::clock::Wake;
use crate::connector::sink::{Prepared, Publish};
use crate::executor::WaitingThreads;
use crate::name::Named;
use crate::panics::is_of_another;
use crate::record::EpochRecord;
use crate::state::StateChange;

/// Parts of the state, written out whole: partitions and their bytes.
pub(super) type SnapshotParts = Vec<(u32, Vec<u8>)>;

/// The partitions that the checkpoint wants a snapshot of; the epoch loop, which owns the state, takes it with its next epoch.
pub(super) type WantedSnapshot = Arc<Mutex<Vec<u32>>>;

/// A computed epoch.
pub(super) struct ComputedEpoch {
    pub record: EpochRecord,
    pub change: StateChange,
    /// Per sink.
    pub prepared: Named<Prepared>,
    /// Parts of the state to be written out whole, after the record.
    pub snapshot: SnapshotParts,
    /// Filled in but for the time of the commit.
    pub report: EpochReport,
    pub began: Instant,
}

/// Commits and publishes what the loop has computed.
pub(super) enum Committer {
    Behind(Behind),
    Stepped(Stepped),
}

impl Committer {
    /// Starts what `pace` needs. `wake` is notified when there is room again, and when something failed.
    pub fn start(
        pace: Pace,
        checkpoint: Arc<Mutex<Checkpoint>>,
        publishers: Named<Arc<dyn Publish>>,
        observer: Arc<dyn Observer>,
        wanted: WantedSnapshot,
        wake: Wake,
    ) -> Self {
        let steps = Steps { checkpoint, publishers, observer, wanted };
        match pace {
            Pace::Threads => Self::Behind(Behind::new(steps, wake, WaitingThreads::of_process())),
            Pace::Stepped(schedule) => Self::Stepped(Stepped::new(steps, schedule)),
        }
    }

    /// Hands an epoch over, without waiting. Ask [`Committer::has_room`] before the next one is computed.
    pub fn commit(&mut self, computed: ComputedEpoch) -> Result<()> {
        match self {
            Self::Behind(behind) => behind.commit(computed),
            Self::Stepped(stepped) => stepped.commit(computed),
        }
    }

    /// Whether another epoch may be computed: not while two are under way and a third is to be handed over.
    pub fn has_room(&mut self) -> bool {
        match self {
            Self::Behind(behind) => behind.has_room(),
            // It makes room itself.
            Self::Stepped(_) => true,
        }
    }

    /// Commits and publishes what was handed over, where no other thread does.
    pub fn settle(&mut self) -> Result<()> {
        match self {
            Self::Behind(_) => Ok(()),
            Self::Stepped(stepped) => stepped.settle(),
        }
    }

    /// Whether something failed: [`Committer::finish`] has the error.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Behind(behind) => behind.has_failed(),
            Self::Stepped(stepped) => stepped.has_failed(),
        }
    }

    /// Waits until everything handed over is committed and published.
    pub fn finish(&mut self) -> Result<()> {
        match self {
            Self::Behind(behind) => behind.finish(),
            Self::Stepped(stepped) => stepped.finish(),
        }
    }
}

/// The error of `one`, or else of `other`; but none that only says that somebody else panicked, if that one is known.
pub(super) fn first_cause<A, B>(one: Result<A>, other: Result<B>) -> Result<A> {
    match (one, other) {
        (Err(e), Err(cause)) if is_of_another(&e) => Err(cause),
        (Ok(_), Err(e)) | (Err(e), _) => Err(e),
        (Ok(done), Ok(_)) => Ok(done),
    }
}
