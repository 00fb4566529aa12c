//! Which entries of maps a call needs.

use std::borrow::Borrow;

use serde::Serialize;

use super::map_state::MapState;
use crate::{
    buffer::BufferBuilder,
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    contract::keyed::{Entries, Wanted as Flat},
    operator::{Encoded, Failure},
};

/// The own key of an entry that there never is: CBOR has no empty values. It is asked for beside all entries of a map, so
/// that the call can tell a map of which all was asked for, and nothing is there, from one of which nothing was.
pub(crate) const ALL: &[u8] = &[];

/// Takes note of the entries that a call will look at: [`Keyed::needs`](crate::Keyed::needs).
#[derive(Debug, Default)]
pub struct Wanted {
    key: u32,
    maps: Vec<OfMap>,
    problem: Option<Failure>,
}

#[derive(Debug)]
struct OfMap {
    number: u32,
    /// The bytes of all entries' own keys.
    bytes: Vec<u8>,
    entries: Vec<Own>,
    all: Vec<u32>,
}

/// An entry's own key: which key of the call it is of, and which bytes.
#[derive(Clone, Copy, Debug)]
struct Own {
    of: u32,
    start: u32,
    end: u32,
}

impl Own {
    fn told<'b>(&self, bytes: &'b [u8]) -> (u32, &'b [u8]) {
        (self.of, &bytes[self.start as usize..self.end as usize])
    }
}

impl Wanted {
    pub(crate) fn begin(&mut self, key: u32) {
        self.key = key;
    }

    /// The entry of this own key will be looked at, or changed by what it was.
    pub fn entry<K, V, Q>(&mut self, map: &MapState<K, V>, key: &Q)
    where
        K: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        let of = self.key;
        let to = self.of(map.number);
        let start = to.bytes.len();
        if let Err(problem) = Encoded::<&Q>::write(&key, &mut to.bytes) {
            to.bytes.truncate(start);
            self.problem.get_or_insert(problem);
            return;
        }
        // Rows often say the same as the one before.
        if to.entries.last().is_some_and(|last| last.told(&to.bytes) == (of, &to.bytes[start..])) {
            to.bytes.truncate(start);
        } else {
            to.entries.push(Own { of, start: start as u32, end: to.bytes.len() as u32 });
        }
    }

    /// All entries of the key will be looked at. There is a limit of 32 MiB for all entries that one call asks for.
    pub fn all<K, V>(&mut self, map: &MapState<K, V>) {
        let of = self.key;
        let to = self.of(map.number);
        if to.all.last() != Some(&of) {
            to.all.push(of);
            to.entries.push(Own { of, start: 0, end: ALL.len() as u32 });
        }
    }

    fn of(&mut self, number: u32) -> &mut OfMap {
        let at = self.maps.iter().position(|map| map.number == number).unwrap_or_else(|| {
            self.maps.push(OfMap { number, bytes: Vec::new(), entries: Vec::new(), all: Vec::new() });
            self.maps.len() - 1
        });
        &mut self.maps[at]
    }

    /// As the contract has it.
    ///
    /// # Errors
    /// If an own key could not be written.
    pub(crate) fn finish(self) -> Result<Flat, Failure> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let mut flat = Flat::default();
        for OfMap { number, bytes, mut entries, mut all } in self.maps {
            entries.sort_unstable_by(|a, b| a.told(&bytes).cmp(&b.told(&bytes)));
            entries.dedup_by(|a, b| a.told(&bytes) == b.told(&bytes));
            let (mut keys, mut values) =
                (BinaryBuilder::with_capacity(entries.len(), bytes.len()), BinaryBuilder::default());
            for own in &entries {
                keys.push(own.told(&bytes).1);
                values.push_null();
            }
            flat.entries.push(Entries {
                state: number,
                keys: BufferBuilder::map(&entries, |own| own.of).into_bytes(),
                entries: Column::flatten(entries.len(), vec![keys.finish(), values.finish()]),
            });
            if !all.is_empty() {
                all.sort_unstable();
                all.dedup();
                flat.all.push((number, BufferBuilder::map(&all, |key| key).into_bytes()));
            }
        }
        Ok(flat)
    }
}
