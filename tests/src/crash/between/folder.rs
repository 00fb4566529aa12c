//! Finding and changing the files of a job.

use std::path::{Path, PathBuf};

use super::Before;
use crate::crash::outcome::{Files, files_below};

pub const LETTERS: &str = "crash.dead-letters.jsonl";

pub fn numbered(epoch: u64) -> String {
    format!("-{epoch:020}.")
}

pub fn part(folder: &Path, epoch: u64) -> PathBuf {
    let parts = parts(folder);
    parts.into_iter().find(|path| path.display().to_string().contains(&numbered(epoch))).expect("the epoch's file")
}

pub fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("out/b")).unwrap().map(|entry| entry.unwrap().path());
    let mut parts: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    parts.sort();
    parts
}

pub fn newest_part(folder: &Path) -> PathBuf {
    parts(folder).pop().expect("a published file")
}

pub fn asides(folder: &Path) -> Vec<PathBuf> {
    let names = files_below(folder).into_keys().filter(|name| name.ends_with(".aside"));
    let asides: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    assert!(!asides.is_empty(), "nothing is aside");
    asides
}

pub fn move_asides(_: &Path, from: &Path, to: &Path) {
    for aside in asides(from) {
        let target = to.join(aside.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::rename(aside, target).unwrap();
    }
}

pub fn copy_asides(folder: &Path, to: &str) {
    let from = folder.join("out/b");
    for aside in asides(&from) {
        let target = folder.join(to).join(aside.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(aside, target).unwrap();
    }
}

pub fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// The dead letters are those of some epoch on: the first whose publishing was not marked, or the one after the restart.
pub fn letters_from_some_epoch_on(before: &Before<'_>, mut files: Files) -> Files {
    let all = String::from_utf8(files[LETTERS].clone()).unwrap();
    let have = String::from_utf8(before.there[LETTERS].clone()).unwrap();
    let epoch = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["epoch"].as_u64().unwrap();
    let first = have.lines().next().map_or(0, epoch);
    let last = before.last.unwrap();
    assert!(first <= last + 1, "the letters begin with epoch {first}, epoch {last} was the last");
    let kept: String = all.lines().filter(|line| epoch(line) >= first).map(|line| format!("{line}\n")).collect();
    files.insert(LETTERS.into(), kept.into_bytes());
    files
}
