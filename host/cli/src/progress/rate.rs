//! Rows per second, counted over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time that is counted over.
const OVER: Duration = Duration::from_secs(3);
/// Least time between two samples that are kept: there may be thousands of epochs a second.
const APART: Duration = Duration::from_millis(50);

/// How fast a count grows.
#[derive(Debug)]
pub(crate) struct Rate {
    /// The count at times of the last seconds.
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Of a count that is zero at `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self { samples: VecDeque::from([(start, 0)]) }
    }

    /// The count is `count` at `now`; gives how much of it came per second, of late.
    pub(crate) fn at(&mut self, now: Instant, count: u64) -> u64 {
        let samples = &mut self.samples;
        if samples.len() > 1 && now.duration_since(samples[samples.len() - 2].0) < APART {
            samples.pop_back();
        }
        samples.push_back((now, count));
        while samples.len() > 2 && now.duration_since(samples[1].0) >= OVER {
            samples.pop_front();
        }
        let (since, before) = samples[0];
        crate::text::rate(count.saturating_sub(before), now.duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut rate = Rate::new(start);
        for millis in 1..10_000 {
            let per_second = rate.at(at(millis), millis * 10);
            assert!((9_900..10_100).contains(&per_second), "{per_second} after {millis} ms");
        }
        assert!(rate.samples.len() < 70, "{} samples are kept", rate.samples.len());
        let rates = [11_000, 12_000, 14_000].map(|millis| rate.at(at(millis), 99_990));
        assert!(rates[0] > rates[1] && rates[1] > 0 && rates[2] == 0, "{rates:?}");
    }
}
