//! Instants as text, and back; microseconds since 1970.

/// Days from 1970-01-01 to a date (Hinnant: chrono-compatible low-level date algorithms).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Of `2025-01-01T00:00:00.25Z`.
pub fn micros(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let second = days(number(0..4)?, number(5..7)?, number(8..10)?) * 86_400
        + number(11..13)? * 3600
        + number(14..16)? * 60
        + number(17..19)?;
    let fraction = text.get(20..).map_or("", |rest| rest.trim_end_matches('Z'));
    let fraction = format!("{fraction:0<6}").parse::<i64>().ok()?;
    Some(second * 1_000_000 + fraction)
}

/// As [`micros`] reads it, without zeros at the end.
pub fn text(micros: i64) -> String {
    let (day, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    let mut year = 1970 + day / 366;
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap_or(1);
    let (of_month, second) = (day - days(year, month, 1) + 1, rest / 1_000_000);
    let text = format!(
        "{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}.{:06}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        rest % 1_000_000
    );
    format!("{}Z", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_they_are_written() {
        for (shown, at) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2025-01-01T00:00:00Z", 1_735_689_600_000_000),
            ("2024-02-29T23:59:59.25Z", 1_709_251_199_250_000),
        ] {
            assert_eq!((micros(shown), text(at).as_str()), (Some(at), shown));
        }
    }
}
