//! Keyed state in memory: rows of bytes under keys of bytes, in a fixed number of partitions, with a log of what
//! each epoch changed.
//!
//! * [`row`]: columns to bytes and back; equal keys are equal bytes.
//! * [`Bucket`]: one hash table over one arena; [`Partition`]: buckets in order of a number (a window's start);
//!   [`Table`]: the partitions of one node; [`State`]: the tables of a job.
//! * [`Timers`]: time cut into slots, so that what is due is found without looking at what is not.
//! * [`StateChange`]: what an epoch changed, in bytes that [`crate::checkpoint`] makes durable.
//!
//! What always holds: replaying all changes over nothing gives the same rows as the table that wrote them, and an
//! epoch's change takes bytes and time in proportion to the keys that it touched. What a key, a value or a bucket
//! *means* belongs to the operators; files belong to the checkpoint.

mod bucket;
mod change;
mod hash;
mod many;
mod partition;
pub mod row;
mod table;
mod timers;
mod undo;
pub(crate) mod varint;

#[cfg(test)]
pub(crate) mod tests;

pub use bucket::{Bucket, MAX_BYTES};
pub use change::{Piece, StateChange};
pub use hash::{hash_key, partition_of};
pub use many::Key;
pub use partition::{BucketMut, Partition};
pub use table::{DEFAULT_PARTITIONS, State, Table};
pub use timers::Timers;

use crate::error::{Error, ErrorKind};

/// What is wrong with bytes that should be a change of state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The bytes end too early, or a number in them is out of range.
    #[error("damaged state change: {what} at byte {at} of {len}")]
    Damaged {
        /// What was to be read.
        what: &'static str,
        /// Where in the change.
        at: usize,
        /// The change's length.
        len: usize,
    },
    /// The change belongs to a partition that this state does not have.
    #[error("the state has {partitions} partitions, the change is for partition {partition}")]
    NoPartition {
        /// The partition named.
        partition: u32,
        /// The partitions there are.
        partitions: u32,
    },
}

impl From<StateError> for Error {
    fn from(e: StateError) -> Self {
        Self::new(ErrorKind::Corrupt, e.to_string())
            .with_help("restore the checkpoint from a copy, or start anew with --fresh")
    }
}
