//! Numbers, durations and times as people read them.

use std::time::Duration;

use arrow::temporal_conversions::timestamp_us_to_datetime;

/// `1,234,567`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `1,234 files`
pub(crate) fn files(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "file" } else { "files" })
}

/// At most five characters: `950`, `12.3k`, `1.23M`, `45.6G`.
pub(crate) fn short(number: u64) -> String {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 999.5 {
        value /= 1000.0;
        unit += 1;
    }
    let decimals = match value {
        _ if unit == 0 => 0,
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", UNITS[unit])
}

/// `512 B`, `1.5 KiB`, `64.0 MiB`
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `4.2 ms`, `870 ms`, `3.2 s`, `5 min 12 s`, `2 h 3 min`
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    let seconds = duration.as_secs();
    match seconds {
        0 if millis < 9.95 => format!("{millis:.1} ms"),
        0 if millis < 999.5 => format!("{millis:.0} ms"),
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Microseconds since 1970 as RFC 3339 in UTC; none past the end of the calendar, which is where the watermark goes
/// when the input is used up.
pub(crate) fn instant(micros: i64) -> Option<String> {
    let time = timestamp_us_to_datetime(micros)?;
    let plain = time.format("%Y-%m-%dT%H:%M:%S").to_string();
    let fraction = match micros.rem_euclid(1_000_000) {
        0 => String::new(),
        fraction if fraction % 1000 == 0 => format!(".{:03}", fraction / 1000),
        fraction => format!(".{fraction:06}"),
    };
    Some(format!("{plain}{fraction}Z"))
}

/// A watermark for people, to the second.
pub(crate) fn watermark(micros: Option<i64>) -> String {
    let Some(micros) = micros else { return "none yet".into() };
    match timestamp_us_to_datetime(micros) {
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => "end of input".into(),
    }
}

/// Events per second.
pub(crate) fn rate(number: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (number as f64 / seconds).round() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1000, 12_345, 999_499, 999_500].map(short),
            ["0", "999", "1.00k", "12.3k", "999k", "1.00M"]
        );
        assert!([9_995, 99_950, u64::MAX].map(short).iter().all(|text| text.len() <= 5));
        assert_eq!([0, 1023, 1536, 64 << 20].map(bytes), ["0 B", "1023 B", "1.5 KiB", "64.0 MiB"]);
        assert!(bytes(u64::MAX).ends_with("EiB"));
    }

    #[test]
    fn durations() {
        let texts = [0, 4_200, 870_000, 3_210_000, 312_000_000, 7_380_000_000];
        let texts = texts.map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(texts, ["0.0 ms", "4.2 ms", "870 ms", "3.2 s", "5 min 12 s", "2 h 3 min"]);
    }

    #[test]
    fn times() {
        assert_eq!(instant(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(instant(-500_000).as_deref(), Some("1969-12-31T23:59:59.500Z"));
        assert_eq!(instant(i64::MAX), None);
        assert_eq!(watermark(Some(1_000_000)), "1970-01-01 00:00:01");
        assert_eq!(watermark(Some(i64::MAX)), "end of input");
        assert_eq!(watermark(None), "none yet");
    }
}
