//! States that plugins have encoded, as JSON: CBOR as the SDK writes it (docs/decisions/0022). What is none is told in
//! hexadecimal digits.

use std::fmt::Write;

/// So deep may values be nested.
const DEPTH: usize = 128;

/// The value as JSON: floats that are no numbers are texts, as are keys; bytes are hexadecimal.
pub(super) fn as_json(bytes: &[u8]) -> String {
    let (mut from, mut out) = (bytes, String::new());
    match item(&mut from, &mut out, DEPTH) {
        Some(()) if from.is_empty() => out,
        _ => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// How many follow.
enum Count {
    Known(u64),
    Open,
}

impl Count {
    /// Whether there is one more in `from`.
    fn next(&mut self, from: &mut &[u8]) -> Option<bool> {
        match self {
            Self::Known(0) => Some(false),
            Self::Known(left) => {
                *left -= 1;
                Some(true)
            }
            Self::Open => {
                let is_end = *from.first()? == 0xff;
                if is_end {
                    *from = &from[1..];
                }
                Some(!is_end)
            }
        }
    }
}

fn take<'b>(from: &mut &'b [u8], len: u64) -> Option<&'b [u8]> {
    let (taken, rest) = from.split_at_checked(usize::try_from(len).ok()?)?;
    *from = rest;
    Some(taken)
}

fn number(from: &mut &[u8], bytes: u64) -> Option<u64> {
    Some(take(from, bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The next value; none = the bytes are no value that the SDK writes.
fn item(from: &mut &[u8], out: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let first = *take(from, 1)?.first()?;
    let (major, small) = (first >> 5, first & 0x1f);
    if major == 7 {
        return other(first, from, out);
    }
    let count = match small {
        0..24 => Count::Known(small.into()),
        24..28 => Count::Known(number(from, 1 << (small - 24))?),
        31 if major == 4 || major == 5 => Count::Open,
        _ => return None,
    };
    match (major, count) {
        (0, Count::Known(value)) => write!(out, "{value}").ok(),
        (1, Count::Known(value)) => write!(out, "{}", -1 - i128::from(value)).ok(),
        (2, Count::Known(len)) => {
            out.push_str(&hex(take(from, len)?));
            Some(())
        }
        (3, Count::Known(len)) => {
            let text = std::str::from_utf8(take(from, len)?).ok()?;
            write!(out, "{}", serde_json::Value::from(text)).ok()
        }
        (4, mut count) => {
            out.push('[');
            let begin = out.len();
            while count.next(from)? {
                if out.len() > begin {
                    out.push(',');
                }
                item(from, out, depth)?;
            }
            out.push(']');
            Some(())
        }
        (5, mut count) => {
            out.push('{');
            let begin = out.len();
            while count.next(from)? {
                if out.len() > begin {
                    out.push(',');
                }
                let mut key = String::new();
                item(from, &mut key, depth)?;
                match key.starts_with('"') {
                    true => out.push_str(&key),
                    false => write!(out, "{}", serde_json::Value::from(key)).ok()?,
                }
                out.push(':');
                item(from, out, depth)?;
            }
            out.push('}');
            Some(())
        }
        _ => None,
    }
}

/// What is neither a whole number nor made of others.
fn other(first: u8, from: &mut &[u8], out: &mut String) -> Option<()> {
    const WORDS: [(u8, &str); 3] = [(0xf4, "false"), (0xf5, "true"), (0xf6, "null")];
    if let Some((_, word)) = WORDS.iter().find(|(byte, _)| *byte == first) {
        out.push_str(word);
        return Some(());
    }
    let (value, text) = match first {
        0xfa => {
            let value = f32::from_bits(u32::try_from(number(from, 4)?).ok()?);
            (f64::from(value), format!("{value:?}"))
        }
        0xfb => {
            let value = f64::from_bits(number(from, 8)?);
            (value, format!("{value:?}"))
        }
        _ => return None,
    };
    match value {
        value if value.is_finite() => out.push_str(&text),
        value if value.is_nan() => out.push_str("\"NaN\""),
        value if value > 0.0 => out.push_str("\"Infinity\""),
        _ => out.push_str("\"-Infinity\""),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::as_json;

    #[test]
    fn what_the_sdk_writes_is_json_and_all_else_is_digits() {
        // {"last": 5, "of": [1.5, NaN, -7, null], 3: true}
        let state = b"\xa3\x64last\x05\x62of\x9f\xfb\x3f\xf8\0\0\0\0\0\0\xfb\x7f\xf8\0\0\0\0\0\0\x26\xf6\xff\x03\xf5";
        assert_eq!(as_json(state), r#"{"last":5,"of":[1.5,"NaN",-7,null],"3":true}"#);
        assert_eq!(as_json(b"\x43abc"), "\"616263\"");
        for odd in [&b""[..], b"\x05\x05", b"\x64la", b"\xff", b"\x9f", b"\x1c", &[0x81; 200]] {
            let digits: String = odd.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(as_json(odd), format!("\"{digits}\""));
        }
    }
}
