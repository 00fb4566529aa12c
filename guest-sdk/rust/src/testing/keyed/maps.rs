//! Maps of keys in a test: a call is given the entries that it has asked for, and no others.

use std::collections::BTreeMap;

use super::{
    flat::{bytes_of, numbers},
    kept::{Keys, Work},
    limits,
};
use crate::{
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    contract::keyed::{Entries, StateField, Wanted},
    data_type::{DataType, Field},
    testing::{check, run::TestError},
};

/// An entry: the index of the key in the call, its own key, its value.
pub type Entry = (usize, Vec<u8>, Option<Vec<u8>>);

/// The entries of one map, by the index of the key and their own.
type Found = BTreeMap<(usize, Vec<u8>), Option<Vec<u8>>>;

/// Entries as they were named, by the number of their map.
pub fn entries_of(state: &[StateField], lists: &[Entries], keys: usize) -> Result<Vec<(usize, Vec<Entry>)>, TestError> {
    lists.iter().map(|entries| Ok((entries.state as usize, of_one(state, entries, keys)?))).collect()
}

fn of_one(state: &[StateField], entries: &Entries, keys: usize) -> Result<Vec<Entry>, TestError> {
    let of = numbers(&entries.keys);
    let name = match state.get(entries.state as usize) {
        Some(StateField { name, is_map: true }) => name,
        _ => {
            let message = format!("it named entries of state {}, which is no map", entries.state);
            return Err(TestError::Contract(message));
        }
    };
    if !of.is_sorted() || of.last().is_some_and(|last| *last >= keys) {
        return Err(TestError::Contract(format!("entries of `{name}` are of keys {of:?} of {keys}")));
    }
    let fields = [Field::new("key", DataType::Binary).not_null(), Field::new("value", DataType::Binary)];
    check::columns(&fields, &entries.entries, of.len()).map_err(TestError::Contract)?;
    let columns = Column::all_of(&fields, entries.entries.arrays.clone()).map_err(TestError::Contract)?;
    let entry = |(row, key): (usize, usize)| {
        let own = bytes_of(&columns[0], row).unwrap_or_default();
        limits::entry_key(name, &own)?;
        Ok((key, own, bytes_of(&columns[1], row)))
    };
    of.into_iter().enumerate().map(entry).collect()
}

/// What a call has asked for.
pub fn fetched(state: &[StateField], wanted: &Wanted, works: &[Work], kept: &Keys) -> Result<Vec<Entries>, TestError> {
    let mut found: BTreeMap<u32, Found> = BTreeMap::new();
    let of = |map: usize, key: usize| kept.at(works[key].key).maps.get(&map);
    for (map, keys) in &wanted.all {
        for key in numbers(keys) {
            let all = of(*map as usize, key).into_iter().flatten();
            let all = all.map(|(own, value)| ((key, own.clone()), Some(value.clone())));
            found.entry(*map).or_default().extend(all);
        }
    }
    for (map, list) in entries_of(state, &wanted.entries, works.len())? {
        for (key, own, _) in list {
            let value = of(map, key).and_then(|entries| entries.get(&own)).cloned();
            found.entry(map as u32).or_default().insert((key, own), value);
        }
    }
    Ok(found.into_iter().map(|(map, entries)| told(map, entries.into_iter())).collect())
}

/// All that is kept of the keys in maps.
pub fn all(state: &[StateField], works: &[Work], kept: &Keys) -> Vec<Entries> {
    let maps = (0..state.len()).filter(|map| state[*map].is_map);
    let of_map = |map: usize| {
        let of_key = |(key, work): (usize, &Work)| {
            let entries = kept.at(work.key).maps.get(&map).cloned().unwrap_or_default();
            entries.into_iter().map(move |(own, value)| ((key, own), Some(value))).collect::<Vec<_>>()
        };
        told(map as u32, works.iter().enumerate().flat_map(of_key))
    };
    maps.map(of_map).collect()
}

fn told(state: u32, entries: impl Iterator<Item = ((usize, Vec<u8>), Option<Vec<u8>>)>) -> Entries {
    let (mut keys, mut own, mut values) = (Vec::new(), BinaryBuilder::default(), BinaryBuilder::default());
    for ((key, own_key), value) in entries {
        keys.extend((key as u32).to_le_bytes());
        own.push(&own_key);
        match value {
            Some(value) => values.push(&value),
            None => values.push_null(),
        }
    }
    let rows = own.len();
    Entries { state, keys, entries: Column::flatten(rows, vec![own.finish(), values.finish()]) }
}
