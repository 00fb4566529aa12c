//! What every [`Storage`] must do. Each implementation runs it on an empty storage of its own.

#![allow(clippy::unwrap_used, reason = "a suite says what is wrong by a panic")]

use std::io::{ErrorKind, Write};

use super::{FolderEntry, Storage};

fn write(storage: &dyn Storage, path: &str, bytes: &[u8]) {
    let mut file = storage.create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.sync().unwrap();
}

fn names(storage: &dyn Storage, folder: &str) -> Vec<(String, u64, bool)> {
    storage
        .list(folder)
        .unwrap()
        .into_iter()
        .map(|FolderEntry { name, len, is_folder }| (name, len, is_folder))
        .collect()
}

/// Runs the suite on `storage`, which must be empty.
///
/// # Panics
/// It does not do what the trait says.
pub fn check(storage: &dyn Storage) {
    what_is_not_there(storage);
    reading_and_writing(storage);
    names_and_folders(storage);
    locks(storage);
    assert!(!storage.describe().is_empty());
}

fn what_is_not_there(storage: &dyn Storage) {
    assert_eq!(storage.read("nothing").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(storage.truncate("nothing", 0).is_err());
    assert!(storage.rename("nothing", "something").is_err());
    assert!(!storage.exists("nothing").unwrap());
    storage.remove("nothing").unwrap();
    storage.remove("no/folder/either").unwrap();
    assert!(storage.list("nothing").unwrap().is_empty());
    assert!(storage.list("").unwrap().is_empty(), "asking makes nothing");
}

fn reading_and_writing(storage: &dyn Storage) {
    write(storage, "a/b/c.txt", b"one");
    assert_eq!(storage.read("a/b/c.txt").unwrap(), b"one");
    write(storage, "a/b/c.txt", b"x");
    assert_eq!(storage.read("a/b/c.txt").unwrap(), b"x", "create starts from empty");
    let mut file = storage.append("a/b/c.txt").unwrap();
    file.write_all(b"yz").unwrap();
    file.write_all(&[0; 5000]).unwrap();
    file.flush().unwrap();
    assert_eq!(storage.read("a/b/c.txt").unwrap().len(), 5003, "what is written is seen before it is synced");
    file.sync().unwrap();
    storage.truncate("a/b/c.txt", 2).unwrap();
    assert_eq!(storage.read("a/b/c.txt").unwrap(), b"xy");
    file.write_all(b"!").unwrap();
    assert_eq!(storage.read("a/b/c.txt").unwrap(), b"xy!", "an appending handle writes at the end as it is then");
    drop(file);
    drop(storage.append("a/new.txt").unwrap());
    assert_eq!(storage.read("a/new.txt").unwrap(), b"");
}

fn names_and_folders(storage: &dyn Storage) {
    write(storage, "a/z", b"zz");
    storage.sync_folder("a").unwrap();
    storage.sync_folder("a/made").unwrap();
    storage.sync_folder("").unwrap();
    let listed = names(storage, "a");
    let names_only: Vec<_> = listed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names_only, ["b", "made", "new.txt", "z"], "sorted, and only this folder's own");
    assert_eq!(listed[3], ("z".to_string(), 2, false));
    assert!(listed[0].2 && listed[1].2);
    assert!(storage.exists("a").unwrap() && storage.exists("a/z").unwrap() && !storage.exists("a/y").unwrap());

    write(storage, "a/y", b"new");
    storage.rename("a/y", "a/z").unwrap();
    assert_eq!(storage.read("a/z").unwrap(), b"new", "an existing target is replaced");
    assert!(!storage.exists("a/y").unwrap());
    storage.remove("a/z").unwrap();
    assert!(!storage.exists("a/z").unwrap());

    write(storage, "a/gone/deep/x", b"x");
    write(storage, "a/gone too", b"not in the folder");
    storage.remove_folder("a/gone").unwrap();
    storage.remove_folder("a/gone").unwrap();
    assert!(!storage.exists("a/gone").unwrap() && !storage.exists("a/gone/deep/x").unwrap());
    assert!(storage.exists("a/gone too").unwrap(), "a name that begins alike is another");
}

fn locks(storage: &dyn Storage) {
    let held = storage.lock("l/LOCK").unwrap().expect("nobody holds it");
    assert!(storage.lock("l/LOCK").unwrap().is_none(), "another handle of the same process is refused too");
    assert!(storage.exists("l/LOCK").unwrap());
    write(storage, "l/LOCK", b"who holds it");
    assert!(held.is_held().unwrap());
    assert!(storage.lock("l/LOCK").unwrap().is_none(), "writing to the file does not let go of it");
    drop(held);
    let again = storage.lock("l/LOCK").unwrap();
    assert!(again.is_some() && storage.read("l/LOCK").unwrap() == b"who holds it");

    // A lock whose file is taken away keeps nobody out, and knows it, also when it is there again.
    storage.remove("l/LOCK").unwrap();
    assert!(!again.as_ref().unwrap().is_held().unwrap());
    let other = storage.lock("l/LOCK").unwrap().expect("it is another file");
    assert!(other.is_held().unwrap() && !again.unwrap().is_held().unwrap());
    assert!(storage.lock("l/LOCK").unwrap().is_none(), "the end of the old one changes nothing");
}
