//! The folder of the control sockets: of one user, closed to all others.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use millstream_engine::{Error, ErrorKind, Result};
use nix::unistd::geteuid;

use super::connect::connect_to;

/// How a socket's file ends; before it stands the process id.
const ENDING: &str = "sock";

/// The folders where jobs of this user may have their sockets. A job uses the first; others may have been started by what has
/// no session, such as cron.
pub(super) fn folders() -> Vec<PathBuf> {
    let session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let session = session.filter(|folder| folder.is_absolute()).map(|folder| folder.join("millstream"));
    let temporary = std::env::temp_dir().join(format!("millstream-{}", geteuid()));
    session.into_iter().chain([std::path::absolute(&temporary).unwrap_or(temporary)]).collect()
}

/// Where the socket of process `pid` is.
pub(super) fn socket(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.{ENDING}"))
}

/// The folder that a job of ours uses; it is made if it is not there.
pub(super) fn make() -> Result<PathBuf> {
    let folder = folders().swap_remove(0);
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            let message = format!("the folder {} cannot be made: {e}", folder.display());
            Err(Error::new(ErrorKind::Unavailable, message).with_help(OF_YOURS).caused_by(e))
        }
        _ => check(&folder).map(|()| folder),
    }
}

const OF_YOURS: &str = "set XDG_RUNTIME_DIR to a folder that is there and yours";

/// Refuses a folder in which others could put sockets, or use ours.
fn check(folder: &Path) -> Result<()> {
    let shown = folder.display();
    let refused = |message: String, help: String| Err(Error::new(ErrorKind::Conflict, message).with_help(help));
    // Not where a link of somebody's leads.
    let is = fs::symlink_metadata(folder)
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("{shown} cannot be looked at: {e}")).caused_by(e))?;
    if !is.is_dir() {
        return refused(format!("{shown} is no folder"), format!("remove it, or {OF_YOURS}"));
    }
    if is.uid() != geteuid().as_raw() {
        return refused(format!("the folder {shown} belongs to another user ({})", is.uid()), OF_YOURS.to_owned());
    }
    let mode = is.mode() & 0o777;
    if mode & 0o077 != 0 {
        return refused(format!("the folder {shown} is open to others (mode {mode:o})"), format!("chmod 700 {shown}"));
    }
    Ok(())
}

/// Removes sockets that nobody listens on: jobs that were killed left them behind.
pub(super) fn sweep(folder: &Path) {
    let is_dead = |socket: &Path| connect_to(socket).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
    for (_, socket) in in_folder(folder).unwrap_or_default() {
        if is_dead(&socket) {
            remove(&socket);
        }
    }
}

/// Removes a socket; one that is not there is as good.
pub(crate) fn remove(socket: &Path) {
    drop(fs::remove_file(socket));
}

/// The sockets that are there, with the ids of their processes.
///
/// # Errors
/// The folder that a job of ours would use is refused, or cannot be read.
pub(super) fn sockets() -> Result<Vec<(u32, PathBuf)>> {
    let mut sockets = Vec::new();
    for (n, folder) in folders().iter().enumerate() {
        let found = in_folder(folder);
        // Nothing of ours can be in a second one that is not ours.
        if n == 0 { sockets.extend(found?) } else { sockets.extend(found.unwrap_or_default()) }
    }
    sockets.sort();
    Ok(sockets)
}

fn in_folder(folder: &Path) -> Result<Vec<(u32, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => {
            check(folder)?;
            entries.map_err(|e| {
                let message = format!("the folder {} cannot be read: {e}", folder.display());
                Error::new(ErrorKind::Unavailable, message).with_help(OF_YOURS).caused_by(e)
            })?
        }
    };
    let of_process = |path: PathBuf| {
        let pid = path.file_stem()?.to_str()?.parse().ok()?;
        (path.extension()? == ENDING).then_some((pid, path))
    };
    Ok(entries.flatten().filter_map(|entry| of_process(entry.path())).collect())
}
