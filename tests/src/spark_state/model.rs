//! Spark's keyed state with event-time time-outs as a slow program, for the function that obeys its rows' commands. Times are
//! milliseconds; before there is a watermark it is 0.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A row: its key, its number, its time, and what it says.
#[derive(Debug, Clone)]
pub struct Said {
    pub key: [Option<String>; 2],
    pub number: i64,
    pub time: i64,
    /// `up`, `rm`, `to` and `get`, with commas.
    pub commands: String,
    /// What `to` sets the time-out to.
    pub at: Option<i64>,
}

/// How a query was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// There are time-outs.
    pub timed: bool,
    /// How far the watermark is behind; none = there is none.
    pub delay: Option<i64>,
}

type Key = [Option<String>; 2];

#[derive(Default)]
struct Spark {
    counts: BTreeMap<Key, i64>,
    time_outs: BTreeMap<Key, i64>,
    watermark: i64,
    epoch: usize,
    calls: Vec<Value>,
}

impl Spark {
    /// One call with a key's rows, or none where it has timed out.
    fn call(&mut self, key: &Key, rows: Option<&[&Said]>) {
        let before = self.counts.get(key).copied();
        let mut value = before.unwrap_or(0);
        let (mut errors, mut changed, mut time_out) = (Vec::new(), false, None);
        let mut todo: Vec<(&str, Option<i64>)> = Vec::new();
        if rows.is_none() && value % 2 == 0 {
            todo.push(("rm", None));
        }
        let mut sorted = rows.unwrap_or(&[]).to_vec();
        sorted.sort_by_key(|row| row.number);
        todo.extend(sorted.iter().flat_map(|row| row.commands.split(',').map(|command| (command, row.at))));
        for (command, at) in todo {
            match command {
                "up" => {
                    value += 1;
                    self.counts.insert(key.clone(), value);
                    changed = true;
                }
                "rm" => {
                    value = 0;
                    self.counts.remove(key);
                    changed = true;
                }
                "to" if at.unwrap() < self.watermark => errors.push("before-watermark"),
                "to" => time_out = at,
                _ => {}
            }
        }
        match time_out {
            Some(at) => drop(self.time_outs.insert(key.clone(), at)),
            // Changed without a new time-out: the old one is gone.
            None if changed => drop(self.time_outs.remove(key)),
            None => {}
        }
        let numbers: Vec<i64> = sorted.iter().map(|row| row.number).collect();
        let what = if rows.is_some() { "rows" } else { "timeout" };
        self.calls.push(json!({ "epoch": self.epoch, "row": {
            "k": key[0], "j": key[1], "call": what, "rows": numbers,
            "before": before, "after": self.counts.get(key), "errors": errors,
        } }));
    }
}

/// The calls that Spark makes of the function, each with its epoch.
pub fn calls(asked: Asked, epochs: &[Vec<Said>]) -> Vec<Value> {
    let mut spark = Spark::default();
    let (mut newest, mut late, mut last): (Option<i64>, i64, i64) = (None, 0, 0);
    while spark.epoch < epochs.len() || (asked.timed && asked.delay.is_some() && spark.watermark > last) {
        let rows = epochs.get(spark.epoch).map_or(&[][..], Vec::as_slice);
        last = spark.watermark;
        let mut by_key: BTreeMap<Key, Vec<&Said>> = BTreeMap::new();
        for row in rows {
            // Asked by the watermark of the epoch before, and only where there are time-outs.
            if !(asked.timed && late > 0 && row.time <= late) {
                by_key.entry(row.key.clone()).or_default().push(row);
            }
        }
        for (key, rows) in &by_key {
            spark.call(key, Some(rows));
        }
        if asked.timed {
            let due = spark.time_outs.iter().filter(|(_, at)| **at < spark.watermark);
            let due: Vec<Key> = due.map(|(key, _)| key.clone()).collect();
            due.iter().for_each(|key| spark.call(key, None));
        }
        late = spark.watermark;
        newest = newest.max(rows.iter().map(|row| row.time).max());
        if let Some((newest, delay)) = newest.zip(asked.delay) {
            spark.watermark = spark.watermark.max(newest - delay);
        }
        spark.epoch += 1;
    }
    spark.calls
}
