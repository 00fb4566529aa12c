//! What a message says of a value that is no time, where more can be said than that.

use super::slots::{Cell, Raw};
use super::times::{InstantUnit, YEARS, timestamp_of_any_year};

/// Units of numbers that are times: each with how many of them are a second, and the function that reads it.
const UNITS: [(&str, f64, &str); 4] = [
    ("seconds", 1.0, "to_timestamp_seconds"),
    ("milliseconds", 1e3, "to_timestamp_millis"),
    ("microseconds", 1e6, "to_timestamp_micros"),
    ("nanoseconds", 1e9, "to_timestamp_nanos"),
];

/// What stands behind the value of `column` in a message; none if it is no time in the usual way.
pub(super) fn why(cell: Cell<'_>, column: &str) -> Option<String> {
    match cell {
        Cell::Number(text) => far_off(text),
        Cell::String(Raw { text, .. }) => far_off_text(text),
        // Of JSON it is a text in quotes, which no other declaration reads as a number.
        Cell::Field(Raw { text, .. }) => far_off_text(text).or_else(|| number(text.trim(), column)),
        _ => None,
    }
}

const FAR: &str = " lies outside the years 0001 to 9999";

fn far_off_text(text: &str) -> Option<String> {
    let micros = timestamp_of_any_year(text)?;
    (!YEARS.contains(&micros)).then(|| FAR.to_owned())
}

/// A number that is no text: it is in seconds.
fn far_off(text: &str) -> Option<String> {
    let seconds = finite(text)?;
    (!YEARS.contains(&((seconds * 1e6) as i64))).then(|| said_of(seconds, "seconds"))
}

/// What is said of a number of so many `units` that lies outside the years that times have.
fn said_of(number: f64, units: &str) -> String {
    match unit_of(number) {
        Some((unit, ..)) if unit != units => {
            let of_a_second = UNITS.iter().find(|(unit, ..)| *unit == units).map_or(1.0, |(_, n, _)| *n);
            format!(" {units} since 1970 are in the year {}: are these {unit}?", year(number / of_a_second))
        }
        _ => FAR.to_owned(),
    }
}

impl InstantUnit {
    /// What is said of a number that is no time.
    pub fn far_off(self, number: &str) -> String {
        let units = UNITS[self as usize].0;
        match finite(number) {
            Some(value) => format!("{number}{}", said_of(value, units)),
            None => format!("{number} is no number of {units}"),
        }
    }
}

/// A text that is a number: in which unit, nobody has said.
fn number(text: &str, column: &str) -> Option<String> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number = finite(text).filter(|_| is_number)?;
    let is_whole = text.parse::<i64>().is_ok();
    let said = " is a number, and not the text of a timestamp such as 2026-03-01T09:00:00Z";
    Some(match unit_of(number) {
        Some((unit, _, function)) if is_whole => format!(
            "{said}: if these are {unit} since 1970, declare `{column}` as int64 and write {function}({column})"
        ),
        Some((unit, _, function)) => format!(
            "{said}: if these are {unit} since 1970, declare `{column}` as float64 and write {function}({column})"
        ),
        None => format!(
            "{said}: declare `{column}` as int64 and say its unit, such as to_timestamp_seconds({column}) or to_timestamp_millis({column}); or as utf8 and write to_timestamp({column}, '%Y%m%d')"
        ),
    })
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The unit in which the number is a time that anybody has rows of.
fn unit_of(number: f64) -> Option<(&'static str, f64, &'static str)> {
    UNITS.into_iter().find(|(_, of_a_second, _)| (1971..2262).contains(&year(number / of_a_second)))
}

/// The year of an instant: Howard Hinnant's `civil_from_days`, where years begin in March.
fn year(seconds: f64) -> i64 {
    let days = ((seconds / 86_400.0).floor() as i64).saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let years = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * years + years / 4 - years / 100);
    era * 400 + years + i64::from(day_of_year >= 306)
}
