//! logfmt: lines of `key=value` pairs, as programs in Go, Heroku's and Grafana's log. Pairs are divided by blanks, which
//! are all characters up to the space. A value ends at a blank, or stands in double quotes with the escapes of JSON; a key
//! without `=` is `true`, `key=` an empty text. A missing key is null, an unknown one is ignored, of a repeated one the
//! last counts: as with JSON. What a value is, its column says: as with CSV.
//!
//! The whole line is looked at, whatever is wanted of it.

use arrow::datatypes::SchemaRef;
use memchr::memchr2;

use super::json::unescape;
use super::lines::{FoundRows, Lines};
use super::projection::Projection;
use super::slots::{Cell, Cells, Raw, Slot};
use super::watch::Watch;
use crate::error::Result;
use crate::format::{Check, Decode, Decoded, FormatError, RawChunk, Unseen};

/// One row per line that has a pair.
pub(super) struct LogfmtDecoder {
    projection: Projection,
    watch: Watch,
}

impl LogfmtDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize], check: Check) -> Result<Self, FormatError> {
        Ok(Self { projection: Projection::new(schema, wanted, check, "logfmt", false)?, watch: Watch::new(schema) })
    }
}

impl Decode for LogfmtDecoder {
    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let mut lines = Lines::of(chunk, "logfmt")?;
        let mut found = FoundRows::new(std::mem::take(&mut lines.invalid));
        let names: Vec<&str> = self.projection.scanned.iter().map(|(_, field)| field.name().as_str()).collect();
        let width = names.len();
        let mut sightings = self.watch.begin();
        let mut slots: Vec<Slot> = Vec::with_capacity(width * (lines.text.len() / 64 + 1));
        for (start, end) in lines.iter() {
            let first = slots.len();
            slots.resize(first + width, Slot::MISSING);
            let row = &mut slots[first..];
            let scanned = scan(&lines.text, start, end, |key, value| {
                sightings.key(key);
                if let Some(wanted) = names.iter().position(|name| *name == key) {
                    row[wanted] = value;
                }
            });
            match scanned {
                Ok(pairs) if pairs > 0 => found.row(1),
                // What is no UTF-8 was found bad before, and blanked out.
                Ok(_) => {
                    slots.truncate(first);
                    found.skip();
                }
                Err(Wrong { at, what }) => {
                    slots.truncate(first);
                    found.bad(1, format!("not valid logfmt at byte {}: {what}", at - start + 1));
                }
            }
        }
        self.watch.end(sightings, found.rows);
        let cells = |column| LogfmtCells { text: &lines.text, slots: &slots, rows: found.rows, width, column };
        let (batch, mismatches) = self.projection.batch(found.rows, cells)?;
        found.finish(&lines, batch, mismatches)
    }

    fn unseen(&self) -> Vec<Unseen> {
        self.watch.unseen()
    }
}

/// The pairs of a line that is known to be good: key, value as it is written between its quotes, and whether it has escapes.
pub(in crate::format) fn pairs(line: &str, mut each: impl FnMut(&str, &str, bool)) {
    let all = scan(line, 0, line.len(), |key, slot| {
        let Raw { text, escaped } = value(slot, line);
        each(key, text, escaped);
    });
    debug_assert!(all.is_ok(), "a decoder has found it good");
}

/// Where a line is no logfmt, and how to mend it.
struct Wrong {
    /// Byte of the text.
    at: usize,
    what: &'static str,
}

/// The pairs of the line `start..end` of `text`, each with its key, and how many there are. The slot of a value begins with
/// its `=`; that of a key which stands alone is the key.
fn scan<'a>(text: &'a str, start: usize, end: usize, mut each: impl FnMut(&'a str, Slot)) -> Result<usize, Wrong> {
    let bytes = &text.as_bytes()[..end];
    let is_blank = |at: usize| bytes.get(at).is_none_or(|byte| *byte <= b' ');
    let mut scratch = String::new();
    let (mut at, mut pairs) = (start, 0);
    loop {
        while at < end && is_blank(at) {
            at += 1;
        }
        if at == end {
            return Ok(pairs);
        }
        let key = at;
        while !is_blank(at) && !matches!(bytes[at], b'=' | b'"') {
            at += 1;
        }
        let name = &text[key..at];
        let value = at;
        match bytes.get(at) {
            Some(b'=') if name.is_empty() => return Err(Wrong { at, what: "a key expected before `=`" }),
            Some(b'"') => {
                return Err(Wrong { at, what: "a quote where a key is: a text in quotes stands behind `key=`" });
            }
            Some(b'=') => {}
            _ => {
                each(name, Slot::new(key, at, false));
                pairs += 1;
                continue;
            }
        }
        at += 1;
        let mut escaped = false;
        if bytes.get(at) == Some(&b'"') {
            let inside = at + 1;
            (at, escaped) = closing(bytes, inside)?;
            if escaped {
                scratch.clear();
                unescape(&text[inside..at], &mut scratch).map_err(|(behind, _)| Wrong {
                    at: inside + behind,
                    what: "not an escape of JSON: a backslash is `\\\\`",
                })?;
            }
            at += 1;
            if !is_blank(at) {
                return Err(Wrong { at, what: "a blank expected behind the quote: a quote inside a text is `\\\"`" });
            }
        } else {
            while !is_blank(at) {
                if bytes[at] == b'"' {
                    let what =
                        "a quote inside a value that does not begin with one: write `key=\"…\"`, and it as `\\\"`";
                    return Err(Wrong { at, what });
                }
                at += 1;
            }
        }
        each(name, Slot::new(value, at, escaped));
        pairs += 1;
    }
}

/// The quote that ends the text which begins at `from`, and whether there are escapes before it.
fn closing(bytes: &[u8], from: usize) -> Result<(usize, bool), Wrong> {
    let (mut at, mut escaped) = (from, false);
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return Ok((at, escaped));
        }
        escaped = true;
        at += 2;
    }
    Err(Wrong { at: from - 1, what: "the quote that opens here is not closed; a line break inside is `\\n`" })
}

/// What stands in a slot that is not missing.
fn value(slot: Slot, text: &str) -> Raw<'_> {
    let text = match slot.text(text).strip_prefix('=') {
        Some(quoted) if quoted.starts_with('"') => &quoted[1..quoted.len() - 1],
        Some(bare) => bare,
        None => "true",
    };
    Raw { text, escaped: slot.escaped() }
}

/// One column's values.
struct LogfmtCells<'a> {
    text: &'a str,
    slots: &'a [Slot],
    rows: usize,
    width: usize,
    column: usize,
}

impl Cells for LogfmtCells<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn cell(&self, row: usize) -> Cell<'_> {
        let slot = self.slot(row);
        if slot.is_missing() { Cell::Null } else { Cell::Field(value(slot, self.text)) }
    }

    fn text(&self) -> &str {
        self.text
    }

    fn slot(&self, row: usize) -> Slot {
        self.slots[row * self.width + self.column]
    }

    fn written(&self, row: usize) -> &str {
        self.slot(row).text(self.text).strip_prefix('=').unwrap_or("true")
    }

    fn unescape(&self, raw: &str, to: &mut String) {
        unescape(raw, to).expect("the scan has looked at the escapes");
    }
}
