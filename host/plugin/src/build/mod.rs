//! Builds a plugin from its project folder, and remembers the result by the content of everything it was built from.
//!
//! What always holds: what is returned was built from the sources as they are now. Builds happen one at a time per
//! cache folder, behind a lock; their results are written aside and renamed.
//!
//! * `language`: which one a folder is written in
//! * `rust`: with cargo, which knows best what must be compiled again
//! * `scripted`: with the builder that the language's SDK brings; `sdk` has those SDKs, `toolchain` what they are run with

mod command;
mod language;
mod record;
mod rust;
mod scripted;
mod sdk;
mod toolchain;

use std::fs::{self, File};
use std::path::Path;

use crate::cache::Cache;
use crate::error::{PluginError, Result};
pub use language::Language;
pub use sdk::sdk_files;

/// The component that the project in `folder` makes.
pub(crate) fn build(cache: &Cache, notify: &dyn Fn(&str), folder: &Path) -> Result<Vec<u8>> {
    let language = Language::of(folder)?;
    let project = fs::canonicalize(folder).map_err(|e| PluginError::io(folder, e))?;
    match language {
        Language::Rust => rust::build(cache, notify, folder, &project),
        scripted => scripted::build(cache, notify, scripted, folder, &project),
    }
}

/// Held while something is built.
fn lock(built: &Path) -> Result<File> {
    let path = built.join("lock");
    let lock = File::create(&path).map_err(|e| PluginError::io(&path, e))?;
    lock.lock().map_err(|e| PluginError::io(&path, e))?;
    Ok(lock)
}

/// Why the project in `folder` cannot be built.
fn failed(folder: &Path, message: impl Into<String>, hint: impl Into<String>) -> PluginError {
    PluginError::Build { project: folder.to_owned(), message: message.into(), hint: hint.into() }
}
