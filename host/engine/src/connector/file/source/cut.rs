//! Cuts a stream of bytes at newlines into chunks whose ends depend on the content alone.

use std::io::{self, Read};

use crate::format::{CsvDialect, LongLine};

/// Bytes of a chunk, about. Large enough that what is done once per chunk costs nothing beside its rows (20,000 of
/// 100 bytes); small enough that a file of some megabytes keeps all cores busy and that a chunk's text, slots and
/// columns stay in a core's share of the cache.
pub(super) const CHUNK: u64 = 2 << 20;

/// Of a line that is too long this much is kept, to be shown.
const KEPT: usize = 1024;

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

/// The chunks of a stream: whole lines each, together all of its bytes but for what is cut off lines that are longer
/// than a record may be. Memory is bounded by a chunk and such a record, and each byte is looked at a fixed number of
/// times, however long the lines are.
pub(super) struct Cutter<R> {
    from: R,
    ends: Ends,
    /// Chunks end where no quote is open, too.
    csv: Option<CsvDialect>,
    longest: Longest,
    /// Bytes of the stream that were handed over.
    start: u64,
    /// Bytes read and not handed over: the beginning of the next chunk.
    rest: Vec<u8>,
    finished: bool,
    /// Bytes looked at.
    #[cfg(test)]
    searched: u64,
}

/// How long lines may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Longest {
    /// What a record may have, as the job says it.
    record: u64,
    /// What a line may have to be taken into memory.
    line: usize,
    /// What is kept of a longer one.
    kept: usize,
}

impl Longest {
    /// A line is a record, except in CSV: there whether a quote is open must be told as if lines were whole, so of a longer
    /// one as much is kept as quotes reach, and shorter ones are left to the decoder.
    pub fn of(max_record: u64, csv: Option<CsvDialect>) -> Self {
        let record = usize::try_from(max_record).unwrap_or(usize::MAX);
        match csv {
            None => Self { record: max_record, line: record, kept: KEPT.min(record) },
            Some(csv) => {
                // A character that would be cut in two is left out.
                let kept = csv.reach().saturating_add(4);
                Self { record: max_record, line: record.max(kept), kept }
            }
        }
    }
}

/// Where a chunk ends.
enum End {
    /// Behind a newline.
    At(usize),
    /// Behind its last line, of which only the beginning was kept: its length.
    Skipped(u64),
}

/// One chunk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Whole lines.
    pub bytes: Vec<u8>,
    /// Those of them that are only the beginning of a line.
    pub long: Vec<LongLine>,
}

impl<R: Read> Cutter<R> {
    pub fn new(from: R, ends: Ends, longest: Longest, csv: Option<CsvDialect>) -> Self {
        Self {
            from,
            ends,
            csv,
            longest,
            start: 0,
            rest: Vec::new(),
            finished: false,
            #[cfg(test)]
            searched: 0,
        }
    }

    /// Bytes of the stream that were handed over so far, what was cut off long lines among them.
    pub fn position(&self) -> u64 {
        self.start
    }

    /// What the bytes come from.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// The next chunk; its bytes are never empty.
    pub fn next(&mut self) -> io::Result<Option<Chunk>> {
        let wanted = usize::try_from(self.ends.after(self.start) - self.start).unwrap_or(usize::MAX);
        let mut chunk = std::mem::take(&mut self.rest);
        if chunk.len() < wanted {
            chunk.reserve((wanted - chunk.len()).saturating_add(STEP as usize));
        }
        // The chunk's last byte is the first newline from here on.
        let mut searched = wanted - 1;
        // Where the chunk's last line begins, once it has turned out to be long.
        let mut begins = None;
        let mut skipped = None;
        loop {
            if searched < chunk.len() {
                if let Some(length) = self.newline(&chunk[searched..]) {
                    match self.where_nothing_is_open(&mut chunk, searched + length + 1)? {
                        End::At(end) => self.rest = chunk.split_off(end),
                        End::Skipped(bytes) => skipped = Some(bytes),
                    }
                    break;
                }
                searched = chunk.len();
            }
            if chunk.len() >= wanted && chunk.len() > self.longest.line {
                let begins = *begins.get_or_insert_with(|| memchr::memrchr(b'\n', &chunk).map_or(0, |at| at + 1));
                if chunk.len() - begins > self.longest.line {
                    skipped = Some(self.skip(&mut chunk, begins)?);
                    break;
                }
            }
            let missing = wanted.saturating_sub(chunk.len()) as u64;
            if self.finished || self.fill(&mut chunk, missing.max(STEP))? == 0 {
                self.finished = true;
                break;
            }
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        self.start += chunk.len() as u64 + skipped.map_or(0, |line| line - kept_of(&chunk));
        let mut long = self.shorten(&mut chunk);
        if let Some(bytes) = skipped {
            let newlines = memchr::memchr_iter(b'\n', &chunk).count();
            let line = newlines - usize::from(chunk.ends_with(b"\n"));
            long.push(LongLine { line: number(line), bytes, limit: self.longest.record });
        }
        Ok(Some(Chunk { bytes: chunk, long }))
    }

    /// The first place at or behind the newline before `end` where the chunk may end: a record of CSV that is open there
    /// is read to its end.
    fn where_nothing_is_open(&mut self, chunk: &mut Vec<u8>, end: usize) -> io::Result<End> {
        let Some(csv) = self.csv else { return Ok(End::At(end)) };
        let from = if self.start == 0 && chunk.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        loop {
            if let Some(end) = csv.cut(chunk, from, end, self.finished) {
                return Ok(End::At(end));
            }
            // Twice as much each time, so that what is looked at again and again costs no more than the last look.
            let more = STEP.max((chunk.len() - end) as u64);
            if self.fill(chunk, more)? == 0 {
                self.finished = true;
            }
            let begins = memchr::memrchr(b'\n', chunk).map_or(0, |at| at + 1);
            if chunk.len() - begins > self.longest.line {
                // Nothing is open behind a line that is longer than quotes reach.
                return self.skip(chunk, begins).map(End::Skipped);
            }
        }
    }

    /// Leaves of the chunk's last line, which begins there and is too long, only the beginning, and goes on behind its
    /// end; the line's length.
    fn skip(&mut self, chunk: &mut Vec<u8>, begins: usize) -> io::Result<u64> {
        let mut length = (chunk.len() - begins) as u64;
        chunk.truncate(begins + beginning(&chunk[begins..], self.longest.kept));
        chunk.shrink_to(chunk.len() + STEP as usize);
        let mut step = Vec::with_capacity(STEP as usize);
        loop {
            step.clear();
            if self.fill(&mut step, STEP)? == 0 {
                self.finished = true;
                return Ok(length);
            }
            if let Some(at) = self.newline(&step) {
                self.rest = step.split_off(at + 1);
                chunk.push(b'\n');
                return Ok(length + at as u64);
            }
            length += step.len() as u64;
        }
    }

    /// Leaves of each line that is too long only the beginning. There can be none in a chunk that is no longer than a
    /// line may be, and other chunks are rare, unless lines may only be short.
    fn shorten(&mut self, chunk: &mut Vec<u8>) -> Vec<LongLine> {
        let mut long = Vec::new();
        if chunk.len() <= self.longest.line {
            return long;
        }
        let (mut from, mut to, mut line) = (0, 0, 0);
        while from < chunk.len() {
            let newline = self.newline(&chunk[from..]).map(|length| from + length);
            let end = newline.unwrap_or(chunk.len());
            let mut keep = end - from;
            if keep > self.longest.line {
                long.push(LongLine { line: number(line), bytes: keep as u64, limit: self.longest.record });
                keep = beginning(&chunk[from..end], self.longest.kept);
            }
            chunk.copy_within(from..from + keep, to);
            to += keep;
            if newline.is_some() {
                chunk[to] = b'\n';
                to += 1;
            }
            from = end + 1;
            line += 1;
        }
        chunk.truncate(to);
        long
    }

    fn newline(&mut self, bytes: &[u8]) -> Option<usize> {
        let found = memchr::memchr(b'\n', bytes);
        #[cfg(test)]
        {
            self.searched += found.map_or(bytes.len(), |at| at + 1) as u64;
        }
        found
    }

    fn fill(&mut self, chunk: &mut Vec<u8>, most: u64) -> io::Result<usize> {
        self.from.by_ref().take(most).read_to_end(chunk)
    }
}

/// Bytes of a long line's beginning, so many at the most: no character is cut in two.
fn beginning(line: &[u8], kept: usize) -> usize {
    let most = kept.min(line.len());
    let is_continued = |at: usize| line.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    (most.saturating_sub(3)..=most).rev().find(|at| !is_continued(*at)).unwrap_or(most)
}

/// Bytes of the chunk's last line, its newline not counted.
fn kept_of(chunk: &[u8]) -> u64 {
    let line = chunk.strip_suffix(b"\n").unwrap_or(chunk);
    (line.len() - memchr::memrchr(b'\n', line).map_or(0, |at| at + 1)) as u64
}

fn number(line: usize) -> u32 {
    u32::try_from(line).expect("a chunk has fewer than 2^32 lines")
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

    /// More than any line has.
    const ANY: u64 = 1 << 30;

    fn cut(from: impl Read, ends: Ends, max_record: u64) -> (Vec<Chunk>, u64, u64) {
        let mut cutter = Cutter::new(from, ends, Longest::of(max_record, None), None);
        let chunks = std::iter::from_fn(|| cutter.next().unwrap()).collect();
        (chunks, cutter.position(), cutter.searched)
    }

    /// What is left of a text whose lines may have so many bytes: its lines, and the lengths of those that are longer.
    fn shortened(text: &[u8], max_record: usize) -> (Vec<u8>, Vec<(usize, u64)>) {
        let (mut left, mut long) = (Vec::new(), Vec::new());
        for (number, line) in text.split_inclusive(|b| *b == b'\n').enumerate() {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            if body.len() > max_record {
                long.push((number, body.len() as u64));
                left.extend(&body[..max_record.min(KEPT)]);
            } else {
                left.extend(body);
            }
            left.extend(&line[body.len()..]);
        }
        (left, long)
    }

    proptest! {
        #[test]
        fn chunks_are_whole_lines_and_nothing_is_lost(
            bytes in "[ab\n]{0,300}", size in 1u64..40, step in 1usize..20, known: bool, max_record in 1u64..60
        ) {
            let ends = if known { Ends::parts(bytes.len() as u64, size) } else { Ends::Steps { size } };
            for max_record in [ANY, max_record] {
                let (found, position, _) = cut(bytes.as_bytes(), ends, max_record);
                let (left, long) = shortened(bytes.as_bytes(), max_record as usize);
                prop_assert_eq!(position, bytes.len() as u64);
                prop_assert_eq!(found.iter().flat_map(|c| c.bytes.clone()).collect::<Vec<u8>>(), left);
                let mut lines = 0;
                let mut found_long = Vec::new();
                for (i, chunk) in found.iter().enumerate() {
                    prop_assert!(chunk.bytes.ends_with(b"\n") || i + 1 == found.len());
                    found_long.extend(chunk.long.iter().map(|l| (lines + l.line as usize, l.bytes)));
                    lines += memchr::memchr_iter(b'\n', &chunk.bytes).count();
                }
                prop_assert_eq!(found_long, long);
                // Where chunks end does not depend on how the bytes come in.
                prop_assert_eq!(found, cut(Trickle(bytes.as_bytes(), step), ends, max_record).0);
            }
        }
    }

    #[test]
    fn parts_are_about_equal() {
        let lines = b"0123456789\n".repeat(1000);
        let (found, ..) = cut(&lines[..], Ends::parts(11_000, 2500), ANY);
        assert_eq!(found.iter().map(|c| c.bytes.len()).collect::<Vec<_>>(), [2200; 5]);
    }

    /// So many bytes of one line, and a short one behind it.
    fn long_line(length: u64) -> impl Read {
        io::repeat(b'x').take(length).chain(&b"\nshort\n"[..])
    }

    #[test]
    fn a_long_line_is_looked_at_once_and_not_kept() {
        const LINE: u64 = 64 << 20;
        for max_record in [1 << 20, LINE - 1, LINE, LINE + 1] {
            let mut cutter =
                Cutter::new(long_line(LINE), Ends::Steps { size: CHUNK }, Longest::of(max_record, None), None);
            let first = cutter.next().unwrap().unwrap();
            assert!(cutter.searched <= 2 * LINE + STEP, "{} bytes were looked at", cutter.searched);
            let is_long = max_record < LINE;
            assert_eq!(first.long.len(), usize::from(is_long));
            assert_eq!(first.bytes.len() as u64, if is_long { KEPT as u64 } else { LINE } + 1);
            if is_long {
                assert_eq!(first.long[0], LongLine { line: 0, bytes: LINE, limit: max_record });
                assert!(first.bytes.capacity() < 2 * STEP as usize);
            }
            assert_eq!(cutter.next().unwrap().unwrap().bytes, b"short\n");
            assert_eq!(cutter.position(), LINE + 7);
        }
    }

    #[test]
    fn a_long_line_is_not_cut_within_a_character() {
        let line = "x".repeat(KEPT - 1) + &"é".repeat(KEPT);
        let (found, ..) = cut(line.as_bytes(), Ends::Steps { size: 8 }, 1024);
        assert_eq!(found[0].bytes, "x".repeat(KEPT - 1).as_bytes());
        assert_eq!(found[0].long[0].bytes, line.len() as u64);
    }
}
