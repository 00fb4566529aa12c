//! What calls have changed of their keys' states, as the contract has it.

use serde::{Serialize, de::DeserializeOwned};

use super::fetched::Fetched;
use crate::{
    buffer::BufferBuilder,
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    contract::keyed::{Entries, StateField, ValueChanges},
    operator::{Encoded, Failure, Fate, MapState, State, StateFields, StateVisitor},
};

/// The changes of some keys.
pub(super) struct Changes<'a> {
    fetched: &'a Fetched<'a>,
    /// Of each that is kept, in order.
    of: Vec<OfField>,
    removed: BufferBuilder<u32>,
    bytes: Vec<u8>,
}

/// The changes of one value, or of one map.
struct OfField {
    is_map: bool,
    keys: BufferBuilder<u32>,
    /// A map's entries' own keys.
    own: BinaryBuilder,
    values: BinaryBuilder,
}

impl<'a> Changes<'a> {
    pub fn of(kept: &[StateField], fetched: &'a Fetched<'a>) -> Self {
        let of = kept.iter().map(|kept| OfField {
            is_map: kept.is_map,
            keys: BufferBuilder::default(),
            own: BinaryBuilder::default(),
            values: BinaryBuilder::default(),
        });
        Self { fetched, of: of.collect(), removed: BufferBuilder::default(), bytes: Vec::new() }
    }

    /// What has changed of a key; keys come in their order.
    ///
    /// # Errors
    /// If a type's `Serialize` fails.
    pub fn take<S: StateFields>(&mut self, key: usize, state: &mut S) -> Result<(), Failure> {
        let mut taking = Taking { changes: self, key, number: 0, is_one: S::IS_ONE, is_removed: false };
        state.visit(&mut taking)?;
        if taking.is_removed {
            self.removed.push(key as u32);
        }
        Ok(())
    }

    /// Those of values, those of entries, and the keys of which all goes before.
    pub fn finish(self) -> (Vec<ValueChanges>, Vec<Entries>, Vec<u8>) {
        let (mut values, mut entries) = (Vec::new(), Vec::new());
        for (state, of) in (0..).zip(self.of).filter(|(_, of)| !of.keys.is_empty()) {
            let rows = of.keys.len();
            let keys = of.keys.into_bytes();
            if of.is_map {
                let columns = vec![of.own.finish(), of.values.finish()];
                entries.push(Entries { state, keys, entries: Column::flatten(rows, columns) });
            } else {
                values.push(ValueChanges { state, keys, values: Column::flatten(rows, vec![of.values.finish()]) });
            }
        }
        (values, entries, self.removed.into_bytes())
    }
}

struct Taking<'c, 'a> {
    changes: &'c mut Changes<'a>,
    key: usize,
    /// Of the next one among what is kept.
    number: usize,
    /// There is one value, which is all there is.
    is_one: bool,
    is_removed: bool,
}

impl StateVisitor for Taking<'_, '_> {
    fn value<T: Serialize + DeserializeOwned>(&mut self, _: &'static str, state: &mut State<T>) -> Result<(), Failure> {
        let Changes { fetched, of, bytes, .. } = &mut *self.changes;
        let (before, of) = (&fetched.values[self.number], &mut of[self.number]);
        self.number += 1;
        self.is_removed |= state.is_all_removed() || (self.is_one && state.is_removed());
        let before = before.as_ref().and_then(|before| before.get(self.key));
        match state.fate(before.filter(|_| !self.is_removed), bytes)? {
            Fate::Stays => return Ok(()),
            Fate::Goes => of.values.push_null(),
            Fate::Changes => of.values.push(bytes),
        }
        of.keys.push(self.key as u32);
        Ok(())
    }

    fn map<K, V>(&mut self, _: &'static str, map: &mut MapState<K, V>) -> Result<(), Failure>
    where
        K: Ord + Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        let Changes { fetched, of, bytes, .. } = &mut *self.changes;
        let (before, of) = (&fetched.maps[self.number], &mut of[self.number]);
        self.number += 1;
        self.is_removed |= map.is_all_removed();
        for (own, value, at) in map.touched() {
            // `None`: it is not known what it was.
            let before = at.zip(before.as_ref()).map(|(at, before)| before.values.get(at as usize));
            match value {
                None if before == Some(None) => continue,
                None => of.values.push_null(),
                Some(value) => {
                    bytes.clear();
                    Encoded::write(value, bytes)?;
                    if before == Some(Some(bytes)) {
                        continue;
                    }
                    of.values.push(bytes);
                }
            }
            Encoded::write(own, of.own.data())?;
            of.own.push(&[]);
            of.keys.push(self.key as u32);
        }
        Ok(())
    }
}

/// All values of states that are to be stored, whatever was stored before.
pub(super) struct Migrated {
    columns: Vec<BinaryBuilder>,
    number: usize,
    bytes: Vec<u8>,
}

impl Migrated {
    pub fn of(values: usize) -> Self {
        Self { columns: vec![BinaryBuilder::default(); values], number: 0, bytes: Vec::new() }
    }

    /// # Errors
    /// If a type's `Serialize` fails.
    pub fn take<S: StateFields>(&mut self, state: &mut S) -> Result<(), Failure> {
        self.number = 0;
        state.visit(self)
    }

    pub fn finish(self) -> Vec<Column> {
        self.columns.into_iter().map(BinaryBuilder::finish).collect()
    }
}

impl StateVisitor for Migrated {
    fn value<T: Serialize + DeserializeOwned>(&mut self, _: &'static str, state: &mut State<T>) -> Result<(), Failure> {
        let column = &mut self.columns[self.number];
        self.number += 1;
        match state.get() {
            None => column.push_null(),
            Some(value) => {
                self.bytes.clear();
                Encoded::write(value, &mut self.bytes)?;
                column.push(&self.bytes);
            }
        }
        Ok(())
    }

    /// Entries are stored by calls alone.
    fn map<K, V>(&mut self, name: &'static str, map: &mut MapState<K, V>) -> Result<(), Failure> {
        if map.touched().next().is_some() {
            return Err(format!("`migrate` set entries of `{name}`; maps stay as they are").into());
        }
        Ok(())
    }
}

/// Makes as if all were changed.
#[cfg(not(target_family = "wasm"))]
pub(super) struct Touch;

#[cfg(not(target_family = "wasm"))]
impl StateVisitor for Touch {
    fn value<T: Serialize + DeserializeOwned>(&mut self, _: &'static str, state: &mut State<T>) -> Result<(), Failure> {
        state.get_mut();
        Ok(())
    }

    fn map<K, V>(&mut self, _: &'static str, map: &mut MapState<K, V>) -> Result<(), Failure> {
        map.touch_all();
        Ok(())
    }
}
