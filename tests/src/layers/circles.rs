//! No circles between files: if a file uses another, that one does not use it, be it over others.
//!
//! A file uses each file that declares something it names. What a `mod.rs` only hands on (`pub use child::X`) leads to
//! the child. Left out is what a file's own roofs declare themselves: the `mod.rs` (or `lib.rs`) above it, and those
//! above that. So a roof may say what its children have in common and put them together; between siblings, and between
//! folders, use goes one way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::{Modules, Use};
use crate::support::here;

/// The crates, by the file of their root module.
const CRATES: [&str; 5] = [
    "guest-sdk/rust/src/lib.rs",
    "guest-sdk/rust-derive/src/lib.rs",
    "host/plugin/src/lib.rs",
    "host/engine/src/lib.rs",
    "host/cli/src/main.rs",
];

/// Which files a file uses.
type Edges = BTreeMap<String, BTreeSet<String>>;

/// Groups of files of which each uses each other, be it over others.
fn groups(uses: &Edges) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = uses.keys().map(|file| (file, reach(uses, file))).collect();
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    for (file, reaches) in &reached {
        if reaches.contains(*file) && !groups.iter().any(|group| group.contains(*file)) {
            let back = |other: &&String| reached.get(other).is_some_and(|r| r.contains(*file));
            groups.push(reaches.iter().copied().filter(back).cloned().collect());
        }
    }
    groups
}

/// All that `from` uses, be it over others.
fn reach<'a>(uses: &'a Edges, from: &str) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&String> = uses.get(from).into_iter().flatten().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(uses.get(file).into_iter().flatten());
        }
    }
    reached
}

/// The shortest circle through `file`.
fn circle<'a>(uses: &'a Edges, file: &'a str) -> Vec<&'a str> {
    let mut waiting = VecDeque::from([vec![file]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = waiting.pop_front() {
        for next in uses.get(way[way.len() - 1]).into_iter().flatten() {
            let longer = [way.as_slice(), &[next.as_str()]].concat();
            if next == file {
                return longer;
            }
            if seen.insert(next) {
                waiting.push_back(longer);
            }
        }
    }
    Vec::new()
}

/// The innermost folder that has all of `files`.
fn folder_of(files: &BTreeSet<String>) -> &str {
    let mut folder = files.first().map_or("", |file| above(file));
    while !folder.is_empty()
        && !files.iter().all(|file| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    {
        folder = above(folder);
    }
    folder
}

/// The path without its last part.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The shortest circle of the group, a line for each use.
fn told(uses: &BTreeSet<Use>, group: &BTreeSet<String>, edges: &Edges) -> String {
    let shortest = group.iter().map(|file| circle(edges, file)).min_by_key(Vec::len).unwrap_or_default();
    let mut told = format!("{} files in {}:", group.len(), folder_of(group));
    for pair in shortest.windows(2) {
        if let Some(one) = uses.iter().find(|u| u.from == *pair[0] && u.to == *pair[1]) {
            told += &format!("\n    {}:{} uses `{}` of {}", one.from, one.line, one.path, one.to);
        }
    }
    told
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let mut wrong = Vec::new();
    let mut found = 0;
    for root in CRATES {
        let uses = Modules::read(&here().join(".."), root).uses();
        found += uses.len();
        let mut edges = Edges::new();
        for one in &uses {
            edges.entry(one.from.clone()).or_default().insert(one.to.clone());
        }
        wrong.extend(groups(&edges).iter().map(|group| told(&uses, group, &edges)));
    }
    assert!(found > 2000, "only {found} uses were found: does this test still read the sources right?");
    let help = "move what both need to a file below them";
    assert!(wrong.is_empty(), "{} circles of files ({help}):\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn circles_are_found_and_told_from_ways() {
    let edges = |pairs: &[(&str, &str)]| {
        let mut edges = Edges::new();
        for (from, to) in pairs {
            edges.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        edges
    };
    assert!(groups(&edges(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let round = edges(&[("x/a", "x/y/b"), ("x/y/b", "x/c"), ("x/c", "x/a"), ("x/c", "d"), ("x/a", "e"), ("e", "x/a")]);
    let found = groups(&round);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), 4);
    assert_eq!(folder_of(&found[0]), "");
    assert_eq!(circle(&round, "x/c"), ["x/c", "x/a", "x/y/b", "x/c"]);
    assert_eq!(folder_of(&["x/a".to_owned(), "x/y/b".to_owned()].into()), "x");
}
