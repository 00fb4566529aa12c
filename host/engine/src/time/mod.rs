//! Event-time arithmetic: windows and slices, watermarks, what a join can match, triggers. Pure: nothing here reads a clock or a file,
//! so that a run can be replayed from what its epochs logged. Times are microseconds since 1970-01-01T00:00:00Z.

pub mod reach;
mod shown;
pub mod trigger;
pub mod watermark;
pub mod window;

pub use shown::shown_length;

/// Event times beyond this many microseconds from 1970 (about 146,000 years) are refused, so that window arithmetic
/// cannot overflow.
pub const MAX_EVENT_TIME: i64 = 1 << 62;

/// Whether `t` can be computed with.
pub fn in_range(t: i64) -> bool {
    (-MAX_EVENT_TIME..=MAX_EVENT_TIME).contains(&t)
}

#[cfg(test)]
mod tests;
