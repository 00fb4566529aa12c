//! Components that a running job was swapped to, by their digests: after a restart the job goes on with them, wherever the
//! file is by then that they came from.

use std::io::Write;

use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// The folder of the components.
pub(super) const COMPONENTS: &str = "plugins";

fn file(digest: &str) -> String {
    format!("{COMPONENTS}/{digest}.wasm")
}

/// Writes a component down, durably, if it is not there.
///
/// # Errors
/// It cannot be written.
pub fn keep_component(storage: &dyn Storage, digest: &str, bytes: &[u8]) -> Result<()> {
    let path = file(digest);
    let write = || -> std::io::Result<()> {
        if storage.exists(&path)? {
            return Ok(());
        }
        storage.sync_folder(COMPONENTS)?;
        let new = format!("{path}.tmp");
        let mut file = storage.create(&new)?;
        file.write_all(bytes)?;
        file.sync()?;
        storage.rename(&new, &path)?;
        storage.sync_folder(COMPONENTS)?;
        storage.sync_folder("")
    };
    write().map_err(|e| {
        let message = format!("the checkpoint {} cannot keep the plugin {path}: {e}", storage.describe());
        Error::new(ErrorKind::Unavailable, message).caused_by(e)
    })
}

/// Removes a component that is not used after all.
///
/// # Errors
/// It cannot be removed.
pub fn forget_component(storage: &dyn Storage, digest: &str) -> Result<()> {
    let path = file(digest);
    storage.remove(&path).map_err(|e| {
        let message = format!("{path} in the checkpoint {} cannot be removed: {e}", storage.describe());
        Error::new(ErrorKind::Unavailable, message).caused_by(e)
    })
}

/// A component that was kept.
///
/// # Errors
/// It is not there, or not what was kept.
pub fn kept_component(storage: &dyn Storage, digest: &str) -> Result<Vec<u8>> {
    let path = file(digest);
    let bytes = storage.read(&path).map_err(|e| {
        let message = format!("the checkpoint {} has not kept the plugin {path}: {e}", storage.describe());
        Error::new(ErrorKind::Corrupt, message).with_help(HELP).caused_by(e)
    })?;
    if millstream_plugin::digest(&bytes) != digest {
        let message = format!("{path} in the checkpoint {} is not what was kept: it is damaged", storage.describe());
        return Err(Error::new(ErrorKind::Corrupt, message).with_help(HELP));
    }
    Ok(bytes)
}

const HELP: &str = "put the file back, or name that version of the plugin in the job file";
