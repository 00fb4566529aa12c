//! Records that nobody gives a second time, made durable before they are planned: a source that is pushed to (a socket,
//! an HTTP server) puts what it receives into its spool, and its ranges are numbers of records there.
//!
//! What always holds: a record that [`Spool::append`] has given a number to is durable, and stays until
//! [`Spool::drop_before`], which is for what is committed; numbers have no gaps and are not used twice, whatever was dropped and
//! whenever the process died. Whoever sends may be told that a record has come once it has its number. Several who append at
//! once share one sync. After a failed write nothing more is taken: what is on the disk is found out by the next process.
//!
//! They stand in *segments*, files named by the number of their first one. A frame is its payload's length (u32), XXH3
//! of the payload (u64), and the payload ([`frame`]).

mod frame;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Chunks, SourceError};
use crate::error::{Error, ErrorKind, Result, remedy};
use crate::format::{RawChunk, RawContent, Record, RecordsBuilder};
use crate::record::SourceRange;
use crate::storage::{Storage, WriteFile};

/// Bytes after which a new segment begins: what is committed is dropped by whole segments.
const SEGMENT: u64 = 8 << 20;

/// A segment of which all is committed is dropped before it is full if it has so many bytes.
const DROPPED_EARLY: u64 = 1 << 20;

/// Bytes of a chunk, about.
const CHUNK: usize = 2 << 20;

/// The spool of one source; clones share it.
#[derive(Clone)]
pub struct Spool(Arc<Shared>);

struct Shared {
    storage: Arc<dyn Storage>,
    max_bytes: u64,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    /// Oldest first.
    segments: VecDeque<Segment>,
    /// The last segment, open to be appended to.
    file: Option<Box<dyn WriteFile>>,
    /// Frames that nobody has begun to write.
    pending: Vec<u8>,
    /// The number of the next record.
    next: u64,
    /// Records before it are durable.
    durable: u64,
    /// Somebody writes.
    writing: bool,
    failed: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    first: u64,
    bytes: u64,
}

impl Segment {
    fn file(&self) -> String {
        format!("{:020}.spool", self.first)
    }
}

impl Spool {
    /// Opens the spool in `storage`, a folder of its own, of a job that has committed all records before `committed`: those are
    /// dropped. It takes `max_bytes` of records that are not committed.
    ///
    /// # Errors
    /// It cannot be read; [`ErrorKind::Corrupt`] where records are gone that were not committed.
    pub fn open(storage: Arc<dyn Storage>, committed: u64, max_bytes: u64) -> Result<Self> {
        let mut segments: VecDeque<Segment> = VecDeque::new();
        let mut next = committed;
        let entries = storage.list("").map_err(|e| failed("list", &*storage, "", e))?;
        let firsts = entries.iter().filter_map(|entry| entry.name.strip_suffix(".spool")?.parse().ok());
        let firsts: Vec<u64> = firsts.collect();
        for (at, first) in firsts.iter().enumerate() {
            let mut segment = Segment { first: *first, bytes: 0 };
            let bytes = storage.read(&segment.file()).map_err(|e| failed("read", &*storage, &segment.file(), e))?;
            let frames = frame::Frames::new(&bytes, *first);
            let whole = frames.clone().last().map_or((0, *first), |frame| (frame.end, frame.number + 1));
            segment.bytes = whole.0 as u64;
            let is_last = at + 1 == firsts.len();
            if whole.0 < bytes.len() && !is_last {
                return Err(damaged(&*storage, &segment, "it ends in the middle of a record, and others follow"));
            }
            if frames.has_more() {
                return Err(damaged(&*storage, &segment, &format!("record {} is damaged", whole.1)));
            }
            if whole.0 < bytes.len() {
                // Nobody was told that it had come.
                storage
                    .truncate(&segment.file(), segment.bytes)
                    .map_err(|e| failed("cut", &*storage, &segment.file(), e))?;
            }
            if segments.back().is_some() && *first != next {
                return Err(damaged(&*storage, &segment, &format!("records {next} to {first} are missing before it")));
            }
            if segments.is_empty() && *first > committed {
                return Err(damaged(
                    &*storage,
                    &segment,
                    &format!("records {committed} to {first} are missing before it"),
                ));
            }
            next = whole.1;
            segments.push_back(segment);
        }
        // What was committed may be gone: numbers go on all the same.
        if next < committed {
            for segment in segments.drain(..) {
                storage.remove(&segment.file()).map_err(|e| failed("remove", &*storage, &segment.file(), e))?;
            }
            next = committed;
        }
        if let Some(last) = segments.back() {
            // It may stand in the machine's memory only, written by a process that died before it could sync.
            let mut file = storage.append(&last.file()).map_err(|e| failed("open", &*storage, &last.file(), e))?;
            let synced = file.sync().and_then(|()| storage.sync_folder(""));
            synced.map_err(|e| failed("sync", &*storage, &last.file(), e))?;
        }
        let inner =
            Inner { segments, file: None, pending: Vec::new(), next, durable: next, writing: false, failed: None };
        let shared = Shared { storage, max_bytes, inner: Mutex::new(inner), changed: Condvar::new() };
        let spool = Self(Arc::new(shared));
        spool.drop_before(committed)?;
        Ok(spool)
    }

    /// Appends records, whose offsets are not looked at, and gives the number of the first one, once all of them are durable.
    /// None = there is no room for them now.
    ///
    /// # Errors
    /// It cannot be written, now or before: then no record is taken any more.
    pub fn append(&self, records: &[Record<'_>]) -> Result<Option<u64>> {
        let mut inner = self.inner();
        inner.check(&*self.0.storage)?;
        if inner.written() + inner.pending.len() as u64 >= self.0.max_bytes {
            return Ok(None);
        }
        let first = inner.next;
        for record in records {
            let number = inner.next;
            frame::push(&mut inner.pending, Record { offset: number, ..*record })?;
            inner.next += 1;
        }
        let end = inner.next;
        // Who comes while another one writes waits for it, and then writes for all who came meanwhile.
        while inner.durable < end {
            if inner.writing {
                inner = self.0.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.check(&*self.0.storage)?;
                continue;
            }
            inner = self.write(inner)?;
        }
        Ok(Some(first))
    }

    /// Writes and syncs what is pending.
    fn write<'a>(&'a self, mut inner: MutexGuard<'a, Inner>) -> Result<MutexGuard<'a, Inner>> {
        let storage = &*self.0.storage;
        let (frames, end) = (std::mem::take(&mut inner.pending), inner.next);
        inner.writing = true;
        let full = inner.segments.back().is_none_or(|last| last.bytes >= SEGMENT);
        let segment = match inner.segments.back() {
            Some(last) if !full => *last,
            _ => Segment { first: inner.durable, bytes: 0 },
        };
        let file = inner.file.take().filter(|_| !full);
        drop(inner);
        let write = || -> io::Result<Box<dyn WriteFile>> {
            let is_new = segment.bytes == 0;
            let mut file = match file {
                Some(file) => file,
                None if is_new => storage.create(&segment.file())?,
                None => storage.append(&segment.file())?,
            };
            file.write_all(&frames)?;
            file.flush()?;
            file.sync()?;
            if is_new {
                storage.sync_folder("")?;
            }
            Ok(file)
        };
        let written = write();
        let mut inner = self.inner();
        inner.writing = false;
        self.0.changed.notify_all();
        match written {
            Ok(file) => {
                let bytes = segment.bytes + frames.len() as u64;
                let segment = Segment { bytes, ..segment };
                match inner.segments.back_mut() {
                    Some(last) if last.first == segment.first => *last = segment,
                    _ => inner.segments.push_back(segment),
                }
                (inner.file, inner.durable) = (Some(file), end);
                Ok(inner)
            }
            Err(e) => {
                inner.failed = Some(e.to_string());
                Err(failed("write to", storage, &segment.file(), e))
            }
        }
    }

    /// Waits until there may be room again, but not longer than `longest`.
    pub fn wait_for_room(&self, longest: std::time::Duration) {
        let full = |inner: &mut Inner| inner.failed.is_none() && inner.written() >= self.0.max_bytes;
        drop(self.0.changed.wait_timeout_while(self.inner(), longest, full));
    }

    /// One past the last record that is durable.
    pub fn end(&self) -> u64 {
        self.inner().durable
    }

    /// The next range of a source that has planned all records before `from`, of `most` records at the most.
    ///
    /// # Errors
    /// Nothing can be written any more: what is there is read by the next process.
    pub fn plan(&self, from: u64, most: u64) -> Result<Option<SourceRange>> {
        let inner = self.inner();
        inner.check(&*self.0.storage)?;
        let to = inner.durable.min(from.saturating_add(most));
        Ok((from < to).then_some(SourceRange::Spooled { from, to }))
    }

    /// The chunks of `range`, of records.
    ///
    /// # Errors
    /// The range is none of a spool; in the iterator: it cannot be read, or is damaged.
    pub fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Spooled { from, to } = *range else { return Err(SourceError::WrongRange("spooled").into()) };
        let segments: VecDeque<Segment> = {
            let inner = self.inner();
            let firsts = inner.segments.iter().map(|segment| segment.first).skip(1).chain([u64::MAX]);
            let needed = inner.segments.iter().zip(firsts).filter(|(segment, next)| segment.first < to && *next > from);
            needed.map(|(segment, _)| *segment).collect()
        };
        let reading = Reading { spool: self.clone(), segments, from, to, index: 0, read: VecDeque::new() };
        Ok(Box::new(reading))
    }

    /// Drops records before `number`, which are committed; as a rule some of them stay until more are.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn drop_before(&self, number: u64) -> Result<()> {
        let mut inner = self.inner();
        loop {
            let end = inner.segments.get(1).map_or(inner.durable, |second| second.first);
            let Some(oldest) = inner.segments.front().copied().filter(|_| end <= number) else { break };
            let is_last = inner.segments.len() == 1;
            if is_last && (inner.writing || oldest.bytes < DROPPED_EARLY) {
                break;
            }
            if is_last {
                inner.file = None;
            }
            let storage = &*self.0.storage;
            storage.remove(&oldest.file()).map_err(|e| failed("remove", storage, &oldest.file(), e))?;
            inner.segments.pop_front();
        }
        self.0.changed.notify_all();
        Ok(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What failed half way has said so in it.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Bytes of all segments.
    fn written(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn check(&self, storage: &dyn Storage) -> Result<()> {
        let Some(what) = &self.failed else { return Ok(()) };
        let message = format!("the spool {} could not be written before: {what}", storage.describe());
        Err(Error::new(ErrorKind::Unavailable, message).with_help("look after the disk and start again"))
    }
}

/// Reads a range, segment after segment.
struct Reading {
    spool: Spool,
    segments: VecDeque<Segment>,
    /// The next record.
    from: u64,
    to: u64,
    index: u32,
    read: VecDeque<RawChunk>,
}

impl Reading {
    fn segment(&mut self, segment: &Segment) -> Result<()> {
        let storage = self.spool.0.storage.clone();
        let storage = &*storage;
        let bytes = storage.read(&segment.file()).map_err(|e| failed("read", storage, &segment.file(), e))?;
        let mut builder = RecordsBuilder::default();
        for frame in frame::Frames::new(&bytes, segment.first) {
            if frame.number < self.from {
                continue;
            }
            if frame.number >= self.to || frame.number > self.from {
                break;
            }
            frame
                .record(|record| builder.push(record))
                .ok_or_else(|| damaged(storage, segment, "a record is damaged"))?;
            self.from = frame.number + 1;
            if builder.bytes() >= CHUNK || builder.len() >= CHUNK / 16 {
                self.give(&mut builder);
            }
        }
        self.give(&mut builder);
        Ok(())
    }

    fn give(&mut self, builder: &mut RecordsBuilder) {
        if !builder.is_empty() {
            self.read.push_back(RawChunk {
                part: 0,
                index: self.index,
                content: RawContent::Records(builder.finish(None)),
            });
            self.index += 1;
        }
    }
}

impl Iterator for Reading {
    type Item = Result<RawChunk>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(chunk) = self.read.pop_front() {
                return Some(Ok(chunk));
            }
            let Some(segment) = self.segments.pop_front() else {
                let (from, to) = (self.from, std::mem::take(&mut self.to));
                let missing = from < to;
                let message =
                    format!("records {from} to {to} of the spool {} are missing", self.spool.0.storage.describe());
                return missing.then(|| Err(Error::new(ErrorKind::Corrupt, message)));
            };
            if let Err(e) = self.segment(&segment) {
                (self.to, self.read) = (0, VecDeque::new());
                self.segments.clear();
                return Some(Err(e));
            }
        }
    }
}

fn failed(doing: &str, storage: &dyn Storage, file: &str, e: io::Error) -> Error {
    let message = format!("cannot {doing} {}/{file}: {e}", storage.describe());
    Error::new(ErrorKind::Unavailable, message)
        .with_help(remedy(&e, "look after the disk and start again"))
        .caused_by(e)
}

fn damaged(storage: &dyn Storage, segment: &Segment, what: &str) -> Error {
    let message = format!("{}/{}: {what}", storage.describe(), segment.file());
    Error::new(ErrorKind::Corrupt, message).with_help(
        "restore the checkpoint from a copy; or remove the file, and with it what was received and not yet computed",
    )
}
