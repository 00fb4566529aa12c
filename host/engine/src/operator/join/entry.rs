//! How the rows of one key in one slot are stored.
//!
//! The *head*, under the key itself, is the number of full chunks (LEB128) and then the newest rows; when these pass
//! [`CHUNK`] bytes they become a chunk of their own, under the key and the chunk's number. No key is the beginning of
//! another one, so what lies under a key with something behind it belongs to that key. A row is its length (LEB128), a
//! byte that says whether it had a match, its event time (i64, little end first), and its columns ([`crate::state::row`]).

use std::ops::ControlFlow;

use crate::state::varint::{self, Cursor};
use crate::state::{Bucket, StateError, hash_key};

/// Bytes of rows from which on a chunk is full.
const CHUNK: usize = 1024;

/// A stored row.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredRow<'a> {
    /// The chunk that it lies in; the head is the one after the full ones.
    pub chunk: u32,
    /// Where in the value the row's flag is.
    pub flag_at: u32,
    pub matched: bool,
    pub time: i64,
    pub columns: &'a [u8],
}

/// The key of chunk `number`.
pub(super) fn chunk_key(key: &[u8], number: u32, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(key);
    varint::push(into, u64::from(number) + 1);
}

/// Shows every row of `key`, in the order in which they were added, until told to stop.
pub(super) fn rows<'a>(
    bucket: &'a Bucket,
    hash: u64,
    key: &[u8],
    mut each: impl FnMut(StoredRow<'a>) -> ControlFlow<()>,
) -> Result<(), StateError> {
    let Some(head) = bucket.get_hashed(hash, key) else { return Ok(()) };
    let mut from = Cursor::new(head);
    let chunks = from.number("the number of chunks")? as u32;
    let mut chunk_key_bytes = Vec::new();
    for number in 0..chunks {
        chunk_key(key, number, &mut chunk_key_bytes);
        let chunk = bucket.get_hashed(hash_key(&chunk_key_bytes), &chunk_key_bytes);
        let chunk = chunk.ok_or_else(|| from.damaged("a chunk of rows"))?;
        if rows_of(chunk, Cursor::new(chunk), number, &mut each)?.is_break() {
            return Ok(());
        }
    }
    rows_of(head, from, chunks, &mut each).map(|_| ())
}

fn rows_of<'a>(
    value: &'a [u8],
    mut from: Cursor<'a>,
    chunk: u32,
    each: &mut impl FnMut(StoredRow<'a>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StateError> {
    while !from.is_done() {
        let len = from.number("a row's length")?;
        let flag_at = (value.len() - from.remaining()) as u32;
        let matched = from.byte("a row's flag")? != 0;
        let time = from.i64("a row's event time")?;
        let columns = from.take(len, "a row's columns")?;
        if each(StoredRow { chunk, flag_at, matched, time, columns }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Adds rows to a key's list.
#[derive(Debug, Default)]
pub(super) struct Appender {
    head: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Appender {
    /// Adds rows, each with whether it had a match, its event time and its columns.
    pub fn append<'r>(
        &mut self,
        bucket: &mut Bucket,
        hash: u64,
        key: &[u8],
        rows: impl Iterator<Item = (bool, i64, &'r [u8])>,
    ) -> Result<(), StateError> {
        let (mut chunks, list) = match bucket.get_hashed(hash, key) {
            None => (0, &[][..]),
            Some(head) => {
                let mut from = Cursor::new(head);
                let chunks = from.number("the number of chunks")?;
                (chunks as u32, from.take(from.remaining(), "rows")?)
            }
        };
        self.value.clear();
        self.value.extend_from_slice(list);
        for (matched, time, columns) in rows {
            if self.value.len() >= CHUNK {
                chunk_key(key, chunks, &mut self.key);
                bucket.put_hashed(hash_key(&self.key), &self.key, &self.value);
                chunks += 1;
                self.value.clear();
            }
            varint::push(&mut self.value, columns.len() as u64);
            self.value.push(u8::from(matched));
            self.value.extend_from_slice(&time.to_le_bytes());
            self.value.extend_from_slice(columns);
        }
        self.head.clear();
        varint::push(&mut self.head, u64::from(chunks));
        self.head.extend_from_slice(&self.value);
        bucket.put_hashed(hash, key, &self.head);
        Ok(())
    }

    /// Notes that rows of one chunk had a match: `flags` are the places of their flags.
    pub fn mark(
        &mut self,
        bucket: &mut Bucket,
        hash: u64,
        key: &[u8],
        chunk: u32,
        flags: impl Iterator<Item = u32>,
    ) -> Result<(), StateError> {
        let head = bucket.get_hashed(hash, key).unwrap_or_default();
        let mut from = Cursor::new(head);
        let is_head = from.number("the number of chunks")? as u32 == chunk;
        let (hash, key) = if is_head {
            (hash, key)
        } else {
            chunk_key(key, chunk, &mut self.key);
            (hash_key(&self.key), self.key.as_slice())
        };
        self.value.clear();
        self.value.extend_from_slice(bucket.get_hashed(hash, key).unwrap_or_default());
        for at in flags {
            *self.value.get_mut(at as usize).ok_or_else(|| from.damaged("a row's flag"))? = 1;
        }
        bucket.put_hashed(hash, key, &self.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_order_whatever_chunks_they_lie_in_and_keep_their_flags() {
        let (mut bucket, mut appender) = (Bucket::default(), Appender::default());
        let key = b"key".as_slice();
        let hash = hash_key(key);
        let text = |i: i64| format!("row {i} {}", "x".repeat((i * 7 % 90) as usize));
        for epoch in 0..20 {
            let texts: Vec<String> = (epoch * 10..epoch * 10 + 10).map(text).collect();
            let rows = texts.iter().enumerate().map(|(i, t)| (i % 3 == 0, epoch * 10 + i as i64, t.as_bytes()));
            appender.append(&mut bucket, hash, key, rows).unwrap();
        }
        let all = |bucket: &Bucket| {
            let mut all = Vec::new();
            let each = |s: StoredRow<'_>| {
                all.push((s.time, s.matched, s.columns.to_vec(), s.chunk, s.flag_at));
                ControlFlow::Continue(())
            };
            rows(bucket, hash, key, each).unwrap();
            all
        };
        let before = all(&bucket);
        assert_eq!(before.len(), 200);
        assert!(before.last().unwrap().3 > 4, "there are several chunks");
        for (i, (time, matched, columns, ..)) in before.iter().enumerate() {
            assert_eq!((*time, *matched), (i as i64, i % 10 % 3 == 0));
            assert_eq!(columns, text(i as i64).as_bytes());
        }
        // Marks in a full chunk and in the head.
        for (_, _, _, chunk, at) in [&before[5], &before[199]] {
            appender.mark(&mut bucket, hash, key, *chunk, std::iter::once(*at)).unwrap();
        }
        let marked: Vec<usize> =
            all(&bucket).iter().zip(&before).enumerate().filter(|(_, (a, b))| a.1 != b.1).map(|(i, _)| i).collect();
        assert_eq!(marked, [5]);
        assert!(all(&bucket)[199].1);
        // A chunk is sealed for good: what an epoch writes does not grow with the list.
        let mut change = Vec::new();
        bucket.changed().for_each(|(k, v)| change.push((k.to_vec(), v.len())));
        assert!(change.iter().all(|(_, len)| *len < CHUNK + 200));
    }
}
