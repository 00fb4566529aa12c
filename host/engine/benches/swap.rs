//! What a running job notices of being swapped: `cargo bench --bench swap`.
//!
//! Card payments, 100,000 a second in epochs of 10 ms, go through a keyed plugin with state and timers
//! (`plugins/fraud-rules`), which is swapped 200 times, back and forth between two builds, each compiled before. Told are the
//! epochs that were made with a new version for the first time beside the others, and how long a swap takes from the order to
//! the commit.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use millstream_engine::connector::Connectors;
use millstream_engine::job::{Job, PluginChange};
use millstream_engine::run::{Control, EpochReport, Observer, RunOptions, run};
use millstream_plugin::{Runtime, RuntimeOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SWAPS: usize = 200;

const JOB: &str = r#"
name = "swapped"
checkpoint = "state"
trigger = { every = "10ms" }
[source.payments]
connector = "generate"
rows_of = "cards"
rows = 100000000
max_rows_per_epoch = 1000
event_time = "at"
watermark = "1 minute"
[plugin.fraud_rules]
path = "0.wasm"
[operator.alerts]
input = "payments"
plugin = "fraud_rules"
key_by = ["card"]
[sink.out]
input = "alerts"
connector = "null"
"#;

/// Notes how long epochs took.
#[derive(Default)]
struct Noted(Mutex<BTreeMap<u64, EpochReport>>);

impl Observer for Noted {
    fn epoch(&self, report: &EpochReport) {
        self.0.lock().unwrap().insert(report.epoch, report.clone());
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/fraud-rules");
    let component = runtime.build_project(&plugin).unwrap();
    let builds: Vec<PathBuf> = (0..2).map(|n| build(folder.path(), &component, n)).collect();
    builds.iter().for_each(|build| drop(runtime.load(build).unwrap()));

    let (control, noted) = (Control::default(), Arc::new(Noted::default()));
    let job = Job::parse(JOB, Path::new("job.toml"), folder.path(), &Connectors::built_in().keys(), &[]).unwrap();
    let options = RunOptions {
        control: control.clone(),
        observer: noted.clone(),
        runtime: Some(runtime),
        ..RunOptions::default()
    };
    let running = std::thread::spawn(move || run(job, options).unwrap());
    std::thread::sleep(Duration::from_secs(1));
    let (mut firsts, mut took) = (Vec::new(), Vec::new());
    for n in 0..SWAPS {
        let began = Instant::now();
        let path = Some(builds[(n + 1) % 2].clone());
        let change = PluginChange { plugin: "fraud_rules".into(), path, ..PluginChange::default() };
        firsts.push(control.swap(change).unwrap().wait().unwrap().epoch);
        took.push(began.elapsed());
    }
    control.stop();
    let summary = running.join().unwrap();
    let noted = noted.0.lock().unwrap();
    let (first, others): (Vec<&EpochReport>, Vec<_>) = noted.values().partition(|e| firsts.contains(&e.epoch));
    let late = others.iter().skip(100);
    println!("{} epochs, {} rows/s", summary.epochs, (summary.rows_in as f64 / summary.elapsed.as_secs_f64()) as u64);
    println!("{:<40} {:>10} {:>10} {:>10}", "milliseconds", "median", "p99", "greatest");
    told("an epoch, computed and committed", late.map(|e| e.total).collect());
    told("one that is the first of a version", first.iter().map(|e| e.total).collect());
    told("a swap, from order to commit", took);
}

/// The component, told apart from others by a custom section that nobody reads.
fn build(folder: &Path, component: &[u8], number: u8) -> PathBuf {
    let mut bytes = component.to_vec();
    bytes.extend([0, 6, 4, b'n', b'o', b't', b'e', number]);
    let path = folder.join(format!("{number}.wasm"));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize].as_secs_f64() * 1e3;
    println!("{what:<40} {:>10.2} {:>10.2} {:>10.2}", at(0.5), at(0.99), at(1.0));
}
