//! The engine stepped from outside: many of them on one thread, and what a job is told while it runs or waits.

mod bell;
mod idle;

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use millstream_engine::Result;
use millstream_engine::clock::Wake;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::fault::{Faults, point};
use millstream_engine::job::Trigger;
use millstream_engine::run::{
    Control, Engine, Environment, EpochReport, Observer, Pace, RunOptions, Step, StopReason, Summary, Turn, run,
};

use crate::restart::{FILES, JOB, input};
use crate::scratch::Scratch;
use crate::support::{as_json, assert_same_rows, settle};

/// Copies rows as they come.
const COPY: &str = r#"
name = "copy"
[source.s]
path = "in"
format = "json"
schema = { n = "int64" }
[sink.out]
input = "s"
connector = "memory"
"#;

/// Longer than any of these jobs takes to notice what it is told, and much shorter than what they wait for.
const SOON: Duration = Duration::from_secs(20);

fn hourly(control: &Control) -> RunOptions {
    let trigger = Some(Trigger::Every(Duration::from_secs(3600)));
    RunOptions { trigger, control: control.clone(), ..RunOptions::default() }
}

#[test]
fn many_engines_are_stepped_by_one_thread_and_give_what_each_gives_alone() {
    let alone = {
        let scratch = input(0..FILES);
        scratch.run(JOB).unwrap()
    };
    let wake = Wake::default();
    let scratches: Vec<Scratch> = (0..6).map(|_| input(0..FILES)).collect();
    let mut open: Vec<(Engine, MemoryTables)> = Vec::new();
    for scratch in &scratches {
        let tables = MemoryTables::default();
        let options = RunOptions {
            trigger: Some(Trigger::AvailableNow),
            memory: tables.clone(),
            control: Control::waking(wake.clone()),
            ..RunOptions::default()
        };
        open.push((Engine::open(scratch.job(JOB).unwrap(), options).unwrap(), tables));
    }
    let mut done: Vec<(Summary, MemoryTables)> = Vec::new();
    let mut together = false;
    while !open.is_empty() {
        let mut waits = true;
        let mut next = Vec::new();
        for (mut engine, tables) in open {
            match engine.step().unwrap() {
                Step::Done(reason) => {
                    assert_eq!(reason, StopReason::InputEnded);
                    assert!(matches!(engine.step().unwrap(), Step::Done(StopReason::InputEnded)), "it stays done");
                    done.push((engine.close().unwrap(), tables));
                }
                step => {
                    waits &= !matches!(step, Step::Ready);
                    next.push((engine, tables));
                }
            }
        }
        together |= next.len() > 1;
        if waits && !next.is_empty() {
            wake.wait(Some(SOON));
        }
        open = next;
    }
    assert!(together);
    for (summary, tables) in done {
        assert_eq!((summary.epochs, summary.rows_in, summary.late), {
            let alone = &alone.summary;
            (alone.epochs, alone.rows_in, alone.late)
        });
        let rows = as_json(&tables.table("totals").snapshot().unwrap());
        assert_same_rows("totals", rows, alone.rows("totals"), 0.0);
    }
}

#[test]
fn a_job_that_is_paused_reads_nothing_until_it_goes_on() {
    let scratch = Scratch::new();
    scratch.write("in/0.json", "{\"n\":1}\n");
    let (control, tables) = (Control::default(), MemoryTables::default());
    let committed = Committed::default();
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        control: control.clone(),
        memory: tables.clone(),
        observer: Arc::new(committed.clone()),
        environment: Environment {
            // Left to itself it would only compute.
            pace: Pace::Stepped(Box::new(|| Turn::Compute)),
            ..Environment::default()
        },
        ..RunOptions::default()
    };
    let mut engine = Engine::open(scratch.job(COPY).unwrap(), options).unwrap();
    assert!(matches!(settle(&mut engine), Step::WaitUntil(_)));
    let rows = || as_json(&tables.table("out").snapshot().unwrap()).len();
    assert_eq!((committed.rows(), rows()), (0, 0));

    assert!(control.pause() && !control.pause());
    assert!(matches!(settle(&mut engine), Step::WaitFor(_)));
    assert_eq!((committed.rows(), rows()), (1, 1), "what was computed is committed and published");
    scratch.write("in/1.json", "{\"n\":2}\n{\"n\":3}\n");
    for _ in 0..3 {
        assert!(matches!(engine.step().unwrap(), Step::WaitFor(_)));
    }
    assert!(control.is_paused());

    while engine.wake().take() {}
    assert!(control.resume() && !control.resume());
    assert!(engine.wake().take(), "who waits is woken");
    assert!(matches!(settle(&mut engine), Step::WaitUntil(_)));
    assert!(control.stop() && !control.stop());
    assert!(matches!(engine.step().unwrap(), Step::Done(StopReason::Requested)));
    let summary = engine.close().unwrap();
    assert_eq!((summary.stopped, summary.epochs, summary.rows_in), (StopReason::Requested, 2, 3));
    assert_eq!((committed.rows(), rows()), (3, 3));
}

/// Rows that were committed.
#[derive(Default, Clone)]
struct Committed(Arc<Mutex<u64>>);

impl Committed {
    fn rows(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

impl Observer for Committed {
    fn epoch(&self, report: &EpochReport) {
        *self.0.lock().unwrap() += report.rows_in;
    }
}

/// Runs on a thread of its own; the result, when it has ended.
fn spawn(scratch: &Scratch, options: RunOptions) -> Receiver<Result<Summary>> {
    let job = scratch.job(COPY).unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || drop(send.send(run(job, options))));
    receive
}

fn one_row() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("in/0.json", "{\"n\":1}\n");
    scratch
}

/// Tells of each epoch.
struct Tell(Mutex<Sender<()>>);

impl Observer for Tell {
    fn epoch(&self, _: &EpochReport) {
        self.0.lock().unwrap().send(()).unwrap();
    }
}

#[test]
fn a_job_that_waits_for_an_hour_stops_at_once_also_when_it_is_paused() {
    for pause in [false, true] {
        let scratch = one_row();
        let control = Control::default();
        let (send, committed) = channel();
        let observer = Arc::new(Tell(Mutex::new(send)));
        let ended = spawn(&scratch, RunOptions { observer, ..hourly(&control) });
        committed.recv_timeout(SOON).unwrap();
        if pause {
            control.pause();
            std::thread::sleep(Duration::from_millis(50));
        }
        let asked = Instant::now();
        control.stop();
        assert_eq!(ended.recv_timeout(SOON).unwrap().unwrap().epochs, 1);
        assert!(asked.elapsed() < SOON);
    }
}

#[test]
fn a_commit_that_fails_ends_a_job_that_waits_for_an_hour() {
    struct Fails;
    impl Observer for Fails {
        fn epoch(&self, _: &EpochReport) {
            // Without the hook, which may take its time to tell.
            std::panic::resume_unwind(Box::new("nobody wants to hear of it"));
        }
    }
    let options = RunOptions { observer: Arc::new(Fails), ..hourly(&Control::default()) };
    let error = spawn(&one_row(), options).recv_timeout(SOON).unwrap().unwrap_err();
    assert!(error.message().contains("nobody wants to hear of it"), "{error}");
}

#[test]
fn an_engine_that_is_dropped_has_committed_what_it_computed() {
    let scratch = input(0..2);
    let options = RunOptions { trigger: Some(Trigger::AvailableNow), ..RunOptions::default() };
    let mut engine = Engine::open(scratch.job(JOB).unwrap(), options).unwrap();
    assert!(matches!(engine.step().unwrap(), Step::Ready));
    drop(engine);
    // Its checkpoint is free again.
    let rest = scratch.run(JOB).unwrap();
    assert_eq!((rest.summary.resumed_from, rest.summary.rows_in), (Some(0), 40));
}

#[test]
fn a_disk_that_stands_still_holds_up_its_own_job_alone() {
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let (send, stands) = channel();
    let send = Mutex::new(send);
    let at_gate = {
        let gate = gate.clone();
        move |passed: &'static str| {
            if passed == point::RECORD_BEFORE {
                send.lock().unwrap().send(()).unwrap();
                let open = gate.0.lock().unwrap();
                drop(gate.1.wait_while(open, |open| !*open).unwrap());
            }
        }
    };
    let faults = Faults::new(at_gate);
    let scratches: Vec<Scratch> = (0..5).map(|_| one_row()).collect();
    let stuck: Vec<_> = scratches
        .iter()
        .map(|scratch| {
            let environment = Environment { faults: faults.clone(), ..Environment::default() };
            let trigger = Some(Trigger::AvailableNow);
            spawn(scratch, RunOptions { trigger, environment, ..RunOptions::default() })
        })
        .collect();
    for _ in &stuck {
        stands.recv_timeout(SOON).unwrap();
    }
    let other = input(0..FILES).run(JOB).unwrap();
    assert!(other.summary.epochs > FILES as u64);
    for job in &stuck {
        assert!(matches!(job.try_recv(), Err(TryRecvError::Empty)));
    }
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    for job in stuck {
        assert_eq!(job.recv_timeout(SOON).unwrap().unwrap().rows_in, 1);
    }
}
