//! The engine's modules use only modules of lower layers. The layers stand in the table at the top of its `lib.rs`;
//! here the `use crate::…` edges of its sources are held against them. Between files, use goes round in no circle
//! ([`circles`]), and none is long ([`sizes`]).

mod built;
mod circles;
mod modules;
mod sizes;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::here;

/// Layer of each module, from the table's rows `| 3 | `a`, `b` | … |`.
fn layers(lib: &str) -> BTreeMap<String, usize> {
    let mut layers = BTreeMap::new();
    for line in lib.lines() {
        let Some(row) = line.strip_prefix("//! | ") else { continue };
        let mut cells = row.split('|');
        let Some(Ok(layer)) = cells.next().map(|c| c.trim().parse::<usize>()) else { continue };
        for module in cells.next().unwrap().split(',') {
            layers.insert(module.trim().trim_matches('`').to_owned(), layer);
        }
    }
    layers
}

/// All sources below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push(entry);
        }
    }
}

/// Modules named after each `crate::` of a line: `crate::a::b` names a, `crate::{a::b, c}` a and c.
fn named(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or("");
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{') {
            None => modules.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (i, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            modules.push(word(&group[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    modules
}

#[test]
fn modules_use_lower_layers_only() {
    let root = here().join("../host/engine/src");
    let lib = std::fs::read_to_string(root.join("lib.rs")).unwrap();
    let layers = layers(&lib);
    let declared = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in declared {
        assert!(layers.contains_key(module), "the table of layers has no `{module}`");
    }
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut edges, mut wrong) = (0, Vec::new());
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let module = path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some(layer) = layers.get(&module) else { continue };
        // Tests may build what they test on anything.
        let is_test = path.components().any(|c| ["tests", "tests.rs"].contains(&c.as_os_str().to_str().unwrap()));
        let text = std::fs::read_to_string(&file).unwrap();
        let text = if is_test { "" } else { text.split("\n#[cfg(test)]\nmod tests {").next().unwrap() };
        // A group of a `use` may go over several lines.
        let statements = text.replace(",\n", ", ").replace("{\n", "{");
        for line in statements.lines().filter(|l| !l.trim_start().starts_with("//")) {
            for used in named(line).into_iter().filter(|used| *used != module) {
                let Some(below) = layers.get(&used) else { continue };
                edges += 1;
                if below >= layer && used != "error" {
                    wrong.push(format!(
                        "{}: `{module}` (layer {layer}) uses `{used}` (layer {below}): {}",
                        path.display(),
                        line.trim()
                    ));
                }
            }
        }
    }
    assert!(edges > 100, "only {edges} uses were found: does this test still read the sources right?");
    assert!(wrong.is_empty(), "{} uses go the wrong way:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn uses_are_read_as_the_compiler_does() {
    assert_eq!(named("use crate::a::{b, c::d};"), ["a"]);
    assert_eq!(named("use crate::{a::{x, y}, b, c::D};"), ["a", "b", "c"]);
    assert_eq!(named("let x = crate::a::f(crate::b::g()); // crate::c"), ["a", "b"]);
    assert_eq!(layers("//! | 0 | `a`, `b` | x |\n//! | 1 | `c` | y |")["c"], 1);
}

#[test]
fn the_glossary_leads_to_what_is_there() {
    let root = here().join("..");
    let glossary = std::fs::read_to_string(root.join("docs/glossary.md")).unwrap();
    let (mut places, mut missing) = (0, Vec::new());
    for row in glossary.lines().filter(|line| line.starts_with("| ")) {
        let place = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for path in place.split('`').skip(1).step_by(2) {
            places += 1;
            let of_engine = root.join("host/engine/src").join(path);
            if ![root.join(path), of_engine.with_extension("rs"), of_engine].iter().any(|p| p.exists()) {
                missing.push(row.to_owned());
            }
        }
    }
    assert!(places > 40, "only {places} places were found: does this test still read the page right?");
    assert!(missing.is_empty(), "the glossary names what is not there:\n{}", missing.join("\n"));
}
