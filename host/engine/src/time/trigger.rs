//! When the next epoch runs: pure decisions over the clock's reading.

use crate::job::Trigger;

/// What the epoch loop does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerDecision {
    /// Look for input now.
    Now,
    /// Wait until this time, then ask again.
    WaitUntil(i64),
}

/// When to look for input: `last` is when somebody last looked, whether there was any or not, `now` the clock.
pub fn next(trigger: Trigger, last: Option<i64>, now: i64) -> TriggerDecision {
    let (Trigger::Every(interval), Some(last)) = (trigger, last) else { return TriggerDecision::Now };
    let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).max(1);
    // The interval's grid starts at 1970, so that a restart keeps to it. After an overrun: at once.
    let due = (last - last.rem_euclid(interval)).saturating_add(interval);
    // A clock that was set back must not stop the job for as long.
    if now >= due || now < last { TriggerDecision::Now } else { TriggerDecision::WaitUntil(due) }
}

/// Whether the job ends when a look found no input and no watermark has moved.
pub fn ends_without_input(trigger: Trigger, exhausted: bool) -> bool {
    exhausted || matches!(trigger, Trigger::AvailableNow | Trigger::Once)
}
