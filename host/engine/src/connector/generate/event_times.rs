//! Event times: they go on evenly from row to row, and may fall behind by an exponential delay, so that they come out of
//! order within a bound.

use super::math::ln;
use super::options::GenerateSpec;
use crate::connector::source::SourceError;

/// The times of a sequence of events.
#[derive(Debug)]
pub(super) struct EventTimes {
    start: i64,
    /// Microseconds of event time from one event to the next.
    step: f64,
    mean_delay: f64,
    max_delay: f64,
}

impl EventTimes {
    /// Takes `start`, `events_per_second`, `mean_delay` and `max_delay` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        let bad = |what: &str| Err(SourceError::BadOption(what.into()));
        if !(1e-6..=1e9).contains(&spec.events_per_second) {
            return bad("`events_per_second` must lie between 0.000001 and 1000000000");
        }
        if spec.mean_delay < 0 || spec.max_delay < 0 {
            return bad("delays must not be negative");
        }
        Ok(Self {
            start: spec.start,
            step: 1e6 / spec.events_per_second,
            mean_delay: spec.mean_delay as f64,
            max_delay: spec.max_delay as f64,
        })
    }

    /// When event `event` takes place: microseconds since 1970, in whole milliseconds.
    #[inline]
    pub fn of(&self, event: u64) -> i64 {
        self.behind(event, 0.0)
    }

    /// The same, behind by a delay that a random word decides.
    #[inline]
    pub fn delayed(&self, event: u64, word: u32) -> i64 {
        // Between 0, excluded, and 1: the logarithm exists.
        let uniform = (f64::from(word) + 1.0) / 4_294_967_296.0;
        self.behind(event, (-ln(uniform) * self.mean_delay).min(self.max_delay))
    }

    #[inline]
    fn behind(&self, event: u64, delay: f64) -> i64 {
        let time = self.start.saturating_add((event as f64 * self.step - delay) as i64);
        time.div_euclid(1000) * 1000
    }
}
