//! An epoch's result follows from the rules and its input alone: small random inputs give the rows of the naive
//! [`crate::model`], and nothing depends on how many threads there are, or, where no row is late, on how rows are spread over
//! files and epochs.

use std::collections::BTreeMap;

use millstream_engine::executor::Executor;
use millstream_engine::run::{Environment, RunOptions};
use proptest::prelude::*;
use serde_json::Value;

use crate::model::{Event, Outcome, Windows};
use crate::scratch::Scratch;
use crate::support::{Ran, here};

const START: i64 = 1_772_355_600;

/// Files of events whose times go on by `step` seconds a file, up to `spread` seconds out of order.
fn files() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = |file: i64, step: i64, spread: i64| {
        (0..3usize, 0..step.max(1), 0..spread, 0i64..100).prop_map(move |(url, on, back, bytes)| Event {
            url: ["/", "/a", "/b"][url].to_owned(),
            time: START + file * step + on - back,
            bytes,
        })
    };
    (1usize..6, 1i64..90, 1i64..120).prop_flat_map(move |(count, step, spread)| {
        (0..count as i64).map(|file| proptest::collection::vec(event(file, step, spread), 0..12)).collect::<Vec<_>>()
    })
}

fn windows() -> impl Strategy<Value = Windows> {
    // Slides that do and do not divide the size, and windows of many slices.
    let few = (1i64..=6, 1i64..=6, 0i64..60);
    let few = few.prop_map(|(a, b, delay)| Windows { size: a.max(b) * 7, slide: a.min(b) * 7, delay });
    let many = (60i64..200, 1i64..=7, 0i64..60).prop_map(|(size, slide, delay)| Windows { size, slide, delay });
    let very_many = (260i64..400, 0i64..60).prop_map(|(size, delay)| Windows { size, slide: 1, delay });
    prop_oneof![2 => few, 1 => many, 1 => very_many]
}

fn lay_out(files: &[Vec<Event>]) -> Scratch {
    let scratch = Scratch::new();
    for (n, events) in files.iter().enumerate() {
        let line = |e: &Event| format!("{{\"url\":\"{}\",\"t\":\"{}\",\"bytes\":{}}}\n", e.url, shown(e.time), e.bytes);
        scratch.write(&format!("in/{n:03}.json"), events.iter().map(line).collect::<String>());
    }
    scratch
}

/// `2026-03-01T09:00:00Z`; all times are on that day.
fn shown(time: i64) -> String {
    let second = time - (START - 9 * 3600);
    format!("2026-03-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn job(windows: Windows, mode: &str, checkpoint: &str, more: &str) -> String {
    let Windows { size, slide, delay } = windows;
    let late = if mode == "complete" { ("", "") } else { ("late = \"late\"", "[sink.late]\nconnector = \"memory\"") };
    let changelog = if mode == "update" { "changelog = true" } else { "" };
    format!(
        r#"
name = "job"
checkpoint = "{checkpoint}"
{more}
[source.events]
path = "in"
format = "json"
schema = {{ url = "utf8", t = "timestamp", bytes = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "{delay}s"
[operator.x]
sql = "SELECT window.start, url, count(*) AS n, sum(bytes) AS bytes, count(DISTINCT bytes % 7) AS kinds FROM events GROUP BY window(t, '{size}s', '{slide}s'), url"
output_mode = "{mode}"
{}
[sink.out]
input = "x"
connector = "memory"
[sink.files]
input = "x"
connector = "file"
path = "out/{checkpoint}"
format = "json"
{changelog}
{}
"#,
        late.0, late.1
    )
}

fn outcome(ran: &Ran) -> Outcome {
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    let number = |row: &Value, column: &str| row[column].as_i64().unwrap();
    let seconds = |text: &str| {
        let part = |at: usize| text[at..at + 2].parse::<i64>().unwrap();
        START - 9 * 3600 + part(11) * 3600 + part(14) * 60 + part(17)
    };
    let rows = ran.rows("out");
    Outcome {
        emitted: ran.summary.rows_out.get("files").map_or(0, |rows| *rows as usize),
        rows: rows
            .iter()
            .map(|r| {
                ((seconds(&text(r, "start")), text(r, "url")), (number(r, "n"), number(r, "bytes"), number(r, "kinds")))
            })
            .collect(),
        late: ran
            .rows("late")
            .iter()
            .map(|r| Event { url: text(r, "url"), time: seconds(&text(r, "t")), bytes: number(r, "bytes") })
            .collect(),
        epochs: ran.summary.epochs as usize,
    }
}

fn threads(threads: usize) -> RunOptions {
    // Of their own: the process's are only as many as the machine has cores.
    let environment = Environment { executor: Executor::with_threads(threads), ..Environment::default() };
    RunOptions { threads: Some(threads), environment, ..RunOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_those_of_the_model(files in files(), windows in windows(), mode in 0..3usize) {
        // In update mode so many windows a row are refused.
        let mode = if windows.size > 256 * windows.slide && mode == 1 { 0 } else { mode };
        let mode = ["append", "update", "complete"][mode];
        let want = windows.run(mode, &files);
        let scratch = lay_out(&files);
        let mut bytes = Vec::new();
        for n in [1, 3] {
            let ran = scratch.run_with(&job(windows, mode, &format!("t{n}"), ""), threads(n)).unwrap();
            let mut have = outcome(&ran);
            prop_assert_eq!(ran.summary.late as usize, have.late.len());
            if mode == "complete" {
                have.emitted = want.emitted;
            }
            prop_assert_eq!(&have, &want, "{} threads, {} {:?}", n, mode, windows);
            bytes.push(scratch.published(&format!("out/t{n}")));
        }
        prop_assert_eq!(&bytes[0], &bytes[1]);
    }

    #[test]
    fn where_no_row_is_late_every_split_gives_the_same(
        events in proptest::collection::vec((0..3usize, 0i64..100, 0i64..100), 1..60),
        order in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
        windows in windows(),
    ) {
        let mut events: Vec<Event> = events
            .into_iter()
            .map(|(url, time, bytes)| Event { url: format!("/{url}"), time: START + time, bytes })
            .collect();
        let windows = Windows { delay: 200, ..windows };
        let all = lay_out(std::slice::from_ref(&events));
        let more = "final_watermark = true";
        let want = outcome(&all.run(&job(windows, "append", "one", more)).unwrap());
        prop_assert!(want.late.is_empty());

        let turn = order.index(events.len());
        events.rotate_left(turn);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(events.len())).collect();
        cuts.extend([0, events.len()]);
        cuts.sort_unstable();
        let split: Vec<Vec<Event>> = cuts.windows(2).map(|w| events[w[0]..w[1]].to_vec()).collect();
        let have = outcome(&lay_out(&split).run(&job(windows, "append", "one", more)).unwrap());
        prop_assert_eq!(have.rows, want.rows);
        prop_assert_eq!(have.late, want.late);
    }
}

/// Floats whose sum depends on the order in which they are added, and lists, over windows of many slices: closed one by one or
/// all at once, they are the same to the last bit.
#[test]
fn windows_of_many_slices_do_not_depend_on_when_they_are_closed() {
    let value = |n: i64| f64::from((n * 7919 % 10_007) as i32) / 3.0 * 10f64.powi((n % 13 - 6) as i32);
    let line = |n: i64| format!("{{\"t\":\"{}\",\"k\":{},\"x\":{}}}\n", shown(START + n), n % 3, value(n));
    let run = |rows_a_file: i64, windows: &str, aggregates: &str| {
        let scratch = Scratch::new();
        for file in 0..600 / rows_a_file {
            let rows = file * rows_a_file..(file + 1) * rows_a_file;
            scratch.write(&format!("in/{file:03}.json"), rows.map(line).collect::<String>());
        }
        let sql = format!("SELECT window.start, k, {aggregates} FROM s GROUP BY window(t, {windows}), k");
        let job = format!(
            r#"
name = "job"
final_watermark = true
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", k = "int64", x = "float64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "0s"
[operator.x]
sql = "{sql}"
[sink.out]
input = "x"
connector = "memory"
"#
        );
        let ran = scratch.run(&job).unwrap();
        let mut rows: Vec<String> = ran.rows("out").iter().map(Value::to_string).collect();
        rows.sort();
        (rows, ran.summary.epochs)
    };
    let all = "sum(x) AS sum, avg(x) AS mean, array_agg(x) AS list, sum(DISTINCT x) AS once";
    // The second ones have so many slices that pieces of them are stored.
    for (windows, aggregates) in [("'100 seconds', '3 seconds'", all), ("'500 seconds', '1 second'", "sum(x) AS sum")] {
        let (at_once, _) = run(600, windows, aggregates);
        let (one_by_one, epochs) = run(2, windows, aggregates);
        assert!(epochs > 300 && at_once.len() > 600, "{epochs}, {}", at_once.len());
        assert!(one_by_one == at_once, "{windows}: other bytes, one by one");
    }
}

/// Many chunks an epoch, floats whose sum depends on the order in which they are added, and rows that a plugin rejects.
#[test]
fn published_bytes_do_not_depend_on_the_number_of_threads() {
    let scratch = Scratch::new();
    // Padding makes files that are cut into several chunks each.
    let pad = "-".repeat(200);
    for file in 0..4 {
        let mut text = String::new();
        for i in 0..20_000 {
            let n = file * 20_000 + i;
            let x = f64::from(n * 7919 % 10_007) / 3.0 * 10f64.powi(n % 13 - 6);
            let t = shown(START - 9 * 3600 + i64::from(n + n * 7919 % 97));
            text += &format!(
                "{{\"t\":\"{t}\",\"k\":{},\"x\":{x},\"word\":\"{}{}\",\"pad\":\"{pad}\"}}\n",
                n % 101,
                if n % 5000 == 7 { "poison " } else { "w" },
                n % 977
            );
        }
        scratch.write(&format!("in/{file}.json"), text);
    }
    let plugin = here().join("../plugins/hostile/rejects-some");
    let mut have: BTreeMap<usize, _> = BTreeMap::new();
    for n in [1, 2, 5] {
        let job = format!(
            r#"
name = "job"
checkpoint = "t{n}"
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", k = "int64", x = "float64", word = "utf8" }}
max_files_per_epoch = 2
event_time = "t"
watermark = "5 minutes"
[plugin.keep]
path = {plugin:?}
[operator.kept]
input = "s"
plugin = "keep"
with = {{ column = "word" }}
[operator.x]
sql = "SELECT k, sum(x) AS sum, avg(x) AS mean, stddev(x) AS sd, approx_percentile_cont(x, 0.9) AS p, first_value(word ORDER BY x) AS w, array_agg(word) AS words FROM kept GROUP BY k"
output_mode = "update"
[operator.sessions]
sql = "SELECT session_window.start, k, sum(x) AS sum, array_agg(word) AS words FROM s GROUP BY session_window(t, '1 minute'), k"
[operator.firsts]
input = "s"
dedup = {{ keys = ["k"], within = "100 seconds" }}
[sink.sessions]
input = "sessions"
connector = "file"
path = "sessions/{n}"
format = "json"
[sink.firsts]
input = "firsts"
connector = "file"
path = "firsts/{n}"
format = "json"
[sink.groups]
input = "x"
connector = "file"
path = "out/{n}"
format = "json"
changelog = true
[sink.rows]
input = "kept"
connector = "file"
path = "rows/{n}"
format = "parquet"
[dead_letters]
path = "letters/{n}"
"#
        );
        let ran = scratch.run_with(&job, threads(n)).unwrap();
        assert_eq!((ran.summary.rows_in, ran.summary.rejected), (80_000, 16));
        let letters = scratch.lines(&format!("letters/{n}"));
        let published = ["out", "rows", "sessions", "firsts"].map(|sink| scratch.published(&format!("{sink}/{n}")));
        assert!(published.iter().all(|files| !files.is_empty()), "every sink has rows");
        have.insert(n, (published, letters));
    }
    assert_eq!(have[&1].0[0].len(), 2);
    assert_eq!(have[&1].1[1]["line"], 5008);
    assert!(have[&2] == have[&1], "2 threads give other bytes than one");
    assert!(have[&5] == have[&1], "5 threads give other bytes than one");
}
