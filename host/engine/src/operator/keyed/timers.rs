//! A key's timers as they are stored, and the slots by which those that are due are found.
//!
//! What always holds: a key's list is the truth. A slot only says that its keys had a timer there once: it is looked at
//! when its time comes, and what it says is asked of the list. So moving or clearing a timer touches no slot.

use super::function::{Domain, Timer};
use crate::state::Timers;
use crate::{Error, ErrorKind, Result};

/// Timers of one key at most: their list is read and written as a whole.
pub(super) const MOST_TIMERS: usize = 100_000;

/// Bytes of an entry in a list: domain (0 event time, 1 processing time), tag (64 bits, so that it may grow), time
/// (signed 64 bits); least significant bytes first.
const BYTES: usize = 17;

/// A timer of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub domain: Domain,
    pub tag: u32,
    pub at: i64,
}

impl Entry {
    /// What tells it from the key's other timers.
    fn id(&self) -> (Domain, u32) {
        (self.domain, self.tag)
    }
}

impl From<&Timer> for Entry {
    fn from(timer: &Timer) -> Self {
        Self { domain: timer.domain, tag: timer.tag, at: timer.at }
    }
}

/// The slots of timers by event time: a second each. Slots are counted since 1970.
pub(super) fn event_slots() -> Timers {
    Timers::counted(1_000_000, 1)
}

/// The slots of timers by processing time: ten milliseconds each.
pub(super) fn processing_slots() -> Timers {
    Timers::counted(10_000, 1)
}

/// What the clocks of an epoch have reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub watermark: Option<i64>,
    pub now: i64,
}

impl Reached {
    /// What the clock of `domain` has reached.
    pub fn by(&self, domain: Domain) -> Option<i64> {
        match domain {
            Domain::EventTime => self.watermark,
            Domain::ProcessingTime => Some(self.now),
        }
    }

    /// Whether a timer is due.
    pub fn is_due(&self, entry: &Entry) -> bool {
        self.by(entry.domain).is_some_and(|reached| entry.at <= reached)
    }
}

/// A stored list.
///
/// # Errors
/// [`ErrorKind::Corrupt`]: it is none.
pub(super) fn read(stored: &[u8]) -> Result<Vec<Entry>> {
    let damaged = || {
        Error::new(ErrorKind::Corrupt, "the stored timers of a key are damaged")
            .with_help("restore the checkpoint from a copy, or start anew with --fresh")
    };
    let (entries, rest) = stored.as_chunks::<BYTES>();
    let entry = |bytes: &[u8; BYTES]| {
        let (domain, numbers) = bytes.split_first().ok_or_else(damaged)?;
        let (tag, at) = numbers.split_at(8);
        let domain = match domain {
            0 => Domain::EventTime,
            1 => Domain::ProcessingTime,
            _ => return Err(damaged()),
        };
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).map_err(|_| damaged());
        let tag = u32::try_from(number(tag)?).map_err(|_| damaged())?;
        Ok(Entry { domain, tag, at: number(at)?.cast_signed() })
    };
    if rest.is_empty() { entries.iter().map(entry).collect() } else { Err(damaged()) }
}

/// The list of a key that may have none stored.
///
/// # Errors
/// [`ErrorKind::Corrupt`]: what is stored is none.
pub(super) fn read_if_any(stored: Option<&[u8]>) -> Result<Vec<Entry>> {
    stored.map_or(Ok(Vec::new()), read)
}

/// A list as it is stored, appended to `out`.
pub(super) fn write(entries: &[Entry], out: &mut Vec<u8>) {
    for entry in entries {
        out.push(u8::from(entry.domain == Domain::ProcessingTime));
        out.extend_from_slice(&u64::from(entry.tag).to_le_bytes());
        out.extend_from_slice(&entry.at.to_le_bytes());
    }
}

/// So many timers are set or taken out one by one, since most keys have few.
const FEW: usize = 8;

/// Takes the timers that `gone` names out of a list; those that are not there are nothing.
pub(super) fn take_out(list: &mut Vec<Entry>, gone: impl ExactSizeIterator<Item = Entry>) {
    if gone.len() <= FEW {
        for entry in gone {
            if let Ok(at) = list.binary_search_by_key(&entry.id(), Entry::id) {
                list.remove(at);
            }
        }
        return;
    }
    let mut ids: Vec<(Domain, u32)> = gone.map(|entry| entry.id()).collect();
    ids.sort_unstable();
    list.retain(|entry| ids.binary_search(&entry.id()).is_err());
}

/// Sets timers in a list, which stays in order of domains and tags; of equal ones the last counts.
pub(super) fn put_in(list: &mut Vec<Entry>, set: impl ExactSizeIterator<Item = Entry>) {
    if set.len() <= FEW {
        for entry in set {
            match list.binary_search_by_key(&entry.id(), Entry::id) {
                Ok(at) => list[at] = entry,
                Err(at) => list.insert(at, entry),
            }
        }
        return;
    }
    let mut new: Vec<Entry> = set.collect();
    // Later ones first among equals.
    new.reverse();
    new.sort_by_key(Entry::id);
    new.dedup_by_key(|entry| entry.id());
    take_out(list, new.iter().copied());
    list.extend(new);
    list.sort_unstable_by_key(Entry::id);
}

/// Those of `now` that are not in `before` as they are; both in order of domains and tags.
pub(super) fn added(before: &[Entry], now: &[Entry]) -> Vec<Entry> {
    let is_there =
        |entry: &Entry| before.binary_search_by_key(&entry.id(), Entry::id).is_ok_and(|at| before[at] == *entry);
    now.iter().filter(|entry| !is_there(entry)).copied().collect()
}
