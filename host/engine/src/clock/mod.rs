//! Processing time, and waiting for it, behind a trait so that tests and simulations decide what it is.

mod wake;

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use wake::Wake;

/// Longest wait for a time without a look at the clock, which may have been set meanwhile.
const LONGEST: Duration = Duration::from_secs(60);

/// The source of processing time. One epoch reads it once and logs what it read.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;

    /// Waits for `duration` or less; a caller looks at [`Clock::now`] again afterwards.
    fn sleep(&self, duration: Duration);

    /// Waits until it is `until`, or somebody notifies `wake`, or less; a caller looks again afterwards. Without a time,
    /// it is for `wake` alone. What is here suits a clock that moves on when somebody sleeps.
    fn wait(&self, until: Option<i64>, wake: &Wake) {
        let Some(until) = until else {
            wake.wait(None);
            return;
        };
        if !wake.take() {
            self.sleep(from_to(self.now(), until));
        }
    }
}

/// From one time to another; some time even where it is past, so that a clock which moves by it moves.
fn from_to(now: i64, until: i64) -> Duration {
    Duration::from_micros(until.saturating_sub(now).max(1).unsigned_abs())
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

    fn wait(&self, until: Option<i64>, wake: &Wake) {
        wake.wait(until.map(|until| from_to(self.now(), until).min(LONGEST)));
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
