use super::*;

fn open(disk: &FaultyStorage, options: &OpenOptions) -> Result<(Checkpoint, Recovered), CheckpointError> {
    Checkpoint::open(Arc::new(disk.clone()), options)
}

#[test]
fn one_owner_at_a_time_and_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path().join("a/checkpoint")));
    let first = Checkpoint::open(storage.clone(), &options()).unwrap();
    for fresh in [false, true] {
        let e = Error::from(Checkpoint::open(storage.clone(), &OpenOptions { fresh, ..options() }).unwrap_err());
        assert_eq!(e.kind(), ErrorKind::Conflict);
        assert!(e.message().contains("a/checkpoint"), "{e}");
        assert!(e.message().contains(&format!("process {}", std::process::id())), "{e}");
    }
    drop(first);
    Checkpoint::open(storage, &options()).unwrap();
    assert!(folder.path().join("a/checkpoint/LOCK").exists());
}

#[test]
fn what_was_marked_as_published_is_not_published_again() {
    let mut run = Run::new();
    run.open().unwrap();
    (0..5).for_each(|_| run.epoch(1).unwrap());
    run.open = None;
    // The mark of epoch 4 was in memory only; epoch 2 is published with epoch 3.
    assert_eq!(run.open().unwrap().unpublished.len(), 1);
    let (mut checkpoint, _) = run.open.take().unwrap();
    assert!(matches!(checkpoint.mark_published(5), Err(CheckpointError::Misuse(_))));
    checkpoint.mark_published(4).unwrap();
    checkpoint.close().unwrap();
    let found = run.open().unwrap();
    assert!(found.unpublished.is_empty() && found.last.unwrap().epoch == 4);
    (0..5).for_each(|_| run.epoch(1).unwrap());
    run.open = None;
    assert_eq!(run.open().unwrap().last.unwrap().epoch, 9, "the log goes on after a mark");
}

#[test]
fn a_committer_thread_can_own_it() {
    fn is_send<T: Send>(_: &T) {}
    let (checkpoint, found) = open(&FaultyStorage::new(), &options()).unwrap();
    is_send(&checkpoint);
    is_send(&found.state);
}

#[test]
fn epochs_follow_each_other() {
    let mut run = Run::with_epochs(2);
    run.open().unwrap();
    let (mut checkpoint, mut state) = run.open.take().unwrap();
    for epoch in [0, 1, 3] {
        let e = checkpoint.append(&record(epoch), &state.take_changes(), &[]).unwrap_err();
        assert!(matches!(e, CheckpointError::Misuse(_)));
    }
    let e = checkpoint.write_snapshot(2, &[]).unwrap_err();
    assert!(matches!(e, CheckpointError::Misuse(_)));
    checkpoint.append(&record(2), &state.take_changes(), &[]).unwrap();
}

#[test]
fn fresh_drops_everything_wherever_it_is_interrupted() {
    let old = Run::with_epochs(20);
    let fresh = OpenOptions { fresh: true, id: Some(0xabc), ..options() };
    let disk = disk_of(&old.files());
    let before = disk.calls();
    let (checkpoint, found) = open(&disk, &fresh).unwrap();
    assert_eq!((found.id.as_str(), found.last, checkpoint.id()), ("0000000000000abc", None, found.id.clone()));
    assert!(content(&found.state).is_empty());
    assert_eq!(files(&disk).into_keys().collect::<Vec<_>>(), ["LOCK", "checkpoint.json"]);
    let calls = disk.calls() - before;
    for call in 1..=calls {
        for survives in [Survives::Everything, Survives::Nothing, Survives::Some(call), Survives::Some(call + 100)] {
            let disk = disk_of(&old.files());
            disk.fail_at(disk.calls() + call, Fault::Death);
            drop(open(&disk, &fresh));
            let disk = disk.crash(survives);
            // Without asking for it again: either nothing was dropped yet, or all is.
            let (_, found) = open(&disk, &OpenOptions { id: Some(0xdef), ..options() }).unwrap();
            match &found.last {
                Some(_) => old.check(&found),
                None => assert!(["0000000000000abc", "0000000000000def"].contains(&found.id.as_str())),
            }
        }
    }
}

#[test]
fn other_folders_are_left_alone() {
    for fresh in [false, true] {
        let disk = FaultyStorage::new();
        put(&disk, "thesis.txt", b"years of work");
        let e = Error::from(open(&disk, &OpenOptions { fresh, ..options() }).unwrap_err());
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(e.message().contains("thesis.txt"), "{e}");
        assert_eq!(files(&disk).len(), 1, "not even a lock file");
    }
    // A stray file in a checkpoint is no reason to refuse, and is not dropped.
    let run = Run::with_epochs(3);
    put(&run.disk, "notes.txt", b"mine");
    let (_, found) = open(&run.disk, &OpenOptions { fresh: true, ..options() }).unwrap();
    assert!(found.last.is_none() && files(&run.disk).contains_key("notes.txt"));
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let run = Run::with_epochs(20);
    let files = run.files();
    let resealed = |json: &str| format!("{json}\n{:08x}\n", crc32fast::hash(json.as_bytes())).into_bytes();
    let json = std::str::from_utf8(&files["checkpoint.json"]).unwrap().lines().next().unwrap();
    let mut cases = vec![
        ("checkpoint.json", resealed(&json.replace("\"format\":1", "\"format\":2"))),
        ("checkpoint.json", resealed("{\"format\":9,\"rows\":1,\"something\":\"new\"}")),
    ];
    let log = files.keys().find(|path| path.starts_with("log/")).unwrap();
    let mut bytes = files[log].clone();
    bytes[3] = b'2';
    let checksum = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    cases.push((log, bytes));
    for (path, bytes) in cases {
        let mut files = files.clone();
        files.insert(path.to_string(), bytes);
        let e = open(&disk_of(&files), &run.options).unwrap_err();
        assert!(matches!(&e, CheckpointError::Newer { file, .. } if file == path), "{e}");
        assert_eq!(Error::from(e).kind(), ErrorKind::Invalid);
    }
}

#[test]
fn the_epoch_before_the_last_can_always_be_opened() {
    let mut run = Run::new();
    run.open().unwrap();
    for epoch in 0..60 {
        run.epoch(5).unwrap();
        let copy = disk_of(&run.files());
        let Some(before) = run.committed.checked_sub(2) else { continue };
        let (_, found) = open(&copy, &OpenOptions { at: Some(before), ..run.options.clone() }).unwrap();
        assert_eq!(found.last.as_ref().unwrap().epoch, before);
        run.check(&found);
        let (_, found) = open(&copy, &run.options).unwrap();
        assert_eq!(found.last.as_ref().unwrap().epoch, epoch, "opening an older one changes nothing by itself");
        let e = open(&copy, &OpenOptions { at: Some(epoch + 1), ..run.options.clone() }).unwrap_err();
        assert!(matches!(e, CheckpointError::NoSuchEpoch { .. }), "{e}");
    }
    // Going on from there is the same as if the last epoch had never been, wherever it is interrupted.
    run.open = None;
    let files = run.files();
    let go_on = |run: &mut Run| -> Result<(), CheckpointError> {
        run.options.at = Some(58);
        run.committed = 59;
        run.open()?;
        (0..3).try_for_each(|_| run.epoch(6))
    };
    run.disk = disk_of(&files);
    let before = run.disk.calls();
    go_on(&mut run).unwrap();
    let calls = run.disk.calls() - before;
    let (old, new) = (run.after.clone(), run.after[59].clone());
    for call in 1..=calls {
        let mut run = Run {
            disk: disk_of(&files),
            options: options(),
            open: None,
            after: old.clone(),
            committed: 59,
            late: Vec::new(),
        };
        run.disk.fail_at(run.disk.calls() + call, Fault::Death);
        drop(go_on(&mut run));
        run.open = None;
        let (_, found) = open(&run.disk.crash(Survives::Some(call)), &options()).unwrap();
        let epoch = found.last.as_ref().unwrap().epoch;
        assert!(epoch >= 58);
        assert!(
            epoch == 58 || epoch == 59 && content(&found.state) != new || content(&found.state) == old[epoch as usize]
        );
    }
}

#[test]
fn a_zombie_whose_lock_was_taken_away_writes_nothing() {
    let disk = FaultyStorage::new();
    let folder = tempfile::tempdir().unwrap();
    let local = LocalStorage::new(folder.path().join("checkpoint"));
    for storage in [Arc::new(disk.clone()) as Arc<dyn Storage>, Arc::new(local)] {
        let (mut zombie, mut found) = Checkpoint::open(storage.clone(), &options()).unwrap();
        zombie.append(&record(0), &found.state.take_changes(), &inline(0)).unwrap();
        zombie.append(&record(1), &found.state.take_changes(), &inline(1)).unwrap();
        zombie.mark_published(0).unwrap();
        // Somebody took it for dead and removed the lock; another job goes on.
        storage.remove("LOCK").unwrap();
        let (mut successor, mut taken_over) = Checkpoint::open(storage.clone(), &options()).unwrap();
        assert_eq!(taken_over.last.unwrap().epoch, 1);
        successor.append(&record(2), &taken_over.state.take_changes(), &inline(2)).unwrap();
        let before = files(&*storage);
        let refused = [
            zombie.append(&record(2), &found.state.take_changes(), b"another").unwrap_err(),
            zombie.write_snapshot(1, &[]).unwrap_err(),
            zombie.close().unwrap_err(),
        ];
        for error in refused {
            let error = Error::from(error);
            assert!(error.message().contains("LOCK file was removed"), "{error}");
        }
        assert_eq!(files(&*storage), before);
        successor.append(&record(3), &taken_over.state.take_changes(), &inline(3)).unwrap();
    }
}
