use super::*;

#[test]
fn a_damaged_snapshot_is_replaced_by_an_older_one_where_there_is_one() {
    // Snapshots of all partitions after each of three epochs: two are kept, the older one for epoch 5's sake.
    let mut run = Run::new();
    run.options.snapshots.least = u64::MAX;
    run.open().unwrap();
    for epoch in 0..7 {
        run.epoch(2).unwrap();
        let (checkpoint, state) = run.open.as_mut().unwrap();
        if epoch >= 4 {
            let sections: Vec<_> = (0..3).map(|p| (p, state.snapshot(p))).collect();
            checkpoint.write_snapshot(epoch, &sections).unwrap();
        }
    }
    run.open = None;
    let files = run.files();
    let snapshots: Vec<_> = files.keys().filter(|path| path.starts_with("state/")).collect();
    assert_eq!(snapshots.len(), 2, "{snapshots:?}");
    let mut damaged = files.clone();
    *damaged.get_mut(snapshots[1]).unwrap().last_mut().unwrap() ^= 1;
    let (_, found) = Checkpoint::open(Arc::new(disk_of(&damaged)), &run.options).unwrap();
    run.check(&found);
    assert_eq!(found.damaged.len(), 1);
    assert!(found.damaged[0].contains(snapshots[1]) && found.damaged[0].contains("partition 2"), "{:?}", found.damaged);
    *damaged.get_mut(snapshots[0]).unwrap().last_mut().unwrap() ^= 1;
    let error = Checkpoint::open(Arc::new(disk_of(&damaged)), &run.options).unwrap_err();
    assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
}

/// Bytes written and kept while epochs change `keys` random keys of `of`.
struct Volume {
    change: u64,
    log: u64,
    snapshots: u64,
    largest: u64,
    kept: u64,
    state: u64,
    files: usize,
}

fn volume(of: u64, keys: u64, epochs: u64, options: OpenOptions) -> Volume {
    let disk = FaultyStorage::new();
    let (mut checkpoint, found) = Checkpoint::open(Arc::new(disk.clone()), &options).unwrap();
    let mut state = found.state;
    let mut rng = Rng::new(1);
    let mut v = Volume { change: 0, log: 0, snapshots: 0, largest: 0, kept: 0, state: 0, files: 0 };
    for epoch in 0..epochs {
        for _ in 0..if epoch == 0 { of } else { keys } {
            let key = if epoch == 0 { rng.next() % (4 * of) } else { rng.next() % of };
            state.table_mut("t").put(0, &key.to_le_bytes(), &rng.next().to_le_bytes());
        }
        let change = state.take_changes();
        v.change += change.bytes.len() as u64;
        let appended = checkpoint.append(&record(epoch), &change, &[]).unwrap();
        checkpoint.mark_published(epoch).unwrap();
        v.log += appended.bytes;
        let sections: Vec<_> = appended.snapshot.iter().map(|p| (*p, state.snapshot(*p))).collect();
        let bytes = sections.iter().map(|(_, s)| s.len() as u64).sum();
        v.snapshots += bytes;
        v.largest = v.largest.max(bytes);
        if !sections.is_empty() {
            checkpoint.write_snapshot(epoch, &sections).unwrap();
        }
        assert!(v.snapshots <= v.log);
    }
    drop(checkpoint);
    let files = files(&disk);
    v.kept = files.values().map(|bytes| bytes.len() as u64).sum();
    v.files = files.len();
    v.state = state.table_mut("t").bytes() as u64;
    let (_, found) = Checkpoint::open(Arc::new(disk), &options).unwrap();
    assert_eq!(content(&found.state), content(&state));
    v
}

#[test]
fn snapshots_cost_no_more_than_the_log_and_keep_it_short() {
    let options = OpenOptions { snapshots: SnapshotSizes { least: 20_000, most: 50_000 }, ..OpenOptions::default() };
    let large = volume(20_000, 200, 600, options.clone());
    assert!(large.largest < large.state / 4, "no epoch writes more than a part of the state");
    assert!(large.log < large.change + 600 * 700);
    assert!(large.kept < 5 * large.state / 2, "{} kept for {} of state", large.kept, large.state);
    let small = volume(10, 10, 2000, options);
    assert!(small.kept < 120_000, "a small job's log is kept short too: {}", small.kept);
    assert!(small.files < 12 && small.snapshots * 10 < small.log, "{} files, {} bytes", small.files, small.snapshots);
}
