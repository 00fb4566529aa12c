//! Made-up access logs as lines of text, for the files that examples and measurements run on.

use super::access_logs::{AccessLogs, Row, write_user};
use super::columns::write_number;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// `10.0.48.57 GET /shop/item-0 200 5120`
    Text,
    /// All columns, comma-separated, in the order of [`AccessLogs::schema`].
    Csv,
    /// A JSON object with all columns.
    Json,
}

impl LogForm {
    /// The line that each file begins with; empty for the forms without a header.
    pub fn header(self) -> &'static str {
        match self {
            Self::Csv => "url,timestamp,bytes,status,user\n",
            Self::Text | Self::Json => "",
        }
    }

    /// The usual ending of a file's name.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "log",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl AccessLogs {
    /// Appends rows `from..to` to `out`, a line each. Timestamps are ISO 8601 with milliseconds and a `Z`.
    pub fn write_lines(&self, form: LogForm, from: u64, to: u64, out: &mut Vec<u8>) {
        let mut times = Times::default();
        self.rows(from, to, |row| match form {
            LogForm::Text => self.text(&row, out),
            LogForm::Csv => {
                out.extend_from_slice(self.url(row.url));
                out.push(b',');
                times.write(row.time, out);
                out.push(b',');
                write_number(row.bytes, out);
                out.push(b',');
                write_number(row.status.into(), out);
                out.push(b',');
                write_user(row.user, out);
                out.push(b'\n');
            }
            LogForm::Json => {
                out.extend_from_slice(b"{\"url\":\"");
                out.extend_from_slice(self.url(row.url));
                out.extend_from_slice(b"\",\"timestamp\":\"");
                times.write(row.time, out);
                out.extend_from_slice(b"\",\"bytes\":");
                write_number(row.bytes, out);
                out.extend_from_slice(b",\"status\":");
                write_number(row.status.into(), out);
                out.extend_from_slice(b",\"user\":\"");
                write_user(row.user, out);
                out.extend_from_slice(b"\"}\n");
            }
        });
    }

    fn text(&self, row: &Row, out: &mut Vec<u8>) {
        out.extend_from_slice(b"10");
        for part in [row.user >> 16, row.user >> 8, row.user] {
            out.push(b'.');
            write_number(part & 255, out);
        }
        out.extend_from_slice(b" GET ");
        out.extend_from_slice(self.url(row.url));
        out.push(b' ');
        write_number(row.status.into(), out);
        out.push(b' ');
        write_number(row.bytes, out);
        out.push(b'\n');
    }
}

/// Writes instants; the date of the last one is kept, since most lie on the same day.
#[derive(Default)]
struct Times {
    day: Option<i64>,
    date: String,
}

impl Times {
    fn write(&mut self, micros: i64, out: &mut Vec<u8>) {
        let day = micros.div_euclid(86_400_000_000);
        if self.day != Some(day) {
            self.day = Some(day);
            self.date = match chrono::DateTime::from_timestamp_micros(day.saturating_mul(86_400_000_000)) {
                Some(midnight) => midnight.format("%Y-%m-%dT").to_string(),
                // Farther off than calendars go; the number says so.
                None => format!("{day}T"),
            };
        }
        let millis = (micros.rem_euclid(86_400_000_000) / 1000) as u32;
        let digits =
            |number: u32, places: u32| (0..places).rev().map(move |p| b'0' + (number / 10u32.pow(p) % 10) as u8);
        out.extend_from_slice(self.date.as_bytes());
        out.extend(digits(millis / 3_600_000, 2));
        out.push(b':');
        out.extend(digits(millis / 60_000 % 60, 2));
        out.push(b':');
        out.extend(digits(millis / 1000 % 60, 2));
        out.push(b'.');
        out.extend(digits(millis % 1000, 3));
        out.push(b'Z');
    }
}
