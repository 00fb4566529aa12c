//! Where the clock matters: the trigger's grid, inputs that are idle, rows from the future. The clock is a test's own, and
//! files appear when it comes to them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::clock::Clock;
use millstream_engine::job::{Trigger, parse_instant};
use millstream_engine::run::{Control, Environment, EpochReport, Observer, Pace, RunOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows};

const SECOND: i64 = 1_000_000;

/// What happens at a time.
type Event = (i64, Box<dyn FnOnce() + Send>);

/// A clock that moves on when somebody sleeps, and on whose way things happen.
struct Script {
    now: Mutex<i64>,
    events: Mutex<VecDeque<Event>>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    fn new(now: i64, events: Vec<Event>) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(now), events: Mutex::new(events.into()) })
    }
}

impl Clock for Script {
    fn now(&self) -> i64 {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration.as_micros() as i64;
        let now = self.now();
        loop {
            let mut events = self.events.lock().unwrap();
            if events.front().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let (_, happens) = events.pop_front().unwrap();
            drop(events);
            happens();
        }
    }
}

#[derive(Default)]
struct Reports(Mutex<Vec<EpochReport>>);

impl Observer for Reports {
    fn epoch(&self, report: &EpochReport) {
        self.0.lock().unwrap().push(report.clone());
    }
}

fn at(time: &str) -> i64 {
    parse_instant(&format!("2026-03-01T{time}Z")).unwrap()
}

fn row(time: &str, user: &str) -> String {
    format!("{{\"t\":\"2026-03-01T{time}Z\",\"user\":\"{user}\"}}\n")
}

/// Runs `job` from `start` on; `files` appear at their times; it is stopped at the last one's `end`.
fn run(
    scratch: &Scratch,
    job: &str,
    trigger: Trigger,
    start: &str,
    files: &[(&str, &str, String)],
    end: &str,
) -> (Ran, Vec<EpochReport>) {
    let control = Control::default();
    let mut events: Vec<Event> = Vec::new();
    for (time, name, text) in files {
        let (path, text) = (scratch.path().join(name), text.clone());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let appears = move || std::fs::write(&path, &text).unwrap();
        if at(time) <= at(start) { appears() } else { events.push((at(time), Box::new(appears))) }
    }
    let asked = control.clone();
    events.push((
        at(end),
        Box::new(move || {
            let _ = asked.stop();
        }),
    ));
    let reports = Arc::new(Reports::default());
    let options = RunOptions {
        trigger: Some(trigger),
        observer: reports.clone(),
        control,
        environment: Environment {
            clock: Script::new(at(start), events),
            pace: Pace::one_by_one(),
            ..Environment::default()
        },
        ..RunOptions::default()
    };
    let ran = scratch.run_with(job, options).unwrap();
    let reports = reports.0.lock().unwrap().clone();
    (ran, reports)
}

const SOURCE: &str = r#"format = "json"
schema = { t = "timestamp", user = "utf8" }
event_time = "t"
watermark = "0s"
"#;

#[test]
fn an_interval_stays_on_its_grid_after_a_look_that_found_nothing() {
    let scratch = Scratch::new();
    let job = format!(
        "name = \"grid\"\n[source.s]\npath = \"in\"\n{SOURCE}[sink.s]\ninput = \"s\"\nconnector = \"memory\"\n"
    );
    let files = [
        ("09:00:03", "in/0.json", row("08:00:00", "ann")),
        // Looks at :10 and :20 find nothing; this comes between two of the grid.
        ("09:00:24", "in/1.json", row("08:00:01", "bob")),
        ("09:00:30.5", "in/2.json", row("08:00:02", "cho")),
    ];
    let every = Trigger::Every(Duration::from_secs(10));
    let (_, reports) = run(&scratch, &job, every, "09:00:03", &files, "09:01:00");
    let started: Vec<i64> = reports.iter().map(|r| r.started).collect();
    assert_eq!(started, [at("09:00:03"), at("09:00:30"), at("09:00:40")]);
}

fn two_sources(scratch: &Scratch, idle_after: &str) -> String {
    let checkpoint = scratch.path().join("checkpoint");
    let source = |name: &str| format!("[source.{name}]\npath = \"{name}\"\n{SOURCE}idle_after = \"{idle_after}\"\n");
    format!(
        r#"name = "idle"
checkpoint = {checkpoint:?}
{}{}[operator.x]
sql = "SELECT window.start, count(*) AS n FROM (SELECT t, user FROM a UNION ALL SELECT t, user FROM b) GROUP BY window(t, '1 minute')"
[sink.x]
input = "x"
connector = "memory"
"#,
        source("a"),
        source("b"),
    )
}

#[test]
fn the_watermark_told_is_the_one_used_when_an_input_is_idle() {
    let scratch = Scratch::new();
    let files = [
        ("12:00:00", "a/0.json", row("11:50:00", "ann")),
        ("12:00:00", "b/0.json", row("11:30:00", "bob")),
        ("12:00:40", "a/1.json", row("11:50:30", "ann")),
        // `b` is idle from 12:01:00 on; it comes again with rows that are behind.
        ("12:01:20", "b/1.json", row("11:40:00", "bob")),
    ];
    let job = two_sources(&scratch, "1 minute");
    let (ran, reports) = run(&scratch, &job, Trigger::Continuous, "12:00:00", &files, "12:01:30");
    let told: Vec<(i64, Option<i64>, u64)> =
        reports.iter().map(|r| (r.started / SECOND, r.watermark, r.late)).collect();
    let second = |time: &str| at(time) / SECOND;
    let want = [
        (second("12:00:00"), Some(at("11:30:00")), 0),
        // An epoch without input closes what the watermark has passed.
        (second("12:00:00"), Some(at("11:30:00")), 0),
        (second("12:00:40"), Some(at("11:30:00")), 0),
        // `b` counts as idle, and the watermark is that of `a`.
        (second("12:01:00"), Some(at("11:50:30")), 0),
        // It does not go back.
        (second("12:01:20"), Some(at("11:50:30")), 1),
    ];
    assert_eq!(told, want);
    assert_eq!((ran.summary.watermark, ran.summary.late), (Some(at("11:50:30")), 1));
    let windows: Vec<Value> = ran.rows("x").iter().map(|r| r["start"].clone()).collect();
    assert_eq!(windows, ["2026-03-01T11:30:00Z"]);
    // The record says it too: not in the epoch in which `b` came again, but in the one before.
    let log: Vec<u8> = log_of(&scratch);
    let idle = String::from_utf8_lossy(&log).matches("\"idle\":true").count();
    assert_eq!(idle, 1);
}

fn log_of(scratch: &Scratch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut open = vec![scratch.path().join("checkpoint")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    bytes
}

#[test]
fn where_all_inputs_are_idle_the_greatest_watermark_counts() {
    let scratch = Scratch::new();
    let files = [
        ("12:00:00", "a/0.json", row("11:50:30", "ann") + &row("11:40:30", "ann")),
        ("12:00:00", "b/0.json", row("11:30:00", "bob")),
    ];
    let job = two_sources(&scratch, "1 minute");
    let (ran, reports) = run(&scratch, &job, Trigger::Continuous, "12:00:00", &files, "12:01:30");
    assert_eq!(reports.last().unwrap().watermark, Some(at("11:50:30")));
    let windows: Vec<Value> = ran.rows("x").iter().map(|r| r["start"].clone()).collect();
    assert_eq!(windows, ["2026-03-01T11:30:00Z", "2026-03-01T11:40:00Z"]);
}

#[test]
fn an_input_that_has_much_to_catch_up_with_after_a_night_is_not_idle() {
    let scratch = Scratch::new();
    let job = two_sources(&scratch, "1 minute");
    let files = [("12:00:00", "a/0.json", row("11:50:00", "ann")), ("12:00:00", "b/0.json", row("11:30:00", "bob"))];
    run(&scratch, &job, Trigger::Continuous, "12:00:00", &files, "12:00:30");
    // Hours later both have files, and `b` is behind.
    let job = job.replace("watermark = \"0s\"", "watermark = \"0s\"\nmax_files_per_epoch = 1");
    let files = [
        ("20:00:00", "a/1.json", row("19:00:00", "ann")),
        ("20:00:00", "a/2.json", row("19:00:01", "ann")),
        ("20:00:00", "b/1.json", row("11:35:00", "bob")),
        ("20:00:00", "b/2.json", row("11:36:00", "bob")),
    ];
    let (ran, _) = run(&scratch, &job, Trigger::Continuous, "20:00:00", &files, "20:00:30");
    assert_eq!(ran.summary.late, 0);
}

/// A job with every kind of operator that keeps state. What stands in `ahead` is said of both sources.
fn every_operator(ahead: &str) -> String {
    let source = |name: &str| format!("[source.{name}]\npath = \"{name}\"\n{SOURCE}max_files_per_epoch = 1\n{ahead}\n");
    let operators = [
        (
            "windows",
            "sql = \"SELECT window.start, user, count(*) AS n FROM s GROUP BY window(t, '20 minutes', '10 minutes'), user\"",
        ),
        (
            "sessions",
            "sql = \"SELECT session_window.start, user, count(*) AS n FROM s GROUP BY session_window(t, '5 minutes'), user\"",
        ),
        ("instants", "sql = \"SELECT DISTINCT t, user FROM s\""),
        ("once", "input = \"s\"\ndedup = { keys = [\"user\"], within = \"10 minutes\" }"),
        (
            "both",
            "sql = \"SELECT window.start, count(*) AS n FROM (SELECT t, user FROM s UNION ALL SELECT t, user FROM r) GROUP BY window(t, '10 minutes')\"",
        ),
        (
            "pairs",
            "sql = \"SELECT s.t, r.t AS rt, s.user FROM s LEFT JOIN r ON s.user = r.user AND r.t BETWEEN s.t AND s.t + INTERVAL '10 minutes'\"",
        ),
        ("ever", "output_mode = \"complete\"\nsql = \"SELECT user, count(*) AS n FROM s GROUP BY user\""),
    ];
    let mut job = format!("name = \"future\"\n{}{}", source("s"), source("r"));
    for (name, logic) in operators {
        job += &format!("[operator.{name}]\n{logic}\nlate = \"late_{name}\"\n");
        job += &format!(
            "[sink.{name}]\ninput = \"{name}\"\nconnector = \"memory\"\n[sink.late_{name}]\nconnector = \"memory\"\n"
        );
    }
    job + "[sink.raw]\ninput = \"s\"\nconnector = \"memory\"\n"
}

const OPERATORS: [&str; 7] = ["windows", "sessions", "instants", "once", "both", "pairs", "ever"];

/// Rows `(minute of the day, user)` of files.
type Files = Vec<Vec<(i64, u8)>>;

fn future(files: &[(&str, &Files)], ahead: &str) -> Ran {
    let scratch = Scratch::new();
    for (source, files) in files {
        std::fs::create_dir(scratch.path().join(source)).unwrap();
        for (n, rows) in files.iter().enumerate() {
            let line = |(minute, user): &(i64, u8)| {
                // Far in the future there are years.
                let (year, minute) =
                    if *minute < 1440 { (2026, *minute) } else { (2026 + minute / 1440, minute % 1440) };
                format!("{{\"t\":\"{year}-03-01T{:02}:{:02}:00Z\",\"user\":\"u{user}\"}}\n", minute / 60, minute % 60)
            };
            scratch.write(&format!("{source}/{n:02}.json"), rows.iter().map(line).collect::<String>());
        }
    }
    let clock = Script::new(at("12:00:00"), Vec::new());
    let environment = Environment { clock, ..Environment::default() };
    scratch.run_with(&every_operator(ahead), RunOptions { environment, ..RunOptions::default() }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows from the future change nothing but the late outputs: whatever keeps state gives what it gives without them.
    #[test]
    fn rows_from_the_future_are_as_if_they_were_not_there(
        s in files(), r in files(),
    ) {
        let ahead = |row: &(i64, u8)| row.0 > 13 * 60;
        let without = |files: &Files| files.iter().map(|rows| rows.iter().copied().filter(|r| !ahead(r)).collect()).collect();
        let (s_good, r_good): (Files, Files) = (without(&s), without(&r));
        let with = future(&[("s", &s), ("r", &r)], "max_ahead = \"1 hour\"");
        let plain = future(&[("s", &s_good), ("r", &r_good)], "");
        let count = |files: &Files| files.iter().flatten().filter(|r| ahead(r)).count();
        let mut all_ahead = 0;
        for name in OPERATORS {
            assert_same_rows(name, with.rows(name), plain.rows(name), 0.0);
            let late = format!("late_{name}");
            let is_ahead = |r: &Value| r["_reason"].as_str().unwrap().starts_with("ahead: more than 1 hour");
            let (is_ahead, late): (Vec<Value>, Vec<Value>) = with.rows(&late).into_iter().partition(is_ahead);
            // Lines are counted with those from the future.
            let unplaced = |mut row: Value| {
                row.as_object_mut().unwrap().remove("_line");
                row
            };
            let (late, plain_late) = (late.into_iter(), plain.rows(&format!("late_{name}")).into_iter());
            assert_same_rows(name, late.map(unplaced).collect(), plain_late.map(unplaced).collect(), 0.0);
            let want = count(&s) + if matches!(name, "both" | "pairs") { count(&r) } else { 0 };
            prop_assert_eq!(is_ahead.len(), want, "{}", name);
            all_ahead += want as u64;
        }
        prop_assert_eq!(with.summary.ahead, all_ahead);
        prop_assert_eq!((with.summary.late, with.summary.watermark), (plain.summary.late, plain.summary.watermark));
        // Where no state is kept they pass.
        prop_assert_eq!(with.rows("raw").len(), s.iter().flatten().count());
    }
}

/// As many files of each source: epochs are the same ones with and without the rows ahead.
fn files() -> impl Strategy<Value = Files> {
    let minute =
        prop_oneof![6 => 10 * 60..13 * 60 + 1i64, 1 => 13 * 60 + 1..13 * 60 + 3i64, 1 => 3 * 1440..9 * 1440i64];
    prop::collection::vec(prop::collection::vec((minute, 0..3u8), 1..6), 5)
}

#[test]
fn a_row_ahead_says_why_and_good_rows_are_not_late_for_it() {
    let good: Files = vec![vec![(600, 1)], vec![(1_442, 9), (610, 1)], vec![(620, 1)], vec![(640, 1)]];
    let ran = future(&[("s", &good), ("r", &vec![])], "max_ahead = \"1 hour\"");
    assert_eq!((ran.summary.late, ran.summary.ahead), (0, 7));
    assert_eq!(
        ran.rows("late_windows"),
        [json!({
            "t": "2027-03-01T00:02:00Z", "user": "u9", "_epoch": ran.rows("late_windows")[0]["_epoch"], "_node": "windows",
            "_reason": "ahead: more than 1 hour after the start of its epoch, 2026-03-01T12:00:00Z",
            "_source": "s", "_file": "s/01.json", "_line": 1,
        })]
    );
    // Without it the clock that is wrong makes a day of good rows late.
    let ran = future(&[("s", &good), ("r", &vec![])], "");
    assert!(ran.summary.late > 0 && ran.summary.ahead == 0);
}

#[test]
fn max_ahead_is_checked() {
    let scratch = Scratch::new();
    let job = |more: &str| {
        format!(
            "name = \"x\"\n[source.s]\npath = \"in\"\nformat = \"json\"\nschema = {{ t = \"timestamp\" }}\n{more}\n[sink.s]\ninput = \"s\"\n"
        )
    };
    let refused = |more: &str| scratch.job(&job(more)).unwrap_err().message().to_owned();
    assert_eq!(refused("max_ahead = \"1 hour\""), "`max_ahead` needs `event_time` beside it");
    assert!(refused("event_time = \"t\"\nmax_ahead = \"0s\"").starts_with("`max_ahead` must be greater than zero"));
    scratch.job(&job("event_time = \"t\"\nmax_ahead = \"1 hour\"")).unwrap();
}
