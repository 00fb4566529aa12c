//! Jobs that have nothing to do: one costs no wake-ups.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::clock::{Clock, ManualClock, SystemClock, Wake};
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Control, Engine, Environment, Pace, RunOptions, Step, run};

use super::bell::{bell, rings};
use super::{SOON, Tell, settle};
use crate::scratch::Scratch;

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
