//! The contract's `keyed` as plain Rust.

use super::{
    columns::Batch,
    types::{Binding, Rejects},
};

/// Something that is kept of each key, under a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateField {
    /// Unique among the operator's.
    pub name: String,
    /// A map of bytes to bytes, whose entries are fetched and stored singly; else one value, bytes.
    pub is_map: bool,
}

/// What a keyed operator needs and gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyedBinding {
    /// What it reads, and the columns of its output.
    pub binding: Binding,
    /// What is kept of each key.
    pub state: Vec<StateField>,
    /// The version of the stored states.
    pub state_version: u32,
    /// The configuration's entries that stored states do not depend on.
    pub adjustable: Vec<String>,
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

/// Entries of one map, of some of the call's keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// The map's index in the binding's `state`.
    pub state: u32,
    /// Per entry the key's index in the call, unsigned 32 bits, never going down.
    pub keys: Vec<u8>,
    /// Two columns of bytes: the entry's own key, and its value; null = there is none.
    pub entries: Batch,
}

/// Which entries of maps a call needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Single ones; their values mean nothing.
    pub entries: Vec<Entries>,
    /// Per map (its index in `state`): keys of which all entries are needed, unsigned 32 bits, ascending.
    pub all: Vec<(u32, Vec<u8>)>,
}

/// Changes of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueChanges {
    /// The value's index in the binding's `state`.
    pub state: u32,
    /// The keys' indices in the call, unsigned 32 bits, ascending.
    pub keys: Vec<u8>,
    /// A column of bytes, a row per change; null = the value goes.
    pub values: Batch,
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
    /// A column of bytes per value of the binding's `state`, in its order, maps left out; null = none.
    pub values: Batch,
    /// What `needs` asked for.
    pub maps: Vec<Entries>,
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
    /// What changes of values; those not named stay.
    pub values: Vec<ValueChanges>,
    /// What changes of maps; a null value takes the entry away.
    pub entries: Vec<Entries>,
    /// Keys of which all state goes, before the changes above.
    pub removed: Vec<u8>,
    /// Timers to set or move.
    pub set_timers: Timers,
    /// Timers to drop.
    pub clear_timers: Timers,
    /// Input rows refused.
    pub rejects: Option<Rejects>,
    /// Input rows that go to the late output, unsigned 32 bits, ascending.
    pub late: Vec<u8>,
}
