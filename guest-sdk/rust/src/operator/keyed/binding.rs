//! What a keyed operator gives, and how it wishes to be called.

use super::timers::Clock;
use crate::fields::Fields;

/// What a keyed operator's `bind` says: the columns that come out, and what the host is to do with rows, states and timers.
/// How many rows a call may have is said to the schema, as for all operators:
/// [`Schema::rows_per_call`](crate::Schema::rows_per_call).
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedOutput {
    pub(crate) fields: Fields,
    pub(crate) has_key: bool,
    pub(crate) event_time: Option<String>,
    pub(crate) time_to_live: Option<(Clock, u64)>,
    pub(crate) sets_late_aside: bool,
    pub(crate) by_event_time: bool,
    pub(crate) holds_back: u64,
    pub(crate) keep_timers: bool,
    pub(crate) adjustable: Vec<String>,
}

impl KeyedOutput {
    /// Rows of these columns, behind those of the key.
    pub fn of(fields: Fields) -> Self {
        Self {
            fields,
            has_key: true,
            event_time: None,
            time_to_live: None,
            sets_late_aside: false,
            by_event_time: false,
            holds_back: 0,
            keep_timers: false,
            adjustable: Vec::new(),
        }
    }

    /// The columns of the key do not come out. Where they do, none of them may have the name of one of the output: such
    /// a key is refused.
    pub fn without_key(mut self) -> Self {
        self.has_key = false;
        self
    }

    /// This column, a timestamp, is the event time for what follows. Rows that a timer gives have the timer's time there,
    /// whatever was written.
    pub fn event_time(mut self, column: &str) -> Self {
        self.event_time = Some(column.into());
        self
    }

    /// A key's state goes, with its timers and without a call, after so many microseconds in which it did not change.
    pub fn time_to_live(mut self, clock: Clock, microseconds: u64) -> Self {
        self.time_to_live = Some((clock, microseconds));
        self
    }

    /// Rows whose event time the watermark has passed go to the late output; without this they are handed over like
    /// others, and [`Out::late`](super::Out::late) may send them there.
    pub fn late_rows_aside(mut self) -> Self {
        self.sets_late_aside = true;
        self
    }

    /// A key's rows of an epoch come by event time, those of the same time in their order of arrival; without this all
    /// come in their order of arrival.
    pub fn rows_by_event_time(mut self) -> Self {
        self.by_event_time = true;
        self
    }

    /// The output's event times may lie so many microseconds behind the watermark: what follows sees one that is less by
    /// as much.
    pub fn holds_back(mut self, microseconds: u64) -> Self {
        self.holds_back = microseconds;
        self
    }

    /// The entries of the configuration with these keys, at its top level, may be changed while there are states: a state means
    /// the same whatever they are. With any other entry changed a job refuses the states that it has.
    pub fn adjustable<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.adjustable.extend(keys.into_iter().map(str::to_owned));
        self
    }

    /// A key's timers stay when its state is removed.
    pub fn keep_timers(mut self) -> Self {
        self.keep_timers = true;
        self
    }
}
