//! A keyed function of Rust's own that is written for one key at a time: what an SDK makes of calls for plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::datatypes::{DataType, Field, TimestampMicrosecondType};
use serde_json::{Map, Value, json};

use super::super::{Domain, KeyedBinding, KeyedError, KeyedFunction, Outcome, Phase, Step, Timer, ValueChanges};
use super::Row;
use crate::operator::isolate::Attempt;
use millstream_plugin::Reject;

/// What a function does for one key: with its rows, or with one of its timers that is due.
pub(in super::super) type Logic = fn(&mut One) -> Result<(), String>;

/// One key in a call.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct One {
    pub key: [Option<String>; 2],
    pub rows: Vec<Row>,
    /// The timer that is due; none = rows have come.
    pub timer: Option<(Domain, u32, i64)>,
    pub now: i64,
    pub watermark: Option<i64>,
    pub late_watermark: Option<i64>,
    pub value: Option<Vec<u8>>,
    pub removed: bool,
    pub set: BTreeMap<(Domain, u32), i64>,
    pub cleared: BTreeSet<(Domain, u32)>,
    /// What comes out.
    pub out: Vec<Value>,
    /// Rows that are refused, and those that are late.
    pub rejects: Vec<usize>,
    pub late: Vec<usize>,
}

impl One {
    pub fn set(&mut self, domain: Domain, tag: u32, at: i64) {
        self.set.insert((domain, tag), at);
    }

    pub fn clear(&mut self, domain: Domain, tag: u32) {
        self.set.remove(&(domain, tag));
        self.cleared.insert((domain, tag));
    }

    pub fn remove(&mut self) {
        (self.value, self.removed) = (None, true);
    }

    pub fn number(&self) -> Option<i64> {
        self.value.as_ref().map(|value| i64::from_le_bytes(value.as_slice().try_into().unwrap()))
    }

    pub fn set_number(&mut self, number: i64) {
        self.value = Some(number.to_le_bytes().to_vec());
    }
}

/// The function; it keeps one value, and gives one column of text.
#[derive(Debug)]
pub(in super::super) struct Native {
    binding: KeyedBinding,
    logic: Logic,
}

impl Native {
    pub fn new(binding: KeyedBinding, logic: Logic) -> Self {
        let output = vec![Arc::new(Field::new("out", DataType::Utf8, false))];
        let values = if binding.values.is_empty() { vec!["state".to_owned()] } else { binding.values };
        Self { binding: KeyedBinding { output, values, reads: vec![0, 1, 2, 3], ..binding }, logic }
    }
}

/// Key number `i` of a step, without rows and timers.
fn one(step: &Step, i: usize) -> One {
    let text = |at: usize| {
        let column = step.keys.column(at).as_string::<i32>();
        column.is_valid(i).then(|| column.value(i).to_owned())
    };
    let Step { now, watermark, late_watermark, .. } = *step;
    let value = step.value(0, i).map(<[u8]>::to_vec);
    One { key: [text(0), text(1)], now, watermark, late_watermark, value, ..One::default() }
}

fn row_of(step: &Step, key: &[Option<String>; 2], i: usize) -> Row {
    let times = step.rows.column(2).as_primitive::<TimestampMicrosecondType>();
    let data = step.rows.column(3).as_string::<i32>().value(i);
    let time = times.is_valid(i).then(|| times.value(i));
    Row { key: key.clone(), time, data: serde_json::from_str(data).unwrap() }
}

impl KeyedFunction for Native {
    fn binding(&self) -> &KeyedBinding {
        &self.binding
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), json!("native"))].into_iter().collect()
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let mut ones: Vec<One> = (0..step.key_count()).map(|i| one(step, i)).collect();
        let (mut out, mut outcome): (Vec<(u32, String)>, _) = (Vec::new(), Outcome::default());
        let mut take_out = |one: &mut One, of: usize| {
            out.extend(one.out.drain(..).map(|row| (of as u32, row.to_string())));
        };
        match step.phase {
            Phase::Rows => {
                for (i, one) in ones.iter_mut().enumerate() {
                    let rows = step.rows_of(i);
                    assert!(!rows.is_empty(), "a key without rows is not called");
                    one.rows = rows.clone().map(|row| row_of(step, &one.key, row)).collect();
                    (self.logic)(one).map_err(KeyedError::Keys)?;
                    take_out(one, i);
                    let rejected = one.rejects.iter().map(|row| (rows.start + row) as u32);
                    let reason = "the function does not want it";
                    outcome.rejects.extend(rejected.map(|row| Reject { row, reason: reason.to_owned() }));
                    outcome.late.extend(one.late.iter().map(|row| (rows.start + row) as u32));
                }
            }
            Phase::Timers => {
                assert!(step.due.is_sorted_by_key(|timer| (timer.at, timer.key)), "{:?}", step.due);
                for (of, timer) in step.due.iter().enumerate() {
                    let one = &mut ones[timer.key as usize];
                    one.timer = Some((timer.domain, timer.tag, timer.at));
                    (self.logic)(one).map_err(KeyedError::Keys)?;
                    take_out(one, of);
                }
            }
        }
        let mut changes = (Vec::new(), Vec::<Option<Vec<u8>>>::new());
        for (i, one) in ones.iter().enumerate() {
            let key = i as u32;
            if one.removed {
                outcome.removed.push(key);
            }
            let is_changed = if one.removed { one.value.is_some() } else { one.value.as_deref() != step.value(0, i) };
            if is_changed {
                changes.0.push(key);
                changes.1.push(one.value.clone());
            }
            let timer = |(domain, tag): (Domain, u32), at: i64| Timer { key, domain, tag, at };
            outcome.clear_timers.extend(one.cleared.iter().map(|id| timer(*id, 0)));
            outcome.set_timers.extend(one.set.iter().map(|(id, at)| timer(*id, *at)));
        }
        if !changes.0.is_empty() {
            let values = changes.1.iter().map(|value| value.as_deref()).collect::<BinaryArray>();
            outcome.values.push(ValueChanges { value: 0, keys: changes.0, values });
        }
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(out.iter().map(|(_, row)| row)));
        outcome.output = vec![column];
        outcome.output_of = out.iter().map(|(of, _)| *of).collect();
        Ok(outcome)
    }
}
