//! Crates, built with cargo. What is left to it: which crates are needed and what must be compiled again.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::record::Record;
use super::{command, lock};
use crate::cache::{Cache, write_aside};
use crate::error::{PluginError, Result};

/// The component that the crate in `folder` makes, which is `project`.
pub(super) fn build(cache: &Cache, notify: &dyn Fn(&str), folder: &Path, project: &Path) -> Result<Vec<u8>> {
    let built = cache.folder("built")?;
    let record = built.join(format!("{}.json", &blake3::hash(project.as_os_str().as_encoded_bytes()).to_hex()[..32]));
    if let Some(bytes) = load(&built, &record) {
        return Ok(bytes);
    }

    let _lock = lock(&built)?;
    // Another process may have built it while this one waited.
    if let Some(bytes) = load(&built, &record) {
        return Ok(bytes);
    }
    let mut cargo = command::Cargo { shown: folder, project, target: Path::new("") };
    cargo.ensure_target(notify)?;
    let workspace = cargo.workspace()?;
    cargo.ensure_lock(&workspace)?;
    let started = SystemTime::now();
    // One target folder per workspace: cargo tells crates of one name and version apart by their place in the
    // workspace only, and would take one folder's crate for another's.
    let workspace = blake3::hash(workspace.as_os_str().as_encoded_bytes()).to_hex();
    let target = cache.folder("target")?.join(&workspace[..32]);
    cargo.target = &target;
    notify(&format!("building the plugin in {}", folder.display()));
    let artifact = cargo.build()?;
    let bytes = fs::read(&artifact).map_err(|e| PluginError::io(&artifact, e))?;

    let wasm = blake3::hash(&bytes).to_hex().to_string();
    write_aside(&built.join(format!("{wasm}.wasm")), &[&bytes])?;
    // Not remembered where a source was changed while it was being built: the next load builds again.
    if let Some(made) = Record::of_build(project, &target, &artifact, started, wasm) {
        write_aside(&record, &[made.to_json().as_bytes()])?;
    }
    Ok(bytes)
}

/// What was built before, if nothing that it was built from has changed.
fn load(built: &Path, record: &Path) -> Option<Vec<u8>> {
    let record = Record::from_json(&fs::read_to_string(record).ok()?)?;
    if !record.is_current() {
        return None;
    }
    let bytes = fs::read(built.join(format!("{}.wasm", record.wasm))).ok()?;
    (blake3::hash(&bytes).to_hex().as_str() == record.wasm).then_some(bytes)
}
