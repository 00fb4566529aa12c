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

fn volume(of: u64, keys: u64, epochs: u64, options: Options) -> Volume {
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
    let options = Options { snapshots: SnapshotSizes { least: 20_000, most: 50_000 }, ..Options::default() };
    let large = volume(20_000, 200, 600, options.clone());
    assert!(large.largest < large.state / 4, "no epoch writes more than a part of the state");
    assert!(large.log < large.change + 600 * 700);
    assert!(large.kept < 5 * large.state / 2, "{} kept for {} of state", large.kept, large.state);
    let small = volume(10, 10, 2000, options);
    assert!(small.kept < 120_000, "a small job's log is kept short too: {}", small.kept);
    assert!(small.files < 12 && small.snapshots * 10 < small.log, "{} files, {} bytes", small.files, small.snapshots);
}

/// `cargo test --release -p millstream-engine restart_speed -- --ignored --nocapture`
#[test]
#[ignore = "prints figures"]
fn restart_speed() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path()));
    let (mut checkpoint, found) = Checkpoint::open(storage.clone(), &Options::default()).unwrap();
    let mut state = found.state;
    let mut rng = Rng::new(1);
    let mut times = Vec::new();
    // 100 MB of entries: 40 bytes each for a key of 16 and a value of 10.
    for epoch in 0..400 {
        let start = std::time::Instant::now();
        for _ in 0..20_000 {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&rng.below(2_500_000).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            state.table_mut("t").put(0, &key, &rng.next().to_le_bytes().repeat(2)[..10]);
        }
        let put = start.elapsed();
        let change = state.take_changes();
        let appended = checkpoint.append(&record(epoch), &change, &[]).unwrap();
        let committed = start.elapsed() - put;
        checkpoint.mark_published(epoch).unwrap();
        let sections: Vec<_> = appended.snapshot.iter().map(|p| (*p, state.snapshot(*p))).collect();
        if !sections.is_empty() {
            checkpoint.write_snapshot(epoch, &sections).unwrap();
        }
        times.push((committed, start.elapsed() - put - committed));
    }
    times.sort();
    println!("commit of 20,000 keys: median {:?}, longest {:?}", times[200].0, times[399].0);
    println!("snapshots: longest {:?}", times.iter().map(|t| t.1).max().unwrap());
    drop(checkpoint);
    let kept: u64 = files(storage.as_ref()).values().map(|bytes| bytes.len() as u64).sum();
    let table = state.table_mut("t");
    println!("{} keys, {} MB of entries, {} MB kept", table.len(), table.bytes() >> 20, kept >> 20);
    let start = std::time::Instant::now();
    let (_, found) = Checkpoint::open(storage, &Options::default()).unwrap();
    println!("opened in {:?}", start.elapsed());
    assert_eq!(found.state.table("t").unwrap().len(), table.len());
}
