//! What a run takes from the world outside, as one value: time, files, sources, and how its steps interleave. Tests
//! and simulations put their own in its place; the program runs with the default.

use std::fmt;
use std::sync::Arc;

use crate::Result;
use crate::checkpoint::SnapshotSizes;
use crate::clock::{Clock, SystemClock};
use crate::connector::Connectors;
use crate::connector::sink::{Folders, INLINE_LIMIT, local_folders};
use crate::connector::source::Source;
use crate::executor::Executor;
use crate::fault::Faults;
use crate::job::{JobText, SourceSpec};
use crate::state::DEFAULT_PARTITIONS;

/// Chunks of about two megabytes each: enough that the step costs nothing beside them.
const EARLY: usize = 64;

/// A few milliseconds' work, which an epoch may have to wait for.
const BROUGHT_OVER: usize = 16_384;

/// Opens the source that a job describes.
pub(super) type OpenSource = Arc<dyn Fn(&SourceSpec, &JobText) -> Result<Box<dyn Source>> + Send + Sync>;

/// The world outside of a run.
pub struct Environment {
    /// Processing time.
    pub clock: Arc<dyn Clock>,
    /// The folders of the checkpoint and of file sinks.
    pub folders: Folders,
    /// Where rows come from and go to.
    pub connectors: Connectors,
    /// Who computes.
    pub executor: Executor,
    /// How committing and publishing go along with computing.
    pub pace: Pace,
    /// When the checkpoint writes snapshots of the state.
    pub snapshots: SnapshotSizes,
    /// Bytes of an output up to which it goes into its epoch's record instead of a file aside.
    pub inline_limit: usize,
    /// Chunks after which an operator that can takes in what they left, so that an epoch's memory does not grow with its
    /// input.
    pub early: usize,
    /// Keys whose states are brought over at once for another version of a plugin, while the version before goes on.
    pub brought_over: usize,
    /// Partitions of the state of a checkpoint that is made; one that is there has its own.
    pub partitions: u32,
    /// The id of a checkpoint that is made; none = a random one.
    pub checkpoint_id: Option<u64>,
    /// Fault points.
    pub faults: Faults,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            folders: local_folders(),
            connectors: Connectors::built_in(),
            executor: Executor::of_process(),
            pace: Pace::Threads,
            snapshots: SnapshotSizes::default(),
            inline_limit: INLINE_LIMIT,
            early: EARLY,
            brought_over: BROUGHT_OVER,
            partitions: DEFAULT_PARTITIONS,
            checkpoint_id: None,
            faults: Faults::default(),
        }
    }
}

impl Environment {
    /// Opens sources by their connectors.
    pub(super) fn sources(&self) -> OpenSource {
        let connectors = self.connectors.clone();
        Arc::new(move |spec, job| connectors.open_source(spec, job))
    }
}

/// How committing and publishing go along with computing. What is published and stored is the same either way.
#[derive(Default)]
pub enum Pace {
    /// On threads that all jobs of the process share, while the next epochs are computed.
    #[default]
    Threads,
    /// On the loop's own thread, when the schedule says so: it is asked after each epoch that was computed, until it
    /// says [`Turn::Compute`]. With a schedule that is a function of a seed, and one computing thread, a run is
    /// deterministic to the last call.
    Stepped(Box<dyn FnMut() -> Turn + Send>),
}

impl Pace {
    /// Each epoch is committed and published before the next one is computed.
    pub fn one_by_one() -> Self {
        let mut turns = [Turn::Commit, Turn::Publish, Turn::Compute].into_iter().cycle();
        Self::Stepped(Box::new(move || turns.next().unwrap_or(Turn::Compute)))
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "Threads",
            Self::Stepped(_) => "Stepped",
        })
    }
}

/// What is done next, where the loop's own thread does everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The next epoch is computed.
    Compute,
    /// The oldest computed epoch is committed, if there is one.
    Commit,
    /// The epochs that are committed are published, if there are any.
    Publish,
}
