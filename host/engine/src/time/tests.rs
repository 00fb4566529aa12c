//! Windows, watermarks and triggers against their definitions.

use std::time::Duration;

use proptest::prelude::*;

use super::trigger::{TriggerDecision, next};
use super::watermark::{Derived, Policy, WatermarkRule, advance, combine, moved};
use super::window::{WindowError, WindowSpec};
use crate::job::Trigger;
use crate::record::{EventTime, WatermarkPair};

/// The definition, by trying every start around `t`.
fn naive_starts(size: i64, slide: i64, offset: i64, t: i64) -> Vec<i64> {
    let near = (t - offset).div_euclid(slide);
    let reach = size / slide + 2;
    (near - reach..=near + 1).map(|k| k * slide + offset).filter(|s| *s <= t && t < s + size).collect()
}

proptest! {
    #[test]
    fn windows_are_those_that_cover_the_time(
        slide in 1i64..50, extra in 0i64..200, offset in -100i64..100, t in -1000i64..1000,
    ) {
        let size = slide + extra;
        let spec = WindowSpec::new(size, slide, offset).unwrap();
        let starts: Vec<i64> = spec.starts(t).collect();
        prop_assert_eq!(&starts, &naive_starts(size, slide, offset, t));
        prop_assert_eq!(spec.first_end(t), starts[0] + size);
        prop_assert_eq!(spec.last_end(t), starts[starts.len() - 1] + size);
    }

    #[test]
    fn times_of_one_slice_share_their_windows_and_neighbours_do_not(
        slide in 1i64..50, extra in 0i64..200, offset in -100i64..100, t in -1000i64..1000,
    ) {
        let spec = WindowSpec::new(slide + extra, slide, offset).unwrap();
        let slice = spec.slice_start(t);
        prop_assert!(slice <= t);
        for other in slice..=t {
            prop_assert_eq!(spec.slice_start(other), slice);
            prop_assert!(spec.starts(other).eq(spec.starts(t)));
        }
        prop_assert!(!spec.starts(slice - 1).eq(spec.starts(slice)));
    }
}

#[test]
fn a_window_needs_a_size_a_slide_and_no_gaps() {
    assert_eq!(WindowSpec::new(0, 1, 0), Err(WindowError::NotPositive { what: "size" }));
    assert_eq!(WindowSpec::new(5, 0, 0), Err(WindowError::NotPositive { what: "slide" }));
    assert_eq!(WindowSpec::new(5, 6, 0), Err(WindowError::Gaps));
    assert_eq!(WindowSpec::new(i64::MAX, 6, 0), Err(WindowError::TooLong { what: "size" }));
}

#[test]
fn a_watermark_never_goes_back_and_lateness_lags_one_epoch() {
    let rule = WatermarkRule { delay: 10_000, idle_after: None };
    let mut seen = EventTime::default();
    let mut pair = WatermarkPair::default();
    assert!(!moved(pair));
    for (epoch, (greatest, late, close)) in [
        (Some(100_999), None, None),
        (Some(50_000), None, Some(90_000)),
        (None, Some(90_000), Some(90_000)),
        (Some(200_000), Some(90_000), Some(90_000)),
    ]
    .into_iter()
    .enumerate()
    {
        pair = advance(pair, rule.watermark(&seen));
        assert_eq!(pair, WatermarkPair { late, close }, "epoch {epoch}");
        seen = rule.after_epoch(seen, greatest, greatest.is_some(), epoch as i64);
    }
    assert!(moved(advance(pair, rule.watermark(&seen))));
}

#[test]
fn an_idle_input_holds_nobody_back() {
    let rule = WatermarkRule { delay: 0, idle_after: Some(5) };
    let seen = rule.after_epoch(EventTime::default(), Some(7), true, 100);
    assert!(!rule.decide_idle(seen, 104).idle);
    assert!(rule.decide_idle(seen, 105).idle);
    assert_eq!(combine(Policy::Min, [(Some(7), false), (None, false)]), None);
    assert_eq!(combine(Policy::Min, [(Some(7), false), (None, true)]), Some(7));
    // All are idle: none of them holds another back.
    assert_eq!(combine(Policy::Min, [(Some(7), true), (None, true), (Some(5), true)]), Some(7));
    assert_eq!(combine(Policy::Min, [(None, true), (None, true)]), None);
    assert_eq!(combine(Policy::Max, [(Some(7), false), (Some(9), false)]), Some(9));
    // What was decided stands until there is a row.
    let idle = rule.decide_idle(seen, 105);
    assert!(rule.after_epoch(idle, None, false, 105).idle);
    assert!(!rule.after_epoch(idle, None, true, 105).idle);
}

#[test]
fn watermarks_are_whole_milliseconds_rounded_down_also_before_1970() {
    let at = |greatest, delay| {
        let rule = WatermarkRule { delay, idle_after: None };
        rule.watermark(&EventTime { greatest: Some(greatest), ..EventTime::default() })
    };
    assert_eq!(at(59_999_999, 0), Some(59_999_000));
    assert_eq!(at(60_000_000, 0), Some(60_000_000));
    assert_eq!(at(59_999_999, 1), Some(59_999_000));
    assert_eq!(at(-1, 0), Some(-1000));
    assert_eq!(at(i64::MIN, 1), Some(i64::MIN));
    // A join's longest wait has one microsecond more than its bound.
    let behind = Derived::Node("a".into()).held_back(30_000_001);
    assert_eq!(behind.now(&|_| Some((Some(90_000_000), false))), Some((Some(59_999_000), false)));
}

#[test]
fn an_interval_keeps_to_its_grid_and_an_overrun_runs_at_once() {
    let every = Trigger::Every(Duration::from_micros(100));
    assert_eq!(next(every, None, 130), TriggerDecision::Now);
    assert_eq!(next(every, Some(130), 150), TriggerDecision::WaitUntil(200));
    assert_eq!(next(every, Some(130), 200), TriggerDecision::Now);
    assert_eq!(next(every, Some(130), 450), TriggerDecision::Now);
    assert_eq!(next(every, Some(130), 20), TriggerDecision::Now);
    assert_eq!(next(Trigger::Continuous, Some(130), 131), TriggerDecision::Now);
}
