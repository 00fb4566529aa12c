//! Durations, sizes and points in time, as people write them.

use std::time::Duration;

use chrono::DateTime;

/// Longest run of digits in a duration: more cannot be meant, and sums of larger numbers overflow.
const DIGITS: usize = 12;

/// A duration such as `"10 minutes"`, `"250ms"` or `"1h 30m"`; the error says what is wrong with it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        if run > DIGITS {
            return Err("the number is too large".into());
        }
    }
    humantime::parse_duration(&with_short_units(text)?).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "the unit is missing".into(),
        humantime::DurationError::UnknownUnit { unit, .. } => format!("`{unit}` is no unit of time"),
        humantime::DurationError::Empty => "it is empty".into(),
        humantime::DurationError::NumberOverflow => "the number is too large or too fine".into(),
        humantime::DurationError::NumberExpected(_) | humantime::DurationError::InvalidCharacter(_) => {
            "it is not a number and a unit".into()
        }
    })
}

/// `text` with the units of SQL's intervals as the parser knows them.
fn with_short_units(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_alphabetic) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        let lower = word.to_ascii_lowercase();
        let of_months = ["month", "months", "y", "yr", "yrs", "year", "years"];
        if word == "M" || of_months.contains(&lower.as_str()) {
            return Err("months differ in length: give days, hours or minutes".into());
        }
        out.push_str(before);
        out.push_str(match lower.as_str() {
            "microsecond" | "microseconds" | "µs" => "us",
            "millisecond" | "milliseconds" => "ms",
            "nanosecond" | "nanoseconds" => "ns",
            other => other,
        });
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

/// A duration such as `10 minutes` in microseconds.
///
/// # Errors
/// What is wrong with it, in words that go on "… is not a duration:".
pub fn micros(text: &str) -> Result<i64, String> {
    let duration = duration(text)?;
    if !duration.subsec_nanos().is_multiple_of(1000) {
        return Err("event time counts whole microseconds".into());
    }
    i64::try_from(duration.as_micros()).map_err(|_| "the number is too large".into())
}

/// Bytes: `"64MiB"` (1024s), `"10 MB"` (1000s), `"512"`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ if number.is_empty() => return Err("it is not a number and a unit".into()),
        _ => return Err(format!("`{unit}` is no unit of size")),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).ok_or_else(|| "the number is too large".into());
    }
    match number.parse::<f64>() {
        Ok(number) if number * (unit as f64) < 9.0e15 => Ok((number * unit as f64).round() as u64),
        Ok(_) => Err("the number is too large".into()),
        Err(_) => Err("it is not a number and a unit".into()),
    }
}

/// A point in time with its zone (RFC 3339), in microseconds since 1970; none if it is not one.
pub fn instant(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(micros("10 minutes"), Ok(600_000_000));
        assert_eq!(micros("250ms"), Ok(250_000));
        assert_eq!(micros("2 hours"), Ok(7_200_000_000));
        assert_eq!(micros("1.5s"), Ok(1_500_000));
        assert_eq!(micros("0s"), Ok(0));
        assert_eq!(micros("1 MINUTE 2 Milliseconds 3 microseconds"), Ok(60_002_003));
        assert_eq!(micros("5µs"), Ok(5));
        assert!(micros("1 month").unwrap_err().starts_with("months differ in length"));
        assert!(micros("1M").is_err() && micros("2 years").is_err());
        assert_eq!(micros("10").unwrap_err(), "the unit is missing");
        assert_eq!(micros("10 parsecs").unwrap_err(), "`parsecs` is no unit of time");
        assert_eq!(micros("100ns").unwrap_err(), "event time counts whole microseconds");
        assert_eq!(micros("18446744073709551615s 1000ms").unwrap_err(), "the number is too large");
        assert!(micros("-1s").is_err());
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("10 MB"), Ok(10_000_000));
        assert_eq!(bytes("512"), Ok(512));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("64M").unwrap_err(), "`M` is no unit of size");
        assert!(bytes("much").is_err());
        assert!(bytes("99999999999 TiB").is_err());
    }

    #[test]
    fn instants() {
        assert_eq!(instant("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(instant("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        assert_eq!(instant("1970-01-01"), None);
    }
}
