//! Cuts a stream of bytes at newlines into chunks whose ends depend on the content alone.

use std::io::{self, Read};

use crate::format::CsvDialect;

/// Bytes of a chunk, about. Large enough that what is done once per chunk costs nothing beside its rows (20,000 of
/// 100 bytes); small enough that a file of some megabytes keeps all cores busy and that a chunk's text, slots and
/// columns stay in a core's share of the cache.
pub(super) const CHUNK: u64 = 2 << 20;

/// The longest line that is taken into memory.
pub(super) const MAX_LINE: usize = 256 << 20;

/// What some programs write at the start of a file to say that it is UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is read at once to find the end of the line that a chunk ends with.
const STEP: u64 = 64 << 10;

/// Where chunks should end: at the first newline at or after each of these places.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ends {
    /// The total is known: equal parts, so that the last one is no sliver.
    Parts { total: u64, parts: u64 },
    /// It is not: each chunk has the full size.
    Steps { size: u64 },
}

impl Ends {
    /// For `total` bytes in chunks of about `size`.
    pub fn parts(total: u64, size: u64) -> Self {
        Self::Parts { total, parts: total.div_ceil(size).max(1) }
    }

    /// The first place after `start`.
    fn after(self, start: u64) -> u64 {
        match self {
            Self::Parts { total, parts } => {
                let place = |k: u64| (u128::from(total) * u128::from(k) / u128::from(parts)) as u64;
                let k = (u128::from(start) * u128::from(parts) / u128::from(total.max(1))) as u64;
                let next = (k..=parts).map(place).find(|place| *place > start);
                next.unwrap_or(total.max(start + 1))
            }
            Self::Steps { size } => start + size,
        }
    }
}

/// The chunks of a stream: whole lines each, together all of its bytes.
pub(super) struct Cutter<R> {
    from: R,
    ends: Ends,
    /// Chunks end where no quote is open, too.
    csv: Option<CsvDialect>,
    /// Bytes handed over.
    start: u64,
    /// Bytes read and not handed over: the beginning of the next chunk.
    rest: Vec<u8>,
    finished: bool,
}

/// Why a stream cannot be cut further.
#[derive(Debug)]
pub(super) enum CutError {
    /// Reading failed.
    Read(io::Error),
    /// A line is longer than [`MAX_LINE`]; before it come so many lines of the chunk.
    LineTooLong { lines: u64 },
}

impl<R: Read> Cutter<R> {
    pub fn new(from: R, ends: Ends, csv: Option<CsvDialect>) -> Self {
        Self { from, ends, csv, start: 0, rest: Vec::new(), finished: false }
    }

    /// Bytes handed over so far.
    pub fn position(&self) -> u64 {
        self.start
    }

    /// What the bytes come from.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// The next chunk; never empty.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, CutError> {
        let wanted = usize::try_from(self.ends.after(self.start) - self.start).unwrap_or(usize::MAX);
        let mut chunk = std::mem::take(&mut self.rest);
        if chunk.len() < wanted {
            chunk.reserve((wanted - chunk.len()).saturating_add(STEP as usize));
        }
        // The chunk's last byte is the first newline from here on.
        let mut searched = wanted - 1;
        loop {
            if searched < chunk.len() {
                if let Some(length) = memchr::memchr(b'\n', &chunk[searched..]) {
                    let end = self.where_nothing_is_open(&mut chunk, searched + length + 1)?;
                    self.rest = chunk.split_off(end);
                    break;
                }
                searched = chunk.len();
            }
            let line = chunk.len() - memchr::memrchr(b'\n', &chunk).map_or(0, |at| at + 1);
            if line > MAX_LINE {
                return Err(CutError::LineTooLong { lines: memchr::memchr_iter(b'\n', &chunk).count() as u64 });
            }
            let missing = wanted.saturating_sub(chunk.len()) as u64;
            if self.finished || self.fill(&mut chunk, missing.max(STEP))? == 0 {
                self.finished = true;
                break;
            }
        }
        self.start += chunk.len() as u64;
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    /// The first place at or behind the newline before `end` where the chunk may end: a record of CSV that is open there
    /// is read to its end.
    fn where_nothing_is_open(&mut self, chunk: &mut Vec<u8>, end: usize) -> Result<usize, CutError> {
        let Some(csv) = self.csv else { return Ok(end) };
        let from = if self.start == 0 && chunk.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        loop {
            if let Some(end) = csv.cut(chunk, from, end, self.finished) {
                return Ok(end);
            }
            // Twice as much each time, so that what is looked at again and again costs no more than the last look.
            let more = STEP.max((chunk.len() - end) as u64);
            if self.fill(chunk, more)? == 0 {
                self.finished = true;
            }
            let line = chunk.len() - memchr::memrchr(b'\n', chunk).map_or(0, |at| at + 1);
            if line > MAX_LINE {
                return Err(CutError::LineTooLong { lines: memchr::memchr_iter(b'\n', chunk).count() as u64 });
            }
        }
    }

    fn fill(&mut self, chunk: &mut Vec<u8>, most: u64) -> Result<usize, CutError> {
        self.from.by_ref().take(most).read_to_end(chunk).map_err(CutError::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives a few bytes at a time, as a pipe does.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn chunks(from: impl Read, ends: Ends) -> Vec<Vec<u8>> {
        let mut cutter = Cutter::new(from, ends, None);
        std::iter::from_fn(|| cutter.next().unwrap()).collect()
    }

    proptest! {
        #[test]
        fn chunks_are_whole_lines_and_nothing_is_lost(bytes in "[ab\n]{0,300}", size in 1u64..40, step in 1usize..20, known: bool) {
            let ends = if known { Ends::parts(bytes.len() as u64, size) } else { Ends::Steps { size } };
            let cut = chunks(bytes.as_bytes(), ends);
            prop_assert_eq!(cut.concat(), bytes.as_bytes());
            for (i, chunk) in cut.iter().enumerate() {
                prop_assert!(chunk.ends_with(b"\n") || i + 1 == cut.len());
            }
            prop_assert_eq!(cut, chunks(Trickle(bytes.as_bytes(), step), ends));
        }
    }

    #[test]
    fn parts_are_about_equal() {
        let lines = b"0123456789\n".repeat(1000);
        let cut = chunks(&lines[..], Ends::parts(11_000, 2500));
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [2200; 5]);
    }
}
