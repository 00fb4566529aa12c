//! `millstream plugin new NAME`: a project that builds and passes its own cases as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::sdk_files;
use toml::{Table, Value};

use super::print;
use crate::args::{NewArgs, NewKind, NewLanguage};

/// What a project begins with: a folder for each language, with one for each kind in it, and the cases of each kind.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// What a template calls the plugin's type.
const TYPE: &str = "MyPlugin";
/// And its value, in JavaScript.
const VALUE: &str = "myPlugin";
/// The end of the names of templates that tools would take for theirs.
const INERT: &str = ".txt";

/// Makes a project.
pub(crate) fn new(args: &NewArgs) -> Result<()> {
    let name = name_of(&args.path)?;
    if fs::read_dir(&args.path).is_ok_and(|mut entries| entries.next().is_some()) || args.path.is_file() {
        return Err(Error::invalid(format!("{} is there already", args.path.display()))
            .with_help("name a folder that is not there yet, or an empty one"));
    }
    let made = write(&args.path, &name, args.language, args.kind);
    if made.is_err() {
        // Nothing half made is kept.
        let _ = fs::remove_dir_all(&args.path);
    }
    made?;
    let (folder, test) = (args.path.display(), args.language.test());
    print(&format!(
        "{folder}: a {} in {}\n  cd {folder}\n  {test:<24} the logic\n  {:<24} the component, with the rows in cases/\n",
        args.kind.title(),
        args.language.told(),
        "millstream plugin test",
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

fn write(folder: &Path, name: &str, language: NewLanguage, kind: NewKind) -> Result<()> {
    let camel = camel_case(name);
    let value: String = camel[..1].to_ascii_lowercase() + &camel[1..];
    let filled = |text: &str| {
        let text = text.replace("{{name}}", name).replace("{{title}}", kind.title());
        text.replace(TYPE, &camel).replace(VALUE, &value)
    };
    let of_language = dir(language.folder())?;
    let common = of_language.files().map(|file| (file.path().to_owned(), file.contents()));
    let common = common.filter(|(path, _)| path.extension().is_none_or(|end| end != "rs" && end != "toml"));
    let of_kind = files(dir(&format!("{}/{}", language.folder(), kind.name()))?);
    for (path, content) in common.chain(of_kind) {
        let inside = path.strip_prefix(language.folder()).unwrap_or(&path);
        let inside = inside.strip_prefix(kind.name()).unwrap_or(inside).display().to_string();
        let inside = if inside == "gitignore.txt" { ".gitignore" } else { inside.trim_end_matches(INERT) };
        put(&folder.join(inside), filled(text(content)?).as_bytes())?;
    }
    let cases = format!("cases/{}", kind.name());
    for (path, content) in files(dir(&cases)?) {
        let inside = path.strip_prefix(&cases).unwrap_or(&path);
        put(&folder.join("cases/example").join(inside), content)?;
    }
    sdk(folder, language)
}

/// Writes the SDK and the contract.
fn sdk(folder: &Path, language: NewLanguage) -> Result<()> {
    let all = sdk_files(language.language());
    let workspace = all.iter().find(|(path, _)| path == Path::new("Cargo.toml")).map(|(_, content)| *content);
    for (path, content) in &all {
        let Some(to) = place(language, path) else { continue };
        match (workspace, path.ends_with("Cargo.toml")) {
            (Some(workspace), true) => {
                put(&folder.join(to), standalone(text(content)?, text(workspace)?)?.as_bytes())?;
            }
            _ => put(&folder.join(to), content)?,
        }
    }
    Ok(())
}

/// Where a project has a file of the SDK; none where it needs none of it.
fn place(language: NewLanguage, path: &Path) -> Option<PathBuf> {
    if path.starts_with("wit") {
        return Some(path.to_owned());
    }
    let within = path.strip_prefix("guest-sdk").ok()?;
    match language {
        NewLanguage::Rust => {
            let (from, to) = match within.strip_prefix("rust-derive") {
                Ok(inside) => (inside, "millstream-guest-derive"),
                Err(_) => (within.strip_prefix("rust").ok()?, "millstream-guest"),
            };
            let is_wanted = ["src", "wit", "bindings", "Cargo.toml"].iter().any(|part| from.starts_with(part));
            is_wanted.then(|| Path::new("sdk").join(to).join(from))
        }
        NewLanguage::Python => {
            let inside = within.strip_prefix("python").ok()?;
            inside.starts_with("millstream_guest").then(|| Path::new("millstream-sdk").join(inside))
        }
        NewLanguage::Javascript | NewLanguage::Typescript => {
            let inside = within.strip_prefix("javascript").ok()?;
            let is_wanted = ["src", "types", "package.json"].iter().any(|part| inside.starts_with(part));
            is_wanted.then(|| Path::new("millstream-sdk").join(inside))
        }
    }
}

fn dir(path: &str) -> Result<&'static Dir<'static>> {
    TEMPLATES.get_dir(path).ok_or_else(|| Error::internal(format!("the program has no template `{path}`")))
}

fn text(content: &[u8]) -> Result<&str> {
    std::str::from_utf8(content).map_err(|_| Error::internal("a template is no text"))
}

/// All files below `folder`.
fn files(folder: &'static Dir<'_>) -> Vec<(PathBuf, &'static [u8])> {
    let mut found = Vec::new();
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => found.extend(files(inner)),
            DirEntry::File(file) => found.push((file.path().to_owned(), file.contents())),
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
fn standalone(manifest: &str, workspace: &str) -> Result<String> {
    let wrong = |e: &dyn std::fmt::Display| Error::internal(format!("the SDK's manifest cannot be used: {e}"));
    let mut manifest: Table = manifest.parse().map_err(|e| wrong(&e))?;
    let workspace: Table = workspace.parse().map_err(|e| wrong(&e))?;
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
    use millstream_plugin::Language;

    use super::*;

    #[test]
    fn manifests_stand_alone() {
        let all = sdk_files(Language::Rust);
        let of = |path: &str| text(all.iter().find(|(at, _)| at == Path::new(path)).unwrap().1).unwrap();
        for sdk in ["guest-sdk/rust/Cargo.toml", "guest-sdk/rust-derive/Cargo.toml"] {
            let text = standalone(of(sdk), of("Cargo.toml")).unwrap();
            assert!(!text.contains("workspace"), "{text}");
        }
        let text = standalone(of("guest-sdk/rust/Cargo.toml"), of("Cargo.toml")).unwrap();
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
