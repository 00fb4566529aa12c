//! One key in a call: what it has, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Which clock a timer runs by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clock {
    /// The watermark.
    EventTime,
    /// The epoch's processing time.
    ProcessingTime,
}

/// A row: its event time, and what else there is.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Microseconds since 1970.
    pub time: Option<i64>,
    /// JSON.
    pub data: Value,
}

/// One key in a call. Times are microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct One {
    /// The columns of the key.
    pub key: Vec<Option<String>>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The timer that is due; none = rows have come.
    pub timer: Option<(Clock, u32, i64)>,
    /// The epoch's processing time.
    pub now: i64,
    /// The watermark.
    pub watermark: Option<i64>,
    /// That of the epoch before.
    pub previous_watermark: Option<i64>,
    /// What is kept of it.
    pub value: Option<Value>,
    /// The entries of its map that were asked for and are there.
    pub entries: BTreeMap<String, Value>,
    /// Those that are other than they were; none = it goes.
    pub changed: BTreeMap<String, Option<Value>>,
    /// All state goes, before what is set.
    pub removed: bool,
    /// Timers to set.
    pub set: BTreeMap<(Clock, u32), i64>,
    /// Timers to take away, before others are set.
    pub cleared: BTreeSet<(Clock, u32)>,
    /// What comes out.
    pub out: Vec<Value>,
    /// Rows that are refused, by their number.
    pub rejects: BTreeSet<usize>,
    /// Rows that are late, by their number.
    pub late: BTreeSet<usize>,
}

impl One {
    /// Sets a timer, or moves it.
    pub fn set(&mut self, clock: Clock, tag: u32, at: i64) {
        self.set.insert((clock, tag), at);
    }

    /// Takes a timer away.
    pub fn clear(&mut self, clock: Clock, tag: u32) {
        self.set.remove(&(clock, tag));
        self.cleared.insert((clock, tag));
    }

    /// Keeps nothing.
    pub fn remove(&mut self) {
        (self.value, self.removed) = (None, true);
        self.entries.clear();
        self.changed.clear();
    }

    /// Keeps this in its map.
    pub fn put(&mut self, entry: &str, value: Value) {
        self.entries.insert(entry.to_owned(), value.clone());
        self.changed.insert(entry.to_owned(), Some(value));
    }

    /// Keeps an entry of its map no longer.
    pub fn take(&mut self, entry: &str) {
        self.entries.remove(entry);
        self.changed.insert(entry.to_owned(), None);
    }
}
