//! Strings of JSON: where they end, and what their escapes stand for.

/// The first quote, backslash or control character at or after `at`; eight bytes at a time, which for the short
/// strings of a log is faster than calling `memchr`. The tests on whole words are those of Mycroft and of Anderson's
/// "Bit Twiddling Hacks": the lowest byte found is exact.
#[inline]
pub(super) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = ((quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|b| *b >= b' ' && *b != b'"' && *b != b'\\') {
        at += 1;
    }
    at
}

/// Appends the text that the inside of a JSON string stands for.
///
/// # Errors
/// The byte of `raw` where an escape is not valid, and why.
pub(in crate::format::decode) fn unescape(raw: &str, to: &mut String) -> Result<(), (usize, &'static str)> {
    let mut rest = raw;
    while let Some(backslash) = rest.find('\\') {
        to.push_str(&rest[..backslash]);
        rest = &rest[backslash..];
        let at = raw.len() - rest.len();
        let (character, length) = match rest.as_bytes().get(1) {
            Some(b'"') => ('"', 2),
            Some(b'\\') => ('\\', 2),
            Some(b'/') => ('/', 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'u') => unicode(rest.as_bytes()).map_err(|what| (at, what))?,
            _ => return Err((at, "not an escape")),
        };
        to.push(character);
        rest = &rest[length..];
    }
    to.push_str(rest);
    Ok(())
}

/// The character of the `\uXXXX`, or pair of them, that `text` begins with, and its length.
fn unicode(text: &[u8]) -> Result<(char, usize), &'static str> {
    let unit = |at: usize| -> Option<u32> {
        let digits = text.get(at..at + 6)?;
        let digits = digits.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
    };
    let high = unit(0).ok_or("`\\u` needs four hexadecimal digits")?;
    if let Some(character) = char::from_u32(high) {
        return Ok((character, 6));
    }
    // The two halves of a character outside the basic plane (RFC 8259, section 7).
    let low = unit(6).filter(|low| high < 0xDC00 && (0xDC00..0xE000).contains(low)).ok_or("half a surrogate pair")?;
    let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    Ok((char::from_u32(code).ok_or("half a surrogate pair")?, 12))
}
