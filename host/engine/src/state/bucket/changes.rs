//! What an epoch did to a bucket, as bytes and back: keys deleted, then keys put with their last values.

use super::{Bucket, DEAD, MAX_BYTES, WARM};
use crate::state::StateError;
use crate::state::hash::hash_key;
use crate::state::varint::{self, Cursor};

impl Bucket {
    /// Keys and values put since the last change was taken, in the order in which they were first put.
    pub fn changed(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.dirty.iter().filter(|at| self.entry(**at).flags & DEAD == 0).map(|at| (self.key(*at), self.value(*at)))
    }

    /// Keys put or deleted since then; may name one twice.
    pub(in crate::state) fn changed_keys(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = 0;
        let deleted = std::iter::from_fn(move || {
            let (len, start) = varint::read(&self.deleted, at)?;
            at = start + len as usize;
            self.deleted.get(start..at)
        });
        self.changed().map(|(key, _)| key).chain(deleted)
    }

    /// How many keys were put or deleted since then, about.
    pub(in crate::state) fn changes(&self) -> usize {
        self.dirty.len() + self.deleted_keys
    }

    /// Appends this epoch's deletes and puts and forgets them; nothing if there are none.
    pub(in crate::state) fn take_changes(&mut self, head: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        let puts = self.changed().count();
        if puts > 0 || self.deleted_keys > 0 {
            head(out);
            varint::push(out, self.deleted_keys as u64);
            out.extend_from_slice(&self.deleted);
            varint::push(out, puts as u64);
            self.changed().for_each(|(key, value)| push_put(out, key, value));
        }
        for at in std::mem::take(&mut self.dirty) {
            let entry = self.entry(at);
            self.set_header(at, entry.key as u32 | (entry.flags & DEAD), entry.value as u32);
        }
        self.deleted = Vec::new();
        self.deleted_keys = 0;
    }

    /// Appends everything, in the form of a change.
    pub(in crate::state) fn snapshot(&self, out: &mut Vec<u8>) {
        varint::push(out, 0);
        varint::push(out, self.len as u64);
        out.reserve(self.bytes());
        self.iter().for_each(|(key, value)| push_put(out, key, value));
    }

    /// Makes the changes read from `from`; they count as no change of this epoch.
    pub(in crate::state) fn apply(&mut self, from: &mut Cursor<'_>) -> Result<(), StateError> {
        for _ in 0..from.number("the number of deletes")? {
            let len = from.number("a deleted key's length")?;
            let key = from.take(len, "a deleted key")?;
            self.remove(hash_key(key), key);
        }
        let puts = from.number("the number of puts")?;
        if puts > from.remaining() / 2 {
            return Err(from.damaged("as many puts as are said to follow"));
        }
        self.reserve(puts);
        let (mut hashes, mut batch) = (Vec::with_capacity(WARM), Vec::with_capacity(WARM));
        for i in 0..puts {
            let key_len = from.number("a key's length")?;
            let value_len = from.number("a value's length")?;
            if key_len > MAX_BYTES || value_len > MAX_BYTES {
                return Err(from.damaged("a key and a value of allowed length"));
            }
            let key = from.take(key_len, "a key")?;
            hashes.push(hash_key(key));
            batch.push((key, from.take(value_len, "a value")?));
            if batch.len() == WARM || i + 1 == puts {
                self.warm(&hashes);
                let puts = hashes.drain(..).zip(batch.drain(..));
                puts.for_each(|(hash, (key, value))| {
                    self.insert(hash, key, value, false);
                });
            }
        }
        Ok(())
    }
}

fn push_put(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    varint::push(out, key.len() as u64);
    varint::push(out, value.len() as u64);
    out.extend_from_slice(key);
    out.extend_from_slice(value);
}
