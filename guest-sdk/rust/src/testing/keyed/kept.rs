//! What is kept of keys in a test.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::{operator::Clock, value::Value};

/// What tells a key's timers apart.
pub type Id = (Clock, u32);

/// A timer that is due: when, the key's number, which.
pub type Due = (i64, usize, Id);

/// A key in a call, with its rows or its timers; the numbers of both are the epoch's.
#[derive(Clone, Debug)]
pub struct Work {
    pub key: usize,
    pub rows: Vec<usize>,
    pub due: Vec<(usize, Due)>,
}

/// What is kept of a key. Values and maps are by their numbers among what the operator keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    pub key: Vec<Value>,
    pub values: BTreeMap<usize, Vec<u8>>,
    pub maps: BTreeMap<usize, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// When its state was changed last, by the clock of its time to live.
    pub changed: Option<i64>,
    pub timers: BTreeMap<Id, i64>,
}

impl Kept {
    /// Whether there is a state.
    pub fn has_state(&self) -> bool {
        !self.values.is_empty() || self.maps.values().any(|entries| !entries.is_empty())
    }

    /// The state goes.
    pub fn remove(&mut self, keep_timers: bool) {
        self.values.clear();
        self.maps.clear();
        if !keep_timers {
            self.timers.clear();
        }
    }
}

/// All keys that there were, by number.
#[derive(Default)]
pub struct Keys(Vec<Kept>);

impl Keys {
    /// The number of a key.
    pub fn number(&mut self, key: Vec<Value>) -> usize {
        let at = self.0.iter().position(|kept| kept.key == key);
        at.unwrap_or_else(|| {
            self.0.push(Kept { key, ..Kept::default() });
            self.0.len() - 1
        })
    }

    pub fn get(&self, key: &[Value]) -> Option<&Kept> {
        self.0.iter().find(|kept| kept.key == key)
    }

    pub fn at(&self, number: usize) -> &Kept {
        &self.0[number]
    }

    pub fn at_mut(&mut self, number: usize) -> &mut Kept {
        &mut self.0[number]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        self.0.iter_mut()
    }

    /// The timers that are due, by time, then key, with the keys' numbers.
    pub fn due(&self, now: i64, watermark: Option<i64>) -> Vec<Due> {
        let reached = |clock: Clock| if clock == Clock::EventTime { watermark } else { Some(now) };
        let mut due = Vec::new();
        for (number, kept) in self.0.iter().enumerate() {
            let of_key = kept.timers.iter().filter(|((clock, _), at)| reached(*clock).is_some_and(|r| **at <= r));
            due.extend(of_key.map(|(id, at)| (*at, number, *id)));
        }
        due.sort_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| by_value(&self.0[a.1].key, &self.0[b.1].key)).then(a.2.cmp(&b.2))
        });
        due
    }
}

/// Nulls first, numbers by size, texts by their bytes.
fn by_value(a: &[Value], b: &[Value]) -> Ordering {
    let values = a.iter().zip(b).map(|pair| match pair {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (a, b) => format!("{a:?}").cmp(&format!("{b:?}")),
    });
    values.fold(Ordering::Equal, Ordering::then)
}
