//! No files of a crate import each other in a circle: each can be read after those that it stands on.
//!
//! A folder's `mod.rs` is its roof: it may put its parts together, and they may use what it has for all of them. Names that a
//! file only hands on (`pub use`) are looked for where they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::sources;
use crate::support::here;

/// A file by the modules that lead to it.
type Module = Vec<String>;

fn module_of(root: &Path, file: &Path) -> Module {
    let path = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Module = path.components().map(|c| c.as_os_str().to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// What is compiled for tests alone may use anything.
fn is_test(module: &Module) -> bool {
    module.iter().any(|part| part.ends_with("tests") || part == "conformance")
}

/// The paths that a file uses, and those that it hands on.
#[derive(Debug, Default, PartialEq)]
struct Paths {
    used: Vec<Module>,
    handed_on: Vec<Module>,
}

fn paths(text: &str) -> Paths {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    let (mut paths, mut rest) = (Paths::default(), code.as_str());
    let mut others = String::new();
    while let Some(at) = find_word(rest, "use ") {
        let (before, statement) = rest.split_at(at);
        let Some((statement, after)) = statement["use ".len()..].split_once(';') else { break };
        let visible = before.trim_end().rsplit('\n').next().unwrap_or("").trim();
        let into = if visible.starts_with("pub") { &mut paths.handed_on } else { &mut paths.used };
        expand(&statement.split_whitespace().collect::<Vec<_>>().join(" "), &[], into);
        others.push_str(before);
        rest = after;
    }
    others.push_str(rest);
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = others.split(|c| !is_part(c)).filter(|word| word.contains("::"));
    paths.used.extend(words.map(|word| word.split("::").map(str::to_owned).collect()));
    paths
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    let begins = |at: &usize| text[..*at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_');
    text.match_indices(word).map(|(at, _)| at).find(begins)
}

/// `a::{b, c::d as e}` is `a::b` and `a::c::d`.
fn expand(tree: &str, before: &[String], into: &mut Vec<Module>) {
    let (mut depth, mut start) = (0, 0);
    let mut parts = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let names = |path: &str| path.split("::").map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
        match part.split_once('{') {
            Some((path, inside)) => {
                let path: Module = names(path);
                expand(inside.trim_end().trim_end_matches('}'), &[before, &path].concat(), into);
            }
            None => {
                let path: Module = names(part.split(" as ").next().unwrap());
                into.push([before, &path].concat());
            }
        }
    }
}

/// The files of a crate, and where a path in one of them leads.
struct Files {
    paths: BTreeMap<Module, Paths>,
    /// Per file the names that it hands on, and from where.
    handed_on: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Files {
    fn of(root: &Path) -> Self {
        let mut found: Vec<PathBuf> = Vec::new();
        sources(root, &mut found);
        let read = |file: &PathBuf| (module_of(root, file), paths(&std::fs::read_to_string(file).unwrap()));
        let mut files = Self { paths: found.iter().map(read).collect(), handed_on: BTreeMap::new() };
        for (module, paths) in &files.paths {
            let from = paths.handed_on.iter().filter_map(|path| {
                let from = files.resolve(module, path).filter(|from| from != module)?;
                Some((path.last()?.clone(), from))
            });
            let from = from.collect();
            files.handed_on.insert(module.clone(), from);
        }
        files
    }

    /// The file that `path`, written in `module`, leads into; none = into another crate.
    fn resolve(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (module.clone(), &path[1..]),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                (module[..module.len().checked_sub(up)?].to_vec(), &path[up..])
            }
            first => {
                let inside = [module.as_slice(), &[first.to_owned()]].concat();
                self.paths.contains_key(&inside).then(|| (module.clone(), path))?
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let inside = [at.as_slice(), std::slice::from_ref(name)].concat();
            if !self.paths.contains_key(&inside) {
                break;
            }
            (at, rest) = (inside, after);
        }
        self.paths.contains_key(&at).then_some(at)
    }

    /// The files that `module` uses, but for its roofs.
    fn uses(&self, module: &Module) -> BTreeSet<Module> {
        let used = self.paths[module].used.iter().filter_map(|path| {
            let mut file = self.resolve(module, path)?;
            while let Some(from) = path.last().and_then(|name| self.handed_on[&file].get(name)) {
                file = from.clone();
            }
            Some(file)
        });
        used.filter(|file| !module.starts_with(file) && !is_test(file)).collect()
    }

    /// Files that use each other, directly or by others: each with all that it is in a circle with.
    fn circles(&self) -> BTreeSet<BTreeSet<Module>> {
        let modules: Vec<&Module> = self.paths.keys().filter(|module| !is_test(module)).collect();
        let uses: BTreeMap<&Module, BTreeSet<Module>> = modules.iter().map(|m| (*m, self.uses(m))).collect();
        let reached = |from: &Module| {
            let (mut reached, mut ahead) = (BTreeSet::new(), vec![from]);
            while let Some(module) = ahead.pop() {
                ahead.extend(uses[module].iter().filter(|next| reached.insert((*next).clone())));
            }
            reached
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> = modules.iter().map(|m| (*m, reached(m))).collect();
        let circle = |module: &&Module| -> BTreeSet<Module> {
            reached[*module].iter().filter(|other| reached[*other].contains(*module)).cloned().collect()
        };
        modules.iter().map(circle).filter(|circle| !circle.is_empty()).collect()
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for root in ["guest-sdk/rust", "host/plugin", "host/engine", "host/cli"] {
        let files = Files::of(&here().join("..").join(root).join("src"));
        let edges: usize = files.paths.keys().map(|module| files.uses(module).len()).sum();
        assert!(edges > 20, "only {edges} uses were found in {root}: does this test still read the sources right?");
        for circle in files.circles() {
            let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
            wrong.push(format!("{root}: {}", names.join(", ")));
            for module in &circle {
                let inside: Vec<String> = files.uses(module).intersection(&circle).map(|m| m.join("/")).collect();
                wrong.push(format!("    {} uses {}", module.join("/"), inside.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "files that use each other in a circle:\n{}", wrong.join("\n"));
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    let of = |paths: &[&str]| paths.iter().map(|p| p.split("::").map(str::to_owned).collect()).collect::<Vec<Module>>();
    let read = paths("use a::{b, c::{d as e, f}};\npub(crate) use g::H;\nfn x() { super::i::j(); } // k::l\n");
    assert_eq!(read, Paths { used: of(&["a::b", "a::c::d", "a::c::f", "super::i::j"]), handed_on: of(&["g::H"]) });
}
