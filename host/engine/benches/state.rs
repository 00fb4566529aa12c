//! Keyed state on one core: rows to bytes and back, entries put and merged, an epoch's change taken, a snapshot written
//! and read back: `cargo bench --bench state`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros write public functions; a benchmark may panic"
)]

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use millstream_engine::executor::Executor;
use millstream_engine::state::row::{Form, RowBuffer, decode, encode};
use millstream_engine::state::{DEFAULT_PARTITIONS, State, StateChange};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS: u64 = 1_000_000;
/// Keys that an epoch touches.
const TOUCHED: u64 = 10_000;

criterion_group!(benches, rows, table);
criterion_main!(benches);

fn rows(c: &mut Criterion) {
    const ROWS: usize = 65_536;
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..ROWS).map(|i| format!("/page/{:09}", i * 7))));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
    for (name, columns) in [
        ("utf8", vec![texts.clone()]),
        ("int64", vec![numbers.clone()]),
        ("utf8 and int64", vec![texts.clone(), numbers.clone()]),
    ] {
        let mut group = c.benchmark_group(format!("rows of {name}"));
        group.throughput(Throughput::Elements(ROWS as u64));
        let types: Vec<_> = columns.iter().map(|column| column.data_type().clone()).collect();
        let (mut buffer, mut hashes) = (RowBuffer::new(), Vec::new());
        group.bench_function("encode", |b| b.iter(|| encode(&columns, ROWS, Form::Key, &mut buffer).unwrap()));
        group.bench_function("hash", |b| b.iter(|| buffer.hashes(&mut hashes)));
        let slices: Vec<&[u8]> = buffer.iter().collect();
        group.bench_function("decode", |b| b.iter(|| decode(&slices, &types).unwrap()));
        group.finish();
    }
}

fn table(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("state of {KEYS} keys, {TOUCHED} touched"));
    group.sample_size(20);
    group.throughput(Throughput::Elements(TOUCHED));
    group.bench_function("put new", |b| b.iter_batched(empty, |state| filled(state, TOUCHED), BatchSize::LargeInput));
    let mut state = filled(empty(), KEYS);
    state.take_changes();
    let mut turn = 0;
    // What an epoch does with a stored state: it is read, merged with the epoch's own, and put back.
    let mut merge = |state: &mut State| {
        turn += 1;
        let table = state.table_mut("t");
        for i in 0..TOUCHED {
            let key = key((i * 97 + turn) % KEYS);
            let mut value = <[u8; 10]>::try_from(table.get(0, &key).unwrap()).unwrap();
            value[0] = value[0].wrapping_add(1);
            table.put(0, &key, &value);
        }
    };
    group.bench_function("merge", |b| b.iter(|| merge(&mut state)));
    group.bench_function("merge and take the change", |b| {
        b.iter(|| {
            merge(&mut state);
            state.take_changes()
        });
    });
    group.throughput(Throughput::Elements(KEYS));
    let snapshot = |state: &State| -> Vec<_> { (0..DEFAULT_PARTITIONS).map(|p| state.snapshot(p)).collect() };
    group.bench_function("snapshot of all", |b| b.iter(|| snapshot(&state)));
    let snapshots = snapshot(&state);
    let workers = Executor::of_process().workers(None);
    group.bench_function("restore of all", |b| {
        b.iter(|| {
            let pieces: Vec<_> = snapshots.iter().map(|bytes| StateChange::pieces(bytes).unwrap()).collect();
            State::restore(DEFAULT_PARTITIONS, &pieces, &workers).unwrap()
        });
    });
    group.finish();
    let table = state.table("t").unwrap();
    println!("{KEYS} keys: {} MB of entries, {} MB of memory", table.bytes() >> 20, table.memory() >> 20);
}

fn empty() -> State {
    State::new(DEFAULT_PARTITIONS)
}

fn filled(mut state: State, keys: u64) -> State {
    let table = state.table_mut("t");
    (0..keys).for_each(|i| assert!(table.put(0, &key(i), &[7; 10])));
    state
}

/// 20 bytes, spread.
fn key(i: u64) -> [u8; 20] {
    let mut key = *b"/page/0123456789abcd";
    key[..8].copy_from_slice(&i.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key
}
