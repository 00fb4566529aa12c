//! A source is told what was committed, so that it can acknowledge it.

use std::sync::Arc;
use std::time::Duration;

use millstream_engine::clock::{Clock, ManualClock};
use millstream_engine::connector::Connectors;
use millstream_engine::job::Trigger;
use millstream_engine::record::SourceRange;
use millstream_engine::run::{Control, Engine, Environment, Pace, RunOptions, Step, Turn};

use super::job;
use super::log::Logs;
use crate::scratch::Scratch;
use crate::support::settle;

const JOB: &str = r#"
name = "told"
checkpoint = "checkpoint"
[source.a]
connector = "log"
max_per_epoch = 4
[source.b]
connector = "log"
max_per_epoch = 4
[operator.both]
sql = "SELECT n FROM a UNION ALL SELECT n FROM b"
[sink.out]
input = "both"
connector = "null"
"#;

/// What is there of `a` and `b`.
fn filled(a: u64, b: u64) -> Arc<Logs> {
    let logs = Arc::new(Logs::default());
    for (source, many) in [("a", a), ("b", b)] {
        (0..many).for_each(|n| logs.log(source).lock().unwrap().add("0", 0, &format!("{{\"n\":{n}}}")));
    }
    logs
}

/// Its epochs, each with up to where it was read; none = it was told of no range.
fn told(logs: &Logs, source: &str) -> Vec<(u64, Option<u64>)> {
    let to = |range: &SourceRange| {
        let SourceRange::Offsets(partitions) = range else { panic!("a range of somebody else") };
        partitions["0"].to
    };
    logs.log(source).lock().unwrap().told.iter().map(|(epoch, range)| (*epoch, range.as_ref().map(to))).collect()
}

fn open(scratch: &Scratch, logs: &Arc<Logs>, pace: Pace, control: &Control, clock: &Arc<ManualClock>) -> Engine {
    let connectors = Connectors::built_in().with(logs.clone());
    let job = job(scratch, &connectors, JOB).unwrap();
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        control: control.clone(),
        environment: Environment { connectors, pace, clock: clock.clone(), ..Environment::default() },
        ..RunOptions::default()
    };
    Engine::open(job, options).unwrap()
}

#[test]
fn a_source_is_told_of_each_committed_epoch_in_order_and_of_the_last_one_again_after_a_restart() {
    let (scratch, logs) = (Scratch::new(), filled(9, 4));
    let (control, clock) = (Control::default(), Arc::new(ManualClock::new(0)));
    // Left to itself it would only compute.
    let computes = Pace::Stepped(Box::new(|| Turn::Compute));
    let mut engine = open(&scratch, &logs, computes, &control, &clock);
    engine.step().unwrap();
    assert_eq!(told(&logs, "a"), [], "what is computed is not committed");
    settle(&mut engine);
    control.pause();
    settle(&mut engine);
    assert_eq!(told(&logs, "a"), [(0, Some(4)), (1, Some(8)), (2, Some(9))]);
    assert_eq!(told(&logs, "b"), [(0, Some(4))]);
    engine.close().unwrap();

    // The process may have ended before it was told.
    let control = Control::default();
    let mut engine = open(&scratch, &logs, Pace::one_by_one(), &control, &clock);
    settle(&mut engine);
    assert_eq!((told(&logs, "a")[3..].to_vec(), told(&logs, "b")[1..].to_vec()), (vec![(2, Some(9))], vec![(2, None)]));
    logs.log("b").lock().unwrap().add("0", 0, "{}");
    let Step::WaitUntil(time) = settle(&mut engine) else { panic!("it looks again") };
    clock.set(time);
    // It was committed within the step that computed it: the job is woken to tell.
    while engine.wake().take() {}
    engine.step().unwrap();
    assert!(engine.wake().take());
    settle(&mut engine);
    assert_eq!((told(&logs, "a").len(), told(&logs, "b")[2..].to_vec()), (4, vec![(3, Some(5))]));
    engine.close().unwrap();
}

#[test]
fn who_cannot_take_it_is_told_again_and_the_others_do_not_wait() {
    let (scratch, logs) = (Scratch::new(), filled(12, 12));
    {
        let log = logs.log("a");
        let mut content = log.lock().unwrap();
        (content.failing_commits, content.again_after) = (2, Some(Duration::from_secs(5)));
    }
    let (control, clock) = (Control::default(), Arc::new(ManualClock::new(0)));
    let mut engine = open(&scratch, &logs, Pace::one_by_one(), &control, &clock);
    let Step::WaitUntil(_) = settle(&mut engine) else { panic!("it tries again") };
    assert_eq!((told(&logs, "a"), told(&logs, "b").len()), (vec![], 3));
    clock.set(clock.now() + 5_000_000);
    settle(&mut engine);
    clock.set(clock.now() + 5_000_000);
    settle(&mut engine);
    assert_eq!(told(&logs, "a"), [(0, Some(4)), (1, Some(8)), (2, Some(12))]);
    // What does not pass ends the job.
    {
        let log = logs.log("a");
        let mut content = log.lock().unwrap();
        (content.failing_commits, content.again_after) = (1, None);
        content.add("0", 0, "{}");
    }
    clock.set(clock.now() + 5_000_000);
    let error = loop {
        match engine.step() {
            Ok(Step::Ready) => {}
            Ok(step) => panic!("{step:?}"),
            Err(e) => break e,
        }
    };
    assert_eq!(error.message(), "source `a`: the broker does not answer");
}
