//! The cases that a real Spark answered, compared wherever they are at hand: in `shared/golden` beside the repository, or
//! where `MILLSTREAM_SPARK_GOLDEN` says. Each case is one file per epoch, in name order.

use std::path::Path;

use millstream_engine::job::{Trigger, parse_instant};
use serde_json::{Value, json};

use super::drive::{Case, Component, Row, job, natively};
use super::model::calls;
use super::seeds::{BASE, Obeyed, same};
use crate::restart::{Watch, watched};
use crate::scratch::Scratch;
use crate::spark::folder;
use crate::support::lines;

const CASES: [(&str, &str); 9] = [
    ("25-keyed-count", "count"),
    ("26-keyed-sessions", "sessions"),
    ("27-keyed-reset", "reset"),
    ("28-keyed-boundary", "boundary"),
    ("29-keyed-late-event", "late-event"),
    ("30-keyed-late-none", "late-none"),
    ("31-keyed-commands", "commands"),
    ("32-keyed-timers", "timers"),
    ("33-keyed-maps", "maps"),
];

fn read(path: &Path) -> Vec<Value> {
    lines(&std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn row(data: Value) -> Row {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let user = if data.get("key").is_some() { &data["key"] } else { &data["user"] };
    let time = parse_instant(data["timestamp"].as_str().unwrap()).unwrap();
    Row { key: [text(user), text(&data["shard"])], time, data }
}

/// A case of a folder, and the rows that Spark gave.
fn case(folder: &Path, function: &str) -> (Case, Vec<Value>) {
    let files = folder.join("input/events").read_dir().unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let asked: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("case.json")).unwrap()).unwrap();
    let case = Case {
        function: function.to_owned(),
        epochs: files.iter().map(|file| read(file).into_iter().map(row).collect()).collect(),
        delay: asked["watermark_delay_ms"].as_i64(),
        moves: asked["time_out"] != "none",
    };
    (case, read(&folder.join("expected.jsonl")))
}

#[test]
fn rows_are_those_of_spark() {
    let Some(folder) = folder() else {
        println!("no rows of a real Spark at hand: nothing compared");
        return;
    };
    for (name, function) in CASES {
        let (case, want) = case(&folder.join(name), function);
        same(name, natively(&case), want.clone());
        same(&format!("{name}, as a component"), Component::of(function).run(&case), want);
    }
}

/// The same as whole jobs over files, whose watermarks are microseconds: the function cuts them off.
#[test]
fn whole_jobs_give_the_rows_of_spark() {
    let Some(folder) = folder() else { return };
    for (name, function) in CASES {
        let (case, want) = case(&folder.join(name), function);
        let scratch = Scratch::new();
        for (number, rows) in case.epochs.iter().enumerate() {
            let line = |row: &Row| {
                let [k, j] = &row.key;
                let line = json!({ "k": k, "j": j, "ts": row.data["timestamp"], "data": row.data.to_string() });
                format!("{line}\n")
            };
            scratch.write(&format!("in/{number:03}.json"), rows.iter().map(line).collect::<String>());
        }
        let sink = "connector = \"file\"\npath = \"out\"\nformat = \"json\"\n";
        // A time-out that its function leaves alone fires for ever.
        let epochs = case.watermarks().len();
        let watch = Watch { stop_at: Some(epochs as u64 - 1), ..Watch::default() };
        let (ran, _) = watched(&scratch, &job(function, case.delay, sink), watch, Some(Trigger::AvailableNow));
        let ran = ran.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert!((ran.summary.epochs as usize) >= case.epochs.len() && ran.summary.rejected == 0, "{name}");
        let mut have = Vec::new();
        for (file, bytes) in scratch.published("out") {
            let epoch: usize = file.rsplit(['-', '.']).nth(1).unwrap().parse().unwrap();
            let rows = lines(std::str::from_utf8(&bytes).unwrap());
            let row = |row: &Value| serde_json::from_str::<Value>(row["out"].as_str().unwrap()).unwrap();
            have.extend(rows.iter().filter(|_| epoch < epochs).map(|r| json!({ "epoch": epoch, "row": row(r) })));
        }
        same(&format!("{name}, as a job"), have, want);
    }
}

#[test]
fn calls_are_those_of_spark() {
    let Some(folder) = folder() else { return };
    let component = Component::of("obey");
    for case in read(&folder.join("24-keyed-state/cases.jsonl")) {
        let name = case["name"].as_str().unwrap();
        let obeyed = Obeyed::read(&case);
        let want: Vec<Value> = case["calls"].as_array().unwrap().iter().map(call).collect();
        same(&format!("{name}, the model"), calls(obeyed.asked, &obeyed.epochs), want.clone());
        same(name, natively(&obeyed.case()), want.clone());
        same(&format!("{name}, as a component"), component.run(&obeyed.case()), want);
    }
    assert_eq!(parse_instant("2025-01-01T00:00:00Z"), Some(BASE * 1000));
}

/// A call as the function gives it.
fn call(call: &Value) -> Value {
    let mut row = call.clone();
    let parts = row.as_object_mut().unwrap();
    parts.remove("watermark");
    let epoch = parts.remove("epoch").unwrap();
    json!({ "epoch": epoch, "row": row })
}
