//! The fields of one record of CSV, as RFC 4180 has them: a field stands in double quotes, with `""` for a quote, or
//! has none in it.

/// Where a record is no CSV. Fields count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The quote at byte `quote` is not closed.
    Open { quote: usize, field: usize },
    /// Text follows the closing quote.
    Behind { field: usize },
    /// A quote in a field that does not begin with one.
    Inside { field: usize },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { field, .. } => write!(f, "no closing quote in field {field}"),
            Self::Behind { field } => write!(f, "something follows the closing quote of field {field}"),
            Self::Inside { field } => write!(f, "a quote inside an unquoted field: field {field}"),
        }
    }
}

/// Splits the record that ends at `end` into fields from `at` on, where one begins; `take` gets each field's number
/// (from 0), start and end, quoted ones with their quotes, and whether quotes are doubled in it. How many there are.
#[inline]
pub(super) fn split(
    bytes: &[u8],
    mut at: usize,
    end: usize,
    delimiter: u8,
    mut take: impl FnMut(usize, usize, usize, bool),
) -> Result<usize, Fault> {
    let record = &bytes[..end];
    let mut field = 0;
    loop {
        let (stop, escaped) = if record.get(at) == Some(&b'"') {
            closing_quote(record, at + 1).ok_or(Fault::Open { quote: at, field: field + 1 })?
        } else {
            match memchr::memchr2(delimiter, b'"', &record[at..]) {
                Some(length) if record[at + length] == b'"' => return Err(Fault::Inside { field: field + 1 }),
                Some(length) => (at + length, false),
                None => (end, false),
            }
        };
        if stop < end && record[stop] != delimiter {
            return Err(Fault::Behind { field: field + 1 });
        }
        take(field, at, stop, escaped);
        field += 1;
        if stop == end {
            return Ok(field);
        }
        at = stop + 1;
    }
}

/// As [`split`], of a record that has no quote in it.
#[inline]
pub(super) fn split_plain(
    bytes: &[u8],
    start: usize,
    end: usize,
    delimiter: u8,
    mut take: impl FnMut(usize, usize, usize, bool),
) -> usize {
    let mut at = start;
    let mut field = 0;
    while let Some(length) = memchr::memchr(delimiter, &bytes[at..end]) {
        take(field, at, at + length, false);
        field += 1;
        at += length + 1;
    }
    take(field, at, end, false);
    field + 1
}

/// One past the quote that closes a field whose inside goes on at `from`, and whether quotes are doubled in it.
#[inline]
pub(super) fn closing_quote(bytes: &[u8], mut from: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    while let Some(length) = memchr::memchr(b'"', &bytes[from..]) {
        let quote = from + length;
        if bytes.get(quote + 1) != Some(&b'"') {
            return Some((quote + 1, escaped));
        }
        escaped = true;
        from = quote + 2;
    }
    None
}

/// Where the line ends that goes on at `at`: its newline, or the end of `bytes`.
#[inline]
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length)
}

/// Where the content of a line or record ends whose newline stands at `end`.
#[inline]
pub(super) fn content_end(bytes: &[u8], start: usize, end: usize) -> usize {
    if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end }
}

/// A field without its quotes, and whether quotes are doubled in it.
#[inline]
pub(super) fn unquoted(text: &str, escaped: bool) -> (&str, bool) {
    match text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => (inner, escaped),
        None => (text, false),
    }
}

/// Appends the text that the inside of a quoted field stands for.
pub(super) fn unescape(raw: &str, to: &mut String) {
    let mut parts = raw.split("\"\"");
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        to.push('"');
        to.push_str(part);
    }
}
