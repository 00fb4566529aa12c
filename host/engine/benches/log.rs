//! The commit: an epoch's record and change appended to the log and synced, on this machine's disk and, where there is
//! one, on its disk in memory, which leaves what the program itself costs; and opening a checkpoint again:
//! `cargo bench --bench log`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros write public functions; a benchmark may panic"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use millstream_engine::checkpoint::{Checkpoint, OpenOptions};
use millstream_engine::record::{Counters, EpochRecord};
use millstream_engine::state::State;
use millstream_engine::storage::{LocalStorage, Storage};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of a key's entry in a change: 16 of the key, 10 of the value, and what tells them apart.
const ENTRY: u64 = 29;

criterion_group!(benches, append, open);
criterion_main!(benches);

fn append(c: &mut Criterion) {
    for keys in [0, 100, 20_000] {
        let mut group = c.benchmark_group(format!("append, {keys} keys touched"));
        group.sample_size(20);
        if keys > 0 {
            group.throughput(Throughput::Bytes(keys * ENTRY));
        }
        for (name, parent) in [("disk, synced", env!("CARGO_TARGET_TMPDIR")), ("memory", "/dev/shm")] {
            let Ok(folder) = tempfile::tempdir_in(parent) else { continue };
            let storage = Arc::new(LocalStorage::new(folder.path()));
            let (mut checkpoint, found) = Checkpoint::open(storage, &OpenOptions::default()).unwrap();
            let (mut state, mut epoch) = (found.state, 0);
            group.bench_function(name, |b| {
                b.iter_batched(
                    || {
                        touch(&mut state, epoch, keys);
                        epoch += 1;
                        (state.take_changes(), record(epoch - 1))
                    },
                    |(change, record)| {
                        let appended = checkpoint.append(&record, &change, &[]).unwrap();
                        checkpoint.mark_published(record.epoch).unwrap();
                        appended
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

/// About 100 MB of state, written in epochs, with the snapshots that the log asks for.
fn open(c: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path()));
    let (mut checkpoint, found) = Checkpoint::open(storage.clone(), &OpenOptions::default()).unwrap();
    let mut state = found.state;
    for epoch in 0..200 {
        touch(&mut state, epoch, 20_000);
        let appended = checkpoint.append(&record(epoch), &state.take_changes(), &[]).unwrap();
        checkpoint.mark_published(epoch).unwrap();
        let sections: Vec<_> = appended.snapshot.iter().map(|p| (*p, state.snapshot(*p))).collect();
        if !sections.is_empty() {
            checkpoint.write_snapshot(epoch, &sections).unwrap();
        }
    }
    drop(checkpoint);
    let (keys, bytes) = state.table("t").map(|table| (table.len(), table.bytes())).unwrap();
    let mut group = c.benchmark_group(format!("open, {keys} keys"));
    group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("disk", |b| {
        b.iter(|| {
            let (_, found) = Checkpoint::open(storage.clone(), &OpenOptions::default()).unwrap();
            assert_eq!(found.state.table("t").unwrap().len(), keys);
        });
    });
    group.finish();
}

/// Puts `keys` entries, other ones in each epoch.
fn touch(state: &mut State, epoch: u64, keys: u64) {
    let table = state.table_mut("t");
    for i in 0..keys {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&((epoch * keys + i) % 2_500_000).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        table.put(0, &key, &[epoch as u8; 10]);
    }
}

fn record(epoch: u64) -> EpochRecord {
    EpochRecord {
        epoch,
        started: 1_000_000 * epoch as i64,
        ranges: BTreeMap::new(),
        partition_times: BTreeMap::new(),
        event_times: BTreeMap::new(),
        event_time_columns: BTreeMap::new(),
        watermarks: BTreeMap::new(),
        counters: Counters { rows_in: epoch, ..Counters::default() },
        outputs: Vec::new(),
        job: "job".into(),
        plugins: BTreeMap::new(),
        stateful: BTreeMap::new(),
        dropped: Vec::new(),
        finished: false,
        ..EpochRecord::default()
    }
}
