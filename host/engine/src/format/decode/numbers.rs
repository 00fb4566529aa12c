//! Numbers and bytes from text, without allocating: what the columns are made of. `None` = not such a value.

use super::slots::Cell;

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

/// A decimal number with an optional exponent, rounded half up to `scale` digits behind the point, as Spark does;
/// none if it then has more than `precision` digits.
pub(super) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let cut = CutNumber::of(text, precision, scale)?;
    let value = cut.value + i128::from(cut.next >= 5);
    // Rounding may have carried.
    (value < 10i128.pow(u32::from(precision))).then_some(if cut.negative { -value } else { value })
}

/// A decimal number with an optional exponent, cut after some digits behind the point.
pub(super) struct CutNumber {
    pub negative: bool,
    /// The digits that are kept, as a whole number.
    pub value: i128,
    /// The first digit that is not.
    next: u8,
    /// Whether nothing but zeros was cut.
    pub exact: bool,
}

impl CutNumber {
    /// Cut after `scale` digits behind the point; none if more than `precision` digits are kept, or it is no number.
    pub fn of(text: &str, precision: u8, scale: i8) -> Option<Self> {
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
        fn no_text_makes_a_parser_panic(text in "[-+0-9.eE:TZ é]{0,40}") {
            let _ = (decimal(&text, 38, 20), integer::<i64>(&text));
        }
    }
}
