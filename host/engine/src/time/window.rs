//! Tumbling and sliding windows, and the slices that sliding ones share.
//!
//! A window is `[start, start + size)`, with `start = offset + k * slide`. The time line is cut at every window
//! start and every window end; the pieces are the *slices*. A slice lies in each window that covers it wholly or not
//! at all, so a row is aggregated once, into its slice, and a window is the union of its slices: at most two a slide.
//! (Krishnamurthy, Wu, Franklin: "On-the-fly sharing for streamed aggregation", SIGMOD 2006, call them paired windows.)

use super::MAX_EVENT_TIME;

/// Why a window cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Size or slide is not a positive time.
    #[error("a window's {what} must be greater than zero")]
    NotPositive {
        /// `size` or `slide`.
        what: &'static str,
    },
    /// Rows between windows would belong to none.
    #[error("a window's slide must not be greater than its size: rows between two windows would belong to none")]
    Gaps,
    /// A session ends some time after its last row.
    #[error("a session's gap must be greater than zero")]
    NoGap,
    /// Longer than time itself.
    #[error("a window's {what} is too long")]
    TooLong {
        /// `size`, `slide` or `offset`.
        what: &'static str,
    },
    /// The same of a session.
    #[error("a session's gap is too long")]
    GapTooLong,
}

/// The longest window there can be, so that no computation overflows.
const LONGEST: i64 = MAX_EVENT_TIME / 4;

/// The gap after which a session ends, microseconds: a row lies in `[t, t + gap)`, and what touches is one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionSpec {
    gap: i64,
}

impl SessionSpec {
    /// Sessions that end `gap` after their last row.
    pub fn new(gap: i64) -> Result<Self, WindowError> {
        match gap {
            ..=0 => Err(WindowError::NoGap),
            1..=LONGEST => Ok(Self { gap }),
            _ => Err(WindowError::GapTooLong),
        }
    }

    /// From a session's last row to its end.
    pub fn gap(&self) -> i64 {
        self.gap
    }
}

/// Size, slide and offset of the windows of one node, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WindowSpec {
    size: i64,
    slide: i64,
    offset: i64,
}

impl WindowSpec {
    /// Windows of `size` every `slide`, aligned to 1970 plus `offset`.
    pub fn new(size: i64, slide: i64, offset: i64) -> Result<Self, WindowError> {
        for (what, value) in [("size", size), ("slide", slide)] {
            if value <= 0 {
                return Err(WindowError::NotPositive { what });
            }
            if value > LONGEST {
                return Err(WindowError::TooLong { what });
            }
        }
        if slide > size {
            return Err(WindowError::Gaps);
        }
        if offset.checked_abs().is_none_or(|o| o > LONGEST) {
            return Err(WindowError::TooLong { what: "offset" });
        }
        Ok(Self { size, slide, offset: offset.rem_euclid(slide) })
    }

    /// Length of a window.
    pub fn size(&self) -> i64 {
        self.size
    }

    /// From one window's start to the next one's.
    pub fn slide(&self) -> i64 {
        self.slide
    }

    /// How far after 1970 a window starts: less than a slide.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// How many windows a row lies in, at most.
    pub fn windows_of_a_row(&self) -> i64 {
        (self.size - 1) / self.slide + 1
    }

    /// Whether windows do not overlap.
    pub fn is_tumbling(&self) -> bool {
        self.size == self.slide
    }

    /// Start of the last window that covers `t`.
    #[inline]
    pub fn last_start(&self, t: i64) -> i64 {
        t - (t - self.offset).rem_euclid(self.slide)
    }

    /// Start of the first window that covers `t`.
    #[inline]
    pub fn first_start(&self, t: i64) -> i64 {
        // The first start greater than t - size.
        self.last_start(t - self.size) + self.slide
    }

    /// End of the last window that covers `t`: when `W` reaches it, `t` is late for all of its windows.
    #[inline]
    pub fn last_end(&self, t: i64) -> i64 {
        self.last_start(t) + self.size
    }

    /// End of the first window that covers `t`: when `W` reaches it, `t` is late for one of its windows at least.
    #[inline]
    pub fn first_end(&self, t: i64) -> i64 {
        self.first_start(t) + self.size
    }

    /// Starts of all windows that cover `t`, ascending.
    pub fn starts(&self, t: i64) -> impl Iterator<Item = i64> + use<> {
        let (last, slide) = (self.last_start(t), self.slide);
        std::iter::successors(Some(self.first_start(t)), move |s| Some(s + slide)).take_while(move |s| *s <= last)
    }

    /// The number of the slice that `t` lies in, counted from 1970 on; the next slice has the next number.
    #[inline]
    pub fn slice_index(&self, t: i64) -> i64 {
        let slides = (t - self.offset).div_euclid(self.slide);
        match self.size % self.slide {
            0 => slides,
            cut => 2 * slides + i64::from((t - self.offset).rem_euclid(self.slide) >= cut),
        }
    }

    /// Start of the slice that `t` lies in.
    #[inline]
    pub fn slice_start(&self, t: i64) -> i64 {
        let start = self.last_start(t);
        // Windows that began earlier end here inside the slide.
        let cut = start + self.size % self.slide;
        if t >= cut { cut } else { start }
    }

    /// End of the slice that `t` lies in.
    pub fn slice_end(&self, t: i64) -> i64 {
        let start = self.last_start(t);
        let cut = start + self.size % self.slide;
        if t < cut { cut } else { start + self.slide }
    }
}
