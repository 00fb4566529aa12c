//! What a keyed operator is given and gives: one call takes many keys with their rows, states and due timers, and returns
//! what comes out and what changes.
//!
//! Plain values, for the host of a plugin and for functions of its own. What a call returned is checked here for its shape
//! alone: that indices are those of the call, ascend, and name nothing twice is for whoever uses them to see.

use arrow::array::{Array, ArrayRef, BinaryArray};
use arrow::datatypes::FieldRef;
use arrow::record_batch::RecordBatch;

use crate::rejects::Reject;

/// Which clock a timer or a time to live runs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// The watermark.
    EventTime,
    /// The epoch's processing time.
    ProcessingTime,
}

/// A timer of a key in a call. What tells a key's timers apart is domain and tag: setting one that is there moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// Which of the call's keys.
    pub key: u32,
    /// Which clock it runs by.
    pub domain: Domain,
    /// The function's own number.
    pub tag: u32,
    /// When it is due, microseconds since 1970: once the watermark, or the epoch's processing time, has reached it. Of a
    /// timer to clear it means nothing.
    pub at: i64,
}

/// What becomes of rows whose event time the watermark has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateInput {
    /// They are handed over like others.
    HandOver,
    /// They go to the late output.
    SetAside,
}

/// After so long without a change a key's state goes, without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeToLive {
    /// Which clock it runs by.
    pub domain: Domain,
    /// How long, microseconds.
    pub microseconds: u64,
}

/// What a keyed function needs and gives.
#[derive(Debug, Clone)]
pub struct KeyedBinding {
    /// The columns that it reads, by their places in the input: by their bytes calls are cut. A call has all columns.
    pub reads: Vec<usize>,
    /// The columns that come out.
    pub output: Vec<FieldRef>,
    /// The values that are kept per key, by name; each is bytes.
    pub values: Vec<String>,
    /// The maps of bytes to bytes that are kept per key, by name. Where there are some, a key's state is removed by
    /// [`Outcome::removed`] alone.
    pub maps: Vec<String>,
    /// Raised whenever stored values change their meaning.
    pub state_version: u32,
    /// The configuration's entries that stored values do not depend on, by their keys at its top level.
    pub adjustable: Vec<String>,
    /// How long a state stays that nobody changes; none = for ever.
    pub time_to_live: Option<TimeToLive>,
    /// What becomes of late rows.
    pub late: LateInput,
    /// A key's rows come by event time, equal ones as they arrived; else as they arrived.
    pub by_event_time: bool,
    /// The column of the output that is the event time for what follows: rows of timers get the timer's time there.
    pub event_time: Option<usize>,
    /// How far event times that come out may lie behind the watermark, microseconds.
    pub holds_back: u64,
    /// Timers stay when their key's state is removed.
    pub keep_timers: bool,
    /// No call has more rows, or timers, than this.
    pub rows_per_call: Option<u32>,
}

impl Default for KeyedBinding {
    /// Nothing read, nothing kept, nothing given; late rows are handed over, rows come as they arrived.
    fn default() -> Self {
        Self {
            reads: Vec::new(),
            output: Vec::new(),
            values: Vec::new(),
            maps: Vec::new(),
            state_version: 1,
            adjustable: Vec::new(),
            time_to_live: None,
            late: LateInput::HandOver,
            by_event_time: false,
            event_time: None,
            holds_back: 0,
            keep_timers: false,
            rows_per_call: None,
        }
    }
}

/// Which half of an epoch a call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Rows have come.
    Rows,
    /// Timers are due.
    Timers,
}

/// What one call is given.
#[derive(Debug, Clone)]
pub struct Step {
    /// Which half of the epoch it is.
    pub phase: Phase,
    /// The epoch's processing time, microseconds since 1970.
    pub now: i64,
    /// The watermark that the epoch closes by, W(N), microseconds since 1970; none = minus infinity.
    pub watermark: Option<i64>,
    /// That of the epoch before, W(N-1).
    pub late_watermark: Option<i64>,
    /// The values of the keys, a row per key, all different.
    pub keys: RecordBatch,
    /// One more than there are keys: key `i` has `rows[row_offsets[i]..row_offsets[i + 1]]`.
    pub row_offsets: Vec<i32>,
    /// The rows, those of a key together, with all columns of the input; of timers none.
    pub rows: RecordBatch,
    /// A column per value of [`KeyedBinding::values`], a row per key; null = there is none.
    pub values: Vec<BinaryArray>,
    /// The entries of maps that it needs, a list per map, by key and own key; null = there is none.
    pub maps: Vec<MapEntries>,
    /// The timers that are due, by time, then key; none in the phase of rows.
    pub due: Vec<Timer>,
}

/// Changes of one value.
#[derive(Debug, Clone)]
pub struct ValueChanges {
    /// Which of [`KeyedBinding::values`].
    pub value: usize,
    /// The keys, ascending.
    pub keys: Vec<u32>,
    /// What each has from now on; null = none.
    pub values: BinaryArray,
}

/// Entries of one map, of some keys of a call.
#[derive(Debug, Clone)]
pub struct MapEntries {
    /// Which of [`KeyedBinding::maps`].
    pub map: usize,
    /// Per entry its key, never going down.
    pub keys: Vec<u32>,
    /// Per entry its own key; among those of a key each once.
    pub entry_keys: BinaryArray,
    /// Per entry its value; null = there is none, or it goes.
    pub values: BinaryArray,
}

/// Which entries of maps a call needs.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Single ones; their values mean nothing.
    pub entries: Vec<MapEntries>,
    /// Per map the keys of which all entries are needed, ascending.
    pub all: Vec<(usize, Vec<u32>)>,
}

/// What a call returned.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The columns of [`KeyedBinding::output`].
    pub output: Vec<ArrayRef>,
    /// What each row that comes out belongs to: in the phase of rows a key, in that of timers one of [`Step::due`].
    pub output_of: Vec<u32>,
    /// Keys of which all state goes, before `values` are set; ascending.
    pub removed: Vec<u32>,
    /// What changes of values, each value once; those not named stay.
    pub values: Vec<ValueChanges>,
    /// What changes of maps, each map once; entries not named stay.
    pub entries: Vec<MapEntries>,
    /// Timers that go, before others are set.
    pub clear_timers: Vec<Timer>,
    /// Timers to set or to move; of equal ones the last counts.
    pub set_timers: Vec<Timer>,
    /// Rows that are refused, ascending.
    pub rejects: Vec<Reject>,
    /// Rows that go to the late output, ascending.
    pub late: Vec<u32>,
}

impl Step {
    /// How many keys it has.
    pub fn key_count(&self) -> usize {
        self.keys.num_rows()
    }

    /// Key number `i`'s rows.
    pub fn rows_of(&self, i: usize) -> std::ops::Range<usize> {
        self.row_offsets[i] as usize..self.row_offsets[i + 1] as usize
    }

    /// Value number `value` of key number `i`.
    pub fn value(&self, value: usize, i: usize) -> Option<&[u8]> {
        let column = &self.values[value];
        column.is_valid(i).then(|| column.value(i))
    }
}
