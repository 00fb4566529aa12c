use std::io::Write;

use super::faulty::{Fault, FaultyStorage, Survives};
use super::*;

#[test]
fn a_local_folder_is_a_storage() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(&LocalStorage::new(folder.path().join("not/there/yet")));
}

#[test]
fn a_faulty_disk_is_a_storage_while_it_works() {
    conformance::check(&FaultyStorage::new());
    conformance::check(&FaultyStorage::new().at("in/a folder"));
}

#[test]
fn a_crash_keeps_what_was_synced_and_may_lose_the_rest() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = FaultyStorage::new();
        let mut file = disk.create("f/synced").unwrap();
        file.write_all(b"safe").unwrap();
        file.sync().unwrap();
        disk.sync_folder("f").unwrap();
        file.write_all(b"unsafe").unwrap();
        disk.create("f/unnamed").unwrap().sync().unwrap();
        let lock = disk.lock("LOCK").unwrap();

        let after = disk.crash(Survives::Some(seed));
        assert!(file.write_all(b"x").is_err() && disk.exists("f/synced").is_err(), "old handles are dead");
        let content = after.read("f/synced").unwrap();
        assert_eq!(&content[..4], b"safe");
        outcomes.insert((content[4..].to_vec(), after.exists("f/unnamed").unwrap()));
        assert!(after.lock("LOCK").unwrap().is_some());
        drop(lock);
    }
    assert!(outcomes.len() > 6, "torn at several bytes, lost, zeroed, named or not: {outcomes:?}");
    let disk = FaultyStorage::new();
    disk.create("a").unwrap().write_all(b"abc").unwrap();
    let killed = disk.crash(Survives::Everything);
    assert_eq!(killed.read("a").unwrap(), b"abc");
    killed.create("b").unwrap().write_all(b"abc").unwrap();
    assert!(!killed.crash(Survives::Nothing).exists("b").unwrap());
}

#[test]
fn the_chosen_call_fails() {
    let run = |disk: &FaultyStorage| -> io::Result<()> {
        let mut file = disk.create("a")?;
        file.write_all(b"12")?;
        file.sync()?;
        disk.sync_folder("")
    };
    let disk = FaultyStorage::new();
    run(&disk).unwrap();
    assert_eq!(disk.trace(), ["create a", "write a", "sync a", "sync folder "]);
    for call in 1..=4 {
        let disk = FaultyStorage::new();
        disk.fail_at(call, Fault::Full);
        assert_eq!(run(&disk).unwrap_err().kind(), io::ErrorKind::StorageFull);
        run(&disk).unwrap();
        let disk = FaultyStorage::new();
        disk.fail_at(call, Fault::Death);
        assert!(run(&disk).is_err() && run(&disk).is_err());
        run(&disk.crash(Survives::Everything)).unwrap();
    }
    let disk = FaultyStorage::new();
    disk.fail_at(2, Fault::Broken);
    assert!(run(&disk).is_err());
    assert_eq!(disk.read("a").unwrap(), b"1", "a write that fails leaves a part");
}
