//! The SDKs, of which this program has a copy, with the contract: so it begins and builds plugins where nothing of Millstream is
//! but itself.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use super::language::Language;
use crate::error::{PluginError, Result};

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/rust");
static DERIVE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/rust-derive");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/python/millstream_guest");
static JAVASCRIPT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/javascript/src");
static TYPES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../guest-sdk/javascript/types");

macro_rules! sdk_file {
    ($path:literal) => {
        (concat!("guest-sdk/", $path), include_bytes!(concat!("../../../../guest-sdk/", $path)))
    };
}

/// The files of the SDK of `language` and of the contract, by their paths from the root of a folder that has them:
/// `guest-sdk/python/millstream_guest/…`, `wit/millstream.wit`.
pub fn sdk_files(language: Language) -> Vec<(PathBuf, &'static [u8])> {
    Sdk::of(language).0
}

/// Something within the program, and its path.
type Named<T> = (&'static str, &'static T);

/// An SDK's files, by their paths from the root of a folder that has them.
pub(super) struct Sdk(Vec<(PathBuf, &'static [u8])>);

impl Sdk {
    /// That of `language`.
    pub(super) fn of(language: Language) -> Self {
        let (folders, files): (Vec<Named<Dir<'_>>>, Vec<Named<[u8]>>) = match language {
            Language::Rust => (
                vec![("guest-sdk/rust", &RUST), ("guest-sdk/rust-derive", &DERIVE)],
                // What the SDK's manifests leave to the workspace.
                vec![("Cargo.toml", include_bytes!("../../../../Cargo.toml"))],
            ),
            Language::Python => (
                vec![("guest-sdk/python/millstream_guest", &PYTHON)],
                vec![sdk_file!("python/build.py"), sdk_file!("python/requirements.txt")],
            ),
            Language::JavaScript | Language::TypeScript => (
                vec![("guest-sdk/javascript/src", &JAVASCRIPT), ("guest-sdk/javascript/types", &TYPES)],
                vec![
                    sdk_file!("javascript/build.mjs"),
                    sdk_file!("javascript/package.json"),
                    sdk_file!("javascript/package-lock.json"),
                ],
            ),
        };
        let mut all: Vec<(PathBuf, &'static [u8])> =
            files.into_iter().map(|(path, content)| (PathBuf::from(path), content)).collect();
        all.push(("wit/millstream.wit".into(), include_bytes!("../../../../wit/millstream.wit")));
        for (root, folder) in folders {
            collect(folder, Path::new(root), &mut all);
        }
        all.sort();
        Self(all)
    }

    /// A digest of all of it.
    pub(super) fn digest(&self) -> String {
        let mut digest = blake3::Hasher::new();
        for (path, content) in &self.0 {
            for part in [path.as_os_str().as_encoded_bytes(), content] {
                digest.update(&(part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        digest.finalize().to_hex()[..16].to_owned()
    }

    /// Writes it into `folder`.
    pub(super) fn unpack(&self, folder: &Path) -> Result<()> {
        for (path, content) in &self.0 {
            let file = folder.join(path);
            let parent = file.parent().unwrap_or(folder);
            let written = fs::create_dir_all(parent).and_then(|()| fs::write(&file, content));
            written.map_err(|e| PluginError::io(&file, e))?;
        }
        Ok(())
    }
}

/// The files of `folder`, but for what tools leave behind beside sources.
fn collect(folder: &'static Dir<'_>, root: &Path, all: &mut Vec<(PathBuf, &'static [u8])>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) if !inner.path().ends_with("__pycache__") => collect(inner, root, all),
            DirEntry::Dir(_) => {}
            DirEntry::File(file) => all.push((root.join(file.path()), file.contents())),
        }
    }
}
