//! What a case's `case.toml` says.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// A case: its folder holds the jobs and their data.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is fed in and what is right, in a sentence or two.
    pub about: String,
    /// Run one after the other, in one copy of the folder.
    pub step: Vec<Step>,
}

/// What is done to the folder, what is run then, and what must come out. Paths are relative to the folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Files written first, by path.
    #[serde(default)]
    pub write: BTreeMap<String, String>,
    /// Text put at the end of files.
    #[serde(default)]
    pub append: BTreeMap<String, String>,
    /// Files taken away.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Modification times of files, in seconds since 1970.
    #[serde(default)]
    pub modified: BTreeMap<String, u64>,
    /// The arguments of `millstream`; without them nothing is run.
    pub run: Option<Vec<String>>,
    /// The program's exit code.
    #[serde(default)]
    pub exit: i32,
    /// All that it prints on standard output, to the letter.
    pub stdout: Option<String>,
    /// What stands in its two outputs, whatever the white space.
    #[serde(default)]
    pub says: Vec<String>,
    /// What does not.
    #[serde(default)]
    pub never: Vec<String>,
    /// The rows of a file, or of all files of a folder, whatever their order.
    #[serde(default)]
    pub rows: BTreeMap<String, Vec<serde_json::Value>>,
    /// Rows by some of their fields; a text is a part of the one that is there. No rows: the file may be absent.
    #[serde(default)]
    pub letters: BTreeMap<String, Vec<serde_json::Map<String, serde_json::Value>>>,
}

impl Case {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }
}
