//! What a plugin was built from: the files that cargo says the build read, those of path dependencies among them (so
//! that editing the SDK rebuilds), the manifests and lock files that apply to them, and the toolchain files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::{Value, json};

/// Raised when the way of building changes, so that everything is built again.
const RECIPE: &str = "3: release, wasm32-wasip2, +simd128, lto, a target folder per workspace";
/// Files that decide how a crate is built, in its folder and in all folders above it.
const DECIDING: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain", ".cargo/config.toml", ".cargo/config"];

/// One build's inputs and output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Every file that was read, or that would be if it were there.
    files: BTreeSet<PathBuf>,
    /// The digest of their paths and contents.
    inputs: String,
    /// The digest of the component.
    pub wasm: String,
}

impl Record {
    /// The record of a build that began at `started` and made `artifact`. `None` where it cannot be told what was read,
    /// or a file is newer than that.
    pub(super) fn of_build(
        project: &Path,
        target: &Path,
        artifact: &Path,
        started: SystemTime,
        wasm: String,
    ) -> Option<Self> {
        let listed = fs::read_to_string(artifact.with_extension("d")).ok()?;
        let sources: Vec<PathBuf> = listed_files(&listed)?
            .into_iter()
            // What a build script made follows from what the script read.
            .filter(|file| !file.starts_with(target))
            .collect();
        let mut files = BTreeSet::new();
        let mut folders: BTreeSet<&Path> = project.ancestors().collect();
        for source in &sources {
            folders.extend(source.ancestors().skip(1));
        }
        for folder in folders {
            files.extend(DECIDING.iter().map(|name| folder.join(name)));
        }
        files.extend(sources);
        let changed = files.iter().any(|file| {
            fs::metadata(file).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified >= started)
        });
        // Cargo writes a missing Cargo.lock itself; then the next load finds the record out of date, and builds nothing.
        if changed {
            return None;
        }
        let inputs = digest(&files);
        Some(Self { files, inputs, wasm })
    }

    /// Whether all the files are as they were.
    pub(super) fn is_current(&self) -> bool {
        digest(&self.files) == self.inputs
    }

    pub(super) fn to_json(&self) -> String {
        let files: Vec<_> = self.files.iter().map(|file| file.to_string_lossy()).collect();
        json!({ "files": files, "inputs": self.inputs, "wasm": self.wasm }).to_string()
    }

    pub(super) fn from_json(text: &str) -> Option<Self> {
        let json: Value = serde_json::from_str(text).ok()?;
        let text = |key: &str| Some(json.get(key)?.as_str()?.to_owned());
        let files = json.get("files")?.as_array()?;
        let files = files.iter().map(|file| Some(PathBuf::from(file.as_str()?))).collect::<Option<_>>()?;
        Some(Self { files, inputs: text("inputs")?, wasm: text("wasm")? })
    }
}

fn digest(files: &BTreeSet<PathBuf>) -> String {
    let mut digest = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(RECIPE.as_bytes());
    for file in files {
        // A file that is not there counts too: it matters when it appears.
        if let Ok(content) = fs::read(file) {
            part(file.as_os_str().as_encoded_bytes());
            part(&content);
        }
    }
    digest.finalize().to_hex().to_string()
}

/// The files in cargo's list: `output: file file …`, spaces in names escaped with a backslash.
fn listed_files(text: &str) -> Option<Vec<PathBuf>> {
    let (_, list) = text.lines().next()?.split_once(": ")?;
    let mut files = Vec::new();
    let mut file = String::new();
    let mut chars = list.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&' ') => file.extend(chars.next()),
            ' ' => files.extend((!file.is_empty()).then(|| std::mem::take(&mut file).into())),
            c => file.push(c),
        }
    }
    files.extend((!file.is_empty()).then(|| file.into()));
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_list_is_read() {
        let files = listed_files("/t/release/a.wasm: /p/src/lib.rs /p/my\\ data/x.txt\n").unwrap();
        assert_eq!(files, [PathBuf::from("/p/src/lib.rs"), PathBuf::from("/p/my data/x.txt")]);
        assert_eq!(listed_files("nothing"), None);
    }

    #[test]
    fn a_change_of_any_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("src")).unwrap();
        fs::write(at("src/lib.rs"), "one").unwrap();
        fs::write(at("Cargo.toml"), "").unwrap();
        fs::write(at("out.d"), format!("out.wasm: {}", at("src/lib.rs").display())).unwrap();
        let started = SystemTime::now() + std::time::Duration::from_secs(1);
        let record = || Record::of_build(folder.path(), &at("target"), &at("out.wasm"), started, "digest".to_owned());
        let first = record().unwrap();
        assert!(first.is_current());
        assert_eq!(Record::from_json(&first.to_json()), Some(record().unwrap()));

        fs::write(at("src/lib.rs"), "two").unwrap();
        assert!(!first.is_current());
        fs::write(at("src/lib.rs"), "one").unwrap();
        assert!(first.is_current());
        fs::write(at("rust-toolchain.toml"), "").unwrap();
        assert!(!first.is_current());
        let too_early = SystemTime::UNIX_EPOCH;
        assert_eq!(Record::of_build(folder.path(), &at("t"), &at("out.wasm"), too_early, String::new()), None);
    }
}
