//! Values as text, the same in CSV and JSON: ISO 8601 times in UTC, and floats that read back as they were.

use std::fmt::Debug;
use std::io::Write;

const DAY: i64 = 86_400_000_000;

/// A date: `2024-02-29`; years outside 0 to 9999 carry a sign.
pub(super) fn date(out: &mut Vec<u8>, days: i64) {
    // Days to civil date in the proleptic Gregorian calendar: Howard Hinnant, "chrono-compatible low-level date
    // algorithms". Eras of 400 years start on the first of March, so that leap days come last.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if (0..=9999).contains(&year) {
        digits(out, year, 4);
    } else {
        write!(out, "{year:+05}").expect("a Vec takes all bytes");
    }
    out.push(b'-');
    digits(out, month, 2);
    out.push(b'-');
    digits(out, day, 2);
}

/// Microseconds since 1970 as `2024-02-29T12:00:00Z`, with three or six digits of fraction where they are needed.
pub(super) fn timestamp(out: &mut Vec<u8>, micros: i64) {
    date(out, micros.div_euclid(DAY));
    out.push(b'T');
    time(out, micros.rem_euclid(DAY));
    out.push(b'Z');
}

/// Microseconds since midnight as `12:00:00`, with a fraction where it is needed.
pub(super) fn time(out: &mut Vec<u8>, micros: i64) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    digits(out, seconds / 3600, 2);
    out.push(b':');
    digits(out, seconds / 60 % 60, 2);
    out.push(b':');
    digits(out, seconds % 60, 2);
    if fraction != 0 {
        out.push(b'.');
        if fraction % 1000 == 0 { digits(out, fraction / 1000, 3) } else { digits(out, fraction, 6) }
    }
}

/// A float in the fewest digits that read back as the same value; `NaN`, `Infinity` and `-Infinity` as Spark has them.
pub(super) fn float(out: &mut Vec<u8>, value: impl Debug + Copy + Into<f64>) {
    let wide: f64 = value.into();
    if wide.is_finite() {
        write!(out, "{value:?}").expect("a Vec takes all bytes");
    } else {
        let word = if wide.is_nan() {
            "NaN"
        } else if wide > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        out.extend_from_slice(word.as_bytes());
    }
}

/// The last `width` decimal digits of `value`, which is not negative.
fn digits(out: &mut Vec<u8>, mut value: i64, width: usize) {
    let mut text = [b'0'; 6];
    for place in text[..width].iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&text[..width]);
}
