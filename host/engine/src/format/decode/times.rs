//! Times and dates from text, and from numbers that stand for one, without allocating: what the columns are made of.
//! `None` = not such a value.

use std::borrow::Cow;
use std::sync::LazyLock;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;

use super::numbers::{CutNumber, integer};
use crate::format::UTC;

/// `2025-01-31`: days since 1970-01-01.
pub(super) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 {
        return None;
    }
    i32::try_from(day(bytes)?).ok()
}

/// ISO 8601 with `T` or a space, with a zone or without one (UTC then), with or without seconds and fractions of them
/// (digits after the sixth are dropped), or only a date: microseconds since 1970. In the years 1 to 9999: what lies
/// outside of them is a number in another unit far more often than a time, and other programs cannot read it.
#[inline]
pub(super) fn timestamp(text: &str) -> Option<i64> {
    timestamp_of_any_year(text).filter(|micros| YEARS.contains(micros))
}

/// The years 1 to 9999.
pub(super) const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

#[inline]
pub(super) fn timestamp_of_any_year(text: &str) -> Option<i64> {
    usual_timestamp(text.as_bytes()).or_else(|| rare_timestamp(text))
}

const DAY: i64 = 86_400_000_000;

/// The forms that nearly all files have, without chrono: that is most of the time it takes to decode a row.
#[inline]
fn usual_timestamp(bytes: &[u8]) -> Option<i64> {
    if bytes.len() < 16 || !matches!(bytes[10], b'T' | b' ' | b't') || bytes[13] != b':' {
        return None;
    }
    let day = day(bytes)?;
    let has_seconds = bytes.len() >= 19 && bytes[16] == b':';
    let (hour, minute) = (two(bytes, 11)?, two(bytes, 14)?);
    let second = if has_seconds { two(bytes, 17)? } else { 0 };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = if has_seconds { &bytes[19..] } else { &bytes[16..] };
    let mut micros = 0i64;
    if let ([b'.', fraction @ ..], true) = (rest, has_seconds) {
        let mut scale = 100_000;
        let mut digits = 0;
        while let Some(digit) = fraction.get(digits).map(|b| b.wrapping_sub(b'0')).filter(|d| *d <= 9) {
            micros += i64::from(digit) * scale;
            scale /= 10;
            digits += 1;
        }
        if digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), hours @ ..] => {
            let (hours, minutes) = match hours.len() {
                2 => (two(hours, 0)?, 0),
                4 => (two(hours, 0)?, two(hours, 2)?),
                5 if hours[2] == b':' => (two(hours, 0)?, two(hours, 3)?),
                _ => return None,
            };
            if hours > 18 || minutes > 59 {
                return None;
            }
            let minutes = i64::from(hours * 60 + minutes);
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds = i64::from(hour * 3600 + minute * 60 + second) - offset * 60;
    Some(day * DAY + seconds * 1_000_000 + micros)
}

/// Whatever else Arrow reads: a date alone, a named zone.
#[cold]
fn rare_timestamp(text: &str) -> Option<i64> {
    static ZONE: LazyLock<Tz> = LazyLock::new(|| UTC.parse().expect("the zone of all timestamps is known to Arrow"));
    timestamp_in(&ZONE, text)
}

/// A time that is one of this zone if its text names no other.
pub(super) fn timestamp_in(zone: &Tz, text: &str) -> Option<i64> {
    // Arrow knows no time without seconds.
    let bytes = text.as_bytes();
    let has_no_seconds = is_minute(bytes) || (bytes.len() == 16 && bytes.is_ascii() && bytes[13] == b':');
    let text: Cow<'_, str> = match has_no_seconds {
        true => format!("{}:00{}", &text[..16], &text[16..]).into(),
        false => text.into(),
    };
    string_to_datetime(zone, &text).ok().map(|instant| instant.timestamp_micros())
}

/// Whether a zone stands where seconds might: `2026-03-01 09:00 Europe/Berlin`.
fn is_minute(bytes: &[u8]) -> bool {
    bytes.len() > 16 && bytes.is_ascii() && bytes[13] == b':' && matches!(bytes[16], b' ' | b'+' | b'-' | b'Z' | b'z')
}

#[inline]
fn two(bytes: &[u8], at: usize) -> Option<u32> {
    let (tens, ones) = (bytes[at].wrapping_sub(b'0'), bytes[at + 1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then_some(u32::from(tens) * 10 + u32::from(ones))
}

/// Days since 1970 of the `YYYY-MM-DD` that `bytes` begins with. The arithmetic is Howard Hinnant's
/// `days_from_civil` (public domain): years begin in March, so that the leap day is the last.
#[inline]
fn day(bytes: &[u8]) -> Option<i64> {
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    let (month, day) = (two(bytes, 5)?, two(bytes, 8)?);
    if year == 0 {
        return None;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > longest {
        return None;
    }
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// What a number that stands for a time counts, from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstantUnit {
    /// Seconds.
    Seconds,
    /// Thousandths of them.
    Milliseconds,
    /// Millionths.
    Microseconds,
    /// Billionths.
    Nanoseconds,
}

impl InstantUnit {
    /// The time of a whole number, microseconds since 1970 rounded down; none outside the years 1 to 9999.
    pub fn micros(self, number: i64) -> Option<i64> {
        let micros = match self {
            Self::Seconds => number.checked_mul(1_000_000)?,
            Self::Milliseconds => number.checked_mul(1000)?,
            Self::Microseconds => number,
            Self::Nanoseconds => number.div_euclid(1000),
        };
        YEARS.contains(&micros).then_some(micros)
    }

    /// Digits behind the point of a number of them that are microseconds; fewer than none: the last ones before it are not.
    pub(super) fn digits(self) -> i8 {
        match self {
            Self::Seconds => 6,
            Self::Milliseconds => 3,
            Self::Microseconds => 0,
            Self::Nanoseconds => -3,
        }
    }
}

/// Seconds since 1970, whole or with a fraction, of which digits after the sixth are dropped: towards the past, as in all
/// formats. Microseconds.
#[inline]
pub(super) fn seconds(text: &str) -> Option<i64> {
    instant(text, InstantUnit::Seconds)
}

/// The same of a number of other units.
#[inline]
pub(super) fn instant(text: &str, unit: InstantUnit) -> Option<i64> {
    if let Some(whole) = integer::<i64>(text) {
        return unit.micros(whole);
    }
    let cut = CutNumber::of(text, 18, unit.digits())?;
    let value = i64::try_from(cut.value).ok()?;
    let micros = if cut.negative { -value - i64::from(!cut.exact) } else { value };
    YEARS.contains(&micros).then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamps_in_all_their_forms() {
        let noon = 1_735_732_800_000_000;
        for text in [
            "2025-01-01T12:00:00",
            "2025-01-01 12:00:00",
            "2025-01-01T12:00:00Z",
            "2025-01-01T12:00:00.000",
            "2025-01-01T12:00:00.000000999Z",
            "2025-01-01T14:00:00+02:00",
            "2025-01-01T10:30:00.0-0130",
            "2025-01-01T13:00:00 Europe/Berlin",
            "2025-01-01T13:00:00+01",
        ] {
            assert_eq!(timestamp(text), Some(noon), "{text}");
        }
        for text in [
            "2025-01-01 12:00",
            "2025-01-01T12:00",
            "2025-01-01T12:00Z",
            "2025-01-01t12:00z",
            "2025-01-01 14:00+02:00",
            "2025-01-01T10:30-0130",
            "2025-01-01 13:00+01",
            "2025-01-01 13:00 +01:00",
            "2025-01-01 13:00 Europe/Berlin",
        ] {
            assert_eq!(timestamp(text), Some(noon), "{text}");
        }
        assert_eq!(timestamp("2025-01-01"), Some(noon - DAY / 2));
        assert_eq!(timestamp("2025-01-01T12:00:00.1234567Z"), Some(noon + 123_456));
        assert_eq!(timestamp("1969-12-31T23:59:59.999999"), Some(-1));
        for text in [
            "",
            "x",
            "2025-02-29T00:00:00",
            "2025-01-01T24:00:00",
            "2025-01-01T12:60:00",
            "2025-13-01T00:00:00",
            "2025-01-01T12:00:00.",
            "2025-01-01T12:00:00X",
            "2025-01-01T12:00:00+1",
            "2025-01-01é12:00:00",
            "2025-01-01T12:00:00é",
            "1735732800",
            "2025-01-01T12",
            "2025-01-01T12:0",
            "2025-01-01T12:60",
            "2025-01-01T24:00",
            "2025-01-01T12:00:",
            "2025-01-01T12:00:1",
            "2025-01-01T12:00.5",
            "2025-01-01T12:00X",
            "2025-01-01T12:00+1",
            "2025-01-01 12:00 nowhere",
            "2025-01-01 12:00 ",
            "2025-01-01 1200",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_reads_timestamps_as_chrono_does(
            micros in -62_135_596_800_000_000i64..253_402_300_799_999_999, space: bool, digits in 0usize..7
        ) {
            let instant = chrono::DateTime::from_timestamp_micros(micros).unwrap();
            let mut text = instant.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
            if space { text = text.replace('T', " "); }
            text.truncate(text.len() - 6 + digits);
            let text = text.trim_end_matches('.');
            let unit = 10i64.pow(6 - digits as u32);
            prop_assert_eq!(usual_timestamp(text.as_bytes()), Some(micros.div_euclid(unit) * unit));
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in "[-+0-9.eE:TZ é]{0,40}") {
            let _ = (timestamp(&text), date(&text));
        }
    }
}
