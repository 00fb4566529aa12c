//! The lines of a chunk, and the bookkeeping of which of them are good rows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;

use crate::error::{Error, Result};
use crate::format::{BadRow, Decoded, FormatError, LongLine, RawChunk, RawContent, RowLines, SHOWN_BYTES};

/// A chunk's lines as text of the same length as its bytes: a line that is no UTF-8, or only the beginning of one, is
/// blanked out and bad.
pub(super) struct Lines<'a> {
    pub bytes: &'a [u8],
    pub text: Cow<'a, str>,
    /// Lines of the chunk before `text`.
    pub before: u32,
    /// Lines that are no UTF-8 or too long, with the reason; counted from the start of `text`.
    pub invalid: BTreeMap<u32, String>,
    /// Bytes that were cut off the ones that are too long.
    cut_off: u64,
}

impl<'a> Lines<'a> {
    /// The lines of `chunk`, which a decoder of `format` was given.
    pub fn of(chunk: &'a RawChunk, format: &'static str) -> Result<Self, FormatError> {
        let RawContent::Lines { bytes, before, long, .. } = &chunk.content else {
            return Err(FormatError::WrongChunk(format));
        };
        let bytes = bytes.as_slice();
        let mut lines = Self { bytes, text: Cow::Borrowed(""), before: *before, invalid: BTreeMap::new(), cut_off: 0 };
        lines.text = match std::str::from_utf8(bytes) {
            Ok(text) if long.is_empty() => Cow::Borrowed(text),
            _ => Cow::Owned(lines.blanked(long)),
        };
        Ok(lines)
    }

    #[cold]
    fn blanked(&mut self, long: &[LongLine]) -> String {
        let mut blanked = self.bytes.to_vec();
        let mut long = long.iter().peekable();
        for (number, (start, end)) in (0u32..).zip(Ends::new(self.bytes)) {
            let reason = match (long.next_if(|l| l.line == number), std::str::from_utf8(&self.bytes[start..end])) {
                (Some(LongLine { bytes, limit, .. }), _) => {
                    self.cut_off += bytes - (end - start) as u64;
                    too_long(*bytes, *limit)
                }
                (None, Err(e)) => format!("not UTF-8 at byte {}", e.valid_up_to() + 1),
                (None, Ok(_)) => continue,
            };
            blanked[start..end].fill(b' ');
            self.invalid.insert(number, reason);
        }
        String::from_utf8(blanked).expect("the lines that are no UTF-8 are blanked out")
    }

    /// Start and end (without `\n`) of each line.
    pub fn iter(&self) -> Ends<'_> {
        Ends::new(self.text.as_bytes())
    }
}

/// Why a record of so many bytes is no row.
pub(super) fn too_long(bytes: u64, limit: u64) -> String {
    format!("a record of {bytes} bytes; max_record allows {limit}")
}

/// Start and end of each line of some bytes; the newline belongs to neither.
pub(in crate::format) struct Ends<'a> {
    newlines: memchr::Memchr<'a>,
    start: usize,
    len: usize,
}

impl<'a> Ends<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { newlines: memchr::memchr_iter(b'\n', bytes), start: 0, len: bytes.len() }
    }
}

impl Iterator for Ends<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let start = self.start;
        let end = match self.newlines.next() {
            Some(newline) => newline,
            None if start < self.len => self.len,
            None => return None,
        };
        self.start = end + 1;
        Some((start, end))
    }
}

/// Which lines became rows and which are bad, while a chunk is scanned. Lines count from the start of the text.
#[derive(Default)]
pub(super) struct FoundRows {
    /// The line of each row, once a line was no row; until then row `i` stands in line `i`.
    at: Option<Vec<u32>>,
    pub rows: usize,
    pub lines: u32,
    bad: BTreeMap<u32, String>,
    /// Records of several lines, good and bad: the first line and how many, in order.
    long: Vec<(u32, u32)>,
}

impl FoundRows {
    pub fn new(invalid: BTreeMap<u32, String>) -> Self {
        Self { bad: invalid, ..Self::default() }
    }

    /// Whether a line holds something that is no UTF-8.
    #[inline]
    pub fn is_invalid(&self, line: u32) -> bool {
        !self.bad.is_empty() && self.bad.contains_key(&line)
    }

    /// The next `lines` lines are a row.
    #[inline]
    pub fn row(&mut self, lines: u32) {
        if lines > 1 {
            self.at.get_or_insert_with(|| (0..self.lines).collect());
            self.long.push((self.lines, lines));
        }
        if let Some(at) = &mut self.at {
            at.push(self.lines);
        }
        self.rows += 1;
        self.lines += lines;
    }

    /// The next line is no row: it is blank, or was found bad before.
    pub fn skip(&mut self) {
        self.at.get_or_insert_with(|| (0..self.lines).collect());
        self.lines += 1;
    }

    /// The next `lines` lines are one bad record. A line that is no UTF-8 was found bad before, and stays so.
    pub fn bad(&mut self, lines: u32, reason: String) {
        self.at.get_or_insert_with(|| (0..self.lines).collect());
        if lines > 1 {
            let inside: Vec<u32> = self.bad.range(self.lines..self.lines + lines).map(|(line, _)| *line).collect();
            for line in inside {
                self.bad.remove(&line);
            }
            self.long.push((self.lines, lines));
        }
        self.bad.entry(self.lines).or_insert(reason);
        self.lines += lines;
    }

    fn line(&self, row: usize) -> u32 {
        match &self.at {
            Some(at) => at[row],
            None => u32::try_from(row).expect("a chunk has fewer than 2^32 lines"),
        }
    }

    /// What the decoder hands over, after its columns were made: `mismatches` are the rows of `batch` with a value
    /// that does not parse.
    pub fn finish(
        mut self,
        lines: &Lines<'_>,
        batch: RecordBatch,
        mismatches: BTreeMap<usize, String>,
    ) -> Result<Decoded> {
        let mut batch = batch;
        if !mismatches.is_empty() {
            for (row, reason) in &mismatches {
                self.bad.insert(self.line(*row), reason.clone());
            }
            let good = BooleanBuffer::collect_bool(self.rows, |row| !mismatches.contains_key(&row));
            batch = filter_record_batch(&batch, &BooleanArray::new(good.clone(), None))
                .map_err(|e| Error::internal(format!("bad rows cannot be taken out: {e}")))?;
            self.at = Some(good.set_indices().map(|row| self.line(row)).collect());
        }
        let rows = match self.at {
            Some(at) if lines.before == 0 => RowLines::At(at),
            Some(at) => RowLines::At(at.into_iter().map(|line| line + lines.before).collect()),
            None => RowLines::Contiguous { first: lines.before },
        };
        Ok(Decoded {
            batch,
            rows,
            bad: bad_rows(lines, &self.bad, &self.long),
            lines: u64::from(lines.before) + u64::from(self.lines),
            bytes: lines.bytes.len() as u64 + lines.cut_off,
        })
    }
}

fn bad_rows(lines: &Lines<'_>, bad: &BTreeMap<u32, String>, long: &[(u32, u32)]) -> Vec<BadRow> {
    if bad.is_empty() {
        return Vec::new();
    }
    let mut rows = Vec::with_capacity(bad.len());
    let mut ends = (0u32..).zip(Ends::new(lines.bytes));
    while let Some((number, (start, mut end))) = ends.next() {
        let Some(reason) = bad.get(&number) else { continue };
        if let Ok(found) = long.binary_search_by_key(&number, |(first, _)| *first) {
            let more = ends.by_ref().take(long[found].1 as usize - 1);
            end = more.last().map_or(end, |(_, (_, last))| last);
        }
        let line = &lines.bytes[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rows.push(BadRow { line: number + lines.before, reason: reason.clone(), text: shown(line) });
    }
    rows
}

/// The line for a dead letter: cut, and readable.
pub(super) fn shown(line: &[u8]) -> String {
    // A few bytes more than are kept, so that a character cut in two is dropped and not replaced.
    let head = &line[..line.len().min(SHOWN_BYTES + 4)];
    let mut text = String::from_utf8_lossy(head).into_owned();
    if text.len() > SHOWN_BYTES {
        text.truncate(text.floor_char_boundary(SHOWN_BYTES));
    }
    text
}

/// Whether a line holds nothing but white space.
#[inline]
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
