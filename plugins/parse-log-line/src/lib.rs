//! Map: the fields of Apache access-log lines (combined or common format), as columns.
//!
//! `83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.png HTTP/1.1" 200 203023 "referer" "agent"` becomes host,
//! timestamp (UTC), method, url, status and bytes; a `-` for bytes is null. What follows the bytes is not looked at,
//! so a line cut off there still counts. Any other line is rejected with what is wrong about it.

use millstream_guest::prelude::*;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {"column": {"type": "string", "default": "value", "description": "the column of lines"}},
  "additionalProperties": false
}"#;

/// The column of lines.
pub struct ParseLogLine {
    line: Input<Utf8>,
}

impl Map for ParseLogLine {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let line = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        let output = Fields::new().utf8("host").timestamp("timestamp").utf8("method").utf8("url");
        Ok((Self { line }, output.int32("status").int64("bytes")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let lines = batch.get(self.line);
        Ok(Mapped::try_each(&batch, |row| Ok(parse(lines.get(row).ok_or("no line: the value is null")?)?)))
    }

    fn about() -> About {
        let about = About::new().config_schema(SCHEMA).takes("<column>", "text", "the lines; without `column` `value`");
        let about = about.makes("host", "text", "who asked").makes("timestamp", "timestamp", "when, in UTC");
        let about = about.makes("method", "text", "how").makes("url", "text", "for what");
        about.makes("status", "int32", "the answer's status").makes("bytes", "int64", "its size, null for `-`")
    }
}

millstream_guest::map!(ParseLogLine);

type Fields6<'a> = (&'a str, Micros, &'a str, &'a str, i32, Option<i64>);

fn parse(line: &str) -> Result<Fields6<'_>, &'static str> {
    let (host, rest) = line.split_once(' ').ok_or("not a log line: no space after the host")?;
    let (_user, rest) = rest.split_once('[').ok_or("no `[` before the time")?;
    let (time, rest) = rest.split_once(']').ok_or("no `]` after the time")?;
    let time = timestamp(time).ok_or("the time is not like 17/May/2015:10:05:03 +0000")?;
    let rest = rest.strip_prefix(" \"").ok_or("no request in quotes after the time")?;
    // A quote inside the request is escaped, and no space follows it.
    let mut quotes = rest.match_indices('"').map(|(at, _)| at);
    let end = quotes.find(|at| rest.as_bytes().get(at + 1) == Some(&b' ')).ok_or("the request has no closing quote")?;
    let (request, rest) = (&rest[..end], &rest[end + 2..]);
    let (method, request) = request.split_once(' ').ok_or("the request is not like GET /path HTTP/1.1")?;
    let (url, _protocol) = request.rsplit_once(' ').ok_or("the request is not like GET /path HTTP/1.1")?;
    let mut rest = rest.splitn(3, ' ');
    let status = rest.next().and_then(|status| status.parse().ok()).ok_or("the status is not a number")?;
    let bytes = match rest.next().ok_or("the line ends before the bytes")? {
        "-" => None,
        bytes => Some(bytes.parse().map_err(|_| "the bytes are not a number")?),
    };
    Ok((host, time, method, url, status, bytes))
}

/// `17/May/2015:10:05:03 +0000` as microseconds since 1970, UTC.
fn timestamp(text: &str) -> Option<Micros> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let b: &[u8; 26] = text.as_bytes().try_into().ok()?;
    if [b[2], b[6], b[11], b[14], b[17], b[20]] != *b"//::: " {
        return None;
    }
    let month = MONTHS.iter().position(|name| name[..] == b[3..6])? as i64 + 1;
    let (day, year) = (number(&b[..2], 1..=31)?, number(&b[7..11], 0..=9999)?);
    let (hour, minute, second) =
        (number(&b[12..14], 0..=23)?, number(&b[15..17], 0..=59)?, number(&b[18..20], 0..=60)?);
    let east = number(&b[22..24], 0..=23)? * 3600 + number(&b[24..], 0..=59)? * 60;
    let offset = match b[21] {
        b'+' => east,
        b'-' => -east,
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(Micros(seconds * 1_000_000))
}

fn number(digits: &[u8], range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let digit = |number, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'));
    digits.iter().try_fold(0, digit).filter(|number| range.contains(number))
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's `days_from_civil`): years begin in March, so
/// that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn fields_become_columns_and_malformed_lines_are_rejected() {
        let input = Table::new().utf8(
            "value",
            [
                r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a b.png HTTP/1.1" 200 203023 "-" "Mozilla/5.0""#,
                "",
                r#"::1 - ann [01/Jan/1970:01:00:00 +0100] "HEAD / HTTP/1.0" 304 -"#,
                r#"10.0.0.1 - - [17/May/2015:10:05:03 +0000] "-" 408 -"#,
            ],
        );
        let output = map::<ParseLogLine>("{}", &input).unwrap();
        let expected = Table::new()
            .utf8("host", ["83.149.9.216", "::1"])
            .timestamp("timestamp", [1_431_857_103_000_000, 0])
            .utf8("method", ["GET", "HEAD"])
            .utf8("url", ["/a b.png", "/"])
            .int32("status", [200, 304])
            .int64("bytes", [Some(203_023), None]);
        assert_eq!(output.table.select(&["host", "timestamp", "method", "url", "status", "bytes"]), expected);
        let rejected: Vec<_> = output.rejects.iter().map(|(row, reason)| (*row, reason.as_str())).collect();
        assert_eq!(
            rejected,
            [(1, "not a log line: no space after the host"), (3, "the request is not like GET /path HTTP/1.1")]
        );
    }

    #[test]
    fn times_are_read_in_their_zone_and_checked() {
        assert_eq!(timestamp("29/Feb/2024:23:59:59 -0130"), Some(Micros(1_709_256_599_000_000)));
        assert_eq!(timestamp("31/Dec/1969:23:59:59 +0000"), Some(Micros(-1_000_000)));
        for wrong in [
            "",
            "17/Mai/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:05:03 00000",
            "+7/May/2015:10:05:03 +0000",
            "17/May/2015",
        ] {
            assert_eq!(timestamp(wrong), None, "{wrong}");
        }
    }
}
