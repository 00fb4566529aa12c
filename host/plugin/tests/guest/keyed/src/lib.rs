//! A keyed operator that does what the `do` of its configuration says: counts rows per key, sets timers, keeps a map, or
//! returns what cannot be. It reads its input's first time, or else the last column, as a
//! number: microseconds.

wit_bindgen::generate!({ path: "../../../../../wit", world: "keyed-operator" });

mod wrong;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use exports::millstream::operator::catalog::{self, Operator};
use exports::millstream::operator::keyed::{
    Batch, Binding, Entries, Failure, Field, Guest, KeyedBinding, LateRows, Outcome, Phase, Problem, Request,
    StateField, Step, Timers, ValueChanges, Wanted,
};
use exports::millstream::operator::migration;
use millstream::operator::columns::Array;
use millstream::operator::types::{Hints, InputField, Read, Subject};

struct Plugin;
export!(Plugin);

thread_local! {
    static MODES: RefCell<HashMap<u32, String>> = RefCell::new(HashMap::new());
}

fn mode(slot: u32) -> String {
    MODES.with_borrow(|modes| modes.get(&slot).cloned().unwrap_or_default())
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|n| u32::from_le_bytes(n.try_into().unwrap())).collect()
}

fn longs(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks_exact(8).map(|n| i64::from_le_bytes(n.try_into().unwrap())).collect()
}

fn bytes_of<T: Copy>(values: impl IntoIterator<Item = T>, bytes: impl Fn(T) -> Vec<u8>) -> Vec<u8> {
    values.into_iter().flat_map(bytes).collect()
}

pub fn words(values: impl IntoIterator<Item = u32>) -> Vec<u8> {
    bytes_of(values, |value| value.to_le_bytes().to_vec())
}

fn longs_of(values: &[i64]) -> Array {
    let buffers = vec![bytes_of(values.iter().copied(), |value: i64| value.to_le_bytes().to_vec())];
    Array { rows: values.len() as u32, validity: None, buffers }
}

/// A column of bytes; `None` is null.
pub fn binary(values: &[Option<Vec<u8>>]) -> Array {
    let (mut ends, mut data, mut validity) = (vec![0u32], Vec::new(), vec![0u8; values.len().div_ceil(8)]);
    for (row, value) in values.iter().enumerate() {
        if let Some(value) = value {
            data.extend(value);
            validity[row / 8] |= 1 << (row % 8);
        }
        ends.push(data.len() as u32);
    }
    Array { rows: values.len() as u32, validity: Some(validity), buffers: vec![words(ends), data] }
}

fn read_binary(array: &Array) -> Vec<Option<Vec<u8>>> {
    let ends = numbers(&array.buffers[0]);
    let value = |row: usize| {
        let there = array.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1);
        there.then(|| array.buffers[1][ends[row] as usize..ends[row + 1] as usize].to_vec())
    };
    (0..array.rows as usize).map(value).collect()
}

pub fn batch(arrays: Vec<Array>) -> Batch {
    Batch { rows: arrays.first().map_or(0, |array| array.rows), arrays }
}

pub fn no_timers() -> Timers {
    Timers { keys: vec![], domains: vec![], tags: vec![], at: vec![] }
}

/// Timers as (key, domain, tag, at).
pub fn timers(all: &[(u32, u8, u32, i64)]) -> Timers {
    Timers {
        keys: words(all.iter().map(|timer| timer.0)),
        domains: all.iter().map(|timer| timer.1).collect(),
        tags: words(all.iter().map(|timer| timer.2)),
        at: bytes_of(all.iter().map(|timer| timer.3), |at| at.to_le_bytes().to_vec()),
    }
}

pub fn nothing() -> Outcome {
    Outcome {
        output: batch(vec![longs_of(&[])]),
        output_of: vec![],
        values: vec![],
        entries: vec![],
        removed: vec![],
        set_timers: no_timers(),
        clear_timers: no_timers(),
        rejects: None,
        late: vec![],
    }
}

pub fn put(state: u32, changes: &[(u32, Option<Vec<u8>>)]) -> ValueChanges {
    let values: Vec<_> = changes.iter().map(|change| change.1.clone()).collect();
    ValueChanges { state, keys: words(changes.iter().map(|change| change.0)), values: batch(vec![binary(&values)]) }
}

/// How many rows each key has, and their times.
fn rows_by_key(step: &Step) -> Vec<Vec<i64>> {
    let offsets = numbers(&step.row_offsets);
    let times = step.rows.arrays.last().map(|array| longs(&array.buffers[0])).unwrap_or_default();
    offsets.windows(2).map(|pair| times[pair[0] as usize..pair[1] as usize].to_vec()).collect()
}

fn count_of(state: &Option<Vec<u8>>) -> i64 {
    state.as_ref().map_or(0, |bytes| longs(bytes)[0])
}

/// Counts; in the mode `timers` a key's count comes out ten seconds after its last row, and is forgotten.
fn count(step: &Step, with_timers: bool) -> Outcome {
    let states = read_binary(&step.values.arrays[0]);
    let mut outcome = nothing();
    match step.phase {
        Phase::Rows => {
            let rows = rows_by_key(step);
            let counts: Vec<i64> =
                states.iter().zip(&rows).map(|(state, rows)| count_of(state) + rows.len() as i64).collect();
            let changes: Vec<_> =
                (0u32..).zip(&counts).map(|(key, count)| (key, Some(count.to_le_bytes().to_vec()))).collect();
            outcome.values = vec![put(0, &changes)];
            if with_timers {
                let due = |(key, rows): (u32, &Vec<i64>)| Some((key, 0, 7, rows.iter().max()? + 10_000_000));
                outcome.set_timers = timers(&(0u32..).zip(&rows).filter_map(due).collect::<Vec<_>>());
            } else {
                outcome.output = batch(vec![longs_of(&counts)]);
                outcome.output_of = words(0..counts.len() as u32);
            }
        }
        Phase::Timers => {
            let keys = numbers(&step.due.keys);
            let counts: Vec<i64> = keys.iter().map(|key| count_of(&states[*key as usize])).collect();
            outcome.output = batch(vec![longs_of(&counts)]);
            outcome.output_of = words(0..keys.len() as u32);
            let mut removed = keys;
            removed.sort_unstable();
            removed.dedup();
            outcome.removed = words(removed);
        }
    }
    outcome
}

/// Counts how often a key's timer has fired; each time it does it is set again, to the time that it had, `times` times over.
fn count_timers(step: &Step, times: i64) -> Outcome {
    let mut outcome = count(step, true);
    if step.phase == Phase::Timers {
        let counts = longs(&outcome.output.arrays[0].buffers[0]);
        let keys = numbers(&step.due.keys);
        let more: Vec<_> =
            keys.iter().zip(&counts).map(|(key, n)| (*key, Some((n + 1).to_le_bytes().to_vec()))).collect();
        let set = keys.iter().zip(longs(&step.due.at)).zip(counts);
        let set: Vec<_> = set.filter(|(_, n)| *n <= times).map(|((key, at), _)| (*key, 0, 7, at)).collect();
        outcome = Outcome { removed: vec![], values: vec![put(0, &more)], set_timers: timers(&set), ..outcome };
    }
    outcome
}

/// Counts rows by their last digit in a map, and gives how many entries a key has.
fn count_in_map(step: &Step) -> Outcome {
    let mut outcome = nothing();
    let mut entries: BTreeMap<(u32, Vec<u8>), i64> = BTreeMap::new();
    for map in &step.maps {
        let (keys, values) = (read_binary(&map.entries.arrays[0]), read_binary(&map.entries.arrays[1]));
        for ((of, key), value) in numbers(&map.keys).into_iter().zip(keys).zip(values) {
            entries.insert((of, key.unwrap()), count_of(&value));
        }
    }
    for (key, times) in (0u32..).zip(rows_by_key(step)) {
        times.iter().for_each(|time| *entries.get_mut(&(key, digit(*time))).unwrap() += 1);
    }
    let keys: Vec<u32> = entries.keys().map(|(key, _)| *key).collect();
    let names: Vec<_> = entries.keys().map(|(_, name)| Some(name.clone())).collect();
    let values: Vec<_> = entries.values().map(|count| Some(count.to_le_bytes().to_vec())).collect();
    let counts: Vec<i64> = entries.values().copied().collect();
    outcome.output = batch(vec![longs_of(&counts)]);
    outcome.output_of = words(keys.iter().copied());
    outcome.entries =
        vec![Entries { state: 1, keys: words(keys), entries: batch(vec![binary(&names), binary(&values)]) }];
    outcome
}

fn digit(time: i64) -> Vec<u8> {
    (time.rem_euclid(10) as u8).to_le_bytes().to_vec()
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let (name, kind) = ("guest-keyed".to_owned(), "keyed".to_owned());
        vec![Operator { name, kind, summary: "Counts per key".to_owned(), config_schema: None, columns: vec![] }]
    }
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request, key: Vec<Field>) -> Result<KeyedBinding, Problem> {
        let mode = request.config.split('"').nth(3).unwrap_or_default().to_owned();
        if mode == "refuse" {
            return Err(Problem { key: Some("do".to_owned()), message: format!("not by {}", key[0].name) });
        }
        let field = |name: &str| Field {
            name: name.to_owned(),
            format: "l".to_owned(),
            nullable: false,
            children: 0,
            dictionary: false,
            metadata: vec![],
        };
        let is_time = |input: &InputField| input.fields[0].format.starts_with("ts");
        let column = request.input.iter().position(is_time).unwrap_or(request.input.len() - 1) as u32;
        let shape = vec![field("at")];
        let output = vec![field("n")];
        let hints = Hints { skip_nulls: mode == "skip-nulls", rows_per_call: None, deterministic: true };
        let state = |name: &str, is_map| StateField { name: name.to_owned(), is_map };
        let states = match mode.as_str() {
            "map" => vec![state("count", false), state("digits", true)],
            "same-states" => vec![state("count", false), state("count", true)],
            _ => vec![state("count", false)],
        };
        MODES.with_borrow_mut(|modes| modes.insert(slot, mode.clone()));
        Ok(KeyedBinding {
            binding: Binding { reads: vec![Read { column, shape }], output, hints },
            state: states,
            state_version: if mode == "version-2" { 2 } else { 1 },
            adjustable: vec!["unit".into()],
            time_to_live: None,
            late_rows: if mode == "late" { LateRows::SetAside } else { LateRows::HandOver },
            by_event_time: false,
            event_time: None,
            holds_back: 0,
            keep_timers: false,
        })
    }

    fn needs(slot: u32, step: Step) -> Result<Wanted, Failure> {
        if let Some(wanted) = wrong::needs(&mode(slot)) {
            return Ok(wanted);
        }
        let mut wanted: Vec<(u32, Vec<u8>)> = Vec::new();
        for (key, times) in (0u32..).zip(rows_by_key(&step)) {
            wanted.extend(times.iter().map(|time| (key, digit(*time))));
        }
        wanted.sort();
        wanted.dedup();
        let names: Vec<_> = wanted.iter().map(|(_, name)| Some(name.clone())).collect();
        let nulls = vec![None; names.len()];
        let keys = words(wanted.iter().map(|(key, _)| *key));
        let entries = batch(vec![binary(&names), binary(&nulls)]);
        Ok(Wanted { entries: vec![Entries { state: 1, keys, entries }], all: vec![] })
    }

    fn call(slot: u32, step: Step) -> Result<Outcome, Failure> {
        let mode = mode(slot);
        if let Some(outcome) = wrong::outcome(&mode, step.keys.rows) {
            return Ok(outcome);
        }
        match mode.as_str() {
            "timers" => Ok(count(&step, true)),
            again if again.starts_with("timers-again-") => {
                Ok(count_timers(&step, again["timers-again-".len()..].parse().unwrap_or(0)))
            }
            "map" => Ok(count_in_map(&step)),
            "fail-seven" => match rows_by_key(&step).concat().iter().position(|time| *time == 7) {
                Some(row) => Err(about("seven is not allowed", Subject::Row(row as u32))),
                None => Ok(count(&step, false)),
            },
            "fail-key" => Err(about("not this key", Subject::Key(1))),
            "fail-key-beyond" => Err(about("not this key", Subject::Key(step.keys.rows))),
            "fail-state" => Err(about("no such count", Subject::State(1))),
            "fail-state-beyond" => Err(about("no such count", Subject::State(step.keys.rows))),
            _ => Ok(count(&step, false)),
        }
    }
}

fn about(message: &str, subject: Subject) -> Failure {
    Failure { message: message.to_owned(), about: Some(subject) }
}

impl migration::Guest for Plugin {
    fn migrate(_: u32, from: u32, fields: Vec<Field>, states: Batch) -> Result<Batch, Failure> {
        if from != 1 || fields[0].name != "count" {
            return Err(Failure { message: format!("no way from version {from}"), about: None });
        }
        // Version 2 counts twice.
        let doubled: Vec<_> = read_binary(&states.arrays[0])
            .iter()
            .map(|state| Some((2 * count_of(state)).to_le_bytes().to_vec()))
            .collect();
        Ok(batch(vec![binary(&doubled)]))
    }
}
