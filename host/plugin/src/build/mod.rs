//! Builds a plugin from its project folder, and remembers the result by the content of everything it was built from.
//!
//! What always holds: what is returned was built from the sources as they are now. Builds happen one at a time per
//! cache folder, behind a lock; their results are written aside and renamed.
//!
//! What is left to cargo: which crates are needed and what must be compiled again.

mod command;
mod record;

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use crate::cache::{Cache, write_aside};
use crate::error::{PluginError, Result};
use record::Record;

/// The component that the Rust crate in `folder` makes.
pub(crate) fn build(cache: &Cache, notify: &dyn Fn(&str), folder: &Path) -> Result<Vec<u8>> {
    let project = fs::canonicalize(folder).map_err(|e| PluginError::io(folder, e))?;
    if !project.join("Cargo.toml").is_file() {
        return Err(PluginError::Build {
            project: folder.to_owned(),
            message: "there is no Cargo.toml in it".to_owned(),
            hint: "Rust crates are built from their folder; build others with their own tool and name the .wasm file"
                .to_owned(),
        });
    }
    let built = cache.folder("built")?;
    let record = built.join(format!("{}.json", &blake3::hash(project.as_os_str().as_encoded_bytes()).to_hex()[..32]));
    if let Some(bytes) = load(&built, &record) {
        return Ok(bytes);
    }

    let lock_path = built.join("lock");
    let lock = File::create(&lock_path).map_err(|e| PluginError::io(&lock_path, e))?;
    lock.lock().map_err(|e| PluginError::io(&lock_path, e))?;
    // Another process may have built it while this one waited.
    if let Some(bytes) = load(&built, &record) {
        return Ok(bytes);
    }
    let mut cargo = command::Cargo { shown: folder, project: &project, target: Path::new("") };
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
    if let Some(made) = Record::of_build(&project, &target, &artifact, started, wasm) {
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
