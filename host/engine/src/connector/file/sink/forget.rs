//! `--fresh`: what a checkpoint's file sinks have published goes with the checkpoint, or its successor would find its
//! folder taken.

use super::name::PRIVATE;
use crate::error::{Error, ErrorKind, Result, remedy};
use crate::storage::Storage;

/// Removes from the sink's folder the files that sinks of checkpoint `id` have published or written aside, and the claim
/// on it. Nothing else is touched; a folder that is not there is no error.
pub(in crate::connector::file) fn forget(folder: &dyn Storage, id: &str) -> Result<()> {
    let failed = |e: std::io::Error| {
        let message = format!("{}: its old files cannot be removed: {e}", folder.describe());
        let help = remedy(&e, "look after the disk and start again with --fresh");
        Error::new(ErrorKind::Unavailable, message).with_help(help).caused_by(e)
    };
    for entry in folder.list("").map_err(failed)? {
        let ours = entry.name.starts_with("part-") || entry.name.starts_with("snapshot-");
        let own = entry.name.contains(&format!("-{id}-")) || entry.name.contains(&format!("-{id}."));
        if ours && own && !entry.is_folder {
            folder.remove(&entry.name).map_err(failed)?;
        }
    }
    folder.remove_folder(&format!("{PRIVATE}/{id}")).map_err(failed)
}
