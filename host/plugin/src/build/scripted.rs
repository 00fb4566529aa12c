//! Plugins of languages that are built by a script of their SDK. A component is remembered by the content of the project's files
//! and the SDK, wherever the project is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::language::Language;
use super::toolchain::Toolchain;
use super::{failed, lock};
use crate::cache::{Cache, write_aside};
use crate::error::{PluginError, Result};

/// Folders that tools leave beside sources, and files that are made of them.
const LEFT: [&str; 3] = ["__pycache__", "venv", "build"];

/// The component that the project in `folder` makes, which is `project`.
pub(super) fn build(
    cache: &Cache,
    notify: &dyn Fn(&str),
    language: Language,
    folder: &Path,
    project: &Path,
) -> Result<Vec<u8>> {
    let toolchain = Toolchain::ready(cache, notify, language, folder)?;
    let built = cache.folder("built")?;
    let inputs = inputs(&toolchain, project)?;
    if let Some(bytes) = load(&built, &inputs) {
        return Ok(bytes);
    }
    let _lock = lock(&built)?;
    // Another process may have built it while this one waited.
    if let Some(bytes) = load(&built, &inputs) {
        return Ok(bytes);
    }
    notify(&format!("building the plugin in {}", folder.display()));
    let scratch = tempfile::tempdir_in(&built).map_err(|e| PluginError::io(&built, e))?;
    let output = scratch.path().join("plugin.wasm");
    toolchain.build(folder, project, &output)?;
    let bytes = fs::read(&output).map_err(|e| failed(folder, format!("no component was made: {e}"), ""))?;
    let wasm = blake3::hash(&bytes).to_hex().to_string();
    write_aside(&built.join(format!("{wasm}.wasm")), &[&bytes])?;
    // Not remembered where a source was changed while it was being built: the next load builds again.
    if self::inputs(&toolchain, project)? == inputs {
        write_aside(&record(&built, &inputs), &[wasm.as_bytes()])?;
    }
    Ok(bytes)
}

fn record(built: &Path, inputs: &str) -> PathBuf {
    built.join(format!("{inputs}.of"))
}

fn load(built: &Path, inputs: &str) -> Option<Vec<u8>> {
    let wasm = fs::read_to_string(record(built, inputs)).ok()?;
    let bytes = fs::read(built.join(format!("{wasm}.wasm"))).ok()?;
    (blake3::hash(&bytes).to_hex().as_str() == wasm).then_some(bytes)
}

/// A digest of all that a component is made of.
fn inputs(toolchain: &Toolchain, project: &Path) -> Result<String> {
    let mut files = BTreeMap::new();
    collect(project, project, &mut files)?;
    let mut digest = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(toolchain.identity().as_encoded_bytes());
    // The folder's name is the component's.
    part(project.file_name().unwrap_or_default().as_encoded_bytes());
    for (path, file) in files {
        part(path.as_os_str().as_encoded_bytes());
        part(&fs::read(&file).map_err(|e| PluginError::io(&file, e))?);
    }
    Ok(digest.finalize().to_hex()[..32].to_owned())
}

/// The files below `folder`, by their paths from `project`.
fn collect(project: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| PluginError::io(folder, e))? {
        let entry = entry.map_err(|e| PluginError::io(folder, e))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || name.ends_with(".wasm") || LEFT.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            // Cases are not in the component.
            if folder != project || name != "cases" {
                collect(project, &path, files)?;
            }
        } else if let Ok(short) = path.strip_prefix(project) {
            files.insert(short.to_owned(), path.clone());
        }
    }
    Ok(())
}
