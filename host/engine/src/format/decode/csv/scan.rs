//! Finds the fields of the wanted columns in a chunk's records, and says which lines are none.

use super::CsvDialect;
use super::fields::{Fault, content_end, line_end, split, split_plain};
use super::open::{OpenQuote, open};
use crate::format::decode::lines::{Ends, FoundRows, is_blank, too_long};
use crate::format::decode::slots::Slot;

/// The scan of a chunk.
pub(super) struct Scan<'a> {
    pub dialect: CsvDialect,
    /// As they were read: a line that is no UTF-8 has its quotes and newlines all the same.
    pub bytes: &'a [u8],
    /// How many fields a record has.
    pub fields: usize,
    /// For each of them, which scanned column it is.
    pub targets: Vec<Option<usize>>,
    /// Scanned columns.
    pub width: usize,
    /// The scanned fields of each good record.
    pub slots: Vec<Slot>,
    pub found: FoundRows,
}

impl Scan<'_> {
    pub fn chunk(&mut self) {
        let bytes = self.bytes;
        let mut lines = Ends::new(bytes);
        // Most lines of most files have no quote: then nobody looks for one in them.
        let next_quote = |from: usize| memchr::memchr(b'"', &bytes[from..]).map_or(bytes.len(), |length| from + length);
        let mut next = next_quote(0);
        while let Some((start, end)) = lines.next() {
            if next >= end {
                if is_blank(&bytes[start..end]) {
                    self.found.skip();
                } else {
                    self.record::<false>(start, content_end(bytes, start, end), 1);
                }
                continue;
            }
            let mut last = end;
            if let Some(fault @ Fault::Open { quote, .. }) =
                self.record::<true>(start, content_end(bytes, start, end), 1)
            {
                last = self.open(start, end, quote, fault);
                while end < last && lines.next().is_some_and(|(_, end)| end < last) {}
            }
            next = next_quote(last);
        }
    }

    /// The record `start..end`, which so many lines are. A quote that it leaves open is left to the caller.
    #[inline]
    fn record<const QUOTES: bool>(&mut self, start: usize, end: usize, lines: u32) -> Option<Fault> {
        if self.found.is_invalid(self.found.lines) && !QUOTES {
            self.found.skip();
            return None;
        }
        if end - start > self.dialect.max_record {
            self.too_long(start, end, lines);
            return None;
        }
        let first = self.slots.len();
        self.slots.resize(first + self.width, Slot::MISSING);
        let (row, targets, delimiter) = (&mut self.slots[first..], &self.targets, self.dialect.delimiter);
        let take = |field: usize, start, stop, escaped| {
            if let Some(Some(target)) = targets.get(field) {
                row[*target] = Slot::new(start, stop, escaped);
            }
        };
        let counted = if QUOTES {
            split(self.bytes, start, end, delimiter, take)
        } else {
            Ok(split_plain(self.bytes, start, end, delimiter, take))
        };
        let reason = match counted {
            Ok(fields) if fields == self.fields || (fields > self.fields && self.dialect.ignore_surplus) => {
                if !self.found.is_invalid(self.found.lines) {
                    self.found.row(lines);
                    return None;
                }
                String::new()
            }
            Ok(1) => format!("1 field, {} expected", self.fields),
            Ok(fields) => format!("{fields} fields, {} expected", self.fields),
            Err(fault @ Fault::Open { .. }) => {
                self.slots.truncate(first);
                return Some(fault);
            }
            Err(fault) => fault.to_string(),
        };
        self.slots.truncate(first);
        self.found.bad(lines, reason);
        None
    }

    #[cold]
    fn too_long(&mut self, start: usize, end: usize, lines: u32) {
        let reason = too_long((end - start) as u64, self.dialect.max_record());
        self.found.bad(lines, reason);
    }

    /// The line `start..end` has an open quote at `quote`: takes the lines that are one record with it, or spoiled by it.
    /// The end of the last of them.
    #[cold]
    fn open(&mut self, start: usize, end: usize, quote: usize, fault: Fault) -> usize {
        let CsvDialect { delimiter, reach, multiline, .. } = self.dialect;
        let (last, is_record) = match open(self.bytes, start, quote, delimiter, reach, true) {
            OpenQuote::Record { end } => (end, true),
            OpenQuote::Broken { end } => (end, false),
            OpenQuote::Stray | OpenQuote::More => {
                self.found.bad(1, fault.to_string());
                return end;
            }
        };
        let below = memchr::memchr_iter(b'\n', &self.bytes[start..last]).count() as u32;
        let those = if below == 1 { "line".to_owned() } else { format!("{below} lines") };
        if !multiline {
            self.found.bad(
                1,
                if is_record {
                    format!("{fault}: with the {those} below it is a record, which `multiline = true` reads")
                } else {
                    format!("{fault}, and the {those} below may be part of it")
                },
            );
            self.spoiled(end + 1, last);
        } else if !is_record {
            self.found.bad(below + 1, format!("{fault}: with the {those} below it is no record"));
        } else if let Err(e) = std::str::from_utf8(&self.bytes[start..last]) {
            self.found.bad(below + 1, format!("not UTF-8 at byte {}", e.valid_up_to() + 1));
        } else {
            self.record::<true>(start, content_end(self.bytes, start, last), below + 1);
        }
        last
    }

    /// The lines from `start` to `last` stand inside quotes that are opened above them: they are no rows, whatever they
    /// look like.
    fn spoiled(&mut self, mut start: usize, last: usize) {
        while start <= last {
            let end = line_end(self.bytes, start).min(last);
            let content = content_end(self.bytes, start, end);
            if is_blank(&self.bytes[start..end]) {
                self.found.skip();
            } else {
                let alone = split(self.bytes, start, content, self.dialect.delimiter, |_, _, _, _| {});
                self.found.bad(
                    1,
                    match alone {
                        Err(fault @ (Fault::Inside { .. } | Fault::Behind { .. })) => fault.to_string(),
                        _ => "it stands inside quotes that a line above opens".to_owned(),
                    },
                );
            }
            start = end + 1;
        }
    }
}
