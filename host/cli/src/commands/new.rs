//! `millstream plugin new NAME`: a project that builds and passes its own cases as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use millstream_engine::{Error, ErrorKind, Result};
use toml::{Table, Value};

use super::print;
use crate::args::{NewArgs, NewKind};

/// What a project begins with: what is common to all, and a folder for each kind.
static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates/rust");
/// The SDK, which a project has a copy of: it is that which this program knows.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/rust");
static DERIVE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/rust-derive");
/// What the SDK's manifests leave to the workspace.
const WORKSPACE: &str = include_str!("../../../../Cargo.toml");

/// What a template calls the plugin's type.
const TYPE: &str = "MyPlugin";

/// Makes a project.
pub(crate) fn new(args: &NewArgs) -> Result<()> {
    let name = name_of(&args.path)?;
    if fs::read_dir(&args.path).is_ok_and(|mut entries| entries.next().is_some()) || args.path.is_file() {
        return Err(Error::invalid(format!("{} is there already", args.path.display()))
            .with_help("name a folder that is not there yet, or an empty one"));
    }
    let made = write(&args.path, &name, args.kind);
    if made.is_err() {
        // Nothing half made is kept.
        let _ = fs::remove_dir_all(&args.path);
    }
    made?;
    let folder = args.path.display();
    print(&format!(
        "{folder}: a {} in {}\n  cd {folder}\n  cargo test               the logic, as plain Rust\n  \
         millstream plugin test   the component, with the rows in cases/\n",
        args.kind.title(),
        args.language.told()
    ))
}

/// The crate's name: the folder's.
fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name && name != "test" {
        return Ok(name.to_owned());
    }
    Err(Error::invalid(format!("`{}` is no name for a plugin", path.display()))
        .with_help("letters, digits, - and _, a letter first: keep-slow"))
}

fn write(folder: &Path, name: &str, kind: NewKind) -> Result<()> {
    let filled =
        |text: &str| text.replace("{{name}}", name).replace("{{title}}", kind.title()).replace(TYPE, &camel_case(name));
    for (from, to) in [("Cargo.toml.txt", "Cargo.toml"), ("gitignore.txt", ".gitignore"), ("README.md", "README.md")] {
        put(&folder.join(to), filled(text(&RUST, from)?).as_bytes())?;
    }
    let of_kind = RUST.get_dir(kind.name()).ok_or_else(|| missing(kind.name()))?;
    for (path, content) in files(of_kind, &|_| true) {
        let to = path.strip_prefix(kind.name()).unwrap_or(&path).to_owned();
        let content = std::str::from_utf8(content).map_err(|_| missing(kind.name()))?;
        put(&folder.join(to), filled(content).as_bytes())?;
    }
    let is_source = |path: &Path| ["src", "wit", "bindings"].iter().any(|part| path.starts_with(part));
    for (crate_name, sources) in [("millstream-guest", &SDK), ("millstream-guest-derive", &DERIVE)] {
        let sdk = folder.join("sdk").join(crate_name);
        put(&sdk.join("Cargo.toml"), standalone(text(sources, "Cargo.toml")?)?.as_bytes())?;
        for (path, content) in files(sources, &is_source) {
            put(&sdk.join(path), content)?;
        }
    }
    for (path, content) in files(&SDK, &|path| path.starts_with("wit")) {
        put(&folder.join(path), content)?;
    }
    Ok(())
}

fn text(folder: &'static Dir<'_>, file: &str) -> Result<&'static str> {
    folder.get_file(file).and_then(|file| file.contents_utf8()).ok_or_else(|| missing(file))
}

fn missing(file: &str) -> Error {
    Error::internal(format!("the program has no template `{file}`"))
}

/// The files below `folder` whose paths are wanted.
fn files(folder: &'static Dir<'_>, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<(PathBuf, &'static [u8])> {
    let mut found = Vec::new();
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => found.extend(files(inner, is_wanted)),
            DirEntry::File(file) if is_wanted(file.path()) => found.push((file.path().to_owned(), file.contents())),
            DirEntry::File(_) => {}
        }
    }
    found
}

fn put(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).and_then(|()| fs::write(path, content)).map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("{} cannot be written: {e}", path.display())).caused_by(e)
    })
}

/// `keep-slow` as the name of a type.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split(['-', '_']).map(word).collect()
}

/// A manifest that needs no workspace: with what ours says in its place.
fn standalone(manifest: &str) -> Result<String> {
    let wrong = |e: &dyn std::fmt::Display| Error::internal(format!("the SDK's manifest cannot be used: {e}"));
    let mut manifest: Table = manifest.parse().map_err(|e| wrong(&e))?;
    let workspace: Table = WORKSPACE.parse().map_err(|e| wrong(&e))?;
    let of_workspace = |table: &str| workspace.get("workspace").and_then(|all| all.get(table)?.as_table());
    let (Some(package), Some(dependencies)) = (of_workspace("package"), of_workspace("dependencies")) else {
        return Err(wrong(&"the workspace has none"));
    };
    manifest.remove("lints");
    let is_left_to_it = |value: &Value| value.get("workspace").and_then(Value::as_bool) == Some(true);
    let mut fill = |table: &str, from: &Table| {
        let entries = manifest.get_mut(table).and_then(Value::as_table_mut).into_iter().flatten();
        for (key, value) in entries.filter(|(_, value)| is_left_to_it(value)) {
            match from.get(key) {
                Some(Value::Table(there)) if there.contains_key("path") => {
                    let beside = Table::from_iter([("path".to_owned(), Value::from(format!("../{key}")))]);
                    *value = beside.into();
                }
                Some(there) => *value = there.clone(),
                None => {}
            }
        }
    };
    fill("package", package);
    fill("dependencies", dependencies);
    toml::to_string(&manifest).map_err(|e| wrong(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_stand_alone() {
        for sdk in [&SDK, &DERIVE] {
            let text = standalone(text(sdk, "Cargo.toml").unwrap()).unwrap();
            assert!(!text.contains("workspace"), "{text}");
        }
        let text = standalone(text(&SDK, "Cargo.toml").unwrap()).unwrap();
        assert!(text.contains("path = \"../millstream-guest-derive\"") && text.contains("wit-bindgen"), "{text}");
    }

    #[test]
    fn names_are_those_of_crates_and_types() {
        assert_eq!(camel_case("keep-slow_rows2"), "KeepSlowRows2");
        assert_eq!(name_of(Path::new("plugins/keep-slow")).unwrap(), "keep-slow");
        for wrong in ["", "2fast", "a b", "é", "..", "test"] {
            assert!(name_of(Path::new(wrong)).is_err(), "{wrong}");
        }
    }
}
