//! The functions of the guest as keyed functions of Rust's own: the same calls, without Wasm.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::datatypes::{DataType, Field, SchemaRef, TimestampMicrosecondType};
use keyed_state::bound::{Bound, Due, Wanted, row};
use keyed_state::one::{Clock, One};
use millstream_engine::job::OutputMode;
use millstream_engine::operator::Attempt;
use millstream_engine::operator::keyed::{
    Domain, JudgedBy, Keyed, KeyedBinding, KeyedError, KeyedFunction, KeyedInput, MapEntries, Needs, Outcome, Step,
    Timer, ValueChanges,
};
use serde_json::{Map, Value, json};

/// A function of the guest, over columns `k`, `j`, `ts`, `data`.
#[derive(Debug)]
struct Native {
    bound: Bound,
    binding: KeyedBinding,
}

/// The operator of a configuration over such rows.
pub fn operator(config: &str, input: SchemaRef, partitions: u32) -> Keyed {
    let bound = Bound::new(config, 1).unwrap();
    let binding = KeyedBinding {
        reads: vec![2, 3],
        output: vec![Arc::new(Field::new("out", DataType::Utf8, true))],
        values: vec!["value".to_owned()],
        maps: if bound.has_map { vec!["map".to_owned()] } else { Vec::new() },
        keep_timers: bound.keep_timers,
        ..KeyedBinding::default()
    };
    let input = KeyedInput { schema: input, keys: vec![0, 1], time: None, judged_by: JudgedBy::ThisEpoch };
    Keyed::new("x".into(), input, Arc::new(Native { bound, binding }), OutputMode::Append, partitions).unwrap()
}

fn domain(clock: Clock) -> Domain {
    match clock {
        Clock::EventTime => Domain::EventTime,
        Clock::ProcessingTime => Domain::ProcessingTime,
    }
}

fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn ones(step: &Step) -> (Vec<One>, Vec<Due>) {
    let keys: Vec<_> = step.keys.columns().iter().map(texts).collect();
    let times = step.rows.column(2).as_primitive::<TimestampMicrosecondType>();
    let data = step.rows.column(3).as_string::<i32>();
    let one = |i: usize| One {
        key: keys.iter().map(|column| column[i].clone()).collect(),
        rows: step
            .rows_of(i)
            .map(|at| row(times.is_valid(at).then(|| times.value(at)), data.is_valid(at).then(|| data.value(at))))
            .collect(),
        now: step.now,
        watermark: step.watermark,
        previous_watermark: step.late_watermark,
        value: step.value(0, i).map(parsed),
        ..One::default()
    };
    let mut ones: Vec<One> = (0..step.key_count()).map(one).collect();
    for map in &step.maps {
        for (at, key) in map.keys.iter().enumerate().filter(|(at, _)| map.values.is_valid(*at)) {
            let name = String::from_utf8(map.entry_keys.value(at).to_vec()).unwrap();
            ones[*key as usize].entries.insert(name, parsed(map.values.value(at)));
        }
    }
    let clock = |domain| if domain == Domain::EventTime { Clock::EventTime } else { Clock::ProcessingTime };
    let due = step.due.iter().map(|timer| (timer.key as usize, (clock(timer.domain), timer.tag, timer.at)));
    (ones, due.collect())
}

fn entries(all: &[(u32, String, Option<String>)]) -> Vec<MapEntries> {
    if all.is_empty() {
        return Vec::new();
    }
    vec![MapEntries {
        map: 0,
        keys: all.iter().map(|(key, _, _)| *key).collect(),
        entry_keys: BinaryArray::from_iter_values(all.iter().map(|(_, name, _)| name)),
        values: all.iter().map(|(_, _, value)| value.as_ref().map(String::as_bytes)).collect(),
    }]
}

impl KeyedFunction for Native {
    fn binding(&self) -> &KeyedBinding {
        &self.binding
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), json!("native"))].into_iter().collect()
    }

    fn needs(&self, step: &Step, _: Attempt) -> Result<Needs, KeyedError> {
        let (mut ones, due) = ones(step);
        due.iter().for_each(|(key, timer)| ones[*key].timer = Some(*timer));
        let (mut single, mut all) = (Vec::new(), Vec::new());
        for (key, one) in (0u32..).zip(&ones) {
            match self.bound.wants(one) {
                Wanted::All => all.push(key),
                Wanted::Entries(names) => single.extend(names.into_iter().map(|name| (key, name, None))),
            }
        }
        Ok(Needs { entries: entries(&single), all: if all.is_empty() { Vec::new() } else { vec![(0, all)] } })
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let (mut ones, due) = ones(step);
        let out = self.bound.call(&mut ones, &due).map_err(|(_, why)| KeyedError::Keys(why))?;
        let (mut outcome, mut changes, mut changed) = (Outcome::default(), (Vec::new(), Vec::new()), Vec::new());
        for (i, one) in ones.iter().enumerate() {
            let key = i as u32;
            outcome.removed.extend(one.removed.then_some(key));
            let before = step.value(0, i).map(parsed);
            if if one.removed { one.value.is_some() } else { one.value != before } {
                changes.0.push(key);
                changes.1.push(one.value.as_ref().map(|value| value.to_string().into_bytes()));
            }
            let entry =
                |(name, value): (&String, &Option<Value>)| (key, name.clone(), value.as_ref().map(ToString::to_string));
            changed.extend(one.changed.iter().map(entry));
            let timer = |(clock, tag): (Clock, u32), at| Timer { key, domain: domain(clock), tag, at };
            outcome.set_timers.extend(one.set.iter().map(|(id, at)| timer(*id, *at)));
            outcome.clear_timers.extend(one.cleared.iter().map(|id| timer(*id, 0)));
            outcome.late.extend(one.late.iter().map(|row| (step.rows_of(i).start + row) as u32));
        }
        outcome.entries = entries(&changed);
        if !changes.0.is_empty() {
            let values = changes.1.iter().map(Option::as_deref).collect::<BinaryArray>();
            outcome.values.push(ValueChanges { value: 0, keys: changes.0, values });
        }
        outcome.output = vec![Arc::new(StringArray::from_iter_values(out.iter().map(|(_, row)| row.to_string())))];
        outcome.output_of = out.iter().map(|(of, _)| *of).collect();
        Ok(outcome)
    }
}
