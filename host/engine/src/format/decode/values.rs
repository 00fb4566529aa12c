//! Single values from text, without allocating: what the columns are made of. `None` = not such a value.

use std::borrow::Cow;
use std::sync::LazyLock;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::string_to_datetime;

use super::no_time::InstantUnit;
use super::slots::Cell;
use crate::format::UTC;

/// An optional sign and decimal digits, in range.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(text: &str) -> Option<T> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &bytes[1..]),
        b'+' => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    // 19 digits fit into 64 bits whatever they are; longer ones are rare enough for the slow way.
    if digits.is_empty() || digits.len() > 19 {
        return text.parse::<i128>().ok().and_then(|value| T::try_from(value).ok());
    }
    let mut magnitude = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    let magnitude = i128::from(magnitude);
    T::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// A JSON number, a CSV field that Rust reads as a float (`nan` and `inf` included), or one of the strings that
/// Spark takes for a number in JSON. A number beyond the range of floats is none, and not infinity.
pub(super) fn float64(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        Cell::Field(raw) => raw.text.parse().ok().filter(|value: &f64| value.is_finite() || is_word(raw.text)),
        Cell::String(raw) => match raw.text {
            "NaN" => Some(f64::NAN),
            "+INF" | "INF" | "+Infinity" | "Infinity" => Some(f64::INFINITY),
            "-INF" | "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a float is written in letters.
fn is_word(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_digit())
}

/// As [`float64`]; parsed as 32 bits from the start, since rounding twice gives another number.
pub(super) fn float32(cell: Cell<'_>) -> Option<f32> {
    match cell {
        Cell::Number(text) => text.parse().ok().filter(|value: &f32| value.is_finite()),
        Cell::Field(raw) => raw.text.parse().ok().filter(|value: &f32| value.is_finite() || is_word(raw.text)),
        other => float64(other).map(|value| value as f32),
    }
}

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

/// A decimal number with an optional exponent, rounded half up to `scale` digits behind the point, as Spark does;
/// none if it then has more than `precision` digits.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let cut = Cut::of(text, precision, scale)?;
    let value = cut.value + i128::from(cut.next >= 5);
    // Rounding may have carried.
    (value < 10i128.pow(u32::from(precision))).then_some(if cut.negative { -value } else { value })
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
    let cut = Cut::of(text, 18, unit.digits())?;
    let value = i64::try_from(cut.value).ok()?;
    let micros = if cut.negative { -value - i64::from(!cut.exact) } else { value };
    YEARS.contains(&micros).then_some(micros)
}

/// A decimal number with an optional exponent, cut after some digits behind the point.
struct Cut {
    negative: bool,
    /// The digits that are kept, as a whole number.
    value: i128,
    /// The first digit that is not.
    next: u8,
    /// Whether nothing but zeros was cut.
    exact: bool,
}

impl Cut {
    /// Cut after `scale` digits behind the point; none if more than `precision` digits are kept, or it is no number.
    fn of(text: &str, precision: u8, scale: i8) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes.first()? {
            b'-' => (true, &bytes[1..]),
            b'+' => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        let (digits, exponent) = match bytes.iter().position(|b| matches!(b, b'e' | b'E')) {
            Some(at) => (&bytes[..at], integer::<i32>(std::str::from_utf8(&bytes[at + 1..]).ok()?)?),
            None => (bytes, 0),
        };
        let point = digits.iter().position(|b| *b == b'.');
        let whole = point.unwrap_or(digits.len());
        let count = digits.len() - usize::from(point.is_some());
        if count == 0 {
            return None;
        }
        // How many of the digits stand before the point of the value times 10^scale.
        let kept = i64::try_from(whole).ok()? + i64::from(exponent) + i64::from(scale);
        // A value that has no place for one digit more; asked first, since ten times 38 digits are more than 128 bits.
        let full = 10i128.pow(u32::from(precision) - 1);
        let mut cut = Self { negative, value: 0, next: 0, exact: true };
        for (place, byte) in (0i64..).zip(digits.iter().filter(|b| **b != b'.')) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            if place < kept {
                if cut.value >= full {
                    return None;
                }
                cut.value = cut.value * 10 + i128::from(digit);
            } else {
                cut.next = if place == kept { digit } else { cut.next };
                cut.exact &= digit == 0;
            }
        }
        let mut missing = kept - i64::try_from(count).ok()?;
        while missing > 0 && cut.value != 0 {
            if cut.value >= full {
                return None;
            }
            cut.value *= 10;
            missing -= 1;
        }
        // A second point is none of the digits.
        let points = digits.iter().filter(|b| **b == b'.').count();
        (points <= 1).then_some(cut)
    }
}

/// Hexadecimal digits, two a byte, into `to`; false if it is not that.
pub(super) fn hex(text: &str, to: &mut Vec<u8>) -> bool {
    to.clear();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    for [high, low] in pairs {
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => to.push((high * 16 + low) as u8),
            _ => return false,
        }
    }
    rest.is_empty()
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

    #[test]
    fn decimals_round_half_up_and_never_overflow() {
        for (text, expected) in [
            ("1.005", Some(101)),
            ("-1.005", Some(-101)),
            ("1.0049", Some(100)),
            ("12", Some(1200)),
            ("1e2", Some(10_000)),
            ("123e-1", Some(1230)),
            ("0.004e1", Some(4)),
            ("999.99", Some(99_999)),
            ("999.995", None),
            ("1000", None),
            ("1e99", None),
            ("0e999999999", Some(0)),
            ("1e-999999999", Some(0)),
            ("5e-3", Some(1)),
            ("4e-3", Some(0)),
            (".5", Some(50)),
            ("5.", Some(500)),
            (".", None),
            ("", None),
            ("-", None),
            ("1.2.3", None),
            ("1e", None),
            ("0x1", None),
            ("1e99999999999", None),
            ("9e-4", Some(0)),
        ] {
            assert_eq!(decimal(text, 5, 2), expected, "{text}");
        }
        let nines = "9".repeat(38);
        assert_eq!(decimal(&nines, 38, 0).map(|v| v.to_string()), Some(nines));
        assert_eq!(decimal(&"9".repeat(400), 38, 0), None);
        // Some of these are small again in 128 bits.
        for first in 1..=9 {
            for digits in (0..=9).map(|digit| format!("{first}{}", digit.to_string().repeat(38))) {
                assert_eq!(decimal(&digits, 38, 0), None, "{digits}");
                assert_eq!(decimal(&format!("{}e3", &digits[..36]), 38, 0), None, "{digits}");
            }
        }
    }

    #[test]
    fn integers_keep_to_their_range() {
        assert_eq!(integer::<i8>("127"), Some(127));
        assert_eq!(integer::<i8>("128"), None);
        assert_eq!(integer::<i8>("-128"), Some(-128));
        assert_eq!(integer::<u8>("-1"), None);
        assert_eq!(integer::<u64>("18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer::<i64>("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer::<i64>("0000000000000000000000000007"), Some(7));
        for text in ["", "-", "+", "1.0", " 1", "1e3", "--1", "99999999999999999999999999999999999999999999"] {
            assert_eq!(integer::<i64>(text), None, "{text}");
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
            let _ = (timestamp(&text), decimal(&text, 38, 20), integer::<i64>(&text), date(&text));
        }
    }
}
