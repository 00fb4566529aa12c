//! One call: what it is given of some keys, and which entries of maps it asks for first.

use std::collections::BTreeMap;

use arrow::array::{BinaryArray, RecordBatch};

use super::kept::Kept;
use crate::bound::BoundKeyed;
use crate::error::{PluginError, Result};
use crate::keyed::{KeyedBinding, MapEntries, Needs, Phase, Step, Timer};
use crate::limits::CallOptions;
use crate::verify::taken::taken;

/// Where the clocks stand in an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub now: i64,
    pub watermark: Option<i64>,
    pub late_watermark: Option<i64>,
}

/// What a key has to do in an epoch.
#[derive(Debug, Clone)]
pub(super) enum Todo {
    /// Rows of the trial, by number.
    Rows(Vec<usize>),
    /// Timers that are due, in order of time; their key means nothing yet.
    Timers(Vec<Timer>),
}

impl Todo {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Timers(timers) => timers.len(),
        }
    }

    /// In parts of so many at most.
    pub(super) fn in_parts(&self, most: usize) -> Vec<Self> {
        match self {
            Self::Rows(rows) => rows.chunks(most).map(|part| Self::Rows(part.to_vec())).collect(),
            Self::Timers(timers) => timers.chunks(most).map(|part| Self::Timers(part.to_vec())).collect(),
        }
    }
}

/// The step for these keys, each with what it has to do and what is kept of it. `all_keys` has the values of all keys.
pub(super) fn step(
    clocks: Clocks,
    keys: &[(usize, Todo)],
    kept: &[Kept],
    all_keys: &RecordBatch,
    all_rows: &RecordBatch,
    binding: &KeyedBinding,
) -> Result<Step> {
    let (mut rows, mut row_offsets, mut due) = (Vec::new(), vec![0], Vec::new());
    let mut phase = Phase::Rows;
    for (key, (_, todo)) in (0u32..).zip(keys) {
        match todo {
            Todo::Rows(of_key) => rows.extend(of_key.iter().map(|row| *row as u32)),
            Todo::Timers(timers) => {
                phase = Phase::Timers;
                due.extend(timers.iter().map(|timer| Timer { key, ..*timer }));
            }
        }
        row_offsets.push(rows.len() as i32);
    }
    due.sort_by_key(|timer| (timer.at, timer.key));
    let values = (0..binding.values.len())
        .map(|value| BinaryArray::from_iter(kept.iter().map(|kept| kept.values[value].as_deref())));
    Ok(Step {
        phase,
        now: clocks.now,
        watermark: clocks.watermark,
        late_watermark: clocks.late_watermark,
        keys: taken(all_keys, keys.iter().map(|(key, _)| *key as u32))?,
        row_offsets,
        rows: taken(all_rows, rows)?,
        values: values.collect(),
        maps: Vec::new(),
        due,
    })
}

/// Where an entry stands: its map, the number of its key, its own key.
type Place<'a> = (usize, u32, &'a [u8]);

/// The step with the entries of maps that the operator asks for.
pub(super) fn with_maps(bound: &BoundKeyed, step: Step, kept: &[Kept], options: CallOptions) -> Result<Step> {
    if bound.binding().maps.is_empty() {
        return Ok(step);
    }
    let Needs { entries, all } = bound.needs_with(&step, options)?;
    let mut found: BTreeMap<Place<'_>, Option<&[u8]>> = BTreeMap::new();
    let map_of = |map: usize, key: u32| {
        let of_key = kept.get(key as usize).and_then(|kept| kept.maps.get(map));
        of_key.ok_or_else(|| PluginError::bad_output(format!("it needs map {map} of key {key}, which is none")))
    };
    for (map, keys) in &all {
        for key in keys {
            found.extend(map_of(*map, *key)?.iter().map(|(entry, value)| ((*map, *key, &entry[..]), Some(&value[..]))));
        }
    }
    for MapEntries { map, keys, entry_keys, .. } in &entries {
        for (key, entry) in keys.iter().zip(entry_keys) {
            let entry = entry.unwrap_or_default();
            found.insert((*map, *key, entry), map_of(*map, *key)?.get(entry).map(Vec::as_slice));
        }
    }
    let mut maps: Vec<MapEntries> = Vec::new();
    for map in 0..bound.binding().maps.len() {
        let of_map: Vec<_> = found.iter().filter(|((of, _, _), _)| *of == map).collect();
        if !of_map.is_empty() {
            maps.push(MapEntries {
                map,
                keys: of_map.iter().map(|((_, key, _), _)| *key).collect(),
                entry_keys: BinaryArray::from_iter_values(of_map.iter().map(|((_, _, entry), _)| entry)),
                values: of_map.iter().map(|(_, value)| **value).collect(),
            });
        }
    }
    Ok(Step { maps, ..step })
}
