//! A source with partitions, whose ranges are offsets and whose chunks are records.

use std::sync::Arc;

use millstream_engine::Result;
use millstream_engine::clock::{Clock, ManualClock};
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::connector::{Connectors, source};
use millstream_engine::job::Trigger;
use millstream_engine::run::{Engine, Environment, Pace, RunOptions, Step, Summary, run};
use serde_json::json;

use super::job;
use super::log::{Line, Logs};
use crate::scratch::Scratch;
use crate::support::{as_json, settle};

const JOB: &str = r#"
name = "logs"
checkpoint = "checkpoint"
[source.orders]
connector = "log"
[operator.sums]
sql = '''SELECT "partition", sum(n) AS n, count(*) AS c, max("offset") AS last FROM orders GROUP BY "partition"'''
output_mode = "complete"
[sink.out]
input = "sums"
connector = "memory"
[dead_letters]
connector = "file"
path = "letters.json"
format = "json"
"#;

fn run_once(scratch: &Scratch, logs: &Arc<Logs>, tables: &MemoryTables) -> Result<Summary> {
    let connectors = Connectors::built_in().with(logs.clone());
    let job = job(scratch, &connectors, JOB)?;
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        memory: tables.clone(),
        environment: Environment { connectors, ..Environment::default() },
        ..RunOptions::default()
    };
    run(job, options)
}

/// Two partitions; the second one has gaps, a row that is none, and a deletion.
fn filled() -> Arc<Logs> {
    let logs = Arc::new(Logs::default());
    let log = logs.log("orders");
    let mut content = log.lock().unwrap();
    (0..7).for_each(|n| content.add("orders/0", n, &format!("{{\"n\":{n}}}")));
    let lines = [(3, Some("{\"n\":10}")), (5, Some("no JSON")), (8, None), (9, Some("{\"n\":20}"))];
    let line = |(offset, value): (u64, Option<&str>)| Line { offset, time: 0, value: value.map(str::to_owned) };
    content.partitions.insert("orders/1".into(), lines.map(line).to_vec());
    drop(content);
    logs
}

#[test]
fn it_passes_the_suite_of_sources() {
    let scratch = Scratch::new();
    let logs = filled();
    let connectors = Connectors::built_in().with(logs);
    let job = job(&scratch, &connectors, JOB).unwrap();
    source::conformance::conforms(|| connectors.open_source(&job.sources[0], &job.text).unwrap());
}

#[test]
fn offsets_are_read_once_and_records_become_columns() {
    let (scratch, logs) = (Scratch::new(), filled());
    let tables = MemoryTables::default();
    let summary = run_once(&scratch, &logs, &tables).unwrap();
    assert_eq!((summary.rows_in, summary.rejected), (11, 1));
    let rows = || as_json(&tables.table("out").snapshot().unwrap());
    let zero = json!({ "partition": "orders/0", "n": 21, "c": 7, "last": 6 });
    let mut now = rows();
    now.sort_by_key(|row| row["partition"].to_string());
    assert_eq!(now, [zero.clone(), json!({ "partition": "orders/1", "n": 30, "c": 3, "last": 9 })]);
    let letter = &scratch.lines("letters.json")[0];
    assert_eq!((&letter["file"], &letter["line"], &letter["row"]), (&json!("orders/1"), &json!(5), &json!("no JSON")));
    // It goes on behind what was read, and a partition that is new is read from its beginning.
    logs.log("orders").lock().unwrap().add("orders/1", 0, "{\"n\":5}");
    logs.log("orders").lock().unwrap().add("orders/2", 0, "{\"n\":1}");
    assert_eq!(run_once(&scratch, &logs, &tables).unwrap().rows_in, 2);
    let mut now = rows();
    now.sort_by_key(|row| row["partition"].to_string());
    assert_eq!((&now[0], &now[1]["n"], &now[2]["n"]), (&zero, &json!(35), &json!(1)));
}

const WINDOWS: &str = r#"
name = "windows"
checkpoint = "checkpoint"
[source.orders]
connector = "log"
max_per_epoch = 4
event_time = "at"
watermark = "0s"
idle_after = "1 minute"
[operator.n]
sql = '''SELECT window.start AS w, count(*) AS n FROM orders GROUP BY window("at", '10 seconds')'''
late = "late"
[sink.out]
input = "n"
connector = "memory"
[sink.late]
connector = "memory"
"#;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

#[test]
fn a_partition_that_is_behind_holds_the_watermark_until_it_is_read_and_idle() {
    let scratch = Scratch::new();
    let logs = Arc::new(Logs::default());
    let add = |partition: &str, second: i64| logs.log("orders").lock().unwrap().add(partition, second * SECOND, "{}");
    // One of them is an hour ahead of the other, and has less.
    (0..2).for_each(|n| add("fast", 3600 + n));
    (0..20).for_each(|n| add("slow", n * 5));
    let clock = Arc::new(ManualClock::new(0));
    let windows = |tables: &MemoryTables, name: &str| -> u64 {
        let rows = as_json(&tables.table(name).snapshot().unwrap());
        rows.iter().map(|row| row["n"].as_u64().unwrap_or(1)).sum()
    };
    let open = |tables: &MemoryTables| {
        let connectors = Connectors::built_in().with(logs.clone());
        let job = job(&scratch, &connectors, WINDOWS).unwrap();
        let environment =
            Environment { connectors, clock: clock.clone(), pace: Pace::one_by_one(), ..Environment::default() };
        let trigger = Some(Trigger::Continuous);
        Engine::open(job, RunOptions { trigger, memory: tables.clone(), environment, ..RunOptions::default() }).unwrap()
    };
    let settle = |engine: &mut Engine| match settle(engine) {
        Step::WaitUntil(time) => time,
        step => panic!("{step:?}"),
    };
    // However it is cut by restarts: nothing is late, and what is closed is what the slow one has passed.
    for _ in 0..3 {
        let tables = MemoryTables::default();
        let mut engine = open(&tables);
        (0..2).for_each(|_| drop(engine.step().unwrap()));
        assert_eq!(engine.close().unwrap().late, 0);
    }
    let tables = MemoryTables::default();
    let mut engine = open(&tables);
    settle(&mut engine);
    let late = || windows(&tables, "late");
    assert_eq!(late(), 0);
    // The slow one is read to its end, and after a minute idle: the fast one alone counts.
    for _ in 0..4 {
        clock.set(clock.now() + 20 * SECOND);
        add("fast", 3700);
        settle(&mut engine);
    }
    add("slow", 100);
    clock.set(clock.now() + SECOND);
    settle(&mut engine);
    assert_eq!(late(), 1, "what comes after it was idle may be late");
}
