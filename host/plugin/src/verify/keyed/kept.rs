//! What a trial keeps of a key, and how a call changes it: as a job does, in memory.

use std::collections::BTreeMap;

use crate::keyed::{Domain, KeyedBinding, MapEntries, Outcome, Timer};
use crate::verify::show;

/// What is kept of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// By their places in the binding.
    pub values: Vec<Option<Vec<u8>>>,
    pub maps: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
    /// By clock and tag.
    pub timers: BTreeMap<(Domain, u32), i64>,
}

impl Kept {
    pub(super) fn new(binding: &KeyedBinding) -> Self {
        Self {
            values: vec![None; binding.values.len()],
            maps: vec![BTreeMap::new(); binding.maps.len()],
            timers: BTreeMap::new(),
        }
    }

    /// All of it, to be compared.
    pub(super) fn facts(&self, binding: &KeyedBinding) -> Vec<(String, String)> {
        let mut facts = Vec::new();
        for (name, value) in binding.values.iter().zip(&self.values) {
            let value = value.as_ref().map(|value| (format!("the bytes of state `{name}`"), show::hex(value)));
            facts.extend(value);
        }
        for (name, map) in binding.maps.iter().zip(&self.maps) {
            facts.extend(map.iter().map(|(key, value)| {
                (format!("entry {} of map `{name}`", show::line(&show::hex(key))), show::hex(value))
            }));
        }
        facts.extend(self.timers.iter().map(|((domain, tag), at)| {
            let clock = match domain {
                Domain::EventTime => "event time",
                Domain::ProcessingTime => "processing time",
            };
            (format!("timer {tag} by {clock}"), format!("{at} µs"))
        }));
        facts
    }
}

/// Changes the keys of a call, `kept`, as its outcome says; `fired` are timers that are gone with it.
pub(super) fn apply(kept: &mut [Kept], outcome: &Outcome, fired: &[Timer], binding: &KeyedBinding) {
    for timer in fired {
        kept[timer.key as usize].timers.remove(&(timer.domain, timer.tag));
    }
    for key in &outcome.removed {
        let kept = &mut kept[*key as usize];
        let timers = std::mem::take(&mut kept.timers);
        *kept = Kept::new(binding);
        if binding.keep_timers {
            kept.timers = timers;
        }
    }
    for changes in &outcome.values {
        for (key, value) in changes.keys.iter().zip(&changes.values) {
            kept[*key as usize].values[changes.value] = value.map(<[u8]>::to_vec);
        }
    }
    for MapEntries { map, keys, entry_keys, values } in &outcome.entries {
        for ((key, entry), value) in keys.iter().zip(entry_keys).zip(values) {
            let (map, entry) = (&mut kept[*key as usize].maps[*map], entry.unwrap_or_default());
            match value {
                Some(value) => drop(map.insert(entry.to_vec(), value.to_vec())),
                None => drop(map.remove(entry)),
            }
        }
    }
    for timer in &outcome.clear_timers {
        kept[timer.key as usize].timers.remove(&(timer.domain, timer.tag));
    }
    for timer in &outcome.set_timers {
        kept[timer.key as usize].timers.insert((timer.domain, timer.tag), timer.at);
    }
}

/// What is wrong with an outcome for a call of these many keys, rows and due timers, if anything: places that are none.
pub(super) fn check(outcome: &Outcome, binding: &KeyedBinding, keys: usize, rows: usize, due: usize) -> Option<String> {
    let beyond = |what: &str, at: usize, of: usize| (at >= of).then(|| format!("{what} {at} of {of}"));
    let key = |key: &u32| beyond("key", *key as usize, keys);
    let owners = if due > 0 { due } else { keys };
    let timers = outcome.clear_timers.iter().chain(&outcome.set_timers);
    None.or_else(|| outcome.output_of.iter().find_map(|of| beyond("a row of key or timer", *of as usize, owners)))
        .or_else(|| outcome.removed.iter().find_map(key))
        .or_else(|| outcome.values.iter().find_map(|one| beyond("state", one.value, binding.values.len())))
        .or_else(|| outcome.values.iter().flat_map(|one| &one.keys).find_map(key))
        .or_else(|| outcome.entries.iter().find_map(|one| beyond("map", one.map, binding.maps.len())))
        .or_else(|| outcome.entries.iter().flat_map(|one| &one.keys).find_map(key))
        .or_else(|| timers.map(|timer| timer.key).find_map(|of| key(&of)))
        .or_else(|| outcome.rejects.iter().find_map(|one| beyond("rejected row", one.row as usize, rows)))
        .or_else(|| outcome.late.iter().find_map(|row| beyond("late row", *row as usize, rows)))
}
