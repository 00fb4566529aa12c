//! What the boundary between the host and a plugin costs, beside the same work done natively by Arrow's kernels or a
//! plain loop: `cargo bench --bench boundary`.
//!
//! Everything is as shipped: the runtime's defaults, interruption included, plugins written with the SDK, the program's
//! allocator. After criterion's own figures comes a table of ratios, for which both sides run in turns of a few
//! milliseconds, so that what else the machine does falls on both.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros write public functions; a benchmark may panic"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, Scalar, StringArray};
use arrow::compute::filter;
use arrow::compute::kernels::{cmp, comparison::contains, numeric::mul};
use arrow::datatypes::Int64Type;
use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use millstream_plugin::{
    Bound, BoundAggregate, BoundFilter, BoundFlatMap, BoundMap, CallOptions, InputField, Limits, Request, Runtime,
    RuntimeOptions,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 8192;
const GROUPS: u32 = 1000;
const WORD: &str = "/shop/";

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    if !std::env::args().any(|arg| ["--test", "--list", "--profile-time"].contains(&arg.as_str())) {
        ratios();
    }
}

criterion_group!(benches, calls, filters, maps, aggregates, flat_maps);

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("call");
    let (keep_all, nothing) = (keep_all(), RecordBatch::new_empty(texts(8).schema()));
    group.bench_function("empty", |b| b.iter(|| keep_all.call(&nothing).unwrap()));
    let fresh = CallOptions { fresh_instance: true, ..CallOptions::default() };
    group.bench_function("empty, new instance", |b| b.iter(|| keep_all.call_with(&nothing, fresh).unwrap()));
    group.finish();
}

fn filters(c: &mut Criterion) {
    for one_in in [2, 8, 100] {
        let mut group = c.benchmark_group(format!("contains, one row in {one_in}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        let (plugin, native) = (FilterPair::new(one_in), FilterPair::new(one_in));
        group.bench_function("plugin", |b| b.iter(|| plugin.plugin()));
        group.bench_function("arrow", |b| b.iter(|| native.arrow()));
        group.finish();
    }
}

fn maps(c: &mut Criterion) {
    let mut group = c.benchmark_group("multiply f64");
    group.throughput(Throughput::Elements(ROWS as u64));
    let pair = MapPair::new();
    group.bench_function("plugin", |b| b.iter(|| pair.plugin()));
    group.bench_function("arrow", |b| b.iter(|| pair.arrow()));
    group.finish();
}

fn aggregates(c: &mut Criterion) {
    let mut group = c.benchmark_group("sum and count, 1000 groups");
    group.throughput(Throughput::Elements(ROWS as u64));
    let pair = AggregatePair::new();
    group.bench_function("plugin", |b| b.iter(|| pair.plugin()));
    group.bench_function("loop", |b| b.iter(|| pair.native()));
    group.finish();
}

fn flat_maps(c: &mut Criterion) {
    let mut group = c.benchmark_group("flat-map and map over log lines");
    group.throughput(Throughput::Elements(ROWS as u64));
    let lines = lines();
    let split = split_words(&lines);
    group.bench_function("split-words", |b| {
        b.iter_batched(|| lines.clone(), |lines| split.call(&lines).unwrap(), BatchSize::SmallInput);
    });
    let parse = parse_log_line(&lines);
    group.bench_function("parse-log-line", |b| b.iter(|| parse.call(&lines).unwrap()));
    group.finish();
}

/// The table at the end: medians over many short turns, both sides in each.
fn ratios() {
    println!("\n{:<34} {:>12} {:>12} {:>7}", "8,192 rows, in turns", "plugin", "native", "ratio");
    let row = |what: &str, ours: &dyn Fn(), theirs: &dyn Fn()| {
        let (ours, theirs, ratio) = in_turns(ours, theirs);
        let per_row = |ns: f64| format!("{:.3} ns/row", ns / ROWS as f64);
        println!("{what:<34} {:>12} {:>12} {ratio:>7.2}", per_row(ours), per_row(theirs));
    };
    for one_in in [2, 8, 100] {
        let pair = FilterPair::new(one_in);
        let what = format!("contains + filter, one row in {one_in}");
        row(&what, &|| drop(black_box(pair.plugin())), &|| drop(black_box(pair.arrow())));
    }
    let pair = MapPair::new();
    row("multiply f64", &|| drop(black_box(pair.plugin())), &|| drop(black_box(pair.arrow())));
    let pair = AggregatePair::new();
    row("sum and count, 1000 groups", &|| drop(black_box(pair.plugin())), &|| drop(black_box(pair.native())));
    let (keep_all, nothing) = (keep_all(), RecordBatch::new_empty(texts(8).schema()));
    let (empty, _, _) = in_turns(&|| drop(black_box(keep_all.call(&nothing).unwrap())), &|| {});
    println!("{:<34} {:>9.0} ns", "empty call", empty);
    counted();
}

/// What calls take longer whose fuel is counted, as it is for a job that is computed again beside another version.
fn counted() {
    println!("\n{:<34} {:>12} {:>12} {:>7}", "8,192 rows, in turns", "counted", "not", "ratio");
    let row = |what: &str, project: &str, config: &str, batch: &RecordBatch| {
        let [counted, plain] = [true, false].map(|count| bind_in(runtime(count), project, config, batch));
        let call = |bound: &Bound| match bound {
            Bound::Filter(filter) => drop(black_box(filter.call(batch).unwrap())),
            Bound::Map(map) => drop(black_box(map.call(batch).unwrap())),
            Bound::FlatMap(flat_map) => drop(black_box(flat_map.call(batch).unwrap())),
            _ => unreachable!("no aggregate and nothing keyed is asked for"),
        };
        let (counted, plain, ratio) = in_turns(&|| call(&counted), &|| call(&plain));
        let rows = batch.num_rows().max(1) as f64;
        println!("{what:<34} {:>9.1} ns {:>9.1} ns {ratio:>7.2}", counted / rows, plain / rows);
    };
    let (texts, lines) = (texts(8), lines());
    row("empty call", "benches/guests/keep-all", "{}", &RecordBatch::new_empty(texts.schema()));
    row("contains, one row in 8", "../../plugins/keep-containing", &format!(r#"{{"text": "{WORD}"}}"#), &texts);
    row("multiply f64", "benches/guests/multiply", r#"{"by": 0.908}"#, &MapPair::new().batch);
    row("split-words", "../../plugins/split-words", "{}", &lines);
    row("parse-log-line", "../../plugins/parse-log-line", "{}", &lines);
}

/// Median nanoseconds of a call of each, and the median of their ratios.
fn in_turns(ours: &dyn Fn(), theirs: &dyn Fn()) -> (f64, f64, f64) {
    let time = |calls: u32, call: &dyn Fn()| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    let calls = |call: &dyn Fn()| {
        let one = time(100, call).max(1.0);
        (Duration::from_millis(2).as_nanos() as f64 / one).clamp(10.0, 100_000.0) as u32
    };
    let (our_calls, their_calls) = (calls(ours), calls(theirs));
    let turns: Vec<_> = (0..151).map(|_| (time(our_calls, ours), time(their_calls, theirs))).collect();
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    (
        median(turns.iter().map(|turn| turn.0).collect()),
        median(turns.iter().map(|turn| turn.1).collect()),
        median(turns.iter().map(|(ours, theirs)| ours / theirs).collect()),
    )
}

/// Rows whose text of 40 bytes contains a word, by a plugin and by Arrow's kernels.
struct FilterPair {
    batch: RecordBatch,
    bound: BoundFilter,
    word: Scalar<StringArray>,
}

impl FilterPair {
    fn new(one_in: usize) -> Self {
        let batch = texts(one_in);
        let config = format!(r#"{{"text": "{WORD}"}}"#);
        let Bound::Filter(bound) = bind("../../plugins/keep-containing", &config, &batch) else { unreachable!() };
        let pair = Self { batch, bound, word: StringArray::new_scalar(WORD) };
        let (ours, theirs) = (pair.plugin(), pair.arrow());
        assert!(ours == theirs && ours.len() == ROWS.div_ceil(one_in), "both keep the same rows");
        pair
    }

    fn plugin(&self) -> ArrayRef {
        let keep = BooleanArray::new(self.bound.call(&self.batch).unwrap().keep, None);
        filter(self.batch.column(0), &keep).unwrap()
    }

    fn arrow(&self) -> ArrayRef {
        filter(self.batch.column(0), &contains(self.batch.column(0), &self.word).unwrap()).unwrap()
    }
}

/// A column times a number, by a plugin and by Arrow's kernel.
struct MapPair {
    batch: RecordBatch,
    bound: BoundMap,
    by: Scalar<Float64Array>,
}

impl MapPair {
    fn new() -> Self {
        let x = Arc::new(Float64Array::from_iter_values((0..ROWS).map(|i| i as f64))) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("x", x)]).unwrap();
        let Bound::Map(bound) = bind("benches/guests/multiply", r#"{"by": 0.908}"#, &batch) else { unreachable!() };
        let pair = Self { batch, bound, by: Float64Array::new_scalar(0.908) };
        assert!(cmp::eq(&pair.plugin(), &pair.arrow()).unwrap().true_count() == ROWS, "both make the same numbers");
        pair
    }

    fn plugin(&self) -> ArrayRef {
        self.bound.call(&self.batch).unwrap().columns.remove(0)
    }

    fn arrow(&self) -> ArrayRef {
        mul(self.batch.column(0), &self.by).unwrap()
    }
}

/// Sum and count per group, by a plugin and by a loop; both get dense group ids.
struct AggregatePair {
    batch: RecordBatch,
    groups: Vec<u32>,
    bound: BoundAggregate,
}

impl AggregatePair {
    fn new() -> Self {
        let n = Arc::new(Int64Array::from_iter_values(0..ROWS as i64)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", n)]).unwrap();
        let groups = (0..ROWS as u32).map(|i| i.wrapping_mul(0x9e37_79b9) % GROUPS).collect();
        let Bound::Aggregate(bound) = bind("benches/guests/sum-and-count", "{}", &batch) else { unreachable!() };
        let pair = Self { batch, groups, bound };
        assert_eq!(pair.plugin(), pair.native(), "both make the same numbers");
        pair
    }

    fn plugin(&self) -> Vec<ArrayRef> {
        self.bound.partial(&self.groups, GROUPS, &self.batch).unwrap()
    }

    /// What one would write natively: checked by index, wrapping over.
    fn native(&self) -> Vec<ArrayRef> {
        let (mut sums, mut counts) = (vec![0i64; GROUPS as usize], vec![0i64; GROUPS as usize]);
        let values = self.batch.column(0).as_primitive::<Int64Type>().values();
        for (group, value) in self.groups.iter().zip(values) {
            sums[*group as usize] = sums[*group as usize].wrapping_add(*value);
            counts[*group as usize] += 1;
        }
        vec![Arc::new(Int64Array::from(sums)), Arc::new(Int64Array::from(counts))]
    }
}

fn keep_all() -> BoundFilter {
    let Bound::Filter(bound) = bind("benches/guests/keep-all", "{}", &texts(8)) else { unreachable!() };
    bound
}

fn split_words(batch: &RecordBatch) -> BoundFlatMap {
    let Bound::FlatMap(bound) = bind("../../plugins/split-words", "{}", batch) else { unreachable!() };
    bound
}

fn parse_log_line(batch: &RecordBatch) -> BoundMap {
    let Bound::Map(bound) = bind("../../plugins/parse-log-line", "{}", batch) else { unreachable!() };
    bound
}

/// One column of 40 bytes a row; one row in so many contains the word.
fn texts(one_in: usize) -> RecordBatch {
    let text = |i: usize| {
        let place = if i.is_multiple_of(one_in) { "shop" } else { "blog" };
        format!("{:08}/{place}/item-{:021}", i.wrapping_mul(7919) % 100_000_000, i)
    };
    let texts = StringArray::from_iter_values((0..ROWS).map(text));
    assert_eq!(texts.value_length(0), 40);
    RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap()
}

/// One column of access-log lines.
fn lines() -> RecordBatch {
    let line = |i: usize| {
        let (second, url) = (i % 60, i.wrapping_mul(7919) % 2000);
        format!(
            r#"10.0.{}.7 - - [17/May/2015:10:05:{second:02} +0000] "GET /shop/item-{url} HTTP/1.1" 200 {i}"#,
            i % 256
        )
    };
    let lines = StringArray::from_iter_values((0..ROWS).map(line));
    RecordBatch::try_from_iter([("value", Arc::new(lines) as ArrayRef)]).unwrap()
}

/// One that counts fuel, or the one that does not.
fn runtime(count_fuel: bool) -> &'static Runtime {
    static RUNTIMES: [OnceLock<Runtime>; 2] = [OnceLock::new(), OnceLock::new()];
    RUNTIMES[usize::from(count_fuel)].get_or_init(|| {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("millstream-plugin-cache");
        Runtime::new(RuntimeOptions { cache_dir: Some(cache), count_fuel, ..RuntimeOptions::default() }).unwrap()
    })
}

/// The plugin of a project folder, which is named from this crate's own, bound to the columns of `batch`.
fn bind(project: &str, config: &str, batch: &RecordBatch) -> Bound {
    bind_in(runtime(false), project, config, batch)
}

fn bind_in(runtime: &Runtime, project: &str, config: &str, batch: &RecordBatch) -> Bound {
    let plugin = runtime.load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(project)).unwrap();
    let input = InputField::of_schema(&batch.schema());
    plugin.bind(&Request { config, input: &input, ..Request::default() }, &Limits::default()).unwrap()
}
