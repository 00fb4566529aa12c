//! Which event times of a join's two sides can match, and so how long a row has to be kept for the other side.

use std::ops::RangeInclusive;

use super::shown_length;
use super::window::WindowSpec;

/// One of a join's two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first one.
    Left,
    /// The second one.
    Right,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// Times match where `least <= right - left <= most` and, with windows, both lie in the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Microseconds; none = without bound.
    least: Option<i64>,
    most: Option<i64>,
    window: Option<WindowSpec>,
}

impl Reach {
    /// Between two bounds.
    pub fn between(least: Option<i64>, most: Option<i64>) -> Self {
        Self { least, most, window: None }
    }

    /// In the same tumbling window, and between two bounds.
    pub fn in_window(window: WindowSpec, least: Option<i64>, most: Option<i64>) -> Self {
        let across = window.size() - 1;
        let least = least.map_or(-across, |l| l.max(-across));
        let most = most.map_or(across, |m| m.min(across));
        Self { least: Some(least), most: Some(most), window: Some(window) }
    }

    /// The least of `right - left`.
    pub fn least(&self) -> Option<i64> {
        self.least
    }

    /// The greatest of `right - left`.
    pub fn most(&self) -> Option<i64> {
        self.most
    }

    /// The windows that both must lie in.
    pub fn window(&self) -> Option<WindowSpec> {
        self.window
    }

    /// Only equal times match.
    fn is_equality(&self) -> bool {
        (self.least, self.most) == (Some(0), Some(0))
    }

    /// How long a row is kept once the watermark has come to the last time that matches it: as in Spark until the
    /// watermark is past it, but for equal times, which go like keys do (`docs/decisions/0006`).
    fn slack(&self) -> i64 {
        i64::from(!self.is_equality())
    }

    /// How much later than its own event time a row may come out, when rows come out no earlier than their match.
    pub fn longest_wait(&self) -> Option<i64> {
        let wait = self.most?.max(self.least?.saturating_neg()).max(0);
        Some(wait.saturating_add(self.slack()))
    }

    /// From the least to the greatest difference; none where that is without end.
    pub fn span(&self) -> Option<i64> {
        Some(self.most?.saturating_sub(self.least?).max(0))
    }

    /// What it says of the times `left` and `right`; none if it says nothing.
    pub fn shown(&self, left: &str, right: &str) -> Option<String> {
        let across = self.window.map(|w| w.size() - 1);
        // What lies in one window is no further apart than its ends.
        let least = self.least.filter(|l| across.is_none_or(|a| *l > -a));
        let most = self.most.filter(|m| across.is_none_or(|a| *m < a));
        let near = match (least, most) {
            (None, None) => None,
            (Some(0), Some(0)) => Some(format!("{right} at {left}")),
            (Some(0), Some(m)) if m > 0 => Some(format!("{right} at most {} after {left}", shown_length(m))),
            (Some(l), Some(0)) if l < 0 => Some(format!("{right} at most {} before {left}", shown_length(l))),
            (Some(l), Some(m)) if l > 0 => {
                Some(format!("{right} {} to {} after {left}", shown_length(l), shown_length(m)))
            }
            (Some(l), Some(m)) if m < 0 => {
                Some(format!("{right} {} to {} before {left}", shown_length(m), shown_length(l)))
            }
            (Some(l), Some(m)) => {
                Some(format!("{right} from {} before {left} to {} after it", shown_length(l), shown_length(m)))
            }
            (Some(0), None) => Some(format!("{right} not before {left}")),
            (Some(l), None) if l > 0 => Some(format!("{right} at least {} after {left}", shown_length(l))),
            (Some(l), None) => Some(format!("{right} at most {} before {left}", shown_length(l))),
            (None, Some(0)) => Some(format!("{right} not after {left}")),
            (None, Some(m)) if m > 0 => Some(format!("{right} at most {} after {left}", shown_length(m))),
            (None, Some(m)) => Some(format!("{right} at least {} before {left}", shown_length(m))),
        };
        let window = self.window.map(|w| format!("{left} and {right} in one window of {}", shown_length(w.size())));
        match (near, window) {
            (Some(near), Some(window)) => Some(format!("{near}, {window}")),
            (near, window) => near.or(window),
        }
    }

    /// When a row of `side`, whose time is called `time`, is kept no longer: the watermark …; none = never.
    pub fn shown_expiry(&self, side: Side, time: &str) -> Option<String> {
        let most = match side {
            Side::Left => self.most,
            Side::Right => self.least.map(i64::saturating_neg),
        }?;
        let end = self.window.map(|w| {
            format!("has reached the end of the window of {} that the row's {time} is in", shown_length(w.size()))
        });
        if self.window.is_some_and(|w| most >= w.size() - 1) {
            return end;
        }
        let bound = match most {
            0 if self.is_equality() => format!("has reached the row's {time}"),
            0 => format!("is past the row's {time}"),
            1.. => format!("is more than {} past the row's {time}", shown_length(most)),
            _ => format!("is less than {} before the row's {time}", shown_length(most)),
        };
        Some(end.map_or(bound.clone(), |end| format!("{bound}, or {end}")))
    }

    /// The times of the other side that match time `t` of `side`; empty where none can.
    #[inline]
    pub fn partners(&self, side: Side, t: i64) -> RangeInclusive<i64> {
        let (mut from, mut to) = match side {
            Side::Left => (
                self.least.map_or(i64::MIN, |l| t.saturating_add(l)),
                self.most.map_or(i64::MAX, |m| t.saturating_add(m)),
            ),
            Side::Right => (
                self.most.map_or(i64::MIN, |m| t.saturating_sub(m)),
                self.least.map_or(i64::MAX, |l| t.saturating_sub(l)),
            ),
        };
        if let Some(window) = self.window {
            let start = window.last_start(t);
            from = from.max(start);
            to = to.min(start + window.size() - 1);
        }
        from..=to
    }

    /// When a row of `side` with time `t` goes: once the watermark has come so far.
    #[inline]
    pub fn expiry(&self, side: Side, t: i64) -> i64 {
        self.partners(side, t).end().saturating_add(self.slack())
    }

    /// When those rows of the other side expire that match time `t` of `side`. Both bounds grow with `t`, also where no
    /// time matches `t`: those of the first and the last of some times hold for all of these.
    #[inline]
    pub fn partners_expire(&self, side: Side, t: i64) -> RangeInclusive<i64> {
        let partners = self.partners(side, t);
        // The expiry grows with the time, and so bounds go over to bounds.
        let bound = |t: i64| if t == i64::MIN || t == i64::MAX { t } else { self.expiry(side.other(), t) };
        let (from, to) = (bound(*partners.start()), bound(*partners.end()));
        if from == i64::MAX { from..=from } else { from..=to }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reach() -> impl Strategy<Value = Reach> {
        let bound = || prop_oneof![Just(None), (-50i64..50).prop_map(Some)];
        let window = prop_oneof![
            Just(None),
            (1i64..40, -20i64..20).prop_map(|(size, offset)| WindowSpec::new(size, size, offset).ok())
        ];
        (bound(), bound(), window).prop_map(|(least, most, window)| match window {
            Some(window) => Reach::in_window(window, least, most),
            None => Reach::between(least, most),
        })
    }

    fn matches(reach: &Reach, left: i64, right: i64) -> bool {
        let between = reach.least.is_none_or(|l| right - left >= l) && reach.most.is_none_or(|m| right - left <= m);
        between && reach.window.is_none_or(|w| w.last_start(left) == w.last_start(right))
    }

    proptest! {
        #[test]
        fn partners_are_the_times_that_match(reach in reach(), left in -200i64..200, right in -200i64..200) {
            let want = matches(&reach, left, right);
            prop_assert_eq!(reach.partners(Side::Left, left).contains(&right), want);
            prop_assert_eq!(reach.partners(Side::Right, right).contains(&left), want);
            if want {
                prop_assert!(reach.expiry(Side::Left, left) >= right);
                prop_assert!(reach.expiry(Side::Right, right) >= left);
                prop_assert!(reach.partners_expire(Side::Right, right).contains(&reach.expiry(Side::Left, left)));
                prop_assert!(reach.partners_expire(Side::Left, left).contains(&reach.expiry(Side::Right, right)));
                if let Some(wait) = reach.longest_wait() {
                    prop_assert!((left - right).abs() <= wait);
                }
            }
        }

        #[test]
        fn of_several_times_the_first_and_the_last_say_when_partners_expire(
            reach in reach(), mut times in proptest::collection::vec(-200i64..200, 1..6), other in -200i64..200,
        ) {
            times.sort_unstable();
            let (first, last) = (times[0], times[times.len() - 1]);
            for side in [Side::Left, Side::Right] {
                let (from, to) = (reach.partners_expire(side, first), reach.partners_expire(side, last));
                if times.iter().any(|t| reach.partners(side, *t).contains(&other)) {
                    prop_assert!((*from.start()..=*to.end()).contains(&reach.expiry(side.other(), other)));
                }
            }
        }
    }
}
