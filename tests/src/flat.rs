//! An epoch costs in proportion to the rows and keys that it touches: the same input after much state and after little.
//! These print figures and take their time:
//! `MILLSTREAM_KEYS=10000,1000000 cargo test --release --workspace flat -- --ignored --nocapture`

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::run::{EpochReport, Observer, RunOptions};

use crate::scratch::Scratch;

#[derive(Default)]
struct Watch(Mutex<Vec<(u64, Duration)>>);

impl Observer for Watch {
    fn epoch(&self, report: &EpochReport) {
        self.0.lock().unwrap().push((report.state_rows, report.compute));
    }
}

/// Seconds of a day, as text.
fn at(second: i64) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

const NOON: i64 = 12 * 3600;
const EPOCHS: i64 = 20;
/// Rows of an epoch: half of them of keys that are stored, half of keys that the next epochs close.
const ROWS: i64 = 50_000;

/// The lower quartile of the times of epochs behind `keys` keys whose state nothing touches and nothing closes.
fn epoch_time(keys: i64, operators: &str) -> (u64, Duration) {
    let scratch = Scratch::new();
    let mut text = String::new();
    for key in 0..keys {
        writeln!(text, "{{\"t\":\"{}\",\"k\":{key}}}", at(NOON + key % 600)).unwrap();
    }
    scratch.write("in/000.json", &text);
    for epoch in 0..EPOCHS {
        text.clear();
        for row in 0..ROWS {
            // The watermark is two hours behind the greatest time: it goes on by a minute an epoch.
            let (time, key) = match row {
                0 => (NOON + 600 + epoch * 60, 0),
                _ if row % 2 == 0 => (NOON + row % 600, row % 5000),
                _ => (NOON + 600 + epoch * 60 - 3 * 3600 + 61 + row % 60, -1 - epoch * ROWS - row % 5000),
            };
            writeln!(text, "{{\"t\":\"{}\",\"k\":{key}}}", at(time)).unwrap();
        }
        scratch.write(&format!("in/{:03}.json", epoch + 1), &text);
    }
    let job = format!(
        r#"
name = "flat"
checkpoint = "state"
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", k = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "2h"
{operators}
[sink.out]
input = "x"
connector = "memory"
"#
    );
    let watch = Arc::new(Watch::default());
    scratch.run_with(&job, RunOptions { observer: watch.clone(), ..RunOptions::default() }).unwrap();
    let epochs = watch.0.lock().unwrap();
    let mut times: Vec<Duration> = epochs[2..=EPOCHS as usize].iter().map(|(_, took)| *took).collect();
    times.sort();
    (epochs[EPOCHS as usize].0, times[times.len() / 4])
}

fn compare(what: &str, operators: &str) {
    let keys = std::env::var("MILLSTREAM_KEYS").unwrap_or_else(|_| "10000,1000000".into());
    let times: Vec<Duration> = keys
        .split(',')
        .map(|keys| {
            let (state, took) = epoch_time(keys.parse().unwrap(), operators);
            println!("{what}: {state} keys in state: {:.1} ms an epoch", took.as_secs_f64() * 1000.0);
            took
        })
        .collect();
    let ratio = times[times.len() - 1].as_secs_f64() / times[0].as_secs_f64();
    println!("{what}: {ratio:.2} times as long");
    assert!(ratio < 1.5, "{what}: an epoch takes {ratio:.2} times as long behind more state");
}

#[test]
#[ignore = "takes its time and prints figures"]
fn an_epoch_of_sessions_does_not_cost_more_behind_more_state() {
    compare(
        "sessions",
        "[operator.x]\nsql = \"SELECT session_window.start, k, count(*) AS n FROM s GROUP BY session_window(t, '1 hour'), k\"",
    );
}

#[test]
#[ignore = "takes its time and prints figures"]
fn an_epoch_of_deduplication_does_not_cost_more_behind_more_state() {
    compare("dedup", "[operator.x]\ninput = \"s\"\ndedup = { keys = [\"k\"] }");
    compare("dedup with time", "[operator.x]\ninput = \"s\"\ndedup = { keys = [\"k\", \"t\"] }");
}
