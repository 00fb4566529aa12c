//! `--fresh`: what a checkpoint's file sinks have published goes with the checkpoint, or its successor would find its
//! folder taken.

use std::io::ErrorKind as Io;
use std::path::Path;

use super::name::PRIVATE;
use crate::error::{Error, ErrorKind, Result};

/// Removes from `folder` the files that sinks of checkpoint `id` have published or written aside, and the claim on it.
/// Nothing else is touched; a folder that is not there is no error.
pub fn forget(folder: &Path, id: &str) -> Result<()> {
    let failed = |e: std::io::Error| {
        let message = format!("{}: its old files cannot be removed: {e}", folder.display());
        Error::new(ErrorKind::Unavailable, message).caused_by(e)
    };
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == Io::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with("part-") || name.starts_with("snapshot-");
        let own = name.contains(&format!("-{id}-")) || name.contains(&format!("-{id}."));
        if ours && own && entry.path().is_file() {
            std::fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    match std::fs::remove_dir_all(folder.join(PRIVATE).join(id)) {
        Err(e) if e.kind() != Io::NotFound => Err(failed(e)),
        _ => Ok(()),
    }
}
