//! Timers, and the clocks that they run by.

/// Which clock a timer or a time to live runs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// The watermark.
    EventTime,
    /// The epoch's processing time.
    ProcessingTime,
}

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Which clock it runs by.
    pub clock: Clock,
    /// The operator's own number.
    pub tag: u32,
    /// When it was to fire, in microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

/// The clocks as they stand in this epoch, and the key's timers to be set and cleared.
///
/// A timer is known by its key, its clock and its tag: setting one again moves it. One that is set to a time which has
/// passed fires in the next epoch.
#[derive(Debug)]
pub struct Timers {
    now: i64,
    watermark: Option<i64>,
    previous_watermark: Option<i64>,
    key: u32,
    changes: Vec<Change>,
}

/// A timer to be set, or cleared where it has no time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub key: u32,
    pub clock: Clock,
    pub tag: u32,
    pub at: Option<i64>,
}

impl Timers {
    pub(crate) fn at(now: i64, watermark: Option<i64>, previous_watermark: Option<i64>) -> Self {
        Self { now, watermark, previous_watermark, key: 0, changes: Vec::new() }
    }

    pub(crate) fn begin(&mut self, key: u32) {
        self.key = key;
    }

    /// The epoch's processing time, in microseconds since 1970. It is logged with the epoch, so that a replay sees the
    /// same.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The watermark, in microseconds since 1970; `None` = there is none yet. It belongs to the epoch's end: rows at or before it
    /// are late.
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// The watermark of the epoch before.
    pub fn previous_watermark(&self) -> Option<i64> {
        self.previous_watermark
    }

    /// Sets a timer by event time: it is due when the watermark reaches `at`, in microseconds since 1970.
    pub fn set(&mut self, tag: u32, at: i64) {
        self.set_by(Clock::EventTime, tag, at);
    }

    /// Takes a timer by event time away, if it is set.
    pub fn clear(&mut self, tag: u32) {
        self.clear_by(Clock::EventTime, tag);
    }

    /// Sets a timer by this clock: by processing time it is due in the first epoch at or after `at`, which runs for it if it
    /// must.
    pub fn set_by(&mut self, clock: Clock, tag: u32, at: i64) {
        self.changes.push(Change { key: self.key, clock, tag, at: Some(at) });
    }

    /// Takes a timer by this clock away, if it is set.
    pub fn clear_by(&mut self, clock: Clock, tag: u32) {
        self.changes.push(Change { key: self.key, clock, tag, at: None });
    }

    /// What is to be set and what to be cleared, by key; the last word on a timer counts.
    pub(crate) fn into_changes(mut self) -> (Vec<Change>, Vec<Change>) {
        let id = |change: &Change| (change.key, change.clock, change.tag);
        if self.changes.is_sorted_by(|a, b| id(a) < id(b)) {
            return match self.changes.iter().any(|change| change.at.is_none()) {
                false => (self.changes, Vec::new()),
                true => self.changes.into_iter().partition(|change| change.at.is_some()),
            };
        }
        // Stable: what was said later stands behind.
        self.changes.sort_by_key(id);
        let last = |(i, change): (usize, &Change)| {
            let next = self.changes.get(i + 1);
            next.is_none_or(|next| id(next) != id(change)).then_some(*change)
        };
        self.changes.iter().enumerate().filter_map(last).partition(|change| change.at.is_some())
    }
}
