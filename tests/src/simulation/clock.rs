//! A clock that jumps.

use std::sync::Mutex;
use std::time::Duration;

use millstream_engine::clock::Clock;

use super::random::Random;

/// Processing time that goes on a little with every look, and now and then jumps by an hour or by ten years.
#[derive(Debug)]
pub struct JumpingClock(Mutex<(i64, Random)>);

const HOUR: i64 = 3_600_000_000;

impl JumpingClock {
    /// It is noon when it begins.
    pub fn new(random: Random) -> Self {
        Self(Mutex::new((super::time::NOON, random)))
    }

    /// What it said last.
    pub fn shown(&self) -> i64 {
        self.0.lock().unwrap().0
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> i64 {
        let mut clock = self.0.lock().unwrap();
        let (now, random) = &mut *clock;
        *now += random.between(0, 50_000);
        if random.one_in(40) {
            let years = 10 * 8766 * HOUR;
            *now += random.pick(&[HOUR, -HOUR, years, -years]);
        }
        *now
    }

    fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().0 += duration.as_micros() as i64;
    }
}
