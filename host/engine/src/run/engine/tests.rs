//! When a job with timers is stepped. No plan makes a keyed operator of a function of Rust's own, so one is put in another's
//! place.

use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::{Map, Value};

use super::{Engine, Step};
use crate::clock::ManualClock;
use crate::connector::Connectors;
use crate::connector::memory::MemoryTables;
use crate::job::{Job, OutputMode};
use crate::operator::keyed::{
    Domain, JudgedBy, Keyed, KeyedBinding, KeyedError, KeyedFunction, KeyedInput, Outcome, Phase, Timer,
};
use crate::operator::{Attempt, keyed};
use crate::run::{Environment, Pace, RunOptions};

const JOB: &str = r#"
name = "timers"
[source.s]
path = "in"
format = "json"
schema = { k = "utf8" }
[operator.x]
input = "s"
dedup = { keys = ["k"] }
unbounded_state = true
[sink.out]
input = "x"
connector = "memory"
"#;

/// When the timers of a key are due after its rows have come, microseconds.
const WAIT: i64 = 34_567;

/// Sets a timer for later, and one for earlier, and says when which fires.
#[derive(Debug)]
struct Timed {
    binding: KeyedBinding,
    fired: Mutex<Vec<(i64, u32)>>,
}

impl KeyedFunction for Timed {
    fn binding(&self) -> &KeyedBinding {
        &self.binding
    }

    fn identity(&self) -> Map<String, Value> {
        Map::new()
    }

    fn call(&self, step: &keyed::Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let mut outcome = Outcome::default();
        let mut names: Vec<&str> = Vec::new();
        let of = step.keys.column(0).as_string::<i32>();
        for key in (0..step.key_count()).filter(|_| step.phase == Phase::Rows) {
            let timer = |tag, at| Timer { key: key as u32, domain: Domain::ProcessingTime, tag, at };
            outcome.set_timers.extend([timer(0, step.now + WAIT), timer(1, step.now - 5)]);
        }
        for (number, timer) in step.due.iter().enumerate() {
            self.fired.lock().unwrap().push((step.now, timer.tag));
            outcome.output_of.push(number as u32);
            names.push(of.value(timer.key as usize));
        }
        outcome.output = vec![Arc::new(StringArray::from(names)) as ArrayRef];
        Ok(outcome)
    }
}

#[test]
fn a_job_is_stepped_when_a_timer_is_due_though_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    std::fs::write(folder.path().join("in/0.json"), "{\"k\":\"a\"}\n").unwrap();
    let began = 1_800_000_000_000_000;
    let (clock, memory) = (Arc::new(ManualClock::new(began)), MemoryTables::default());
    let keys = Connectors::built_in().keys();
    let job = Job::parse(JOB, Path::new("job.toml"), folder.path(), &keys, &[]).unwrap();
    let environment = Environment { clock: clock.clone(), pace: Pace::one_by_one(), ..Environment::default() };
    let mut engine =
        Engine::open(job, RunOptions { memory: memory.clone(), environment, ..RunOptions::default() }).unwrap();

    let column = Arc::new(Field::new("k", DataType::Utf8, true));
    let binding = KeyedBinding { output: vec![column.clone()], ..KeyedBinding::default() };
    let function = Arc::new(Timed { binding, fired: Mutex::default() });
    let schema = Arc::new(Schema::new(vec![column]));
    let input = KeyedInput { schema, keys: vec![0], time: None, judged_by: JudgedBy::ThisEpoch };
    let plan = Arc::get_mut(&mut engine.plan).unwrap();
    let operator = Keyed::new("x".into(), input, function.clone(), OutputMode::Append, plan.partitions).unwrap();
    let planned = plan.stateful.values_mut().next().unwrap();
    planned.tables = ["x", "x.timers", "x.event-time", "x.processing-time", "x.overdue"].map(str::to_owned).to_vec();
    planned.operator = Arc::new(operator);

    let mut looks = 0;
    while function.fired.lock().unwrap().len() < 2 {
        looks += 1;
        assert!(looks < 1000, "it waits for ever: {:?}", function.fired);
        match engine.step().unwrap() {
            Step::WaitUntil(until) => clock.set(until),
            Step::Ready => {}
            other => panic!("{other:?}"),
        }
    }
    let fired = function.fired.lock().unwrap().clone();
    // What was set late fires at once; the other one when it is due, give or take a slot.
    assert_eq!((fired[0], fired[1].1), ((began, 1), 0));
    let late_by = fired[1].0 - (began + WAIT);
    assert!((0..10_000).contains(&late_by), "{late_by} µs too late");
    assert_eq!(memory.table("out").snapshot().unwrap().iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    // Nothing is left to wait for but the source.
    assert!(!matches!(engine.step().unwrap(), Step::Done(_)));
    engine.close().unwrap();
}
