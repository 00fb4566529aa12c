//! No file of Rust is long: one that is has more than one idea.

use std::path::{Path, PathBuf};

use super::sources;
use crate::support::here;

const MOST: usize = 400;

/// Where the repository's sources are; what a build leaves behind is elsewhere, or is named `target`.
const FOLDERS: [&str; 4] = ["guest-sdk", "host", "plugins", "tests"];

#[test]
fn no_file_has_more_than_400_lines() {
    let root = here().join("..");
    let mut files = Vec::new();
    FOLDERS.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let is_built = |path: &Path| path.strip_prefix(&root).unwrap().components().any(|c| c.as_os_str() == "target");
    let files: Vec<PathBuf> = files.into_iter().filter(|file| !is_built(file)).collect();
    let lines = |file: &Path| std::fs::read_to_string(file).unwrap().lines().count();
    let long = files.iter().map(|file| (file, lines(file))).filter(|(_, lines)| *lines > MOST);
    let long: Vec<String> = long.map(|(file, lines)| format!("{}: {lines}", file.display())).collect();
    assert!(files.len() > 400, "only {} files were found: does this test still look where they are?", files.len());
    assert!(long.is_empty(), "split by what they are about; more than {MOST} lines have:\n{}", long.join("\n"));
}
