//! One hash table from keys to values, both bytes. Entries lie one after the other in an arena; the table itself is
//! an array of eight-byte slots, open addressing with linear probing. That is 16 bytes and some slack beside the
//! bytes of an entry, and no allocation of its own.
//!
//! What an epoch did to it is in `changes`; how it is gone through while it changes, in `go_through`.
//!
//! What always holds: `slots` has a power of two of places of which at most ¾ are used or tombstones; a live entry
//! is in exactly one slot; an entry with the dirty flag is in `dirty`. The order of entries depends on the history,
//! so whoever emits rows takes [`Bucket::sorted`].

mod changes;
mod go_through;

use std::collections::BTreeMap;

use super::hash::hash_key;
use super::varint;

/// The greatest length of a key or a value.
pub const MAX_BYTES: usize = (1 << 30) - 1;

/// Entry: key length and flags (u32), value length (u32), key, value, padding to a multiple of [`UNIT`].
const HEADER: usize = 8;
const UNIT: usize = 8;
/// Changed in this epoch.
const DIRTY: u32 = 1 << 31;
/// Deleted, or moved elsewhere.
const DEAD: u32 = 1 << 30;
const LENGTH: u32 = DEAD - 1;

/// A slot: 24 bits of the hash, then the entry's place in units plus one in 40 bits.
const EMPTY: u64 = 0;
const TAG_SHIFT: u32 = 40;
const PLACE: u64 = (1 << TAG_SHIFT) - 1;
const TOMBSTONE: u64 = PLACE;

/// Keys looked up together.
pub(super) const WARM: usize = 32;

/// Below this many dead bytes an arena is not rewritten.
const COMPACT_FROM: usize = 4096;

/// Keys and values of one bucket of one partition.
#[derive(Debug, Default)]
pub struct Bucket {
    slots: Vec<u64>,
    arena: Vec<u8>,
    len: usize,
    tombstones: usize,
    /// Arena bytes of dead entries.
    dead: usize,
    /// Places in the arena of entries put in this epoch, in the order in which they were first put.
    dirty: Vec<usize>,
    /// Keys deleted in this epoch: length, bytes.
    deleted: Vec<u8>,
    deleted_keys: usize,
    /// Whether the partition has this bucket among those to be asked for changes.
    pub(super) touched: bool,
    /// What its keys had before they were changed, where that may be wanted again.
    pub(super) journal: Option<Box<Journal>>,
    /// How far its arena was gone through by [`Bucket::go_through`].
    gone_through: usize,
}

/// What keys had; none = they were not there.
pub(super) type Journal = BTreeMap<Box<[u8]>, Option<Box<[u8]>>>;

/// The parts of the entry at one place.
struct Entry {
    key: usize,
    value: usize,
    flags: u32,
}

impl Entry {
    fn size(&self) -> usize {
        size_of_entry(self.key, self.value)
    }
}

fn size_of_entry(key: usize, value: usize) -> usize {
    (HEADER + key + value).next_multiple_of(UNIT)
}

/// Bits that neither the partition (the highest) nor the slot's index (the lowest) is made of.
fn tag(hash: u64) -> u64 {
    (hash >> 36) & 0xff_ffff
}

impl Bucket {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the entries, a function of the content alone.
    pub fn bytes(&self) -> usize {
        self.arena.len() - self.dead
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.arena.capacity() + 8 * (self.slots.capacity() + self.dirty.capacity()) + self.deleted.capacity()
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.get_hashed(hash_key(key), key)
    }

    /// The value of `key`, whose hash ([`hash_key`]) the caller has already.
    #[inline]
    pub fn get_hashed(&self, hash: u64, key: &[u8]) -> Option<&[u8]> {
        let slot = self.find(hash, key)?;
        Some(self.value(place(self.slots[slot])))
    }

    /// `key` as it lies here, and its value.
    pub fn entry_of(&self, key: &[u8]) -> Option<(&[u8], &[u8])> {
        let at = place(self.slots[self.find(hash_key(key), key)?]);
        Some((self.key(at), self.value(at)))
    }

    /// Brings the places of these hashes into the processor's caches: the misses of a batch overlap, where those of
    /// one key after the other would be waited for one by one. A few dozen keys at a time, just before using them.
    pub fn warm(&self, hashes: &[u64]) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let slots = hashes.iter().fold(0, |all, hash| all ^ self.slots[*hash as usize & mask]);
        let entries = hashes.iter().filter_map(|hash| {
            let slot = self.slots[*hash as usize & mask];
            (slot != EMPTY && slot != TOMBSTONE).then(|| self.arena[place(slot)])
        });
        std::hint::black_box((slots, entries.fold(0, |all, byte| all ^ byte)));
    }

    /// Sets the value of `key`; whether the key is new. Putting the value that is there already changes nothing.
    ///
    /// # Panics
    /// When the key or the value is longer than [`MAX_BYTES`], which [`crate::state::row::encode`] refuses to make.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> bool {
        self.put_hashed(hash_key(key), key, value)
    }

    /// [`Bucket::put`] with the hash that the caller has already.
    pub fn put_hashed(&mut self, hash: u64, key: &[u8], value: &[u8]) -> bool {
        self.note(hash, key);
        self.insert(hash, key, value, true)
    }

    /// Removes `key`; whether it was there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        self.delete_hashed(hash_key(key), key)
    }

    /// [`Bucket::delete`] with the hash that the caller has already.
    pub fn delete_hashed(&mut self, hash: u64, key: &[u8]) -> bool {
        self.note(hash, key);
        let deleted = self.remove(hash, key);
        if deleted {
            varint::push(&mut self.deleted, key.len() as u64);
            self.deleted.extend_from_slice(key);
            self.deleted_keys += 1;
        }
        deleted
    }

    /// Keeps what `key` has before it is changed for the first time.
    #[inline]
    fn note(&mut self, hash: u64, key: &[u8]) {
        if self.journal.as_ref().is_some_and(|journal| !journal.contains_key(key)) {
            let before = self.get_hashed(hash, key).map(Box::from);
            self.journal.get_or_insert_default().insert(key.into(), before);
        }
    }

    /// All keys and values, in an order that depends on the history.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.live(0).map(|at| (self.key(at), self.value(at)))
    }

    /// All keys and values in the order of the keys' bytes.
    pub fn sorted(&self) -> Vec<(&[u8], &[u8])> {
        let mut all: Vec<_> = self.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: &[u8], log: bool) -> bool {
        assert!(key.len() <= MAX_BYTES && value.len() <= MAX_BYTES, "keys and values are at most 1 GiB long");
        if let Some(slot) = self.find(hash, key) {
            self.update(slot, key, value, log);
            return false;
        }
        self.reserve(1);
        let at = self.append(key, value, log);
        let slot = self.free_slot(hash);
        self.tombstones -= usize::from(self.slots[slot] == TOMBSTONE);
        self.slots[slot] = slot_of(tag(hash), at);
        self.len += 1;
        true
    }

    fn update(&mut self, slot: usize, key: &[u8], value: &[u8], log: bool) {
        let at = place(self.slots[slot]);
        let old = self.entry(at);
        if self.value(at) == value {
            return;
        }
        if old.size() != size_of_entry(key.len(), value.len()) {
            self.kill(at);
            let to = self.append(key, value, log || old.flags & DIRTY != 0);
            self.slots[slot] = slot_of(self.slots[slot] >> TAG_SHIFT, to);
            self.compact_if_worth_it();
            return;
        }
        let start = at + HEADER + old.key;
        self.arena[start..start + value.len()].copy_from_slice(value);
        if log && old.flags & DIRTY == 0 {
            self.dirty.push(at);
        }
        let flags = if log { DIRTY } else { old.flags };
        self.set_header(at, key.len() as u32 | flags, value.len() as u32);
    }

    fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        let Some(slot) = self.find(hash, key) else { return false };
        self.kill(place(self.slots[slot]));
        self.slots[slot] = TOMBSTONE;
        self.tombstones += 1;
        self.len -= 1;
        self.compact_if_worth_it();
        true
    }

    #[inline]
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let tag = tag(hash);
        let mut i = hash as usize & mask;
        loop {
            let slot = self.slots[i];
            if slot == EMPTY {
                return None;
            }
            if slot >> TAG_SHIFT == tag && slot != TOMBSTONE && self.key(place(slot)) == key {
                return Some(i);
            }
            i = (i + 1) & mask;
        }
    }

    /// The first place for a hash whose key is not there.
    fn free_slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut i = hash as usize & mask;
        while self.slots[i] != EMPTY && self.slots[i] != TOMBSTONE {
            i = (i + 1) & mask;
        }
        i
    }

    /// Makes room for `more` keys.
    pub(super) fn reserve(&mut self, more: usize) {
        if (self.len + self.tombstones + more) * 4 > self.slots.len() * 3 {
            // Where tombstones fill the table it keeps its size, unless so few places would be free that the next
            // rebuild comes soon.
            let wanted = (self.len + more) * 3 / 2 + self.tombstones / 2;
            self.rebuild_slots(wanted.next_power_of_two().max(8));
        }
    }

    fn rebuild_slots(&mut self, size: usize) {
        self.slots.clear();
        self.slots.resize(size, EMPTY);
        self.tombstones = 0;
        let mut at = 0;
        while at < self.arena.len() {
            let entry = self.entry(at);
            if entry.flags & DEAD == 0 {
                let hash = hash_key(self.key(at));
                let slot = self.free_slot(hash);
                self.slots[slot] = slot_of(tag(hash), at);
            }
            at += entry.size();
        }
    }

    fn append(&mut self, key: &[u8], value: &[u8], log: bool) -> usize {
        let at = self.arena.len();
        let size = size_of_entry(key.len(), value.len());
        if self.arena.capacity() - at < size && at > 1 << 16 {
            // Half as much again, instead of twice: large arenas are most of the memory.
            self.arena.reserve_exact((at / 2).max(size));
        }
        self.arena.extend_from_slice(&(key.len() as u32 | if log { DIRTY } else { 0 }).to_le_bytes());
        self.arena.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value);
        self.arena.resize(at + size, 0);
        if log {
            self.dirty.push(at);
        }
        at
    }

    fn kill(&mut self, at: usize) {
        let entry = self.entry(at);
        self.set_header(at, entry.key as u32 | entry.flags | DEAD, entry.value as u32);
        self.dead += entry.size();
    }

    /// Rewrites the arena once more than half of it is dead, so that a put costs a constant on average.
    fn compact_if_worth_it(&mut self) {
        if self.dead < COMPACT_FROM || self.dead * 2 < self.arena.len() {
            return;
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|at| self.entry(*at).flags & DEAD == 0);
        let mut arena = Vec::with_capacity(self.bytes() + self.bytes() / 4);
        let (mut at, mut gone_through) = (0, 0);
        while at < self.arena.len() {
            let entry = self.entry(at);
            let size = entry.size();
            if at < self.gone_through && entry.flags & DEAD == 0 {
                gone_through += size;
            }
            if entry.flags & DEAD == 0 {
                let to = arena.len() as u64;
                arena.extend_from_slice(&self.arena[at..at + size]);
                if entry.flags & DIRTY != 0 {
                    // The old header is not needed any more: it says where the entry went, so that the order of
                    // the changes stays that of the puts and does not depend on when an arena was rewritten.
                    self.arena[at..at + HEADER].copy_from_slice(&to.to_le_bytes());
                }
            }
            at += size;
        }
        for at in &mut dirty {
            let to = self.arena[*at..*at + HEADER].try_into().expect("a header is eight bytes");
            *at = u64::from_le_bytes(to) as usize;
        }
        (self.dirty, self.gone_through) = (dirty, gone_through);
        self.arena = arena;
        self.dead = 0;
        let size = ((self.len + 1) * 3 / 2).next_power_of_two().max(8);
        self.rebuild_slots(size);
    }

    #[inline]
    fn entry(&self, at: usize) -> Entry {
        let word = |at: usize| u32::from_le_bytes(self.arena[at..at + 4].try_into().expect("four bytes"));
        let (key, value) = (word(at), word(at + 4));
        Entry { key: (key & LENGTH) as usize, value: value as usize, flags: key & (DIRTY | DEAD) }
    }

    fn set_header(&mut self, at: usize, key: u32, value: u32) {
        self.arena[at..at + 4].copy_from_slice(&key.to_le_bytes());
        self.arena[at + 4..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    #[inline]
    fn key(&self, at: usize) -> &[u8] {
        let entry = self.entry(at);
        &self.arena[at + HEADER..at + HEADER + entry.key]
    }

    #[inline]
    fn value(&self, at: usize) -> &[u8] {
        let entry = self.entry(at);
        let start = at + HEADER + entry.key;
        &self.arena[start..start + entry.value]
    }

    /// Places of the live entries from `at` on.
    fn live(&self, mut at: usize) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            while at < self.arena.len() {
                let (here, entry) = (at, self.entry(at));
                at += entry.size();
                if entry.flags & DEAD == 0 {
                    return Some(here);
                }
            }
            None
        })
    }
}

fn place(slot: u64) -> usize {
    ((slot & PLACE) - 1) as usize * UNIT
}

fn slot_of(tag: u64, at: usize) -> u64 {
    tag << TAG_SHIFT | (at / UNIT + 1) as u64
}
