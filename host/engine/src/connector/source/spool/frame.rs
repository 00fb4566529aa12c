//! One record as bytes, and back.
//!
//! The payload, all numbers little-endian: the record's number (u64); flags (u8: 1 = a time, 2 = a key, 4 = a value); the time
//! (i64), where there is one; key and value, each its length (u32) and bytes; how many headers (u32); of each its name, and its
//! value behind a byte that says whether there is one.

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::format::{Header, Record};

/// Length and checksum before each payload.
const HEAD: usize = 12;

const TIME: u8 = 1;
const KEY: u8 = 2;
const VALUE: u8 = 4;

/// Appends a record, whose offset is its number.
///
/// # Errors
/// It is larger than 4 GiB.
pub(super) fn push(to: &mut Vec<u8>, record: Record<'_>) -> Result<()> {
    let start = to.len();
    to.extend_from_slice(&[0; HEAD]);
    to.extend_from_slice(&record.offset.to_le_bytes());
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    to.push(flag(record.time.is_some(), TIME) | flag(record.key.is_some(), KEY) | flag(record.value.is_some(), VALUE));
    if let Some(time) = record.time {
        to.extend_from_slice(&time.to_le_bytes());
    }
    let mut large = false;
    let mut bytes = |to: &mut Vec<u8>, bytes: &[u8]| {
        large |= u32::try_from(bytes.len()).is_err();
        to.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        to.extend_from_slice(bytes);
    };
    for part in [record.key, record.value].into_iter().flatten() {
        bytes(to, part);
    }
    to.extend_from_slice(&(record.headers.len() as u32).to_le_bytes());
    for Header { name, value } in record.headers {
        bytes(to, name.as_bytes());
        to.push(u8::from(value.is_some()));
        if let Some(value) = value {
            bytes(to, value);
        }
    }
    let len = u32::try_from(to.len() - start - HEAD).ok().filter(|_| !large);
    let Some(len) = len else {
        to.truncate(start);
        return Err(Error::new(ErrorKind::Data, "a record is larger than 4 GiB"));
    };
    let checksum = xxh3_64(&to[start + HEAD..]);
    to[start..start + 4].copy_from_slice(&len.to_le_bytes());
    to[start + 4..start + HEAD].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// A whole record in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub number: u64,
    /// Where in the segment it ends.
    pub end: usize,
    payload: &'a [u8],
}

impl Frame<'_> {
    /// Gives the record to `take`; none where it cannot be understood.
    pub fn record(&self, take: impl FnOnce(Record<'_>)) -> Option<()> {
        let mut rest = self.payload;
        let offset = u64::from_le_bytes(split(&mut rest)?);
        let [flags] = split(&mut rest)?;
        let has = |flag| flags & flag != 0;
        let time = if has(TIME) { Some(i64::from_le_bytes(split(&mut rest)?)) } else { None };
        let key = if has(KEY) { Some(bytes(&mut rest)?) } else { None };
        let value = if has(VALUE) { Some(bytes(&mut rest)?) } else { None };
        let mut headers = Vec::new();
        for _ in 0..u32::from_le_bytes(split(&mut rest)?) {
            let name = std::str::from_utf8(bytes(&mut rest)?).ok()?;
            let value = if split(&mut rest)? == [1] { Some(bytes(&mut rest)?) } else { None };
            headers.push(Header { name, value });
        }
        take(Record { offset, time, key, value, headers: &headers });
        Some(())
    }
}

fn split<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32::from_le_bytes(split(rest)?) as usize;
    let (bytes, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(bytes)
}

/// The whole records of a segment, up to the first that is damaged or not there to its end.
#[derive(Debug, Clone)]
pub(super) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    next: u64,
}

impl<'a> Frames<'a> {
    /// Those of a segment whose first record has the number `first`.
    pub fn new(bytes: &'a [u8], first: u64) -> Self {
        Self { bytes, at: 0, next: first }
    }

    /// Whether a whole record stands behind what is none: then that is no write which was cut short, but damage.
    pub fn has_more(mut self) -> bool {
        self.by_ref().for_each(drop);
        let (from, next) = (self.at, self.next);
        let is_later = |at: &usize| {
            let number =
                self.bytes.get(at + HEAD..).and_then(|rest| rest.first_chunk()).map(|n| u64::from_le_bytes(*n));
            number.is_some_and(|n| n > next && n - next <= self.bytes.len() as u64)
        };
        let mut later = (from + 1..self.bytes.len()).filter(is_later);
        later.any(|at| {
            let number = u64::from_le_bytes(*self.bytes[at + HEAD..].first_chunk().expect("it was looked at"));
            Self { bytes: self.bytes, at, next: number }.next().is_some()
        })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let mut rest = &self.bytes[self.at..];
        let len = u32::from_le_bytes(split(&mut rest)?) as usize;
        let checksum = u64::from_le_bytes(split(&mut rest)?);
        let payload = rest.get(..len).filter(|payload| xxh3_64(payload) == checksum)?;
        let number = u64::from_le_bytes(split(&mut &*payload)?);
        if number != self.next {
            return None;
        }
        self.at += HEAD + len;
        self.next += 1;
        Some(Frame { number, end: self.at, payload })
    }
}
