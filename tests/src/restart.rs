//! A job that was stopped and goes on gives what it would have given undisturbed, byte for byte; what cannot go on is
//! refused with what to do.

use std::sync::{Arc, Mutex};

use millstream_engine::Result;
use millstream_engine::job::Trigger;
use millstream_engine::run::{Control, EpochReport, Observer, RunOptions, Started, StopReason};

use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows};

pub const FILES: usize = 7;

/// File `n` of the input: 40 events over two minutes, each file a minute further on, some of them late.
pub fn part(n: usize) -> String {
    let event = |i: usize| {
        let second = 60 * n + i * 37 % 120 + 300 - if i.is_multiple_of(13) { 290 } else { 0 };
        let time = format!("2026-03-01T{:02}:{:02}:{:02}Z", 9 + second / 3600, second / 60 % 60, second % 60);
        format!("{{\"url\":\"/{}\",\"ts\":\"{time}\",\"bytes\":{}}}\n", i * 7 % 5, n * 100 + i)
    };
    (0..40).map(event).collect()
}

pub fn input(parts: impl IntoIterator<Item = usize>) -> Scratch {
    let scratch = Scratch::new();
    parts.into_iter().for_each(|n| drop(scratch.write(&format!("in/{n}.json"), part(n))));
    scratch
}

/// Windows appended to Parquet, the totals as a CSV snapshot, the changes as a JSON log, late rows, memory.
pub const JOB: &str = r#"
name = "job"
checkpoint = "state"
[source.events]
path = "in"
format = "json"
schema = { extra = "int64", url = "utf8", ts = "timestamp", bytes = "int64" }
max_files_per_epoch = 1
event_time = "ts"
watermark = "30 seconds"

[operator.closed]
sql = "SELECT window.start, window.end, url, count(*) AS n, sum(bytes) AS bytes FROM events GROUP BY window(ts, '2 minutes', '1 minute'), url"
late = "late"
[operator.totals]
sql = "SELECT url, count(*) AS n, avg(bytes) AS mean, array_agg(bytes) AS all_bytes FROM events GROUP BY url ORDER BY url"
output_mode = "complete"
[operator.shown]
sql = "SELECT url, n, mean FROM totals"
[operator.changes]
sql = "SELECT window.start, url, max(bytes) AS most FROM events GROUP BY window(ts, '1 minute'), url"
output_mode = "update"

[sink.windows]
input = "closed"
connector = "file"
path = "out/windows"
format = "parquet"
[sink.snapshot]
input = "shown"
connector = "file"
path = "out/totals"
format = "csv"
[sink.log]
input = "changes"
connector = "file"
path = "out/changes"
format = "json"
changelog = true
[sink.late]
connector = "file"
path = "out/late"
format = "json"
[sink.totals]
input = "totals"
connector = "memory"
"#;

/// Everything that the file sinks have published.
fn published(scratch: &Scratch) -> Vec<(String, Vec<u8>)> {
    let sinks = ["windows", "totals", "changes", "late"];
    sinks.iter().flat_map(|sink| scratch.published(&format!("out/{sink}"))).collect()
}

fn undisturbed() -> (Ran, Vec<(String, Vec<u8>)>) {
    let scratch = input(0..FILES);
    let ran = scratch.run(JOB).unwrap();
    assert!(ran.summary.late > 0 && ran.summary.epochs > FILES as u64, "the input does not try what it should");
    (ran, published(&scratch))
}

fn assert_same_files(have: &[(String, Vec<u8>)], want: &[(String, Vec<u8>)]) {
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(have), names(want));
    for ((name, have), (_, want)) in have.iter().zip(want) {
        assert!(have == want, "{name} differs:\n{}\n{}", String::from_utf8_lossy(have), String::from_utf8_lossy(want));
    }
}

/// Notes what it is told, and asks for a stop when told of epoch `stop_at`.
#[derive(Default)]
pub struct Watch {
    pub messages: Mutex<Vec<String>>,
    pub control: Control,
    pub stop_at: Option<u64>,
    /// Told when the checkpoint is open.
    pub started: Option<std::sync::mpsc::SyncSender<()>>,
}

impl Observer for Watch {
    fn started(&self, _: &Started) {
        if let Some(tell) = &self.started {
            tell.send(()).unwrap();
        }
    }

    fn epoch(&self, report: &EpochReport) {
        if self.stop_at.is_some_and(|at| report.epoch >= at) {
            self.control.stop();
        }
    }

    fn message(&self, message: &str) {
        self.messages.lock().unwrap().push(message.to_owned());
    }
}

/// Runs with a watch; returns what it was told.
pub fn watched(scratch: &Scratch, job: &str, watch: Watch, trigger: Option<Trigger>) -> (Result<Ran>, Vec<String>) {
    let control = watch.control.clone();
    let watch = Arc::new(watch);
    let ran = scratch.run_with(job, RunOptions { observer: watch.clone(), control, trigger, ..RunOptions::default() });
    let told = watch.messages.lock().unwrap().clone();
    (ran, told)
}

#[test]
fn an_epoch_at_a_time_is_the_same_as_all_at_once() {
    let (all, files) = undisturbed();
    let scratch = input(0..FILES);
    for n in 0..FILES as u64 {
        let once = RunOptions { trigger: Some(Trigger::Once), ..RunOptions::default() };
        let ran = scratch.run_with(JOB, once).unwrap();
        assert_eq!((ran.summary.epochs, ran.summary.resumed_from), (1, n.checked_sub(1)));
    }
    let rest = scratch.run(JOB).unwrap();
    assert_eq!(rest.summary.rows_in, 0, "only epochs without input are left");
    assert_same_files(&published(&scratch), &files);
    assert_eq!(rest.summary.watermark, all.summary.watermark);
    // There is nothing left to do, and doing it changes nothing.
    assert_eq!(scratch.run(JOB).unwrap().summary.epochs, 0);
    assert_same_files(&published(&scratch), &files);
}

#[test]
fn a_stop_ends_the_epoch_and_the_next_run_goes_on() {
    let (all, files) = undisturbed();
    for stop_at in [0, 2, 5] {
        let scratch = input(0..FILES);
        let watch = Watch { stop_at: Some(stop_at), ..Watch::default() };
        let (first, _) = watched(&scratch, JOB, watch, Some(Trigger::AvailableNow));
        let first = first.unwrap().summary;
        assert_eq!(first.stopped, StopReason::Requested);
        assert!(first.epochs > stop_at);
        let second = scratch.run(JOB).unwrap();
        assert_eq!(second.summary.resumed_from, Some(first.epochs - 1));
        assert_eq!(first.rows_in + second.summary.rows_in, all.summary.rows_in);
        assert_eq!(first.late + second.summary.late, all.summary.late);
        assert_same_files(&published(&scratch), &files);
        if second.summary.epochs > 0 {
            assert_same_rows("totals", second.rows("totals"), all.rows("totals"), 0.0);
        }
    }
}

#[test]
fn new_files_are_picked_up_by_the_next_run_and_by_one_that_is_running() {
    let (all, files) = undisturbed();
    let scratch = input(0..3);
    // A run that goes on until it is stopped; the files come while it runs.
    let trigger = Some(Trigger::Every(std::time::Duration::from_millis(20)));
    let watch = Watch { stop_at: Some(FILES as u64 - 1), ..Watch::default() };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| watched(&scratch, JOB, watch, trigger).0.map(|r| r.summary));
        for n in 3..FILES {
            std::thread::sleep(std::time::Duration::from_millis(30));
            // Renamed into place, as a source of files asks for.
            scratch.write("coming", part(n));
            std::fs::rename(scratch.path().join("coming"), scratch.path().join(format!("in/{n}.json"))).unwrap();
        }
        run.join().unwrap().unwrap();
    });
    let last = scratch.run(JOB).unwrap();
    assert!(last.summary.resumed_from.is_some());
    let rows =
        |files: &[(String, Vec<u8>)]| files.iter().filter(|f| f.0.starts_with("snapshot")).cloned().collect::<Vec<_>>();
    assert_same_files(&rows(&published(&scratch)), &rows(&files));
    assert_eq!(last.summary.watermark, all.summary.watermark);

    // A name before those that were read is as new as any other.
    scratch.write("in/00.json", part(1));
    let more = scratch.run(JOB).unwrap();
    assert_eq!(more.summary.rows_in, 40);
}
