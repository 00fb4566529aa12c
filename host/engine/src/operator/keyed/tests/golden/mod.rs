//! Keyed functions that a real Spark 4.3 was given, compared wherever its answers are at hand: in `shared/golden` beside the
//! repository, or where `MILLSTREAM_SPARK_GOLDEN` says. Each case is one file per epoch; epochs without input follow while
//! the watermark moves.
//!
//! Spark's single time-out is one timer, set and cleared by Spark's rules; Spark's late rows are those at or before the
//! watermark of the epoch before, which each call carries.

use std::path::PathBuf;

use chrono::DateTime;
use serde_json::{Value, json};

use super::super::{Domain, KeyedBinding};
use super::native::{Logic, One};
use super::{Row, Running, counted};
use crate::record::WatermarkPair;

mod functions;

use functions::{boundary, commands, count, late_event, late_none, maps, obey, reset, sessions, timers};

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("MILLSTREAM_SPARK_GOLDEN").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden"));
    folder.is_dir().then_some(folder)
}

fn micros(text: &Value) -> i64 {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().timestamp_micros()
}

fn lines(path: PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What comes out in each epoch. `delay`: of the watermark, microseconds; none = there is no watermark.
fn run(logic: Logic, epochs: &[Vec<Row>], delay: Option<i64>, moves: bool) -> Vec<Value> {
    let binding = KeyedBinding { keep_timers: true, ..KeyedBinding::default() };
    let mut running = Running::native(binding, logic);
    let (mut out, mut n, mut at) = (Vec::new(), 0, WatermarkPair { late: None, close: None });
    let mut greatest = None;
    while n < epochs.len() || (moves && at.late != at.close) {
        let rows = epochs.get(n).map_or(&[][..], Vec::as_slice);
        let came = running.rows(rows, 1_800_000_000_000_000 + n as i64, at);
        assert!(came.rejects.is_empty(), "{:?}", came.rejects);
        out.extend(came.rows.into_iter().map(|row| json!({ "epoch": n, "row": row })));
        greatest = greatest.max(rows.iter().filter_map(|row| row.time).max());
        let next = greatest.zip(delay).map(|(greatest, delay): (i64, i64)| (greatest - delay).div_euclid(1000) * 1000);
        at = WatermarkPair { late: at.close, close: at.close.max(next) };
        n += 1;
    }
    out
}

#[test]
fn rows_are_those_of_spark() {
    let Some(folder) = folder() else {
        eprintln!("the answers of Spark are not here: nothing was compared");
        return;
    };
    let cases: [(&str, Logic); 9] = [
        ("25-keyed-count", count),
        ("26-keyed-sessions", sessions),
        ("27-keyed-reset", reset),
        ("28-keyed-boundary", boundary),
        ("29-keyed-late-event", late_event),
        ("30-keyed-late-none", late_none),
        ("31-keyed-commands", commands),
        ("32-keyed-timers", timers),
        ("33-keyed-maps", maps),
    ];
    for (name, logic) in cases {
        let folder = folder.join(name);
        let mut files: Vec<PathBuf> =
            folder.join("input/events").read_dir().unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let case: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
        let row = |data: Value| {
            let text = |value: &Value| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            let user = if data.get("key").is_some() { &data["key"] } else { &data["user"] };
            Row { key: [text(user), text(&data["shard"])], time: Some(micros(&data["timestamp"])), data }
        };
        let epochs: Vec<Vec<Row>> = files.into_iter().map(|file| lines(file).into_iter().map(row).collect()).collect();
        let delay = case["watermark_delay_ms"].as_i64().map(|ms| ms * 1000);
        let came = run(logic, &epochs, delay, case["time_out"] != "none");
        assert_eq!(counted(came), counted(lines(folder.join("expected.jsonl"))), "{name}");
    }
}

#[test]
fn calls_are_those_of_spark() {
    let Some(folder) = folder() else { return };
    for case in lines(folder.join("24-keyed-state/cases.jsonl")) {
        let is_timed = case["timeout"] == "event-time";
        let at = |seconds: &Value| 1_735_689_600_000_000 + (seconds.as_f64().unwrap() * 1e6).round() as i64;
        let row = |data: &Value| {
            let mut data = data.clone();
            data["timed"] = is_timed.into();
            let key = ["k", "j"].map(|name| data[name].as_str().map(str::to_owned));
            Row { key, time: Some(at(&data["s"])), data }
        };
        let epochs = case["epochs"].as_array().unwrap().iter();
        let epochs: Vec<Vec<Row>> = epochs.map(|rows| rows.as_array().unwrap().iter().map(row).collect()).collect();
        let seconds = |text: &str| text.split(' ').next().unwrap().parse::<f64>().unwrap();
        let delay = case["watermark"].as_str().map(|text| (seconds(text) * 1e6) as i64);
        let came = run(obey, &epochs, delay, is_timed);
        let calls = case["calls"].as_array().unwrap().iter().map(|call| {
            let mut row = call.clone();
            let parts = row.as_object_mut().unwrap();
            parts.remove("watermark");
            let epoch = parts.remove("epoch").unwrap();
            json!({ "epoch": epoch, "row": row })
        });
        assert_eq!(counted(came), counted(calls), "{}", case["name"]);
    }
}

/// What a function sees of its state and its single time-out in Spark.
struct Spark<'a> {
    one: &'a mut One,
    /// The watermark, milliseconds; before there is one, 0.
    w: i64,
    changed: bool,
    due: Option<i64>,
}

impl<'a> Spark<'a> {
    /// Makes a call of Spark's of one of ours. `drops_late`: late rows are dropped, and a key without others is not called.
    fn call(one: &'a mut One, drops_late: bool, with: impl FnOnce(&mut Spark<'_>)) -> Result<(), String> {
        if drops_late && let Some(late) = one.late_watermark {
            let is_late = |row: &Row| row.time.unwrap() <= late;
            one.late = (0..one.rows.len()).filter(|i| is_late(&one.rows[*i])).collect();
            one.rows.retain(|row| !is_late(row));
        }
        if one.timer.is_none() && one.rows.is_empty() {
            return Ok(());
        }
        let w = one.watermark.map_or(0, |w| w / 1000);
        let mut spark = Spark { one, w, changed: false, due: None };
        with(&mut spark);
        let Spark { one, changed, due, .. } = spark;
        // Due is what is less than the watermark, which is in whole milliseconds.
        match (due, one.timer) {
            (Some(due), _) => one.set(Domain::EventTime, 0, due * 1000 + 1),
            (None, _) if changed => one.clear(Domain::EventTime, 0),
            // What its function leaves alone stays.
            (None, Some((domain, tag, at))) => one.set(domain, tag, at),
            (None, None) => {}
        }
        Ok(())
    }

    fn is_timed(&self) -> bool {
        self.one.timer.is_some()
    }

    fn update(&mut self, value: &Value) {
        self.changed = true;
        self.one.removed = false;
        self.one.set_json(value);
    }

    fn remove(&mut self) {
        self.changed = true;
        self.one.remove();
    }

    /// Whether the time-out may be set to then, milliseconds.
    fn time_out(&mut self, due: i64) -> bool {
        if due >= self.w {
            self.due = Some(due);
        }
        due >= self.w
    }

    fn emit(&mut self, row: Value) {
        self.one.out.push(row);
    }

    fn user(&self) -> Value {
        json!(self.one.key[0])
    }

    /// The numbers of the rows, with commas.
    fn ids(&self) -> String {
        self.one.rows.iter().map(|row| row.data["id"].to_string()).collect::<Vec<_>>().join(",")
    }
}
