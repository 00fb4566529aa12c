//! What reads a checkpoint beside its job: `cargo bench --bench copies`.
//!
//! 1. Epochs computed again: card payments through `plugins/fraud-rules` into JSON files, a hundred epochs of 20,000 rows, beside
//!    the rate at which the job itself ran; and beside itself with another version of the plugin, as a shadow computes it.
//! 2. The same epochs, with fuel counted and without, in turns: what counting costs. `-- fuel` for this alone.
//! 3. A savepoint of a gigabyte (10 million keys of 16 bytes with values of 85) of a checkpoint that takes an epoch of 2,000 changed keys
//!    every 10 ms: how long it takes, and what these commits take with and without it.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use millstream_engine::checkpoint::{Checkpoint, OpenOptions, read_at, save};
use millstream_engine::connector::Connectors;
use millstream_engine::executor::Executor;
use millstream_engine::job::{Job, PluginChange, Trigger};
use millstream_engine::record::EpochRecord;
use millstream_engine::run::{Changed, Environment, Replay, Replayed, RunOptions, replay, run};
use millstream_engine::state::State;
use millstream_engine::storage::{LocalStorage, Storage};
use millstream_plugin::{Runtime, RuntimeOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const JOB: &str = r#"
name = "again"
checkpoint = "state"
[source.payments]
connector = "generate"
rows_of = "cards"
rows = 2000000
max_rows_per_epoch = 20000
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
connector = "file"
path = "out"
format = "json"
"#;

const KEYS: u64 = 10_000_000;
const CHANGED: u64 = 2_000;

/// Turns of which the median is taken.
const TURNS: usize = 15;

fn main() {
    let only_fuel = std::env::args().any(|arg| arg == "fuel");
    replays(only_fuel);
    if !only_fuel {
        savepoints();
    }
}

fn replays(only_fuel: bool) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/fraud-rules");
    let mut component = runtime.build_project(&plugin).unwrap();
    std::fs::write(folder.path().join("0.wasm"), &component).unwrap();
    // Another component, by a custom section that nobody reads.
    component.extend([0, 6, 4, b'n', b'o', b't', b'e', 1]);
    let other = folder.path().join("1.wasm");
    std::fs::write(&other, &component).unwrap();
    let job = Job::parse(JOB, Path::new("job.toml"), folder.path(), &Connectors::built_in().keys(), &[]).unwrap();
    let options =
        RunOptions { trigger: Some(Trigger::AvailableNow), runtime: Some(runtime.clone()), ..RunOptions::default() };
    let live = run(job, options).unwrap();
    let rate = |rows: u64, took: Duration| rows as f64 / took.as_secs_f64();
    let live_rate = rate(live.rows_in, live.elapsed);
    let storage = LocalStorage::new(folder.path().join("state"));
    let again = |changed: Option<Changed>, runtime: &Runtime| -> (Replayed, Duration) {
        let options = Replay {
            epochs: 0..=live.epochs - 1,
            changed,
            keys: BTreeMap::new(),
            runtime: Some(runtime.clone()),
            threads: None,
            environment: Environment::default(),
        };
        let began = Instant::now();
        (replay(&storage, options, &|_| {}, |_| Ok(())).unwrap(), began.elapsed())
    };
    counted(&|runtime| again(None, runtime).0, &runtime);
    if only_fuel {
        return;
    }
    let (alone, took) = again(None, &runtime);
    assert_eq!(alone.same, alone.epochs);
    println!(
        "live: {live_rate:.0} rows/s; again: {:.0} rows/s, {:.2} of it",
        rate(alone.rows_in, took),
        rate(alone.rows_in, took) / live_rate
    );
    let change = PluginChange { plugin: "fraud_rules".into(), path: Some(other), ..PluginChange::default() };
    let (both, took) = again(Some(Changed { plugins: vec![change], ..Changed::default() }), &runtime);
    assert_eq!(both.same_after, both.epochs);
    println!(
        "with another version beside it: {:.0} rows/s; the other version takes {:.2} of the time of the one",
        rate(both.rows_in, took),
        both.took_after.as_secs_f64() / both.took.as_secs_f64()
    );
}

/// What counting fuel costs epochs that are computed again.
fn counted(again: &dyn Fn(&Runtime) -> Replayed, plain: &Runtime) {
    let counting = Runtime::new(RuntimeOptions { count_fuel: true, ..RuntimeOptions::default() }).unwrap();
    let micros = |done: &Replayed| done.took.as_secs_f64() * 1e6 / done.rows_in as f64;
    // Whatever else the machine does falls on both; each comes first as often as the other.
    let turn = |turn: usize| match turn % 2 {
        0 => (micros(&again(&counting)), micros(&again(plain))),
        _ => {
            let plain = micros(&again(plain));
            (micros(&again(&counting)), plain)
        }
    };
    let turns: Vec<_> = (0..TURNS + 1).map(turn).skip(1).collect();
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (counting_took, plain_took) = (sorted(|turn| turn.0), sorted(|turn| turn.1));
    let ratios = sorted(|(counting, plain)| counting / plain);
    println!(
        "with fuel counted: {:.3} µs/row beside {:.3}; ratio {:.3}, half of the turns {:.3} to {:.3}",
        counting_took[TURNS / 2],
        plain_took[TURNS / 2],
        ratios[TURNS / 2],
        ratios[TURNS / 4],
        ratios[TURNS - 1 - TURNS / 4]
    );
    let done = again(&counting);
    println!("fuel: {:.0} per row", done.fuel.unwrap() as f64 / done.rows_in as f64);
}

fn savepoints() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path().join("state")));
    let workers = Executor::of_process().workers(None);
    let options = OpenOptions { workers: workers.clone(), ..OpenOptions::default() };
    let (mut checkpoint, found) = Checkpoint::open(storage.clone(), &options).unwrap();
    let mut state: State = found.state;
    let mut commit = |epoch: u64, keys: std::ops::Range<u64>, state: &mut State| {
        let table = state.table_mut("keys");
        for key in keys {
            let bytes = (u128::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)).to_le_bytes();
            table.put(0, &bytes, &[epoch as u8; 85]);
        }
        let change = state.take_changes();
        let began = Instant::now();
        let appended = checkpoint.append(&EpochRecord { epoch, ..EpochRecord::default() }, &change, &[]).unwrap();
        let took = began.elapsed();
        if !appended.snapshot.is_empty() {
            let sections: Vec<_> = appended.snapshot.iter().map(|p| (*p, state.snapshot(*p))).collect();
            checkpoint.write_snapshot(epoch, &sections).unwrap();
        }
        took
    };
    let mut epoch = 0;
    for keys in (0..KEYS).step_by(500_000) {
        commit(epoch, keys..(keys + 500_000).min(KEYS), &mut state);
        epoch += 1;
    }
    println!("{KEYS} keys, {} MB of entries", state.table("keys").unwrap().bytes() / 1_000_000);
    let mut commits = |ends: &AtomicBool| {
        let mut took = Vec::new();
        while !ends.load(Ordering::Relaxed) && took.len() < 2_000 {
            let from = epoch * CHANGED % (KEYS - CHANGED);
            took.push(commit(epoch, from..from + CHANGED, &mut state));
            epoch += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
        took
    };
    let ends = AtomicBool::new(false);
    let alone = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(5));
            ends.store(true, Ordering::Relaxed);
        });
        commits(&ends)
    });
    ends.store(false, Ordering::Relaxed);
    let (beside, (took, saved)) = std::thread::scope(|scope| {
        let saving = scope.spawn(|| {
            let began = Instant::now();
            let into = LocalStorage::new(folder.path().join("savepoint"));
            let saved = save(&storage, &into, 0, &workers).unwrap();
            ends.store(true, Ordering::Relaxed);
            (began.elapsed(), saved)
        });
        (commits(&ends), saving.join().unwrap())
    });
    println!("a savepoint of {} MB: {:.1} s", saved.bytes / 1_000_000, took.as_secs_f64());
    let began = Instant::now();
    let read = read_at(&LocalStorage::new(folder.path().join("savepoint")), None, &workers).unwrap();
    println!("read back, {} keys: {:.1} s", read.state.table("keys").unwrap().len(), began.elapsed().as_secs_f64());
    println!("{:<40} {:>10} {:>10} {:>10}", "a commit, milliseconds", "median", "p99", "greatest");
    told("alone", alone);
    told("while the savepoint is written", beside);
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize].as_secs_f64() * 1e3;
    println!("{what:<40} {:>10.2} {:>10.2} {:>10.2}", at(0.5), at(0.99), at(1.0));
}
