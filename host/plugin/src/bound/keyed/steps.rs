//! A step on its way in and its outcome on its way out, in the contract's buffers.

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::DataType;

use crate::binding::Bound;
use crate::cast::normalise;
use crate::contract::keyed::{
    EntriesParam, EntriesResult, Outcome as Given, Phase as ToldPhase, StateField, Step as StepParam, TimersParam,
    TimersResult, Wanted,
};
use crate::error::{PluginError, Result};
use crate::keyed::{Domain, MapEntries, Needs, Outcome, Phase, Step, Timer, ValueChanges};
use crate::lift::{self, Promised};
use crate::lower::{Lowered, bytes_of};
use crate::rejects;

/// How steps cross: which of the states are values, and which are maps.
pub(super) struct Crossing {
    /// Per state of the binding whether it is a map, and which of the values or of the maps it is.
    states: Vec<(bool, usize)>,
    /// Per map its place among the states.
    maps: Vec<u32>,
    value: Promised,
    entry: Promised,
}

impl Crossing {
    pub(super) fn new(states: &[StateField]) -> Self {
        let mut counts = [0, 0];
        let place = |state: &StateField| {
            let count = &mut counts[usize::from(state.is_map)];
            *count += 1;
            (state.is_map, *count - 1)
        };
        let places = states.iter().map(place).collect();
        let maps = (0u32..).zip(states).filter(|(_, state)| state.is_map).map(|(at, _)| at).collect();
        Self { states: places, maps, value: Promised::of_bytes(["value"]), entry: Promised::of_bytes(["key", "value"]) }
    }

    pub(super) fn lower<'a>(&self, bound: &Bound, step: &'a Step) -> Result<LoweredStep<'a>> {
        let keys = step.keys.num_rows() as u32;
        let mut lowered = Lowered::new(keys, step.keys.num_columns());
        for (field, column) in step.keys.schema().fields().iter().zip(step.keys.columns()) {
            let wrong = |e: crate::cast::NotGiven| PluginError::Value {
                message: format!("key `{}`: {}", field.name(), e.message),
                row: None,
            };
            lowered.push(&normalise(column).map_err(wrong)?);
        }
        let columns = |arrays: &[&BinaryArray]| {
            let arrays: Vec<ArrayRef> = arrays.iter().map(|array| std::sync::Arc::new((*array).clone()) as _).collect();
            Lowered::of(arrays.first().map_or(keys, |array| array.len() as u32), arrays.iter())
        };
        let maps = step.maps.iter().map(|entries| LoweredEntries {
            state: self.maps[entries.map],
            keys: bytes_of(&entries.keys),
            entries: columns(&[&entries.entry_keys, &entries.values]),
        });
        Ok(LoweredStep {
            phase: step.phase,
            now: step.now,
            watermark: step.watermark,
            previous_watermark: step.late_watermark,
            keys: lowered,
            row_offsets: bytes_of(&step.row_offsets),
            rows: bound.lower(&step.rows)?,
            values: columns(&step.values.iter().collect::<Vec<_>>()),
            maps: maps.collect(),
            due: LoweredTimers::of(&step.due),
        })
    }

    pub(super) fn needs(&self, given: Wanted) -> Result<Needs, String> {
        let all = given.all.into_iter().map(|(state, keys)| {
            Ok((self.map_of(state)?, lift::numbers("the keys of which all entries are needed", keys)?.to_vec()))
        });
        let entries = given.entries.into_iter().map(|entries| self.entries(entries));
        Ok(Needs { entries: entries.collect::<Result<_, String>>()?, all: all.collect::<Result<_, String>>()? })
    }

    pub(super) fn outcome(&self, bound: &Bound, step: &Step, given: Given) -> Result<Outcome, String> {
        let numbers = |what: &str, bytes| Ok::<_, String>(lift::numbers(what, bytes)?.to_vec());
        let output_of = numbers("`output-of`", given.output_of)?;
        let values = given.values.into_iter().map(|changes| match self.states.get(changes.state as usize) {
            Some((false, value)) => {
                let keys = numbers("the keys of changes", changes.keys)?;
                let mut columns = lift::columns(&self.value, changes.values, keys.len(), None)?;
                Ok(ValueChanges { value: *value, keys, values: bytes(&columns.remove(0)) })
            }
            Some((true, _)) => Err(format!("state {} is a map, and was changed as a value", changes.state)),
            None => Err(format!("it changed state {}, and keeps {}", changes.state, self.states.len())),
        });
        let rows = step.rows.num_rows();
        Ok(Outcome {
            output: lift::columns(&bound.output, given.output, output_of.len(), None)?,
            output_of,
            removed: numbers("`removed`", given.removed)?,
            values: values.collect::<Result<_, String>>()?,
            entries: given.entries.into_iter().map(|entries| self.entries(entries)).collect::<Result<_, String>>()?,
            clear_timers: timers("`clear-timers`", given.clear_timers)?,
            set_timers: timers("`set-timers`", given.set_timers)?,
            rejects: rejects::check(given.rejects, rows)?,
            late: numbers("`late`", given.late)?,
        })
    }

    fn map_of(&self, state: u32) -> Result<usize, String> {
        match self.states.get(state as usize) {
            Some((true, map)) => Ok(*map),
            Some((false, _)) => Err(format!("state {state} is no map")),
            None => Err(format!("it named state {state}, and keeps {}", self.states.len())),
        }
    }

    fn entries(&self, given: EntriesResult) -> Result<MapEntries, String> {
        let map = self.map_of(given.state)?;
        let keys = lift::numbers("the keys of entries", given.keys)?.to_vec();
        let columns = lift::columns(&self.entry, given.entries, keys.len(), None)?;
        if let Some(entry) = (0..keys.len()).find(|entry| columns[0].is_null(*entry)) {
            return Err(format!("entry {entry} of map {} has a null for its key", given.state));
        }
        Ok(MapEntries { map, keys, entry_keys: bytes(&columns[0]), values: bytes(&columns[1]) })
    }
}

fn bytes(column: &ArrayRef) -> BinaryArray {
    debug_assert_eq!(column.data_type(), &DataType::Binary);
    column.as_binary::<i32>().clone()
}

fn timers(what: &str, given: TimersResult) -> Result<Vec<Timer>, String> {
    let wrong = |e: String| format!("{what}: {e}");
    let keys = lift::numbers("the keys", given.keys).map_err(wrong)?;
    let tags = lift::numbers("the tags", given.tags).map_err(wrong)?;
    let (at, rest) = given.at.as_chunks::<8>();
    if given.domains.len() != keys.len() || tags.len() != keys.len() || at.len() != keys.len() || !rest.is_empty() {
        return Err(wrong(format!(
            "{} keys, {} domains, {} tags and {} bytes of times, which are of 8 bytes each",
            keys.len(),
            given.domains.len(),
            tags.len(),
            given.at.len()
        )));
    }
    let timer = |i: usize| {
        let domain = match given.domains[i] {
            0 => Domain::EventTime,
            1 => Domain::ProcessingTime,
            other => return Err(wrong(format!("domain {other} of timer {i}; 0 is event time, 1 processing time"))),
        };
        Ok(Timer { key: keys[i], domain, tag: tags[i], at: i64::from_le_bytes(at[i]) })
    };
    (0..keys.len()).map(timer).collect()
}

/// A step in the contract's layout.
pub(super) struct LoweredStep<'a> {
    phase: Phase,
    now: i64,
    watermark: Option<i64>,
    previous_watermark: Option<i64>,
    keys: Lowered,
    row_offsets: &'a [u8],
    rows: Lowered,
    values: Lowered,
    maps: Vec<LoweredEntries<'a>>,
    due: LoweredTimers,
}

struct LoweredEntries<'a> {
    state: u32,
    keys: &'a [u8],
    entries: Lowered,
}

struct LoweredTimers {
    keys: Vec<u8>,
    domains: Vec<u8>,
    tags: Vec<u8>,
    at: Vec<u8>,
}

impl LoweredTimers {
    fn of(timers: &[Timer]) -> Self {
        Self {
            keys: timers.iter().flat_map(|timer| timer.key.to_le_bytes()).collect(),
            domains: timers.iter().map(|timer| u8::from(timer.domain == Domain::ProcessingTime)).collect(),
            tags: timers.iter().flat_map(|timer| timer.tag.to_le_bytes()).collect(),
            at: timers.iter().flat_map(|timer| timer.at.to_le_bytes()).collect(),
        }
    }

    fn param(&self) -> TimersParam<'_> {
        TimersParam { keys: &self.keys, domains: &self.domains, tags: &self.tags, at: &self.at }
    }
}

impl LoweredStep<'_> {
    /// Lends it in the form that a call takes.
    pub(super) fn with_param<R>(&self, f: impl FnOnce(StepParam<'_>) -> R) -> R {
        let buffers: Vec<_> = self.maps.iter().map(|map| map.entries.buffers()).collect();
        let arrays: Vec<_> = self.maps.iter().zip(&buffers).map(|(map, buffers)| map.entries.params(buffers)).collect();
        let maps: Vec<_> = (self.maps.iter().zip(&arrays))
            .map(|(map, arrays)| EntriesParam { state: map.state, keys: map.keys, entries: map.entries.batch(arrays) })
            .collect();
        let phase = match self.phase {
            Phase::Rows => ToldPhase::Rows,
            Phase::Timers => ToldPhase::Timers,
        };
        self.keys.with_batch(|keys| {
            self.rows.with_batch(|rows| {
                self.values.with_batch(|values| {
                    f(StepParam {
                        phase,
                        now: self.now,
                        watermark: self.watermark,
                        previous_watermark: self.previous_watermark,
                        keys,
                        row_offsets: self.row_offsets,
                        rows,
                        values,
                        maps: &maps,
                        due: self.due.param(),
                    })
                })
            })
        })
    }
}
