//! Savepoints, and checkpoints that begin with one: whole, or not there; and what is read of a checkpoint in use.

use super::*;
use crate::checkpoint::folder::Folder;
use crate::executor::Workers;

const NOW: i64 = 7;

fn shared(disk: &FaultyStorage) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}

fn saved(run: &Run) -> FaultyStorage {
    let into = FaultyStorage::new();
    let saved = save(&shared(&run.disk), &into, NOW, &Workers::alone()).unwrap();
    assert_eq!((saved.epoch + 1, saved.job.as_str()), (run.committed, "test"));
    into
}

/// What a checkpoint that begins with what `run` has must hold.
fn check(run: &Run, record_found: &EpochRecord, state: &State) {
    let epoch = run.committed - 1;
    assert_eq!(*record_found, record(epoch));
    assert_eq!(content(state), run.after[epoch as usize]);
}

#[test]
fn a_savepoint_is_the_last_epoch_and_a_job_goes_on_from_it() {
    for epochs in [1, 2, 17, 40] {
        let run = Run::with_epochs(epochs);
        let before = run.files();
        let savepoint = saved(&run);
        assert_eq!(run.files(), before, "nothing was written or removed");
        // Of a savepoint a savepoint can be made, and no job writes to it.
        let again = FaultyStorage::new();
        save(&shared(&savepoint), &again, NOW, &Workers::alone()).unwrap();
        let before = files(&again);
        for fresh in [false, true] {
            let e = Checkpoint::open(shared(&again), &OpenOptions { fresh, ..options() }).unwrap_err();
            assert!(matches!(&e, CheckpointError::Savepoint { .. }), "{e}");
            assert!(Error::from(e).help().unwrap().contains("--from"));
        }
        assert_eq!(files(&again), before, "not even a lock");

        let mut next = Run::new();
        next.options.from = Some(Beginning::read(shared(&again), &Workers::alone()).unwrap());
        next.options.partitions = 9;
        let (checkpoint, found) = Checkpoint::open(shared(&next.disk), &next.options).unwrap();
        check(&run, found.last.as_ref().unwrap(), &found.state);
        assert!(found.unpublished.is_empty() && found.damaged.is_empty() && found.suspicious.is_none());
        assert_eq!((checkpoint.last(), checkpoint.partitions()), (Some(epochs - 1), 3));
        // It goes on as the other one would have, through snapshots and restarts.
        next.after.clone_from(&run.after);
        next.committed = epochs;
        next.open = Some((checkpoint, found.state));
        (0..30).for_each(|_| next.epoch(3).unwrap());
        next.open = None;
        next.options.from = None;
        next.open().unwrap();
        assert_eq!(next.committed, epochs + 30);
    }
}

#[test]
fn two_savepoints_are_not_written_into_one_folder() {
    let run = Run::with_epochs(5);
    let into = FaultyStorage::new();
    let other = into.lock("LOCK").unwrap();
    let refused = save(&shared(&run.disk), &into, NOW, &Workers::alone()).unwrap_err();
    assert!(refused.message().contains("another savepoint is being written there"), "{refused}");
    drop(other);
    // Whoever had it has died: the lock's file alone is in nobody's way, and goes.
    save(&shared(&run.disk), &into, NOW, &Workers::alone()).unwrap();
    assert!(!into.exists("LOCK").unwrap());
    let refused = save(&shared(&run.disk), &into, NOW, &Workers::alone()).unwrap_err();
    assert!(refused.message().contains("is not empty"), "{refused}");
    assert!(!into.exists("LOCK").unwrap());
}

#[test]
fn whatever_dies_in_the_middle_a_beginning_is_whole_or_made_anew() {
    let run = Run::with_epochs(17);
    let savepoint = saved(&run);
    let options =
        OpenOptions { from: Some(Beginning::read(shared(&savepoint), &Workers::alone()).unwrap()), ..options() };
    let calls = {
        let disk = FaultyStorage::new();
        Checkpoint::open(shared(&disk), &options).unwrap();
        disk.calls()
    };
    let open_again = |disk: &FaultyStorage, what: &str| {
        let (_, found) = Checkpoint::open(shared(disk), &options).unwrap_or_else(|e| panic!("{what}: {e}"));
        check(&run, found.last.as_ref().unwrap(), &found.state);
    };
    for call in 1..=calls {
        for survives in [Survives::Everything, Survives::Nothing, Survives::Some(call), Survives::Some(call + 100)] {
            let disk = FaultyStorage::new();
            disk.fail_at(call, Fault::Death);
            drop(Checkpoint::open(shared(&disk), &options));
            open_again(&disk.crash(survives), &format!("call {call} ({:?}), {survives:?}", disk.trace().last()));
        }
    }
    for name in point::BEGIN {
        let disk = FaultyStorage::new();
        let faults = Faults::new(move |at| assert_ne!(at, name, "died"));
        let dying = OpenOptions { faults, ..options.clone() };
        assert!(
            catch_unwind(AssertUnwindSafe(|| Checkpoint::open(shared(&disk), &dying).map(drop))).is_err(),
            "{name}"
        );
        for survives in [Survives::Everything, Survives::Nothing, Survives::Some(3)] {
            open_again(&disk.crash(survives), name);
        }
    }

    // A savepoint whose writing was cut short is none, and can be written again.
    for call in 1..=calls {
        let into = FaultyStorage::new();
        into.fail_at(call, Fault::Death);
        if save(&shared(&run.disk), &into, NOW, &Workers::alone()).is_ok() {
            continue;
        }
        let into = into.crash(Survives::Some(call));
        if let Ok(read) = read_at(&into, None, &Workers::alone()) {
            check(&run, &read.record, &read.state);
            continue;
        }
        save(&shared(&run.disk), &into, NOW, &Workers::alone()).unwrap();
        let read = read_at(&into, None, &Workers::alone()).unwrap();
        check(&run, &read.record, &read.state);
    }
}

#[test]
fn no_damage_of_a_savepoint_is_taken_for_state() {
    let run = Run::with_epochs(17);
    let files = saved(&run).files();
    // Once: what is damaged stays so.
    let read = |files: &BTreeMap<String, Vec<u8>>| {
        let (disk, faults, workers) = (disk_of(files), Faults::default(), Workers::alone());
        Folder { storage: &disk, name: disk.describe(), faults: &faults, workers: &workers }.read_at(None)
    };
    let refused = |files: BTreeMap<String, Vec<u8>>, what: &str| match read(&files) {
        Ok(read) => panic!("{what}: read epoch {}", read.record.epoch),
        Err(e) => {
            let error = Error::from(e);
            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Invalid), "{what}: {error:?}");
            assert!(error.help().is_some());
        }
    };
    for (path, bytes) in &files {
        for at in 0..bytes.len() {
            let mut files = files.clone();
            files.get_mut(path).unwrap()[at] ^= 1 << (at % 8);
            refused(files, &format!("{path}, byte {at}"));
        }
        for len in (0..bytes.len()).step_by(5) {
            let mut files = files.clone();
            files.get_mut(path).unwrap().truncate(len);
            refused(files, &format!("{path} cut at {len}"));
        }
        let mut files = files.clone();
        files.remove(path);
        refused(files, &format!("{path} missing"));
    }
    let newer = String::from_utf8(files["checkpoint.json"].clone()).unwrap().replace("\"format\":1", "\"format\":2");
    let line = newer.lines().next().unwrap().to_owned();
    let newer = format!("{line}\n{:08x}\n", crc32fast::hash(line.as_bytes()));
    let mut files = files.clone();
    files.insert("checkpoint.json".into(), newer.into_bytes());
    let e = read(&files).unwrap_err();
    assert!(matches!(&e, CheckpointError::Newer { .. }), "{e}");
}

#[test]
fn a_checkpoint_is_read_while_its_job_writes_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalStorage::new(folder.path());
    let expected = Run::with_epochs(150).after;
    let expected = &expected;
    std::thread::scope(|scope| {
        let writes = scope.spawn(move || {
            let mut run = Run::new();
            run.options.snapshots = SnapshotSizes { least: 100, most: 100 };
            let storage: Arc<dyn Storage> = Arc::new(LocalStorage::new(folder.path()));
            let (checkpoint, found) = Checkpoint::open(storage, &run.options).unwrap();
            run.open = Some((checkpoint, found.state));
            // The same as the other: the seed is the epoch's number there.
            (0..150).for_each(|epoch| run.epoch(epoch).unwrap());
            folder
        });
        let mut read = std::collections::BTreeSet::new();
        while !writes.is_finished() {
            match read_at(&disk, None, &Workers::alone()) {
                Ok(at) => {
                    assert_eq!(content(&at.state), expected[at.record.epoch as usize], "epoch {}", at.record.epoch);
                    read.insert(at.record.epoch);
                }
                Err(CheckpointError::NotThere { .. } | CheckpointError::NoEpoch { .. }) => {}
                Err(e) => panic!("{e}"),
            }
        }
        assert!(read.len() > 3, "{read:?}");
        drop(writes.join().unwrap());
    });
}
