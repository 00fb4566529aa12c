//! Which lines belong together because a quote is open between them.
//!
//! A line that ends inside quotes begins either a record of several lines, or a stray quote stands in it. Nothing on
//! the line itself tells; what comes behind it does, and so far as this looks, both readers of a file agree: one that
//! takes records of several lines, and one that must never take the middle of one for a row. The rule:
//!
//! 1. The open quote is held to be closed by the next *lone* quote: the last of a run of an odd length (`""` is a
//!    quote in the text). If the rest of that line is fields again, the lines are one **record**; if it ends inside
//!    quotes in its turn, the record goes on.
//! 2. If something else follows the lone quote, the lines are a **broken** record, none of which can be trusted;
//!    unless the lone quote's run begins a field of a line that is by itself as it should be, or open: then it opens
//!    a field, and the quote before was a **stray** one, which spoils its own line only.
//! 3. A quote that is not closed within [`CsvDialect::reach`](super::CsvDialect) bytes from the start of its line, or
//!    before the file ends, is a stray one, too: so that no quote, wherever it stands, takes more with it than that.
//!
//! All of this depends on the bytes from the open line on, and on nothing else. So a file may be cut wherever no record
//! is open, and [`cut`] finds such a place near a wanted one: it goes back to a line behind which nothing can be open,
//! whatever stood before it, and reads on from there.

use super::fields::{Fault, closing_quote, content_end, line_end, split};

/// What an open line begins. `end` is the newline of the last line that belongs to it, or the end of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenQuote {
    /// A record of several lines.
    Record { end: usize },
    /// Lines that are no record and no rows.
    Broken { end: usize },
    /// Nothing: the line stands alone.
    Stray,
    /// It cannot be said: more bytes are needed.
    More,
}

/// What the line that starts at `start` begins, whose quote at `quote` is open. `whole` = nothing follows `bytes` that
/// could belong to it.
pub(super) fn open(bytes: &[u8], start: usize, quote: usize, delimiter: u8, reach: usize, whole: bool) -> OpenQuote {
    let (mut line, mut from) = (start, quote + 1);
    // What it is if the quote that is open now is a stray one: as far as the lines were a record, they cannot be trusted.
    let mut otherwise = OpenQuote::Stray;
    loop {
        let limit = line.saturating_add(reach);
        let seen = &bytes[..bytes.len().min(limit)];
        let behind = match closing_quote(seen, from.min(seen.len())) {
            Some((behind, _)) if behind == bytes.len() && !whole => return OpenQuote::More,
            // A doubled quote, of which the reach ends in the middle, closes nothing.
            Some((behind, _)) if bytes.get(behind) != Some(&b'"') => behind,
            _ if whole || seen.len() == limit => return otherwise,
            _ => return OpenQuote::More,
        };
        let end = line_end(bytes, behind);
        if end == bytes.len() && !whole {
            return OpenQuote::More;
        }
        let content = content_end(bytes, behind, end);
        let rest = match bytes.get(behind) {
            _ if behind == content => return OpenQuote::Record { end },
            Some(byte) if *byte == delimiter => split(bytes, behind + 1, content, delimiter, |_, _, _, _| {}),
            _ => Err(Fault::Behind { field: 0 }),
        };
        match rest {
            Ok(_) => return OpenQuote::Record { end },
            Err(Fault::Open { quote, .. }) => {
                otherwise = OpenQuote::Broken { end };
                line = line_start(bytes, behind, line);
                from = quote + 1;
            }
            Err(_) if opens_a_field(bytes, line_start(bytes, behind, line), behind, content, delimiter) => {
                return otherwise;
            }
            Err(_) => return OpenQuote::Broken { end },
        }
    }
}

/// Whether the run of quotes that ends at `behind` begins a field of the line `start..content`, which by itself is as it
/// should be, or open.
fn opens_a_field(bytes: &[u8], start: usize, behind: usize, content: usize, delimiter: u8) -> bool {
    let run = bytes[start..behind].iter().rev().take_while(|byte| **byte == b'"').count();
    let first = behind - run;
    (first == start || bytes[first - 1] == delimiter)
        && matches!(split(bytes, start, content, delimiter, |_, _, _, _| {}), Ok(_) | Err(Fault::Open { .. }))
}

fn line_start(bytes: &[u8], at: usize, least: usize) -> usize {
    memchr::memrchr(b'\n', &bytes[least..at]).map_or(least, |newline| least + newline + 1)
}

/// A place where no record is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CsvCut {
    /// This one.
    At(usize),
    /// More bytes are needed to say it.
    More,
}

/// The first place at or behind `wanted`, just behind a newline, where no record is open. None is at `from`, where a
/// line starts. `whole` = nothing follows `bytes`.
pub(super) fn cut(bytes: &[u8], from: usize, wanted: usize, delimiter: u8, reach: usize, whole: bool) -> CsvCut {
    let mut at = nothing_open(&bytes[..wanted], from, delimiter);
    while let Some(length) = memchr::memchr(b'"', &bytes[at..wanted]) {
        let start = line_start(bytes, at + length, at);
        let end = line_end(bytes, at + length);
        at = (end + 1).min(bytes.len());
        let Err(Fault::Open { quote, .. }) =
            split(bytes, start, content_end(bytes, start, end), delimiter, |_, _, _, _| {})
        else {
            continue;
        };
        match open(bytes, start, quote, delimiter, reach, whole) {
            OpenQuote::Record { end } | OpenQuote::Broken { end, .. } => at = (end + 1).min(bytes.len()),
            OpenQuote::Stray => {}
            OpenQuote::More => return CsvCut::More,
        }
        if at >= wanted {
            return CsvCut::At(at);
        }
    }
    CsvCut::At(wanted)
}

/// The start of the last line at or before the end of `bytes` where nothing is open, whatever stood before; `from` at the
/// least, where that is known. Where fields are quoted that is nearly always the last line or the one before.
fn nothing_open(bytes: &[u8], from: usize, delimiter: u8) -> usize {
    let mut to = bytes.len();
    while let Some(quote) = memchr::memrchr(b'"', &bytes[from..to]) {
        let start = line_start(bytes, from + quote, from);
        let end = line_end(bytes, from + quote);
        let content = content_end(bytes, start, end);
        let alone = split(bytes, start, content, delimiter, |_, _, _, _| {});
        if !matches!(alone, Err(Fault::Open { .. })) && closes(bytes, start, content, delimiter) {
            return (end + 1).min(bytes.len());
        }
        to = start;
    }
    from
}

/// Whether a quote that is open before the line `start..content` is not open behind it.
fn closes(bytes: &[u8], start: usize, content: usize, delimiter: u8) -> bool {
    let Some((behind, _)) = closing_quote(&bytes[..content], start) else { return false };
    bytes.get(behind) != Some(&delimiter)
        || behind == content
        || !matches!(split(bytes, behind + 1, content, delimiter, |_, _, _, _| {}), Err(Fault::Open { .. }))
}
