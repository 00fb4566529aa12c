//! Entries of maps that a function names: those that it needs, and those that it changes.

use arrow::array::Array;

use super::super::function::{MapEntries, Needs};
use super::{MOST_VALUE_BYTES, ascending};

/// Bytes of an entry's own key at most.
const MOST_ENTRY_KEY_BYTES: usize = 64 << 10;

/// Refuses what cannot be needed of so many keys and maps.
pub fn check_needs(names: &[String], needs: &Needs, keys: usize) -> Result<(), String> {
    let name = |map: usize| names.get(map).ok_or_else(|| format!("it needs map {map}, and keeps {}", names.len()));
    for (map, needed) in &needs.all {
        ascending(&format!("needs of all of `{}`", name(*map)?), "key", needed, keys)?;
    }
    needs.entries.iter().try_for_each(|entries| check_entries(name(entries.map)?, entries, keys).map(drop))
}

/// Refuses changes that cannot be.
pub fn check_changes(names: &[String], changes: &[MapEntries], keys: usize) -> Result<(), String> {
    let mut seen = vec![false; names.len()];
    for entries in changes {
        let Some(seen) = seen.get_mut(entries.map) else {
            return Err(format!("it changed map {}, and keeps {}", entries.map, names.len()));
        };
        let name = &names[entries.map];
        if std::mem::replace(seen, true) {
            return Err(format!("it changed the map `{name}` in two lists"));
        }
        let twice = check_entries(name, entries, keys)?;
        if let Some(key) = twice {
            return Err(format!("it changed an entry of `{name}` of key {key} twice"));
        }
        let values = &entries.values;
        let long = |i: &usize| values.is_valid(*i) && values.value(*i).len() > MOST_VALUE_BYTES;
        if let Some(i) = (0..values.len()).find(long) {
            let (bytes, most) = (values.value(i).len(), MOST_VALUE_BYTES >> 20);
            return Err(format!(
                "it set an entry of `{name}` to {bytes} bytes; at most {most} MiB are kept as one value"
            ));
        }
    }
    Ok(())
}

/// The key that has an entry twice among `entries`, if one has.
fn check_entries(name: &str, entries: &MapEntries, keys: usize) -> Result<Option<u32>, String> {
    let MapEntries { keys: of, entry_keys, values, .. } = entries;
    if of.len() != entry_keys.len() || of.len() != values.len() {
        let (of, entry_keys, values) = (of.len(), entry_keys.len(), values.len());
        return Err(format!(
            "it named entries of `{name}` of {of} keys, with {entry_keys} own keys and {values} values"
        ));
    }
    if let Some(pair) = of.windows(2).find(|pair| pair[0] > pair[1]) {
        return Err(format!(
            "its entries of `{name}` name key {} after key {}: they must not go down",
            pair[1], pair[0]
        ));
    }
    if let Some(last) = of.last().filter(|last| **last as usize >= keys) {
        return Err(format!("its entries of `{name}` name key {last}, and it was asked for {keys}"));
    }
    if entry_keys.null_count() > 0 {
        return Err(format!("an entry of `{name}` has null for its own key"));
    }
    if let Some(long) = entry_keys.iter().flatten().map(<[u8]>::len).find(|len| *len > MOST_ENTRY_KEY_BYTES) {
        let most = MOST_ENTRY_KEY_BYTES >> 10;
        return Err(format!("an entry of `{name}` has {long} bytes for its own key; at most {most} KiB are kept"));
    }
    let mut all: Vec<(u32, &[u8])> = of.iter().copied().zip(entry_keys.iter().flatten()).collect();
    all.sort_unstable();
    Ok(all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].0))
}
