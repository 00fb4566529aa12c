//! The engine stepped from outside: many of them on one thread, and what a job is told while it runs or waits.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use millstream_engine::Result;
use millstream_engine::clock::{Clock, ManualClock, SystemClock, Wake};
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::connector::source::{Chunks, Known, NextLook, Source};
use millstream_engine::connector::{Connector, Connectors, SourceConnector};
use millstream_engine::format::Decode;
use millstream_engine::job::{Job, JobText, KeyTable, Options, SourceSpec, Trigger};
use millstream_engine::record::SourceRange;
use millstream_engine::run::{
    Control, Engine, Environment, EpochReport, Observer, Pace, RunOptions, Step, StopReason, Summary, Turn, run,
};

use crate::restart::{FILES, JOB, input};
use crate::scratch::Scratch;
use crate::support::{as_json, assert_same_rows};

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

/// Steps until there is nothing to do for the moment.
fn settle(engine: &mut Engine) -> Step {
    loop {
        match engine.step().unwrap() {
            Step::Ready => {}
            rests => return rests,
        }
    }
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

/// The connector "bell": rows of the connector "generate", of which some come each time it rings.
struct Bell {
    built_in: Connectors,
    shared: Arc<Ring>,
}

#[derive(Default)]
struct Ring {
    waiting: AtomicU64,
    looks: AtomicU64,
    wake: Mutex<Option<Wake>>,
}

impl Ring {
    fn ring(&self) {
        self.waiting.fetch_add(1, SeqCst);
        self.wake.lock().unwrap().as_ref().unwrap().notify();
    }
}

impl Bell {
    fn generate(&self) -> &dyn SourceConnector {
        self.built_in.get("generate").unwrap().source().unwrap()
    }
}

impl Connector for Bell {
    fn name(&self) -> &'static str {
        "bell"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }
}

impl SourceConnector for Bell {
    fn keys(&self) -> &'static KeyTable {
        self.generate().keys()
    }

    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        Ok(Box::new(BellSource { inner: self.generate().open(spec, job)?, shared: self.shared.clone() }))
    }

    fn describe(&self, _: &Options, _: &dyn Fn(&Path) -> String) -> String {
        "a bell".into()
    }
}

struct BellSource {
    inner: Box<dyn Source>,
    shared: Arc<Ring>,
}

impl Source for BellSource {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn plan(&mut self, now: i64, known: Known<'_>) -> Result<Option<SourceRange>> {
        self.shared.looks.fetch_add(1, SeqCst);
        if self.shared.waiting.swap(0, SeqCst) == 0 { Ok(None) } else { self.inner.plan(now, known) }
    }

    fn next_look(&self, _: i64) -> NextLook {
        NextLook::WhenWoken
    }

    fn wake_with(&mut self, wake: &Wake) {
        *self.shared.wake.lock().unwrap() = Some(wake.clone());
    }

    fn stop_discovery(&mut self, now: i64, known: Known<'_>) -> Result<()> {
        self.inner.stop_discovery(now, known)
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.inner.entries(range)
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        self.inner.restore(entries)
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        self.inner.read(range)
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        self.inner.decoder(columns)
    }

    fn exhausted(&self) -> bool {
        self.inner.exhausted()
    }

    fn part_name(&self, range: &SourceRange, file: u32) -> String {
        self.inner.part_name(range, file)
    }
}

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

const RINGS: &str = r#"
name = "rings"
[source.s]
connector = "bell"
max_rows_per_epoch = 10
[sink.out]
input = "s"
connector = "memory"
"#;

fn bell() -> (Connectors, Arc<Ring>) {
    let (built_in, shared) = (Connectors::built_in(), Arc::new(Ring::default()));
    (built_in.with(Arc::new(Bell { built_in: built_in.clone(), shared: shared.clone() })), shared)
}

fn rings(scratch: &Scratch, connectors: &Connectors) -> Job {
    Job::parse(RINGS, Path::new("job.toml"), scratch.path(), &connectors.keys(), &[]).unwrap()
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
