//! Maps of keys: their entries are fetched and stored one by one, so that a key with a million of them does not cross as a
//! whole. Which a call needs the function says first.
//!
//! In the table `maps`, an entry lies in the bucket that has the hash of its key for a number, so that all entries of a key
//! are found, and go, together: under the number of the map, the length of the key, the key, and the entry's own key.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, BinaryArray};

use super::function::{KeyedError, MapEntries, Needs};
use super::timers::{Entry, read_if_any};
use crate::Result;
use crate::state::varint::{self, Cursor};
use crate::state::{Key, Partition};

/// Bytes of entries that one call is given at most: they lie in a plugin's memory beside what it makes of them.
const MOST_FETCHED: usize = 32 << 20;

/// What is stored of a call's keys, but for their values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored<'a> {
    pub keys: &'a [Key<'a>],
    pub timers: &'a Partition,
    pub maps: Option<&'a Partition>,
}

/// The bucket of a key's entries.
fn bucket_of(key: &Key<'_>) -> i64 {
    key.hash.cast_signed()
}

/// What an entry is stored under; without its own key, how those of one map of one key begin.
fn place(map: usize, key: &Key<'_>, entry: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(8 + key.bytes.len() + entry.len());
    varint::push(&mut place, map as u64);
    varint::push(&mut place, key.bytes.len() as u64);
    place.extend_from_slice(key.bytes);
    place.extend_from_slice(entry);
    place
}

/// What a stored entry is of, by what it is stored under: the number of its map, its key, its own key.
///
/// # Errors
/// It is no entry.
pub(super) fn parts_of_entry(place: &[u8]) -> Result<(usize, &[u8], &[u8])> {
    let mut from = Cursor::new(place);
    let map = from.number("a map's number")?;
    let len = from.number("the length of a key")?;
    let key = from.take(len, "a key")?;
    Ok((map, key, from.rest()))
}

impl<'a> Stored<'a> {
    /// The timers of each of these keys.
    pub fn timers_of(&self, keys: &[u32]) -> Result<Vec<Vec<Entry>>> {
        let keys = keys.iter().map(|key| Key { bucket: 0, ..self.keys[*key as usize] });
        self.timers.get_many(keys).into_iter().map(read_if_any).collect()
    }

    fn entry(&self, i: usize, map: usize, entry: &[u8]) -> Option<&'a [u8]> {
        let key = &self.keys[i];
        self.maps?.get(bucket_of(key), &place(map, key, entry))
    }

    /// All entries of a map of key number `i`, by their own keys, in no order.
    fn entries(&self, i: usize, map: usize) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let key = &self.keys[i];
        let (begins, bucket) = (place(map, key, &[]), self.maps.and_then(|maps| maps.bucket(bucket_of(key))));
        let all = bucket.into_iter().flat_map(|bucket| bucket.iter());
        all.filter_map(move |(place, value)| Some((place.strip_prefix(begins.as_slice())?, value)))
    }
}

/// What a piece of work has changed of its keys' maps so far.
#[derive(Debug, Default)]
pub(super) struct MapChanges {
    /// Keys of which all stored entries go.
    pub removed: BTreeSet<u32>,
    /// Entries set since, by key, map and own key; none = it goes.
    pub entries: BTreeMap<(u32, usize, Vec<u8>), Option<Vec<u8>>>,
}

impl MapChanges {
    /// That all entries of a key go.
    pub fn all_of(key: u32) -> Self {
        Self { removed: [key].into(), ..Self::default() }
    }

    /// The keys whose maps were changed, ascending, each with whether it is known to have entries.
    pub fn keys(&self) -> BTreeMap<u32, bool> {
        let mut keys: BTreeMap<u32, bool> = self.removed.iter().map(|key| (*key, false)).collect();
        for ((key, _, _), value) in &self.entries {
            *keys.entry(*key).or_insert(!self.removed.contains(key)) |= value.is_some();
        }
        keys
    }

    /// Takes note of what a call has returned.
    pub fn note(&mut self, removed: &[u32], changes: &[MapEntries]) {
        for key in removed {
            self.removed.insert(*key);
            self.entries.retain(|(of, _, _), _| of != key);
        }
        for MapEntries { map, keys, entry_keys, values } in changes {
            for (i, key) in keys.iter().enumerate() {
                let value = values.is_valid(i).then(|| values.value(i).to_vec());
                self.entries.insert((*key, *map, entry_keys.value(i).to_vec()), value);
            }
        }
    }

    /// What a call needs, a list per map.
    pub fn fetch(&self, needs: &Needs, stored: &Stored<'_>) -> Result<Vec<MapEntries>, KeyedError> {
        let mut found: BTreeMap<(usize, u32, Vec<u8>), Option<Vec<u8>>> = BTreeMap::new();
        let mut bytes = 0;
        let mut add = |map: usize, key: u32, entry: &[u8], value: Option<&[u8]>| {
            bytes += entry.len() + value.map_or(0, <[u8]>::len);
            if bytes > MOST_FETCHED {
                let most = MOST_FETCHED >> 20;
                let why = format!("it needs more than {most} MiB of map entries at once, the limit for one call");
                return Err(KeyedError::Keys(why));
            }
            found.insert((map, key, entry.to_vec()), value.map(<[u8]>::to_vec));
            Ok(())
        };
        for (map, keys) in &needs.all {
            for key in keys.iter().copied() {
                let of_call = |entry: &[u8]| self.entries.contains_key(&(key, *map, entry.to_vec()));
                if !self.removed.contains(&key) {
                    for (entry, value) in stored.entries(key as usize, *map).filter(|(entry, _)| !of_call(entry)) {
                        add(*map, key, entry, Some(value))?;
                    }
                }
                let set = self.entries.range((key, *map, Vec::new())..(key, *map + 1, Vec::new()));
                for ((_, _, entry), value) in set.filter_map(|(of, value)| Some((of, value.as_ref()?))) {
                    add(*map, key, entry, Some(value))?;
                }
            }
        }
        for MapEntries { map, keys, entry_keys, .. } in &needs.entries {
            for (i, key) in keys.iter().copied().enumerate() {
                let entry = entry_keys.value(i);
                let value = match self.entries.get(&(key, *map, entry.to_vec())) {
                    Some(value) => value.as_deref(),
                    None if self.removed.contains(&key) => None,
                    None => stored.entry(key as usize, *map, entry),
                };
                add(*map, key, entry, value)?;
            }
        }
        let mut lists: Vec<MapEntries> = Vec::new();
        let mut rest = found.into_iter().peekable();
        while let Some(map) = rest.peek().map(|((map, _, _), _)| *map) {
            let of_map = std::iter::from_fn(|| rest.next_if(|((of, _, _), _)| *of == map));
            let of_map: Vec<_> = of_map.collect();
            lists.push(MapEntries {
                map,
                keys: of_map.iter().map(|((_, key, _), _)| *key).collect(),
                entry_keys: BinaryArray::from_iter_values(of_map.iter().map(|((_, _, entry), _)| entry)),
                values: of_map.iter().map(|(_, value)| value.as_deref()).collect(),
            });
        }
        Ok(lists)
    }

    /// Stores the changes of `keys`.
    pub fn store(&self, keys: &[Key<'_>], maps: &mut Partition) {
        for key in self.removed.iter().map(|key| &keys[*key as usize]) {
            let bucket = bucket_of(key);
            let is_its = |place: &[u8]| {
                let rest = varint::read(place, 0).and_then(|(_, at)| varint::read(place, at));
                rest.is_some_and(|(len, at)| len == key.bytes.len() as u64 && place[at..].starts_with(key.bytes))
            };
            let all = maps.bucket(bucket).into_iter().flat_map(|bucket| bucket.sorted());
            let gone: Vec<Vec<u8>> = all.map(|(place, _)| place.to_vec()).filter(|place| is_its(place)).collect();
            for place in &gone {
                maps.delete(bucket, place);
            }
        }
        for ((key, map, entry), value) in &self.entries {
            let key = &keys[*key as usize];
            let (bucket, place) = (bucket_of(key), place(*map, key, entry));
            match value {
                Some(value) => maps.put(bucket, &place, value),
                None => maps.delete(bucket, &place),
            };
        }
    }
}
