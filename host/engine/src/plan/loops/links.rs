//! Links among the files that a source reads: to one file that the job writes, by another name or another folder.
//!
//! Where a path leads can be seen of it alone; links inside what it names can only be seen by looking at the files that
//! are there. One that comes later is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::patterns::{matches, parts};
use super::{MATCHING, Written, real};

/// A file that the source would read and the job writes.
pub(super) struct Link {
    /// What the source finds.
    pub path: PathBuf,
    /// Which of what is written it is.
    pub written: usize,
}

/// The first link, in the order of names, among the files of `path` to one of `written`.
pub(super) fn find(path: &str, written: &[Written]) -> Option<Link> {
    let mut folders = BTreeMap::new();
    let mut same_files = None;
    files(path).into_iter().find_map(|file| {
        let meta = fs::symlink_metadata(&file).ok()?;
        let (folder, name) = (file.parent()?, file.file_name()?);
        let folder = folders.entry(folder.to_owned()).or_insert_with(|| real(folder));
        let leads_to = match meta.is_symlink() {
            true => real(&folder.join(fs::read_link(&file).ok()?)),
            false => folder.join(name),
        };
        let by_path = || {
            let is_written =
                |w: &Written| w.files.iter().any(|written| matches(&parts(&w.folder.join(written)), &parts(&leads_to)));
            written.iter().position(is_written)
        };
        let by_number = || {
            let number = number(&fs::metadata(&file).ok()?)?;
            same_files.get_or_insert_with(|| numbers(written)).iter().position(|of| of.contains(&number))
        };
        by_path().or_else(by_number).map(|written| Link { path: file.clone(), written })
    })
}

/// The files that a source finds at `path`, sorted. What cannot be read is told when it is read.
fn files(path: &str) -> Vec<PathBuf> {
    let whole = Path::new(path);
    let is_hidden = |file: &Path| {
        let folder = whole.ancestors().find(|above| !above.to_string_lossy().contains(['*', '?', '[']));
        let below = folder.and_then(|folder| file.strip_prefix(folder).ok()).unwrap_or(file);
        below.iter().any(|part| part.to_string_lossy().starts_with(['_', '.']))
    };
    let found: Vec<PathBuf> = match fs::metadata(whole) {
        Ok(meta) if meta.is_dir() => {
            let entries = fs::read_dir(whole).into_iter().flatten().filter_map(Result::ok);
            entries.map(|entry| entry.path()).collect()
        }
        Ok(_) => return vec![whole.to_owned()],
        Err(_) => glob::glob_with(path, MATCHING).into_iter().flatten().filter_map(Result::ok).collect(),
    };
    let mut found: Vec<PathBuf> = found.into_iter().filter(|file| !is_hidden(file)).collect();
    found.sort();
    found
}

/// What all names of one file have in common, if it has several.
#[cfg(unix)]
fn number(meta: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    (meta.is_file() && meta.nlink() > 1).then(|| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn number(_: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

/// Of each of `written`, the files with several names that are there.
fn numbers(written: &[Written]) -> Vec<BTreeSet<(u64, u64)>> {
    let there = |w: &Written| {
        let patterns =
            w.files.iter().map(|file| format!("{}/{file}", glob::Pattern::escape(&w.folder.to_string_lossy())));
        let files = patterns.filter_map(|pattern| glob::glob_with(&pattern, MATCHING).ok()).flatten();
        files.filter_map(|file| number(&fs::metadata(file.ok()?).ok()?)).collect()
    };
    written.iter().map(there).collect()
}
