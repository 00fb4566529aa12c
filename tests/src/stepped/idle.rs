//! Jobs that have nothing to do: one costs no wake-ups, and a thousand of them fit one process and one thread.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::clock::{Clock, ManualClock, SystemClock, Wake};
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Control, Engine, Environment, Pace, RunOptions, Step, StopReason, run};
use millstream_engine::storage::faulty::FaultyStorage;

use super::bell::{Ring, bell, rings};
use super::{SOON, Tell};
use crate::scratch::Scratch;
use crate::support::settle;

/// The machine's clock, and how often somebody waited for it.
#[derive(Debug, Default)]
struct CountedClock(AtomicU64);

impl Clock for CountedClock {
    fn now(&self) -> i64 {
        SystemClock.now()
    }

    fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration);
    }

    fn wait(&self, until: Option<i64>, wake: &Wake) {
        self.0.fetch_add(1, SeqCst);
        SystemClock.wait(until, wake);
    }
}

#[test]
fn an_idle_job_wakes_for_nothing_and_at_once_for_what_comes() {
    let scratch = Scratch::new();
    let (connectors, ring) = bell();
    let job = rings(&scratch, &connectors);
    let (clock, control) = (Arc::new(CountedClock::default()), Control::default());
    let (send, committed) = channel();
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        control: control.clone(),
        observer: Arc::new(Tell(Mutex::new(send))),
        environment: Environment { connectors, clock: clock.clone(), ..Environment::default() },
        ..RunOptions::default()
    };
    let (send, ended) = channel();
    std::thread::spawn(move || drop(send.send(run(job, options))));
    while clock.0.load(SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    for epochs in 0..3 {
        // What is left to do after an epoch is done soon.
        std::thread::sleep(Duration::from_millis(100));
        let before = (clock.0.load(SeqCst), ring.looks.load(SeqCst));
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!((clock.0.load(SeqCst), ring.looks.load(SeqCst)), before, "after {epochs} epochs");
        ring.ring();
        committed.recv_timeout(SOON).unwrap();
    }
    control.stop();
    assert_eq!(ended.recv_timeout(SOON).unwrap().unwrap().rows_in, 30);
}

#[test]
fn an_idle_input_is_noticed_when_it_becomes_one_though_nobody_looks() {
    let scratch = Scratch::new();
    let (connectors, ring) = bell();
    let text = r#"
name = "idle"
[source.a]
connector = "bell"
max_rows_per_epoch = 10
event_time = "timestamp"
watermark = "0s"
idle_after = "2s"
[operator.n]
sql = '''SELECT window.start, count(*) AS n FROM a GROUP BY window("timestamp", '1 hour')'''
[sink.out]
input = "n"
connector = "memory"
"#;
    let job = Job::parse(text, Path::new("job.toml"), scratch.path(), &connectors.keys(), &[]).unwrap();
    let clock = Arc::new(ManualClock::new(1_700_000_000_000_000));
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        environment: Environment {
            connectors,
            clock: clock.clone(),
            pace: Pace::one_by_one(),
            ..Environment::default()
        },
        ..RunOptions::default()
    };
    let mut engine = Engine::open(job, options).unwrap();
    assert!(matches!(settle(&mut engine), Step::WaitFor(_)));
    ring.ring();
    let Step::WaitUntil(time) = settle(&mut engine) else { panic!("the input becomes idle one day") };
    assert_eq!(time, clock.now() + 2_000_000);
    let looks = ring.looks.load(SeqCst);
    clock.set(time - 1);
    assert!(matches!(engine.step().unwrap(), Step::WaitUntil(until) if until == time));
    assert_eq!(ring.looks.load(SeqCst), looks, "a step that comes too soon looks at nothing");
    clock.set(time);
    assert!(matches!(settle(&mut engine), Step::WaitFor(_)));
    assert_eq!(ring.looks.load(SeqCst), looks + 1);
}

/// Counts rows of a bell, in windows and for ever.
const COUNTS: &str = r#"
name = "counts"
checkpoint = "state"
[source.s]
connector = "bell"
max_rows_per_epoch = 10
event_time = "timestamp"
watermark = "1 minute"
[operator.windows]
sql = '''SELECT window.start, status AS k, count(*) AS n FROM s GROUP BY window("timestamp", '1 hour'), status'''
[operator.all]
sql = "SELECT count(*) AS n FROM s"
output_mode = "complete"
[sink.windows]
input = "windows"
connector = "memory"
[sink.out]
input = "all"
connector = "memory"
"#;

const JOBS: usize = 1000;

/// What an idle job may take, beyond its state: what is measured is with a state of a few rows.
const MOST: usize = 256 << 10;

/// Set in the process that does nothing but hold the jobs.
const ALONE: &str = "MILLSTREAM_IDLE_JOBS";

/// The memory that this process has, and its threads, where the system says so.
fn of_this_process() -> Option<(usize, usize)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<usize>().ok()
    };
    Some((field("VmRSS:")? << 10, field("Threads:")?))
}

#[test]
fn a_thousand_idle_jobs_are_held_by_one_process_and_stepped_by_one_thread() {
    if std::env::var_os(ALONE).is_some() {
        return hold_them();
    }
    let test = "stepped::idle::a_thousand_idle_jobs_are_held_by_one_process_and_stepped_by_one_thread";
    let mut process = Command::new(std::env::current_exe().unwrap());
    let ended = process.args([test, "--exact", "--nocapture"]).env(ALONE, "1").output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(ended.status.success(), "{said}");
    println!("{said}");
}

fn hold_them() {
    // A disk in memory: each has files open, and a system allows only so many of them.
    let disk = FaultyStorage::new();
    let open = |n: usize| {
        let (connectors, ring) = bell();
        let job = Job::parse(COUNTS, Path::new("job.toml"), Path::new("/"), &connectors.keys(), &[]).unwrap();
        let (disk, control) = (disk.clone(), Control::default());
        let options = RunOptions {
            trigger: Some(Trigger::Continuous),
            control: control.clone(),
            environment: Environment {
                connectors,
                folders: Arc::new(move |folder| Arc::new(disk.at(&format!("{n}{}", folder.display())))),
                ..Environment::default()
            },
            ..RunOptions::default()
        };
        let mut engine = Engine::open(job, options).unwrap();
        assert!(matches!(settle(&mut engine), Step::WaitFor(_)));
        (engine, control, ring)
    };
    // What is made once for all of them.
    let first = open(JOBS);
    let before = of_this_process();
    let mut jobs: Vec<_> = (0..JOBS).map(open).collect();
    let opened = of_this_process();

    jobs.push(first);
    for (engine, _, ring) in &mut jobs {
        ring.ring();
        assert!(matches!(settle(engine), Step::WaitFor(_)));
    }
    // What is committed behind them may still wake them.
    let step_woken = |jobs: &mut [(Engine, Control, Arc<Ring>)]| {
        let woken = jobs.iter_mut().filter(|(engine, ..)| engine.wake().take());
        woken.map(|(engine, ..)| assert!(matches!(settle(engine), Step::WaitFor(_)))).count()
    };
    while step_woken(&mut jobs) > 0 {
        std::thread::sleep(Duration::from_millis(200));
    }
    let looks: u64 = jobs.iter().map(|(.., ring)| ring.looks.load(SeqCst)).sum();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(step_woken(&mut jobs), 0, "idle jobs are woken for nothing");
    assert_eq!(jobs.iter().map(|(.., ring)| ring.looks.load(SeqCst)).sum::<u64>(), looks);

    let ran = of_this_process();
    if let (Some((before, _)), Some((opened, _)), Some((ran, threads))) = (before, opened, ran) {
        let each = |memory: usize| memory.saturating_sub(before) / JOBS;
        println!(
            "KiB of memory each: {} opened, {} after an epoch; {threads} threads",
            each(opened) >> 10,
            each(ran) >> 10
        );
        assert!(each(ran) < MOST, "an idle job takes {} KiB", each(ran) >> 10);
        assert!(threads < 100, "{threads} threads");
    }
    for (mut engine, control, _) in jobs {
        control.stop();
        assert!(matches!(engine.step().unwrap(), Step::Done(StopReason::Requested)));
        let summary = engine.close().unwrap();
        // After the rows an epoch without any: their watermark has moved.
        assert_eq!((summary.epochs, summary.rows_in), (2, 10));
    }
}
