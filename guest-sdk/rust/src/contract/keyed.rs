//! The contract's `keyed` as plain Rust, but for maps: no operator of this crate keeps any.

use super::{
    columns::Batch,
    types::{Binding, Rejects},
};

/// What a keyed operator needs and gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyedBinding {
    /// What it reads, and the columns of its output.
    pub binding: Binding,
    /// The name of the value that is kept per key.
    pub state: String,
    /// The version of the stored states.
    pub state_version: u32,
    /// After so long without a change a key's state goes: whether by the watermark, and microseconds.
    pub time_to_live: Option<(bool, u64)>,
    /// Rows that the watermark has passed go to the late output.
    pub sets_late_aside: bool,
    /// A key's rows come by event time.
    pub by_event_time: bool,
    /// The output column that is the event time.
    pub event_time: Option<u32>,
    /// How far the output's event times may lie behind the watermark, microseconds.
    pub holds_back: u64,
    /// Timers stay when their key's state is removed.
    pub keep_timers: bool,
}

/// Timers, as four buffers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timers {
    /// The key's index in the call, unsigned 32 bits.
    pub keys: Vec<u8>,
    /// A byte: 0 event time, 1 processing time.
    pub domains: Vec<u8>,
    /// The operator's own numbers, unsigned 32 bits.
    pub tags: Vec<u8>,
    /// Microseconds since 1970, signed 64 bits.
    pub at: Vec<u8>,
}

/// One call's input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Timers are due; else rows have arrived.
    pub is_for_timers: bool,
    /// The epoch's processing time.
    pub now: i64,
    /// `None` = no watermark yet.
    pub watermark: Option<i64>,
    /// The watermark of the epoch before.
    pub previous_watermark: Option<i64>,
    /// A row a key.
    pub keys: Batch,
    /// keys + 1 signed 32-bit offsets.
    pub row_offsets: Vec<u8>,
    /// The rows, sorted by key.
    pub rows: Batch,
    /// One column of bytes: the stored values.
    pub values: Batch,
    /// The timers that are due.
    pub due: Timers,
}

/// One call's result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Output rows.
    pub output: Batch,
    /// The key or the timer that each is of, unsigned 32 bits.
    pub output_of: Vec<u8>,
    /// Keys whose value changes, unsigned 32 bits, ascending.
    pub changed: Vec<u8>,
    /// A column of bytes: what they change to.
    pub values: Batch,
    /// Keys of which all state goes, before the changes above.
    pub removed: Vec<u8>,
    /// Timers to set or move.
    pub set_timers: Timers,
    /// Timers to drop.
    pub clear_timers: Timers,
    /// Input rows refused.
    pub rejects: Rejects,
    /// Input rows that go to the late output, unsigned 32 bits, ascending.
    pub late: Vec<u8>,
}
