use super::*;

/// Opens what was damaged: it must be refused, or be the state of an epoch; an epoch that is not the last one only
/// where the rest is reported as suspicious. Gives the epoch.
fn open_damaged(run: &Run, files: &BTreeMap<String, Vec<u8>>, what: &str) -> Option<u64> {
    let disk = disk_of(files);
    match Checkpoint::open(Arc::new(disk), &run.options) {
        Ok((_, found)) => {
            run.check(&found);
            let epoch = found.last.as_ref().map_or(0, |last| last.epoch + 1);
            if epoch < run.committed {
                assert_eq!(found.suspicious.expect(what).epoch, epoch);
                assert_eq!(epoch, run.committed - 1, "{what}: no more than the last record is given up");
            }
            Some(epoch)
        }
        Err(e) => {
            let (text, error) = (e.to_string(), Error::from(e));
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid), "{what}: {error}");
            assert!(text.contains("memory:/") && error.help().is_some());
            None
        }
    }
}

#[test]
fn every_flipped_bit_is_found_or_does_no_harm() {
    // Once with the log alone, once with snapshots and several segments, once closed (with a mark at the end).
    let mut closed = Run::with_epochs(1);
    closed.open().unwrap();
    closed.open.take().expect("it was opened").0.close().unwrap();
    let mut fallen_back = 0;
    let mut reported = 0;
    for run in [Run::with_epochs(2), Run::with_epochs(17), closed] {
        let files = run.files();
        for (path, bytes) in files.iter().filter(|(path, _)| *path != "LOCK") {
            // Of the large one, one bit of each byte, another one in each.
            let bits = (0..bytes.len() * 8).filter(|bit| run.committed < 10 || bit % 8 == bit / 8 * 5 % 8);
            for bit in bits {
                let mut files = files.clone();
                files.get_mut(path).unwrap()[bit / 8] ^= 1 << (bit % 8);
                let what = format!("{path}, bit {} of byte {}", bit % 8, bit / 8);
                let opened = open_damaged(&run, &files, &what);
                fallen_back += usize::from(opened.is_some_and(|epoch| epoch < run.committed));
                if opened.is_some() && path.starts_with("state/") {
                    let (_, found) = Checkpoint::open(Arc::new(disk_of(&files)), &run.options).unwrap();
                    assert!(found.damaged[0].contains(path), "{:?}", found.damaged);
                    reported += 1;
                }
            }
        }
    }
    assert!(fallen_back > 0, "a last record was given up");
    println!("{fallen_back} flips gave up the last record, {reported} fell back to an older snapshot");
}

#[test]
fn the_log_torn_at_every_byte_and_every_file_missing() {
    let run = Run::with_epochs(17);
    let files = run.files();
    let last = files.keys().rfind(|path| path.starts_with("log/")).unwrap();
    for len in 0..files[last].len() {
        let mut files = files.clone();
        files.get_mut(last).unwrap().truncate(len);
        match Checkpoint::open(Arc::new(disk_of(&files)), &run.options) {
            Ok((_, found)) => run.check(&found),
            Err(e) => assert!(matches!(e, CheckpointError::Damaged { .. }), "{e}"),
        }
    }
    let mut refused = 0;
    for path in files.keys().filter(|path| *path != "LOCK") {
        let mut files = files.clone();
        files.remove(path);
        match Checkpoint::open(Arc::new(disk_of(&files)), &run.options) {
            // Where the last segment is gone as a whole, only the sinks can know of it.
            Ok((_, found)) if path == last => run.check(&found),
            Ok((_, found)) => assert_eq!(found.last.as_ref().map(|last| last.epoch), Some(16), "without {path}"),
            Err(e) => refused += usize::from(matches!(e, CheckpointError::Damaged { .. })),
        }
        // The content of one file in the place of another.
        for other in files.keys() {
            let mut files = files.clone();
            let bytes = files[other].clone();
            files.insert(path.clone(), bytes);
            match Checkpoint::open(Arc::new(disk_of(&files)), &run.options) {
                Ok((_, found)) => run.check(&found),
                Err(e) => assert!(matches!(e, CheckpointError::Damaged { .. }), "{e}"),
            }
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn records_out_of_order_or_from_elsewhere_are_refused() {
    let mut run = Run::new();
    run.options.snapshots.least = u64::MAX;
    run.open().unwrap();
    (0..4).for_each(|_| run.epoch(4).unwrap());
    let files = run.files();
    let log = &files["log/00000000000000000000.log"];
    let (frames, _) = frame::scan(log, 0xfeed);
    let bytes = |f: &frame::Frame| log[f.at..f.end()].to_vec();
    let attempt = |order: &[usize]| {
        let mut files = files.clone();
        let log = order.iter().flat_map(|i| bytes(&frames[*i])).collect();
        files.insert("log/00000000000000000000.log".into(), log);
        Checkpoint::open(Arc::new(disk_of(&files)), &run.options).map(|(_, found)| found.last.unwrap().epoch)
    };
    assert_eq!(attempt(&[0, 1, 2, 3]).unwrap(), 3);
    for order in
        [&[0, 2, 3][..], &[1, 2, 3], &[0, 1, 3], &[0, 2, 1, 3], &[0, 0, 1, 2, 3], &[0, 1, 1, 2, 3], &[3, 2, 1, 0]]
    {
        assert!(matches!(attempt(order), Err(CheckpointError::Damaged { .. })), "{order:?}");
    }
    let mut other = Run::new();
    other.options.id = Some(7);
    let (mut checkpoint, mut found) = Checkpoint::open(Arc::new(other.disk.clone()), &other.options).unwrap();
    checkpoint.append(&record(0), &found.state.take_changes(), &[]).unwrap();
    drop(checkpoint);
    let mut files = run.files();
    files.extend(other.files().into_iter().filter(|(path, _)| path.starts_with("log/")));
    let e = Checkpoint::open(Arc::new(disk_of(&files)), &run.options).unwrap_err();
    assert!(e.to_string().contains("0000000000000007"), "{e}");
}

#[test]
fn damage_in_the_middle_is_refused_by_file_byte_and_way_out() {
    let mut run = Run::new();
    run.options.snapshots.least = u64::MAX;
    run.open().unwrap();
    (0..9).for_each(|_| run.epoch(3).unwrap());
    run.open = None;
    let mut files = run.files();
    let log = files.get_mut("log/00000000000000000000.log").unwrap();
    let (frames, _) = frame::scan(log, 0xfeed);
    let at = frames[6].at;
    log[at + 100] ^= 4;
    let error = Checkpoint::open(Arc::new(disk_of(&files)), &run.options).unwrap_err();
    let CheckpointError::Damaged { file, at: Some(byte), instead: Some(5), .. } = &error else { panic!("{error}") };
    assert_eq!((file.as_str(), *byte), ("log/00000000000000000000.log", at as u64));
    let error = Error::from(error);
    assert!(error.message().contains("epoch 6") && error.help().unwrap().contains("epoch 5"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Corrupt);

    // The way out: the caller knows that nothing later was published.
    run.disk = disk_of(&files);
    run.options.at = Some(5);
    run.committed = 6;
    run.open().unwrap();
    run.options.at = None;
    run.epoch(3).unwrap();
    run.open = None;
    assert_eq!(run.open().unwrap().last.unwrap().epoch, 6);
}

#[test]
fn a_torn_record_stays_until_the_next_append() {
    let mut run = Run::with_epochs(5);
    let file = run.disk.list("log").unwrap().pop().map(|e| format!("log/{}", e.name)).unwrap();
    let before = run.disk.read(&file).unwrap().len() as u64;
    run.disk.append(&file).unwrap().write_all(&[0xab; 100]).unwrap();
    for _ in 0..2 {
        let suspicious = run.open().unwrap().suspicious.unwrap();
        assert_eq!((suspicious.epoch, suspicious.at, &suspicious.file), (5, before, &file));
        run.open = None;
    }
    run.open().unwrap();
    run.epoch(1).unwrap();
    run.open = None;
    assert!(run.open().unwrap().suspicious.is_none());
}
