//! The component: the contract's calls to keys one by one, and what became of these to what a call returns.

#![allow(unsafe_code, reason = "the generated glue is")]

mod columns;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use columns::{binary, byte_texts, indices, longs, numbers, texts, timers, utf8};

use crate::bound::{Bound, Due, Wanted, row};
use crate::one::{Clock, One};

mod glue {
    wit_bindgen::generate!({ path: "../../../wit", world: "keyed-operator" });
}

use glue::exports::millstream::operator::catalog::{self, Operator};
use glue::exports::millstream::operator::keyed::{
    Batch, Binding, Entries, Failure, Field, Guest, KeyedBinding, LateRows, Outcome, Problem, Rejects, Request,
    StateField, Step, TimeDomain, TimeToLive, ValueChanges, Wanted as Asked,
};
use glue::exports::millstream::operator::migration;
use glue::millstream::operator::columns::Array;
use glue::millstream::operator::types::{Hints, Read, Subject};

struct Plugin;
glue::export!(Plugin with_types_in glue);

/// A digit that a test writes over.
static VERSION: [u8; 30] = *b"version of the stored states 1";

thread_local! {
    static BOUND: RefCell<BTreeMap<u32, (Bound, bool)>> = const { RefCell::new(BTreeMap::new()) };
}

fn version() -> u32 {
    u32::from(black_box(&VERSION)[29] - b'0')
}

fn batch(arrays: Vec<Array>) -> Batch {
    Batch { rows: arrays.first().map_or(0, |array| array.rows), arrays }
}

fn field(name: &str, format: &str) -> Field {
    let (name, format) = (name.to_owned(), format.to_owned());
    Field { name, format, nullable: true, children: 0, dictionary: false, metadata: vec![] }
}

fn bound(slot: u32) -> (Bound, bool) {
    BOUND.with_borrow(|all| all[&slot].clone())
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let (name, kind, summary) = ("keyed-state".to_owned(), "keyed".to_owned(), "As its rows say".to_owned());
        vec![Operator { name, kind, summary, config_schema: None, columns: vec![] }]
    }
}

/// The keys of a call with their rows and what was fetched of their maps, and the timers that are due.
fn ones(step: &Step, is_text: bool) -> (Vec<One>, Vec<Due>) {
    let keys: Vec<Vec<Option<String>>> = step.keys.arrays.iter().map(texts).collect();
    let values = byte_texts(&step.values.arrays[0]);
    let offsets = numbers(&step.row_offsets);
    let [times, data] = step.rows.arrays.as_slice() else { panic!("two columns were asked for") };
    let (times, data) = (longs(times), if is_text { texts(data) } else { columns::longs_as_texts(data) });
    let one = |i: usize| {
        let rows = offsets[i] as usize..offsets[i + 1] as usize;
        One {
            key: keys.iter().map(|column| column[i].clone()).collect(),
            rows: rows.map(|at| row(times[at], data[at].as_deref())).collect(),
            now: step.now,
            watermark: step.watermark,
            previous_watermark: step.previous_watermark,
            value: values[i].as_ref().map(|value| serde_json::from_str(value).unwrap()),
            ..One::default()
        }
    };
    let mut ones: Vec<One> = (0..step.keys.rows as usize).map(one).collect();
    for map in &step.maps {
        let (names, values) = (byte_texts(&map.entries.arrays[0]), byte_texts(&map.entries.arrays[1]));
        for ((key, name), value) in numbers(&map.keys).into_iter().zip(names).zip(values) {
            if let Some(value) = value {
                ones[key as usize].entries.insert(name.unwrap(), serde_json::from_str(&value).unwrap());
            }
        }
    }
    let due = &step.due;
    let (tags, at) = (numbers(&due.tags), columns::all_longs(&due.at));
    let clock = |domain: u8| if domain == 0 { Clock::EventTime } else { Clock::ProcessingTime };
    let due = numbers(&due.keys).into_iter().zip(&due.domains).zip(tags.into_iter().zip(at));
    let due = due.map(|((key, domain), (tag, at))| (key as usize, (clock(*domain), tag, at)));
    (ones, due.collect())
}

/// Entries of the map, by key and name.
fn entries(all: &[(u32, String, Option<String>)]) -> Vec<Entries> {
    if all.is_empty() {
        return vec![];
    }
    let names: Vec<_> = all.iter().map(|(_, name, _)| Some(name.as_str())).collect();
    let values: Vec<_> = all.iter().map(|(_, _, value)| value.as_deref()).collect();
    let keys = indices(all.iter().map(|(key, _, _)| *key));
    vec![Entries { state: 1, keys, entries: batch(vec![binary(&names), binary(&values)]) }]
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request, _: Vec<Field>) -> Result<KeyedBinding, Problem> {
        let bound = Bound::new(&request.config, version()).map_err(|message| Problem { key: None, message })?;
        let place = |name: &str| {
            let found = request.input.iter().position(|input| input.fields[0].name == name);
            found.ok_or_else(|| Problem { key: None, message: format!("there is no column `{name}`") })
        };
        let (time, data) = (place(&bound.time)?, place(&bound.data)?);
        let is_text = request.input[data].fields[0].format == "u";
        let read = |at: usize, format: &str| Read { column: at as u32, shape: vec![field("", format)] };
        let reads = vec![read(time, "l"), read(data, if is_text { "u" } else { "l" })];
        let mut output = vec![field("out", "u")];
        if bound.has_event_time {
            output.push(field("at", "tsu:UTC"));
        }
        let state = |name: &str, is_map| StateField { name: name.to_owned(), is_map };
        let mut states = vec![state("value", false)];
        if bound.has_map {
            states.push(state("map", true));
        }
        let domain = |clock| match clock {
            Clock::EventTime => TimeDomain::EventTime,
            Clock::ProcessingTime => TimeDomain::ProcessingTime,
        };
        let binding = KeyedBinding {
            binding: Binding {
                reads,
                output,
                hints: Hints { skip_nulls: false, rows_per_call: None, deterministic: true },
            },
            state: states,
            state_version: version(),
            adjustable: if bound.may_adjust_gap { vec!["gap".to_owned()] } else { Vec::new() },
            time_to_live: bound
                .time_to_live
                .map(|(clock, microseconds)| TimeToLive { domain: domain(clock), microseconds }),
            late_rows: if bound.sets_late_aside { LateRows::SetAside } else { LateRows::HandOver },
            by_event_time: bound.by_event_time,
            event_time: bound.has_event_time.then_some(1),
            holds_back: bound.holds_back,
            keep_timers: bound.keep_timers,
        };
        BOUND.with_borrow_mut(|all| all.insert(slot, (bound, is_text)));
        Ok(binding)
    }

    fn needs(slot: u32, step: Step) -> Result<Asked, Failure> {
        let (bound, is_text) = bound(slot);
        let (mut ones, due) = ones(&step, is_text);
        due.iter().for_each(|(key, timer)| ones[*key].timer = Some(*timer));
        let (mut single, mut all) = (Vec::new(), Vec::new());
        for (key, one) in (0u32..).zip(&ones) {
            match bound.wants(one) {
                Wanted::All => all.push(key),
                Wanted::Entries(names) => single.extend(names.into_iter().map(|name| (key, name, None))),
            }
        }
        let all = if all.is_empty() { vec![] } else { vec![(1, indices(all))] };
        Ok(Asked { entries: entries(&single), all })
    }

    fn call(slot: u32, step: Step) -> Result<Outcome, Failure> {
        let (bound, is_text) = bound(slot);
        let (mut ones, due) = ones(&step, is_text);
        let before: Vec<_> = ones.iter().map(|one| one.value.clone()).collect();
        let failed = |(key, message): (usize, String)| Failure { message, about: Some(Subject::Key(key as u32)) };
        let out = bound.call(&mut ones, &due).map_err(failed)?;
        let rows: Vec<String> = out.iter().map(|(_, row)| row.to_string()).collect();
        let mut output = vec![utf8(&rows)];
        if bound.has_event_time {
            // Of rows, the latest of their times, or the watermark; of timers the host knows better.
            let at = |(of, _): &(u32, _)| match due.is_empty() {
                true => {
                    let one: &One = &ones[*of as usize];
                    one.rows.iter().filter_map(|row| row.time).max().or(one.watermark).unwrap_or(0)
                }
                false => 0,
            };
            output.push(columns::longs_of(&out.iter().map(at).collect::<Vec<_>>()));
        }
        let mut changes: (Vec<u32>, Vec<Option<String>>) = Default::default();
        let (mut changed_entries, mut removed) = (Vec::new(), Vec::new());
        let (mut set, mut cleared) = (Vec::new(), Vec::new());
        let (mut late, mut rejected): (BTreeSet<u32>, BTreeSet<u32>) = Default::default();
        for (((key, one), before), start) in (0u32..).zip(&ones).zip(&before).zip(numbers(&step.row_offsets)) {
            removed.extend(one.removed.then_some(key));
            if if one.removed { one.value.is_some() } else { one.value != *before } {
                changes.0.push(key);
                changes.1.push(one.value.as_ref().map(ToString::to_string));
            }
            let entry = |(name, value): (&String, &Option<_>)| {
                (key, name.clone(), value.as_ref().map(|value: &serde_json::Value| value.to_string()))
            };
            changed_entries.extend(one.changed.iter().map(entry));
            let domain = |clock: Clock| u8::from(clock == Clock::ProcessingTime);
            set.extend(one.set.iter().map(|((clock, tag), at)| (key, domain(*clock), *tag, *at)));
            cleared.extend(one.cleared.iter().map(|(clock, tag)| (key, domain(*clock), *tag, 0)));
            late.extend(one.late.iter().map(|row| start + *row as u32));
            rejected.extend(one.rejects.iter().map(|row| start + *row as u32));
        }
        let values: Vec<_> = changes.1.iter().map(Option::as_deref).collect();
        let values = vec![ValueChanges {
            state: 0,
            keys: indices(changes.0.iter().copied()),
            values: batch(vec![binary(&values)]),
        }];
        let reason = "it is not wanted";
        Ok(Outcome {
            output: batch(output),
            output_of: indices(out.iter().map(|(of, _)| *of)),
            values: if changes.0.is_empty() { vec![] } else { values },
            entries: entries(&changed_entries),
            removed: indices(removed),
            set_timers: timers(&set),
            clear_timers: timers(&cleared),
            rejects: (!rejected.is_empty()).then(|| Rejects {
                offsets: indices((0..=rejected.len() as u32).map(|n| n * reason.len() as u32)),
                reasons: reason.repeat(rejected.len()).into_bytes(),
                rows: indices(rejected),
            }),
            late: indices(late),
        })
    }
}

impl migration::Guest for Plugin {
    fn migrate(_: u32, from: u32, fields: Vec<Field>, states: Batch) -> Result<Batch, Failure> {
        if (from, version(), fields[0].name.as_str()) != (1, 2, "value") {
            return Err(Failure {
                message: format!("no way from version {from} to version {}", version()),
                about: None,
            });
        }
        let thousandths = |state: Option<String>| {
            let kept: Vec<i64> = serde_json::from_str(&state?).unwrap();
            Some(serde_json::json!(kept.iter().map(|n| n * 1000).collect::<Vec<_>>()).to_string())
        };
        let states: Vec<_> = byte_texts(&states.arrays[0]).into_iter().map(thousandths).collect();
        Ok(batch(vec![binary(&states.iter().map(Option::as_deref).collect::<Vec<_>>())]))
    }
}
