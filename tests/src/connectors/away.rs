//! A source that is away for a while, when it is looked at and in the middle of being read: the result is as if it had
//! never been.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::clock::{Clock, ManualClock};
use millstream_engine::connector::Connectors;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::job::Trigger;
use millstream_engine::run::{
    Control, Engine, Environment, Observer, Pace, RunOptions, Step, StopReason, Summary, run,
};
use millstream_engine::{ErrorKind, Result};
use serde_json::Value;

use super::job;
use super::log::Logs;
use crate::scratch::Scratch;
use crate::support::{as_json, assert_same_rows, settle};

/// Groups that are merged in the middle of an epoch, windows that close, a join, dead letters, and sinks of several kinds.
const JOB: &str = r#"
name = "away"
checkpoint = "checkpoint"
[source.a]
connector = "log"
max_per_epoch = 40
event_time = "ts"
watermark = "20s"
[source.b]
connector = "log"
max_per_epoch = 30
event_time = "ts"
watermark = "20s"
[operator.totals]
sql = 'SELECT n % 7 AS k, count(*) AS c, sum(n) AS s FROM a GROUP BY n % 7'
output_mode = "complete"
[operator.windows]
sql = '''SELECT window.start AS w, count(*) AS c, count(DISTINCT n) AS d FROM b GROUP BY window(ts, '20 seconds')'''
late = "late"
[operator.both]
sql = 'SELECT a.n AS a, b.n AS b FROM a JOIN b ON a.n = b.n AND b.ts BETWEEN a.ts AND a.ts + INTERVAL 5 SECONDS'
[sink.totals]
input = "totals"
connector = "memory"
[sink.windows]
input = "windows"
connector = "file"
path = "windows"
format = "json"
[sink.both]
input = "both"
connector = "memory"
[sink.late]
connector = "memory"
[sink.copy]
input = "b"
connector = "file"
path = "copy"
format = "json"
[dead_letters]
path = "letters.json"
format = "json"
"#;

const SECOND: Duration = Duration::from_secs(1);

/// Records out of order, some of them no rows; none is too late, whatever epochs they come in.
fn filled() -> Arc<Logs> {
    let logs = Arc::new(Logs::default());
    for (source, step) in [("a", 3u64), ("b", 5)] {
        let log = logs.log(source);
        let mut content = log.lock().unwrap();
        content.again_after = Some(SECOND);
        for i in 0..150u64 {
            let partition = format!("{source}/{}", i % 3);
            let (n, second) = (i * step % 50, i.saturating_sub(i * 7 % 13));
            let value = match i % 41 {
                40 => "no row".to_owned(),
                _ => format!("{{\"n\":{n},\"ts\":\"2026-01-01T00:{:02}:{:02}Z\"}}", second / 60, second % 60),
            };
            content.add(&partition, 0, &value);
        }
    }
    logs
}

/// What somebody was told.
#[derive(Default, Clone)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn message(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Run {
    summary: Result<Summary>,
    tables: MemoryTables,
    told: Vec<String>,
    /// How long it took, of its own clock.
    took: Duration,
}

fn options(logs: &Arc<Logs>, clock: &Arc<ManualClock>) -> (Connectors, RunOptions, MemoryTables, Told) {
    let connectors = Connectors::built_in().with(logs.clone());
    let (tables, told) = (MemoryTables::default(), Told::default());
    let environment = Environment {
        connectors: connectors.clone(),
        clock: clock.clone(),
        // Groups are merged, and outputs are written aside, long before the epoch's end.
        early: 3,
        inline_limit: 100,
        pace: Pace::one_by_one(),
        checkpoint_id: Some(1),
        ..Environment::default()
    };
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        memory: tables.clone(),
        observer: Arc::new(told.clone()),
        threads: Some(2),
        environment,
        ..RunOptions::default()
    };
    (connectors, options, tables, told)
}

fn run_all(scratch: &Scratch, logs: &Arc<Logs>, trigger: Trigger) -> Run {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
    let began = clock.now();
    let (connectors, options, tables, told) = options(logs, &clock);
    let summary = run(job(scratch, &connectors, JOB).unwrap(), RunOptions { trigger: Some(trigger), ..options });
    let took = Duration::from_micros((clock.now() - began) as u64);
    Run { summary, tables, told: told.take(), took }
}

/// All rows of all sinks, in an order of their own.
fn results(scratch: &Scratch, run: &Run) -> Vec<(&'static str, Vec<Value>)> {
    let table = |name: &str| as_json(&run.tables.table(name).snapshot().unwrap());
    let files = |folder: &str| -> Vec<Value> {
        let files = scratch.published(folder);
        let lines = files.iter().flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n'));
        lines.filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect()
    };
    vec![
        ("totals", table("totals")),
        ("both", table("both")),
        ("late", table("late")),
        ("windows", files("windows")),
        ("copy", files("copy")),
        ("letters", scratch.lines("letters.json")),
    ]
}

/// How many files are in a folder and those below it.
fn count_files(folder: &Path) -> usize {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}

/// Rows without what says in which epoch they came: a source goes on while another one is away.
fn without_epochs(rows: Vec<Value>) -> Vec<Value> {
    let without = |mut row: Value| {
        row.as_object_mut().unwrap().remove("epoch");
        row
    };
    rows.into_iter().map(without).collect()
}

#[test]
fn what_comes_out_is_as_if_no_source_had_been_away() {
    let scratch = Scratch::new();
    let never = run_all(&scratch, &filled(), Trigger::AvailableNow);
    let want = results(&scratch, &never);
    assert!(want.iter().all(|(what, rows)| rows.is_empty() == (*what == "late")), "{want:?}");
    let never = never.summary.unwrap();
    // What is there beside what is published: whose folder it is.
    let beside = |scratch: &Scratch| count_files(&scratch.path().join("copy")) - scratch.published("copy").len();
    let claim = beside(&scratch);
    for fails_after in 0..14 {
        let (scratch, logs) = (Scratch::new(), filled());
        for source in ["a", "b"] {
            let log = logs.log(source);
            let mut content = log.lock().unwrap();
            content.failing_plans = u32::from(fails_after % 3 == 1);
            content.failing_reads = [None, Some(fails_after), Some(fails_after / 2), None, Some(0)].into();
        }
        let run = run_all(&scratch, &logs, Trigger::AvailableNow);
        let summary = run.summary.as_ref().unwrap();
        assert_eq!((summary.rows_in, summary.rejected), (never.rows_in, never.rejected));
        assert!(run.took >= 3 * SECOND, "{:?}", run.took);
        for ((what, rows), (_, want)) in results(&scratch, &run).into_iter().zip(&want) {
            let what = format!("{what}, away after {fails_after} chunks");
            assert_same_rows(&what, without_epochs(rows), without_epochs(want.clone()), 0.0);
        }
        // What was written aside for an epoch that was given up is gone.
        assert_eq!(beside(&scratch), claim);
    }
}

#[test]
fn one_who_waits_is_told_once_and_longer_and_longer_waits_have_a_bound() {
    let (scratch, logs) = (Scratch::new(), filled());
    logs.log("a").lock().unwrap().failing_plans = 20;
    let run = run_all(&scratch, &logs, Trigger::AvailableNow);
    let (summary, plans) = (run.summary.unwrap(), logs.log("a").lock().unwrap().plans);
    assert_eq!((summary.rows_in, summary.stopped), (300, StopReason::InputEnded));
    // 1, 2, 4, … 32 seconds, then a minute each time; a few looks find what is there.
    let wait: u64 = 63 + 14 * 60;
    assert!((wait..wait + 10).contains(&run.took.as_secs()), "{:?}", run.took);
    assert!(plans < 40, "{plans}");
    let about: Vec<&String> = run.told.iter().filter(|line| line.contains("source `")).collect();
    assert_eq!(about.len(), 2, "{about:?}");
    assert_eq!(about[0], "source `a` is away, the job waits for it: the broker does not answer");
    assert!(about[1].starts_with("source `a` is back after 15 minutes"), "{about:?}");
}

#[test]
fn one_that_is_away_when_the_job_begins_is_waited_for() {
    let scratch = Scratch::new();
    let want = results(&scratch, &run_all(&scratch, &filled(), Trigger::AvailableNow));
    let (scratch, logs) = (Scratch::new(), filled());
    logs.log("a").lock().unwrap().failing_stops = 3;
    let run = run_all(&scratch, &logs, Trigger::AvailableNow);
    let summary = run.summary.as_ref().unwrap();
    assert_eq!((summary.rows_in, summary.stopped), (300, StopReason::InputEnded));
    assert_eq!(run.took.as_secs(), 7);
    for ((what, rows), (_, want)) in results(&scratch, &run).into_iter().zip(want) {
        assert_same_rows(what, without_epochs(rows), without_epochs(want), 0.0);
    }
    assert!(run.told.contains(&"source `a` is away, the job waits for it: the broker does not answer".to_owned()));
    assert!(run.told.iter().any(|line| line.starts_with("source `a` is back after ")), "{:?}", run.told);

    // An error that does not pass ends it before anything is read.
    let logs = filled();
    logs.log("a").lock().unwrap().again_after = None;
    logs.log("a").lock().unwrap().failing_stops = 1;
    let error = run_all(&Scratch::new(), &logs, Trigger::AvailableNow).summary.unwrap_err();
    assert_eq!((error.kind(), logs.log("b").lock().unwrap().reads), (ErrorKind::Unavailable, 0));
}

#[test]
fn an_error_that_does_not_pass_ends_the_job_and_it_goes_on_where_it_was() {
    let scratch = Scratch::new();
    let want = {
        let alone = Scratch::new();
        let run = run_all(&alone, &filled(), Trigger::AvailableNow);
        results(&alone, &run)
    };
    for in_plan in [false, true] {
        let logs = filled();
        {
            let log = logs.log("b");
            let mut content = log.lock().unwrap();
            content.again_after = None;
            content.failing_plans = u32::from(in_plan);
            content.failing_reads = [None, Some(3)].into();
        }
        let error = run_all(&scratch, &logs, Trigger::AvailableNow).summary.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().ends_with("source `b`: the broker does not answer"), "{error}");
    }
    let run = run_all(&scratch, &filled(), Trigger::AvailableNow);
    let files = |(what, _): &&(&str, Vec<Value>)| ["windows", "copy", "letters"].contains(what);
    let have = results(&scratch, &run);
    for ((what, rows), (_, want)) in have.iter().filter(files).zip(want.iter().filter(files)) {
        assert_same_rows(what, rows.clone(), want.clone(), 0.0);
    }
}

#[test]
fn the_trigger_once_waits_for_all_of_its_one_epoch() {
    for in_plan in [false, true] {
        let (scratch, logs) = (Scratch::new(), filled());
        {
            let log = logs.log("b");
            let mut content = log.lock().unwrap();
            content.failing_plans = 3 * u32::from(in_plan);
            content.failing_reads = if in_plan { [].into() } else { [Some(2), Some(3)].into() };
        }
        let run = run_all(&scratch, &logs, Trigger::Once);
        let summary = run.summary.unwrap();
        assert_eq!((summary.epochs, summary.rows_in), (1, 70));
        assert_eq!(run.took.as_secs(), if in_plan { 7 } else { 3 });
    }
}

#[test]
fn other_sources_go_on_and_a_job_that_waits_can_be_stopped() {
    let (scratch, logs) = (Scratch::new(), filled());
    logs.log("b").lock().unwrap().failing_reads = vec![Some(1); 100].into();
    let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
    let (connectors, options, tables, told) = options(&logs, &clock);
    let control = Control::default();
    let options = RunOptions { trigger: Some(Trigger::Continuous), control: control.clone(), ..options };
    let mut engine = Engine::open(job(&scratch, &connectors, JOB).unwrap(), options).unwrap();
    let Step::WaitUntil(_) = settle(&mut engine) else { panic!("it tries again by itself") };
    // All of the one, nothing of the other.
    let totals = as_json(&tables.table("totals").snapshot().unwrap());
    assert_eq!(totals.iter().map(|row| row["c"].as_u64().unwrap()).sum::<u64>(), 147);
    assert!(scratch.published("copy").is_empty());
    assert_eq!(told.take(), ["source `b` is away, the job waits for it: the broker does not answer"]);
    let reads = logs.log("b").lock().unwrap().reads;
    for _ in 0..5 {
        let Step::WaitUntil(_) = settle(&mut engine) else { panic!("it still waits") };
        clock.set(clock.now() + 5_000_000);
    }
    assert!(logs.log("b").lock().unwrap().reads > reads);
    assert_eq!(told.take(), [""; 0]);
    logs.log("b").lock().unwrap().failing_reads.clear();
    clock.set(clock.now() + 60_000_000);
    let Step::WaitUntil(_) = settle(&mut engine) else { panic!("more may come") };
    assert!(told.take()[0].starts_with("source `b` is back after "));
    assert!(!scratch.published("copy").is_empty());
    logs.log("b").lock().unwrap().add("b/0", 0, "{}");
    logs.log("b").lock().unwrap().failing_plans = 1;
    let Step::WaitUntil(_) = settle(&mut engine) else { panic!("it waits again") };
    control.stop();
    assert!(matches!(settle(&mut engine), Step::Done(StopReason::Requested)));
    assert_eq!(engine.close().unwrap().rows_in, 300);
}
