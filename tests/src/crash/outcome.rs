//! What a job has left behind, to be compared: every file in its sinks' folders, the dead letters, the state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millstream_engine::Error;
use millstream_engine::checkpoint::{Checkpoint, OpenOptions};
use millstream_engine::storage::LocalStorage;
use serde_json::{Value, json};

use super::process::patiently;

/// The state's entries: table, bucket, key; value.
type State = BTreeMap<(String, i64, Vec<u8>), Vec<u8>>;

/// Files by their paths.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What a job has left behind.
#[derive(Debug)]
pub struct Outcome {
    /// Everything below `out`, with what is private to the sinks; and the dead letters.
    pub files: Files,
    pub state: State,
    /// The last epoch's record, but for what names its folder.
    pub last: Value,
}

impl Outcome {
    /// What is there now; nobody may have the checkpoint open.
    pub fn of(folder: &Path) -> Self {
        let mut files = files_below(&folder.join("out"));
        for (name, content) in files_in(folder).into_iter().filter(|(name, _)| name.contains("dead-letters")) {
            files.insert(name, content);
        }
        // A note need not say the last epoch, where that one's snapshot was the same as the one before.
        files.iter_mut().filter(|(name, _)| name.ends_with(".snapshot")).for_each(|(_, note)| note.clear());
        let storage = Arc::new(LocalStorage::new(folder.join("state")));
        let open = || Checkpoint::open(storage.clone(), &OpenOptions::default()).map_err(Error::from);
        let (_, found) = patiently(open).unwrap();
        assert!(found.damaged.is_empty() && found.suspicious.is_none(), "{:?} {:?}", found.damaged, found.suspicious);
        assert!(found.unpublished.is_empty(), "after a whole run everything is marked as published");
        let mut state = State::new();
        for (name, table) in found.state.tables() {
            for (bucket, rows) in table.partitions().iter().flat_map(|p| p.buckets()) {
                // What is noted of files that are gone or changed stands behind what was read of them.
                let read = |value: &[u8]| value[..value.len().min(16)].to_vec();
                let of = |value: &[u8]| if name.starts_with("source:") { read(value) } else { value.to_vec() };
                state.extend(rows.iter().map(|(key, value)| ((name.to_owned(), bucket, key.to_vec()), of(value))));
            }
        }
        let mut last = serde_json::to_value(found.last.unwrap()).unwrap();
        for output in last["outputs"].as_array_mut().unwrap() {
            output["folder"] = json!("");
            // Which number a file aside has, and whether it needs one, depends on what this process wrote before.
            output["held"] = json!("");
        }
        last["counters"].as_object_mut().unwrap().remove("changed_files");
        Self { files, state, last }
    }

    /// Panics unless both are the same.
    pub fn assert_same(&self, what: &str, want: &Self) {
        assert_same_files(what, &self.files, &want.files);
        assert_eq!(self.last, want.last, "{what}: the last record");
        let names = |state: &State| state.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&self.state), names(&want.state), "{what}: other keys in the state");
        assert!(self.state == want.state, "{what}: other values in the state");
    }
}

pub fn assert_same_files(what: &str, have: &Files, want: &Files) {
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(have), names(want), "{what}: other files");
    for (name, content) in want {
        assert!(have[name] == *content, "{what}: {name} differs");
    }
}

/// All files below `folder`, whatever they are, by their paths in it.
pub fn files_below(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(&inside).into_iter().flatten().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

fn files_in(folder: &Path) -> Files {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|e| e.path().is_file());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}
