//! A naive model of keyed state, which goes through all keys and all timers in every epoch: the operator comes to the same,
//! wherever chunks end, and passes the suite of stateful operators.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Domain, KeyedBinding, LateInput};
use super::native::{Logic, Native, One};
use super::{Row, Running, batch, counted, operator};
use crate::executor::{Executor, Workers};
use crate::operator::conformance::{EpochInput, conforms};
use crate::record::WatermarkPair;

type Key = [Option<String>; 2];

/// What a key has: its value, and its timers.
type Has = (Option<Vec<u8>>, BTreeMap<(Domain, u32), i64>);

struct Model {
    binding: KeyedBinding,
    logic: Logic,
    keys: BTreeMap<Key, Has>,
}

/// What comes of an epoch: for rows, for timers each with its time, refused rows and timers, late rows.
#[derive(Debug, Default)]
struct Came {
    rows: Vec<Value>,
    fired: Vec<(i64, Value)>,
    rejects: Vec<String>,
    late: Vec<String>,
}

impl Model {
    fn due(&self, now: i64, watermark: Option<i64>) -> Vec<(i64, Key, Domain, u32)> {
        let of_key = |(key, (_, timers)): (&Key, &Has)| {
            let key = key.clone();
            let due = timers.iter().filter(|((domain, _), at)| match domain {
                Domain::EventTime => watermark.is_some_and(|w| **at <= w),
                Domain::ProcessingTime => **at <= now,
            });
            due.map(move |((domain, tag), at)| (*at, key.clone(), *domain, *tag)).collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(of_key).collect()
    }

    fn apply(&mut self, one: One) {
        let (value, timers) = self.keys.entry(one.key).or_default();
        *value = one.value;
        if one.removed && !self.binding.keep_timers {
            timers.clear();
        }
        timers.retain(|id, _| !one.cleared.contains(id));
        timers.extend(one.set);
    }

    fn epoch(&mut self, rows: &[Row], now: i64, at: WatermarkPair) -> Came {
        let mut came = Came::default();
        let mut due = self.due(now, at.close);
        let mut by_key: BTreeMap<Key, Vec<Row>> = BTreeMap::new();
        for row in rows {
            if self.binding.late == LateInput::SetAside && row.time <= at.close {
                came.late.push(row.data.to_string());
            } else {
                by_key.entry(row.key.clone()).or_default().push(row.clone());
            }
        }
        let one = |model: &Self, key: &Key| One {
            key: key.clone(),
            now,
            watermark: at.close,
            late_watermark: at.late,
            value: model.keys.get(key).and_then(|(value, _)| value.clone()),
            ..One::default()
        };
        for (key, mut rows) in by_key {
            if self.binding.by_event_time {
                rows.sort_by_key(|row| row.time);
            }
            let mut one = One { rows, ..one(self, &key) };
            match (self.logic)(&mut one) {
                Ok(()) => {
                    let data = |row: &usize| one.rows[*row].data.to_string();
                    came.rejects.extend(one.rejects.iter().map(data));
                    came.late.extend(one.late.iter().map(data));
                    came.rows.append(&mut one.out);
                    self.apply(one);
                }
                Err(_) => came.rejects.extend(one.rows.iter().map(|row| row.data.to_string())),
            }
        }
        due.retain(|(at, key, domain, tag)| self.keys[key].1.get(&(*domain, *tag)) == Some(at));
        due.sort();
        let mut of_keys: BTreeMap<Key, Vec<(i64, Domain, u32)>> = BTreeMap::new();
        for (at, key, domain, tag) in due {
            self.keys.get_mut(&key).unwrap().1.remove(&(domain, tag));
            of_keys.entry(key).or_default().push((at, domain, tag));
        }
        for (key, due) in of_keys {
            let mut one = one(self, &key);
            let mut fired = Vec::new();
            let done = due.iter().try_for_each(|(at, domain, tag)| {
                one.timer = Some((*domain, *tag, *at));
                (self.logic)(&mut one)?;
                fired.extend(one.out.drain(..).map(|row| (*at, row)));
                Ok::<_, String>(())
            });
            match done {
                Ok(()) => {
                    came.fired.extend(fired);
                    self.apply(one);
                }
                Err(_) => came.rejects.extend(due.iter().map(|_| json!({ "k": key[0], "j": key[1] }).to_string())),
            }
        }
        came
    }

    fn has(&self, what: impl Fn(&Has) -> bool) -> usize {
        self.keys.values().filter(|has| what(has)).count()
    }
}

/// Does what the rows say; each timer does what its tag says.
fn obey(one: &mut One) -> Result<(), String> {
    let key = json!(one.key);
    if let Some((domain, tag, at)) = one.timer {
        match tag {
            0 => one.set_number(one.number().unwrap_or(0) + 1),
            1 => one.remove(),
            // In the past: it fires in the next epoch.
            2 => one.set(domain, 3, at - 5),
            4 => {
                one.clear(domain, 0);
                one.set(domain, 5, at + 10_000);
            }
            5 => return Err("timer five fails".to_owned()),
            _ => {}
        }
        one.out.push(json!([key, "timer", format!("{domain:?}"), tag, at, one.number()]));
        return Ok(());
    }
    let mut ids = Vec::new();
    for (i, row) in one.rows.clone().iter().enumerate() {
        ids.push(row.data["id"].clone());
        for command in row.data["do"].as_array().unwrap() {
            let domain = if command[1] == 0 { Domain::EventTime } else { Domain::ProcessingTime };
            let (tag, wait) = (command[2].as_u64().unwrap() as u32, command[3].as_i64().unwrap());
            let base = if domain == Domain::EventTime { one.watermark.unwrap_or(0) } else { one.now };
            match command[0].as_str().unwrap() {
                "up" => one.set_number(one.number().unwrap_or(0) + 1),
                "rm" => one.remove(),
                "set" => one.set(domain, tag, base + wait),
                "clear" => one.clear(domain, tag),
                "fail" => return Err("it was told to fail".to_owned()),
                "refuse" if !one.rejects.contains(&i) && !one.late.contains(&i) => one.rejects.push(i),
                "late" if !one.rejects.contains(&i) && !one.late.contains(&i) => one.late.push(i),
                _ => {}
            }
        }
    }
    one.out.push(json!([key, "rows", ids, one.number(), one.late_watermark]));
    Ok(())
}

/// An epoch's rows, and how far the clocks go on before it.
type Epoch = (Vec<Drawn>, i64, i64);

/// A row: its key, its time from the watermark on, what it says: what to do, clock, tag, from now on.
type Drawn = (u8, i64, Vec<(u8, u8, u8, i64)>);

fn epochs(past: bool) -> impl Strategy<Value = Vec<Epoch>> {
    let first = if past { -20_000i64 } else { 1 };
    // Often the very instant that a clock comes to, or the one beside it.
    let near = (first.div_euclid(10_000)..5, -1i64..2).prop_map(move |(n, beside)| (10_000 * n + beside).max(first));
    let wait = prop_oneof![3 => near, 1 => first..3_000_000];
    let command = (0u8..20, 0u8..2, 0u8..6, wait);
    let row = (0u8..6, -40_000i64..2_000_000, prop::collection::vec(command, 0..4));
    let ahead = || prop_oneof![2 => Just(0i64), 4 => (0i64..4).prop_map(|n| 10_000 * n), 1 => 0i64..3_000_000];
    prop::collection::vec((prop::collection::vec(row, 0..12), ahead(), ahead()), 1..9)
}

/// The rows of an epoch whose watermark is this one.
fn rows_of(epoch: &Epoch, watermark: i64, next: &mut u32) -> Vec<Row> {
    let names =
        ["up", "up", "up", "up", "rm", "set", "set", "set", "set", "set", "set", "clear", "late", "refuse", "fail"];
    let row = |(key, time, commands): &Drawn| {
        *next += 1;
        let commands = commands.iter().map(|(what, domain, tag, wait)| {
            json!([names.get(usize::from(*what)).unwrap_or(&"up"), domain, tag, wait])
        });
        Row {
            key: [(key % 3 > 0).then(|| format!("k{}", key % 3)), (key / 3 > 0).then(|| "j".to_owned())],
            time: Some(watermark + time),
            data: json!({ "do": commands.collect::<Vec<_>>(), "id": *next }),
        }
    };
    epoch.0.iter().map(row).collect()
}

/// The epochs with their rows and clocks, which start at these.
fn laid_out(epochs: &[Epoch], watermark: i64, now: i64) -> Vec<(Vec<Row>, i64, WatermarkPair)> {
    let (mut late, mut close, mut now, mut next) = (None, None, now, 0);
    let mut watermark = watermark;
    epochs
        .iter()
        .map(|epoch| {
            (now, watermark) = (now + epoch.1, watermark + epoch.2);
            let rows = rows_of(epoch, watermark, &mut next);
            let pair = WatermarkPair { late, close };
            late = close;
            close = Some(watermark);
            (rows, now, pair)
        })
        .collect()
}

proptest! {
    #[test]
    fn it_does_what_a_naive_model_does(
        epochs in epochs(true), cut in 1usize..6,
        (keep_timers, by_event_time, sets_aside) in any::<(bool, bool, bool)>(),
    ) {
        let late = if sets_aside { LateInput::SetAside } else { LateInput::HandOver };
        let binding = KeyedBinding { keep_timers, by_event_time, late, ..KeyedBinding::default() };
        let mut model = Model { binding: binding.clone(), logic: obey, keys: BTreeMap::new() };
        let mut running = Running::native(binding, obey);
        for (rows, now, pair) in laid_out(&epochs, 1_700_000_000_000_000, 1_800_000_000_000_000) {
            let mut chunks: Vec<(usize, _)> = rows.chunks(cut).map(|rows| (0, batch(rows))).collect();
            let (mut rows, mut pair) = (rows, pair);
            // An epoch without input follows as long as timers were set to a time that had passed: they do so at most twice.
            for more in 0.. {
                prop_assert!(more < 4);
                let want = model.epoch(&rows, now, pair);
                let came = running.epoch(&EpochInput { rows: std::mem::take(&mut chunks), now, watermarks: pair }).unwrap();
                let (for_rows, fired) = came.rows.split_at(want.rows.len().min(came.rows.len()));
                prop_assert_eq!(counted(for_rows.to_vec()), counted(want.rows));
                let times: Vec<i64> = fired.iter().map(|row| row[4].as_i64().unwrap()).collect();
                prop_assert!(times.is_sorted(), "{:?}", fired);
                prop_assert_eq!(counted(fired.to_vec()), counted(want.fired.into_iter().map(|(_, row)| row)));
                let rejects = came.rejects.into_iter().map(|(_, row)| {
                    let row: Value = serde_json::from_str(&row).unwrap();
                    row.get("data").map_or_else(|| Value::String(json!({ "k": row["k"], "j": row["j"] }).to_string()), Clone::clone)
                });
                prop_assert_eq!(counted(rejects), counted(want.rejects.into_iter().map(Value::String)));
                prop_assert_eq!(counted(came.late.into_iter().map(Value::String)), counted(want.late.into_iter().map(Value::String)));
                prop_assert_eq!(running.len(""), model.has(|(value, _)| value.is_some()));
                prop_assert_eq!(running.len("timers"), model.has(|(_, timers)| !timers.is_empty()));
                rows.clear();
                pair.late = pair.close;
                let is_due = running.is_due(pair, now);
                prop_assert!(is_due || model.due(now, pair.close).is_empty());
                // One that was cleared after it had been set late costs an epoch that does nothing.
                if !is_due {
                    break;
                }
            }
        }
    }

    // Timers that are set to a time that has passed make an epoch without input do something, which the suite takes for a
    // fault.
    #[test]
    fn it_conforms(epochs in epochs(false), (keep_timers, by_event_time) in any::<(bool, bool)>()) {
        let binding = KeyedBinding { keep_timers, by_event_time, late: LateInput::SetAside, ..KeyedBinding::default() };
        let keyed = operator(Arc::new(Native::new(binding, obey_in_time))).unwrap();
        let inputs = laid_out(&epochs, 1_700_000_000_000_000, 1_800_000_000_000_000).into_iter();
        let inputs: Vec<EpochInput> = inputs
            .map(|(rows, now, watermarks)| EpochInput { rows: vec![(0, batch(&rows))], now, watermarks })
            .collect();
        conforms(&keyed, super::PARTITIONS, &inputs);
    }
}

#[test]
fn how_many_cores_there_are_plays_no_part() {
    let command = |n: i64| json!([if n % 5 == 0 { "up" } else { "set" }, n % 2, n % 4, n % 40 * 10_000 - 50_000]);
    let row = |n: i64| Row {
        key: [Some(format!("k{}", n * 7 % 211)), None],
        time: Some(1_700_000_000_000_000),
        data: json!({ "do": [command(n)], "id": n }),
    };
    let run = |workers: Workers| {
        let mut running = Running::native(KeyedBinding::default(), obey);
        running.workers = workers;
        let epochs = (0..6).map(|epoch| {
            let chunks = (0..4).map(|chunk| (0..1500).map(|n| row(n * 4 + chunk + epoch * 31)).collect::<Vec<_>>());
            let rows = if epoch < 4 { chunks.map(|rows| (0, batch(&rows))).collect() } else { Vec::new() };
            let watermarks = super::pair(1_700_000_000_000_000, 1_700_000_000_000_000 + epoch * 40_000);
            let came = running.epoch(&EpochInput { rows, now: 1_800_000_000_000_000 + epoch * 40_000, watermarks });
            (came.unwrap(), running.state.take_changes().bytes)
        });
        epochs.collect::<Vec<_>>()
    };
    let alone = run(Workers::alone());
    assert!(alone.iter().any(|(came, _)| came.rows.iter().any(|row| row[1] == "timer")));
    for threads in [2, 8] {
        assert!(
            run(Executor::with_threads(threads).workers(None)) == alone,
            "{threads} threads come to something else"
        );
    }
}

/// As [`obey`], but no timer is set to a time that has passed.
fn obey_in_time(one: &mut One) -> Result<(), String> {
    obey(one)?;
    let (now, watermark) = (one.now, one.watermark);
    one.set.retain(|(domain, _), at| match domain {
        Domain::EventTime => watermark.is_none_or(|w| *at > w),
        Domain::ProcessingTime => *at > now,
    });
    Ok(())
}
