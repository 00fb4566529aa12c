//! Processing time, behind a trait so that tests and simulations decide what it is.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The source of processing time. One epoch reads it once and logs what it read.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Waits for `duration` or less; a caller looks at [`Clock::now`] again afterwards.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        }
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that stands still until it is told otherwise; sleeping moves it on.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<i64>);

impl ManualClock {
    /// A clock that says `now` (microseconds since 1970).
    pub fn new(now: i64) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, now: i64) {
        *self.0.lock().expect("no thread panics while it holds the clock") = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        *self.0.lock().expect("no thread panics while it holds the clock")
    }

    fn sleep(&self, duration: Duration) {
        let step = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let mut now = self.0.lock().expect("no thread panics while it holds the clock");
        *now = now.saturating_add(step);
    }
}
