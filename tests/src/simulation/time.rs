//! Times of one day, as text and back.

/// Noon of the day on which everything happens: 2026-03-01T12:00:00Z.
pub const NOON: i64 = 1_772_366_400_000_000;

const MIDNIGHT: i64 = NOON - 12 * 3_600_000_000;

/// A second, in microseconds.
pub const SECOND: i64 = 1_000_000;

/// `2026-03-01T12:00:00.250Z`: as it stands in the input.
pub fn shown(time: i64) -> String {
    let micros = time - MIDNIGHT;
    assert!((0..86_400 * SECOND).contains(&micros), "all times are of one day");
    let (second, micros) = (micros / SECOND, micros % SECOND);
    let fraction = if micros == 0 { String::new() } else { format!(".{:03}", micros / 1000) };
    format!("2026-03-01T{:02}:{:02}:{:02}{fraction}Z", second / 3600, second / 60 % 60, second % 60)
}

#[test]
fn times_are_shown_as_people_write_them() {
    assert_eq!(shown(NOON), "2026-03-01T12:00:00Z");
    assert_eq!(shown(NOON + 61 * SECOND + 250_000), "2026-03-01T12:01:01.250Z");
}
