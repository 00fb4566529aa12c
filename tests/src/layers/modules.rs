//! The modules of a crate, and which files they use: `use` lines and paths in code, followed to the file that declares
//! what is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tokens::{Token, tokens};

/// Names that are being followed, each with the module it is looked for in: imports that lead back to themselves end.
type Followed = BTreeSet<(usize, String)>;

/// A module: a file, or one written inside of a file.
#[derive(Debug, Default)]
struct Module {
    /// Its file, from the folder of the repository.
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    /// Names that `use` brings in, and by which paths.
    imports: BTreeMap<String, Vec<Vec<String>>>,
    /// `use path::*`.
    globs: Vec<Vec<String>>,
    /// Names of its own items.
    items: BTreeSet<String>,
    /// Paths in its code, with their lines; those of `use` among them.
    paths: Vec<(Vec<String>, usize)>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Module(usize),
    /// Something that the module declares itself.
    ItemOf(usize),
}

/// One file uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub from: String,
    pub to: String,
    pub line: usize,
    pub path: String,
}

/// A crate's modules; the first is its root.
#[derive(Debug)]
pub struct Modules(Vec<Module>);

impl Modules {
    /// Those of the crate whose root is the file `root`; paths of files begin in the folder `top`. A file that no `mod`
    /// names, or only one of tests, is none of them.
    pub fn read(top: &Path, root: &str) -> Self {
        Self::read_with(root, &|path| std::fs::read_to_string(top.join(path)).ok())
    }

    fn read_with(root: &str, text: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut modules = Self(Vec::new());
        let source = text(root).expect("the crate has a root");
        let folder = root.rfind('/').map_or("", |slash| &root[..=slash]);
        modules.add(Module { file: root.to_owned(), ..Module::default() }, folder, &tokens(&source), text);
        modules
    }

    /// Adds a module with the tokens of its source; `folder` (with its slash) is where its children's
    /// files are. Gives its number.
    fn add(&mut self, module: Module, folder: &str, tokens: &[Token], text: &dyn Fn(&str) -> Option<String>) -> usize {
        let at = self.0.len();
        self.0.push(module);
        let mut i = 0;
        while i < tokens.len() {
            let token = |n: usize| tokens.get(n).map_or("", |w| w.text.as_str());
            match token(i) {
                "mod" if token(i + 2) == ";" => {
                    let name = token(i + 1);
                    let files = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
                    if let Some((file, source)) = files.iter().find_map(|file| Some((file, text(file)?))) {
                        let child = Module { file: file.clone(), parent: Some(at), ..Module::default() };
                        let child = self.add(child, &format!("{folder}{name}/"), &super::tokens::tokens(&source), text);
                        self.0[at].children.insert(name.to_owned(), child);
                    }
                    i += 3;
                }
                "mod" if token(i + 2) == "{" => {
                    let name = token(i + 1);
                    let end = closing(tokens, i + 2);
                    let child = Module { file: self.0[at].file.clone(), parent: Some(at), ..Module::default() };
                    let child = self.add(child, &format!("{folder}{name}/"), &tokens[i + 3..end], text);
                    self.0[at].children.insert(name.to_owned(), child);
                    i = end;
                }
                "use" => {
                    let end = i + tokens[i..].iter().take_while(|w| w.text != ";").count();
                    self.0[at].import(&tokens[i + 1..end]);
                    i = end;
                }
                "struct" | "enum" | "union" | "trait" | "type" | "const" | "static" | "fn" | "macro_rules" => {
                    self.0[at].items.insert(token(i + 1).trim_start_matches('!').to_owned());
                    i += 1;
                }
                _ => i += self.0[at].path_at(&tokens[i..]),
            }
        }
        at
    }

    /// What `path` leads to from module `from`.
    fn find(&self, from: usize, path: &[String], followed: &mut Followed) -> Option<Named> {
        let mut at = from;
        let mut rest = path;
        while let Some((first, behind)) = rest.split_first() {
            at = match first.as_str() {
                "crate" => 0,
                "self" => at,
                "super" => self.0[at].parent?,
                _ => break,
            };
            rest = behind;
        }
        let rooted = rest.len() < path.len();
        for (i, name) in rest.iter().enumerate() {
            let named = self.name_in(at, name, followed);
            match named {
                Some(Named::Module(module)) => at = module,
                Some(item) => return Some(item),
                // What no `use`, `mod` or item of the module names is another crate's, or made by a macro there.
                None if i > 0 || rooted => return Some(Named::ItemOf(at)),
                None => return None,
            }
        }
        Some(Named::Module(at))
    }

    /// What `name` is in module `at`.
    fn name_in(&self, at: usize, name: &str, followed: &mut Followed) -> Option<Named> {
        let module = &self.0[at];
        if let Some(child) = module.children.get(name) {
            return Some(Named::Module(*child));
        }
        if !followed.insert((at, name.to_owned())) {
            return None;
        }
        let mut imports = module.imports.get(name).into_iter().flatten();
        if let Some(named) = imports.find_map(|path| self.find(at, path, followed)) {
            return Some(named);
        }
        if module.items.contains(name) {
            return Some(Named::ItemOf(at));
        }
        module.globs.iter().find_map(|path| match self.find(at, path, followed)? {
            Named::Module(of) => self.name_in(of, name, followed),
            Named::ItemOf(_) => None,
        })
    }

    /// Which file uses which, other than itself and its roofs.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (at, module) in self.0.iter().enumerate() {
            for (path, line) in &module.paths {
                let Some(Named::ItemOf(to)) = self.find(at, path, &mut Followed::new()) else { continue };
                let to = &self.0[to].file;
                if !self.roofs(at).contains(&to) {
                    let (from, to) = (module.file.clone(), to.clone());
                    uses.insert(Use { from, to, line: *line, path: path.join("::") });
                }
            }
        }
        uses
    }

    /// The files of a module and of those that it is in.
    fn roofs(&self, at: usize) -> Vec<&String> {
        std::iter::successors(Some(at), |at| self.0[*at].parent).map(|at| &self.0[at].file).collect()
    }
}

impl Module {
    /// Takes a `use`, without the word itself.
    fn import(&mut self, tree: &[Token]) {
        for (path, name, line) in leaves(&[], tree) {
            match name.as_str() {
                "*" => self.globs.push(path.clone()),
                "_" => {}
                _ => self.imports.entry(name).or_default().push(path.clone()),
            }
            self.paths.push((path, line));
        }
    }

    /// Takes the path that `tokens` begin with, if they do; gives how many tokens were taken.
    fn path_at(&mut self, tokens: &[Token]) -> usize {
        let mut path = Vec::new();
        let mut i = 0;
        while tokens.get(i).is_some_and(|w| w.text.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
            path.push(tokens[i].text.clone());
            i += 1;
            if tokens.get(i).is_none_or(|w| w.text != "::") {
                break;
            }
            i += 1;
        }
        if path.len() > 1 {
            self.paths.push((path, tokens[0].line));
        }
        i.max(1)
    }
}

/// The paths of a tree of `use` below `above`, each with the name it brings in and its line.
fn leaves(above: &[String], tree: &[Token]) -> Vec<(Vec<String>, String, usize)> {
    let mut path = above.to_vec();
    let mut i = 0;
    while i < tree.len() {
        match tree[i].text.as_str() {
            "::" => i += 1,
            "{" => {
                let inner = &tree[i + 1..closing(tree, i)];
                return split(inner).into_iter().flat_map(|one| leaves(&path, one)).collect();
            }
            "*" => return vec![(path, "*".to_owned(), tree[i].line)],
            "as" => return vec![(path, tree[i + 1].text.clone(), tree[i].line)],
            // `use a::{self}` names a.
            "self" if !path.is_empty() => i += 1,
            token => {
                path.push(token.to_owned());
                i += 1;
            }
        }
    }
    let (Some(name), Some(first)) = (path.last().cloned(), tree.first()) else { return Vec::new() };
    vec![(path, name, first.line)]
}

/// The parts between commas.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut parts, mut from, mut depth) = (Vec::new(), 0, 0);
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                parts.push(&tokens[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts
}

/// Where the brace that opens at `from` closes.
fn closing(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of `files` uses which, as `a.rs -> b.rs`.
    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let text = |path: &str| files.iter().find(|(name, _)| *name == path).map(|(_, s)| (*s).to_owned());
        let mut uses: Vec<String> =
            Modules::read_with("lib.rs", &text).uses().into_iter().map(|u| format!("{} -> {}", u.from, u.to)).collect();
        uses.dedup();
        uses
    }

    #[test]
    fn trees_of_use_are_read_as_the_compiler_does() {
        let read = |source: &str| {
            leaves(&[], &tokens(source))
                .into_iter()
                .map(|(p, n, _)| format!("{} {n}", p.join("::")))
                .collect::<Vec<_>>()
        };
        assert_eq!(read("super::a::B"), ["super::a::B B"]);
        assert_eq!(read("crate::{a::{self, B as C}, d::*,}"), ["crate::a a", "crate::a::B C", "crate::d *"]);
        assert_eq!(read("self::a"), ["self::a a"]);
    }

    #[test]
    fn siblings_are_found_by_use_and_by_paths() {
        let lib = ("lib.rs", "mod a; mod b;");
        assert_eq!(uses(&[lib, ("a.rs", "use super::b::B;"), ("b.rs", "struct B;")]), ["a.rs -> b.rs"]);
        assert_eq!(uses(&[lib, ("a.rs", "fn f() { crate::b::g(); }"), ("b.rs", "fn g() {}")]), ["a.rs -> b.rs"]);
        assert_eq!(uses(&[lib, ("a.rs", "use super::b; fn f() { b::g(); }"), ("b.rs", "fn g() {}")]), ["a.rs -> b.rs"]);
        // In brackets, and of a module inside of the file.
        assert_eq!(uses(&[lib, ("a.rs", "mod i { use super::super::b::B; }"), ("b.rs", "")]), ["a.rs -> b.rs"]);
        assert_eq!(uses(&[lib, ("a.rs", "use super::b;"), ("b.rs", "")]), Vec::<String>::new());
        assert_eq!(uses(&[lib, ("a.rs", "use serde::b; fn f() { b::g(); }"), ("b.rs", "")]), Vec::<String>::new());
    }

    #[test]
    fn a_roof_is_free_and_what_it_hands_on_is_not() {
        let lib = ("lib.rs", "mod x;");
        let child = ("x/b.rs", "use super::Roof; struct B;");
        let roof = |text| ("x/mod.rs", text);
        let down = "x/mod.rs -> x/b.rs";
        let a = ("x/a.rs", "use super::{B, Roof};");
        assert_eq!(
            uses(&[lib, roof("mod a; mod b; pub use b::B; pub struct Roof;"), a, child]),
            ["x/a.rs -> x/b.rs", down]
        );
        assert_eq!(uses(&[lib, roof("mod a; mod b; use b::*; struct Roof;"), a, child]), ["x/a.rs -> x/b.rs"]);
        // To others the roof is a file like any.
        let outside = ("y.rs", "use crate::x::Roof;");
        assert_eq!(uses(&[("lib.rs", "mod x; mod y;"), roof("pub struct Roof;"), outside]), ["y.rs -> x/mod.rs"]);
    }

    #[test]
    fn imports_in_a_ring_come_to_an_end() {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "pub use super::b::X;"), ("b.rs", "pub use super::a::X;")];
        assert_eq!(uses(&files), ["a.rs -> b.rs", "b.rs -> a.rs"]);
    }

    #[test]
    fn tests_are_no_part_of_it() {
        let tests = "#[cfg(test)] mod tests; struct B; #[cfg(test)] mod more { use super::super::a::A; }";
        let files =
            [("lib.rs", "mod a; mod b;"), ("a.rs", "struct A;"), ("b.rs", tests), ("b/tests.rs", "use crate::a::A;")];
        assert_eq!(uses(&files), Vec::<String>::new());
    }
}
