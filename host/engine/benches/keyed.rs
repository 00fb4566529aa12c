//! What a keyed operator costs, on one core where nothing else is said, as a plugin and as a function of Rust's own, beside each other in one run:
//! `cargo bench --bench keyed`.
//!
//! A running count per key with a million keys in state; the same with ten thousand; the bytes that an epoch leaves for a
//! checkpoint; ten million timers, set and fired. `-- count` or `-- timers`: a part.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::RecordBatch;
use millstream_engine::executor::{Executor, Workers};
use millstream_engine::format::UTC;
use millstream_engine::job::OutputMode;
use millstream_engine::operator::keyed::{
    JudgedBy, Keyed, KeyedBinding, KeyedError, KeyedFunction, KeyedInput, Outcome, PluginKeyed, Step, ValueChanges,
};
use millstream_engine::operator::{Attempt, Effects, EpochEnd, Rows, Stateful};
use millstream_engine::record::WatermarkPair;
use millstream_engine::state::{DEFAULT_PARTITIONS, State};
use millstream_plugin::{Bound, InputField, Limits, Request, Runtime, RuntimeOptions};
use serde_json::{Map, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 8192;
const KEYS: u64 = 1_000_000;
const FEW_KEYS: u64 = 10_000;
const TIMERS: u64 = 10_000_000;
/// Timers are set to times below it, microseconds.
const SPAN: i64 = 200_000_000;
/// Rows of an epoch that fills state, or sets timers.
const MANY: usize = 65_536;

fn main() {
    let wanted = |part: &str| {
        let mut named = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
        named.peek().is_none() || named.any(|name| name == part)
    };
    if wanted("count") {
        println!("{:<62} {:>12} {:>12}", "running count, 8,192 rows an epoch, one core", "plugin", "native");
        for (keys, distinct) in [(KEYS, 1_000), (KEYS, 8_192), (FEW_KEYS, 1_000), (FEW_KEYS, 8_192)] {
            count(keys, distinct);
        }
        by_state(1_000);
        by_state(8_192);
    }
    if wanted("timers") {
        timers("one core", Workers::alone());
        timers("all cores", Executor::of_process().workers(None));
    }
}

/// Rows a second of epochs over `distinct` of `keys` keys, and what they leave for a checkpoint.
fn count(keys: u64, distinct: u64) {
    let mut sides = [Counting::new(keys, true), Counting::new(keys, false)];
    let mut times = [Vec::new(), Vec::new()];
    let mut bytes = 0;
    for turn in 0..turns() {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            let batch = clicks((0..ROWS as u64).map(|i| place(turn, i % distinct, keys)));
            let start = Instant::now();
            side.epoch(batch);
            times.push(start.elapsed());
            bytes = side.state.take_changes().bytes.len();
        }
    }
    let [plugin, native] = times.map(|times| rate(ROWS, median(times)));
    println!("{:<62} {plugin:>12} {native:>12}", format!("{keys} keys in state, {distinct} touched by an epoch"));
    println!("{:<62} {bytes:>12}", "  bytes of an epoch's change");
}

/// The same epoch with many and with few keys in state, in turns.
fn by_state(distinct: u64) {
    let mut sides = [Counting::new(KEYS, true), Counting::new(FEW_KEYS, true)];
    let mut ratios = Vec::new();
    for turn in 0..turns() {
        let [many, few] = [(0, KEYS), (1, FEW_KEYS)].map(|(side, keys)| {
            let batch = clicks((0..ROWS as u64).map(|i| place(turn, i % distinct, keys)));
            let start = Instant::now();
            sides[side].epoch(batch);
            sides[side].state.take_changes();
            start.elapsed().as_secs_f64()
        });
        ratios.push(many / few);
    }
    ratios.sort_by(f64::total_cmp);
    let what = format!("1,000,000 keys in state over 10,000, {distinct} touched");
    println!("{what:<62} {:>12.2}", ratios[ratios.len() / 2]);
}

/// Timers of as many keys, set in epochs and fired a second's worth an epoch, by these workers.
fn timers(cores: &str, workers: Workers) {
    let mut side = Counting { workers, ..Counting::of(Counting::reminders()) };
    let (mut set, mut fire) = (Duration::ZERO, Duration::ZERO);
    for first in (0..TIMERS).step_by(MANY) {
        let keys = first..(first + MANY as u64).min(TIMERS);
        let due = keys.clone().map(|key| (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as i64 % SPAN);
        let due: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(due).with_timezone(UTC));
        let batch = RecordBatch::try_new(clicks_schema(), vec![numbers(keys), due]).unwrap();
        let start = Instant::now();
        side.epoch(batch);
        side.state.take_changes();
        set += start.elapsed();
    }
    let mut fired = 0;
    // Each watermark in the middle of one of the seconds by which timers are found.
    for watermark in (500_000..=SPAN).step_by(1_000_000).chain([SPAN]) {
        let start = Instant::now();
        fired += side.end(None, Some(watermark));
        side.state.take_changes();
        fire += start.elapsed();
    }
    assert_eq!(fired as u64, TIMERS, "each timer fires once");
    let per_second = |time: Duration| rate(TIMERS as usize, time);
    println!("{:<62} {:>12}", format!("{TIMERS} timers, {cores}: set"), per_second(set));
    println!("{:<62} {:>12}", "  fired", per_second(fire));
    println!("{:<62} {:>12}", "  set and fired", per_second(set + fire));
}

/// How many turns there are, fewer on wish.
fn turns() -> u64 {
    std::env::var("TURNS").ok().and_then(|turns| turns.parse().ok()).unwrap_or(200)
}

/// The key of a row, other ones in each turn, scattered over all: different for different `i` below `keys`, which is a power
/// of ten.
fn place(turn: u64, i: u64, keys: u64) -> u64 {
    (turn * 8191 + i) * 7919 % keys
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn rate(rows: usize, time: Duration) -> String {
    format!("{:.2} M/s", rows as f64 / time.as_secs_f64() / 1e6)
}

fn clicks_schema() -> SchemaRef {
    clicks(0..0).schema()
}

fn numbers(keys: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(keys.map(|key| key as i64)))
}

/// A row for each key.
fn clicks(keys: impl Iterator<Item = u64>) -> RecordBatch {
    let user = numbers(keys);
    let due: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0; user.len()]).with_timezone(UTC));
    RecordBatch::try_from_iter([("user", user), ("due", due)]).unwrap()
}

/// An operator with its state.
struct Counting {
    operator: Keyed,
    state: State,
    names: Vec<String>,
    epoch: u64,
    watermark: Option<i64>,
    workers: Workers,
}

impl Counting {
    /// A running count that has seen each of `keys` once.
    fn new(keys: u64, plugin: bool) -> Self {
        let mut side = Self::of(if plugin { bind("running-count") } else { Arc::new(Native::new()) });
        for first in (0..keys).step_by(MANY) {
            side.epoch(clicks(first..(first + MANY as u64).min(keys)));
            side.state.take_changes();
        }
        side
    }

    fn reminders() -> Arc<dyn KeyedFunction> {
        bind("reminders")
    }

    fn of(function: Arc<dyn KeyedFunction>) -> Self {
        let input = KeyedInput { schema: clicks_schema(), keys: vec![0], time: None, judged_by: JudgedBy::ThisEpoch };
        let operator = Keyed::new("x".into(), input, function, OutputMode::Append, DEFAULT_PARTITIONS).unwrap();
        let names = operator.tables().iter().map(|table| format!("x.{table}")).collect();
        Self {
            operator,
            state: State::new(DEFAULT_PARTITIONS),
            names,
            epoch: 0,
            watermark: None,
            workers: Workers::alone(),
        }
    }

    fn epoch(&mut self, batch: RecordBatch) {
        self.end(Some(batch), None);
    }

    /// Ends an epoch with these rows; how many came out.
    fn end(&mut self, batch: Option<RecordBatch>, watermark: Option<i64>) -> usize {
        let watermarks = WatermarkPair { late: self.watermark, close: watermark };
        self.watermark = watermark;
        let mut effects = Effects::default();
        let partials = batch.map(|batch| self.operator.partial(0, Rows::new(batch), watermarks, &mut effects).unwrap());
        let end = EpochEnd { epoch: self.epoch, now: 0, watermarks, workers: self.workers.clone() };
        self.epoch += 1;
        let partials = partials.flatten().into_iter().collect();
        let closed = self.operator.close(&end, partials, &mut self.state.tables_named(&self.names)).unwrap();
        assert!(closed.rejects.is_empty(), "{:?}", closed.rejects[0]);
        closed.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// The keyed operator of one of the benchmarks' plugins.
fn bind(guest: &str) -> Arc<dyn KeyedFunction> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("millstream-plugin-cache");
    let runtime = Runtime::new(RuntimeOptions { cache_dir: Some(cache), ..RuntimeOptions::default() }).unwrap();
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin/benches/guests");
    let plugin = runtime.load(&guests.join(guest)).unwrap();
    let schema = clicks_schema();
    let (input, keys) = (InputField::of_schema(&schema), [schema.fields()[0].clone()]);
    let request = Request { config: "{}", input: &input, keys: &keys, ..Request::default() };
    let Bound::Keyed(bound) = plugin.bind(&request, &Limits::default()).unwrap() else { unreachable!() };
    Arc::new(PluginKeyed::new(guest.into(), "{}", bound, schema))
}

/// A running count in Rust.
#[derive(Debug)]
struct Native(KeyedBinding);

impl Native {
    fn new() -> Self {
        let output = ["user", "rows"].map(|name| {
            let data_type = if name == "user" { DataType::Int64 } else { DataType::UInt64 };
            Arc::new(Field::new(name, data_type, true))
        });
        Self(KeyedBinding { output: output.into(), values: vec!["rows".into()], ..KeyedBinding::default() })
    }
}

impl KeyedFunction for Native {
    fn binding(&self) -> &KeyedBinding {
        &self.0
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), "count".into())].into_iter().collect()
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let counts = (0..step.key_count()).map(|i| {
            let seen = step.value(0, i).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
            seen + step.rows_of(i).len() as u64
        });
        let counts = UInt64Array::from_iter_values(counts);
        let keys: Vec<u32> = (0..step.key_count() as u32).collect();
        let values = BinaryArray::from_iter_values(counts.values().iter().map(|count| count.to_le_bytes()));
        let user: ArrayRef = Arc::new(step.keys.column(0).as_primitive::<arrow::datatypes::Int64Type>().clone());
        Ok(Outcome {
            output: vec![user, Arc::new(counts)],
            output_of: keys.clone(),
            values: vec![ValueChanges { value: 0, keys, values }],
            ..Outcome::default()
        })
    }
}
