//! What a running job notices of its states being brought over to another version: `cargo bench --bench bring_over`.
//!
//! Ten million cards (or as many as the variable KEYS says) are kept by `plugins/fraud-rules`. Then payments come, 100,000 a second in
//! epochs of 10 ms, and the job is swapped to `plugins/fraud-rules-2`, whose states are of another version. Told are the
//! epochs before, meanwhile and afterwards, how long it takes from the order to the commit, and the first epoch of the new version.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millstream_engine::connector::Connectors;
use millstream_engine::job::{Job, PluginChange, Trigger};
use millstream_engine::run::{Control, EpochReport, Observer, RunOptions, run};
use millstream_plugin::{Runtime, RuntimeOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const JOB: &str = r#"
name = "brought-over"
checkpoint = "state"
keep_epochs = 0
trigger = { every = "10ms" }
[source.payments]
connector = "generate"
rows_of = "cards"
rows = ROWS
max_rows_per_epoch = EPOCH
event_time = "at"
watermark = "1 minute"
[plugin.fraud_rules]
path = "1.wasm"
[operator.numbered]
sql = "SELECT id % KEYS AS card, at, amount FROM payments"
[operator.alerts]
input = "numbered"
plugin = "fraud_rules"
key_by = ["card"]
[sink.out]
input = "alerts"
connector = "null"
"#;

/// Notes how long epochs took, and when they were there.
#[derive(Default)]
struct Noted(Mutex<Vec<(Instant, EpochReport)>>);

impl Observer for Noted {
    fn epoch(&self, report: &EpochReport) {
        self.0.lock().unwrap().push((Instant::now(), report.clone()));
    }

    fn message(&self, message: &str) {
        println!("{message}");
    }
}

fn main() {
    let keys: u64 = std::env::var("KEYS").map_or(10_000_000, |keys| keys.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    for (file, project) in [("1.wasm", "fraud-rules"), ("2.wasm", "fraud-rules-2")] {
        let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(project);
        let path = folder.path().join(file);
        std::fs::write(&path, runtime.build_project(&plugin).unwrap()).unwrap();
        runtime.load(&path).unwrap();
    }
    let noted = Arc::new(Noted::default());
    let started = |rows: u64, epoch: u64, trigger: Option<Trigger>, control: &Control| {
        let text = JOB.replace("ROWS", &rows.to_string()).replace("EPOCH", &epoch.to_string());
        let text = text.replace("KEYS", &keys.to_string());
        let job = Job::parse(&text, Path::new("job.toml"), folder.path(), &Connectors::built_in().keys(), &[]).unwrap();
        let options = RunOptions {
            trigger,
            control: control.clone(),
            observer: noted.clone(),
            runtime: Some(runtime.clone()),
            ..RunOptions::default()
        };
        std::thread::spawn(move || run(job, options).unwrap())
    };
    let filled = started(keys, 200_000, Some(Trigger::AvailableNow), &Control::default()).join().unwrap();
    println!("{keys} cards in {:.0} s", filled.elapsed.as_secs_f64());
    noted.0.lock().unwrap().clear();

    let control = Control::default();
    let running = started(100 * keys, 1_000, None, &control);
    while noted.0.lock().unwrap().len() < 1_000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let ordered = Instant::now();
    let change = PluginChange {
        plugin: "fraud_rules".into(),
        path: Some(folder.path().join("2.wasm")),
        ..PluginChange::default()
    };
    let swapped = control.swap(change).unwrap().wait().unwrap();
    let done = Instant::now();
    let epochs = noted.0.lock().unwrap().len();
    while noted.0.lock().unwrap().len() < epochs + 1_000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    control.stop();
    running.join().unwrap();
    println!("brought over and swapped: {:.1} s", (done - ordered).as_secs_f64());
    println!("{:<32} {:>8} {:>10} {:>10} {:>10}", "an epoch, milliseconds", "", "median", "p99", "greatest");
    let noted = noted.0.lock().unwrap();
    let some = |is_among: &dyn Fn(Instant, u64) -> bool| {
        let some = noted.iter().filter(|(at, report)| is_among(*at, report.epoch));
        some.map(|(_, report)| report.total).collect::<Vec<_>>()
    };
    // Those at the start find nothing in the processor's caches.
    let first = noted[0].1.epoch;
    told("before", some(&|at, epoch| at < ordered && epoch >= first + 200));
    told("meanwhile", some(&|at, epoch| at >= ordered && epoch < swapped.epoch));
    told("the first of the new version", some(&|_, epoch| epoch == swapped.epoch));
    told("afterwards", some(&|_, epoch| epoch > swapped.epoch));
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize].as_secs_f64() * 1e3;
    println!("{what:<32} {:>8} {:>10.2} {:>10.2} {:>10.2}", times.len(), at(0.5), at(0.99), at(1.0));
}
