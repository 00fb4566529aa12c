//! What epochs were made with, by digest: components and jobs. A restart goes on with a component that the job was swapped to,
//! and epochs are computed again with what they were made with, wherever the files are by then that it came from.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::job::{ConnectorKeys, Job};
use crate::record::EpochRecord;
use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// The folder of the components.
pub(super) const COMPONENTS: &str = "plugins";

/// The folder of the jobs.
pub(super) const JOBS: &str = "jobs";

fn component_file(digest: &str) -> String {
    format!("{COMPONENTS}/{digest}.wasm")
}

fn job_file(digest: &str) -> String {
    format!("{JOBS}/{digest}.json")
}

/// A job as it was given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenJob {
    file: PathBuf,
    base: PathBuf,
    text: String,
    overrides: Vec<(String, String)>,
}

/// Writes a component down, durably, if it is not there; whether it was not.
///
/// # Errors
/// It cannot be written.
pub fn keep_component(storage: &dyn Storage, digest: &str, bytes: &[u8]) -> Result<bool> {
    let path = component_file(digest);
    let keep = || -> io::Result<bool> {
        let is_new = !storage.exists(&path)?;
        if is_new {
            write(storage, COMPONENTS, &path, bytes)?;
        }
        Ok(is_new)
    };
    keep().map_err(|e| not_kept(storage, &path, e))
}

/// Writes a job down, durably, if it is not there, or was given in another folder.
///
/// # Errors
/// It cannot be written.
pub fn keep_job(storage: &dyn Storage, job: &Job) -> Result<()> {
    let path = job_file(job.digest());
    let given = GivenJob {
        file: job.text.file.clone(),
        base: job.base.clone(),
        text: job.given.text.to_string(),
        overrides: job.given.overrides.clone(),
    };
    let bytes = serde_json::to_vec(&given).map_err(|e| Error::internal(format!("a job is no JSON: {e}")))?;
    if storage.read(&path).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    write(storage, JOBS, &path, &bytes).map_err(|e| not_kept(storage, &path, e))
}

fn write(storage: &dyn Storage, folder: &str, path: &str, bytes: &[u8]) -> io::Result<()> {
    storage.sync_folder(folder)?;
    let new = format!("{path}.tmp");
    let mut file = storage.create(&new)?;
    file.write_all(bytes)?;
    file.sync()?;
    storage.rename(&new, path)?;
    storage.sync_folder(folder)?;
    storage.sync_folder("")
}

fn not_kept(storage: &dyn Storage, path: &str, e: io::Error) -> Error {
    let message = format!("the checkpoint {} cannot keep {path}: {e}", storage.describe());
    Error::new(ErrorKind::Unavailable, message).caused_by(e)
}

/// Copies what the epoch of `record` was made with from one checkpoint to another. What a restart needs must be there: the
/// components that the job was swapped to.
///
/// # Errors
/// Such a component is not there, or something cannot be written.
pub(super) fn copy_made_with(from: &dyn Storage, into: &dyn Storage, record: &EpochRecord) -> Result<()> {
    for (name, digest) in &record.plugins {
        match kept_component(from, digest) {
            Ok(bytes) => drop(keep_component(into, digest, &bytes)?),
            Err(e) if record.swapped.contains_key(name) => return Err(e),
            Err(_) => {}
        }
    }
    let path = job_file(&record.job);
    match from.read(&path) {
        Ok(job) => write(into, JOBS, &path, &job).map_err(|e| not_kept(into, &path, e)),
        Err(_) => Ok(()),
    }
}

/// Removes a component that is not used after all.
///
/// # Errors
/// It cannot be removed.
pub fn forget_component(storage: &dyn Storage, digest: &str) -> Result<()> {
    remove(storage, &component_file(digest))
}

/// Removes what no epoch of the log was made with: none of `needed`.
///
/// # Errors
/// Something cannot be removed.
pub fn forget_all_but(storage: &dyn Storage, needed: &BTreeSet<String>) -> Result<()> {
    for folder in [COMPONENTS, JOBS] {
        let entries = storage.list(folder).map_err(|e| not_removed(storage, folder, e))?;
        for entry in entries {
            let digest = entry.name.split('.').next().unwrap_or_default();
            if entry.name.ends_with(".tmp") || !needed.contains(digest) {
                remove(storage, &format!("{folder}/{}", entry.name))?;
            }
        }
    }
    Ok(())
}

fn remove(storage: &dyn Storage, path: &str) -> Result<()> {
    storage.remove(path).map_err(|e| not_removed(storage, path, e))
}

fn not_removed(storage: &dyn Storage, path: &str, e: io::Error) -> Error {
    let message = format!("{path} in the checkpoint {} cannot be removed: {e}", storage.describe());
    Error::new(ErrorKind::Unavailable, message).caused_by(e)
}

/// A component that was kept.
///
/// # Errors
/// It is not there, or not what was kept.
pub fn kept_component(storage: &dyn Storage, digest: &str) -> Result<Vec<u8>> {
    const HELP: &str = "put the file back, or name that version of the plugin in the job file";
    let path = component_file(digest);
    let bytes = storage.read(&path).map_err(|e| {
        let message = format!("the checkpoint {} has not kept the plugin {path}: {e}", storage.describe());
        Error::new(ErrorKind::Corrupt, message).with_help(HELP).caused_by(e)
    })?;
    if millstream_plugin::digest(&bytes) != digest {
        return Err(damaged(storage, &path, HELP));
    }
    Ok(bytes)
}

/// A job that was kept, with `set` changed in it; its connectors are `known`.
///
/// # Errors
/// It is not there, or not what was kept; or it is not valid with `set`.
pub fn kept_job(storage: &dyn Storage, digest: &str, known: &[ConnectorKeys], set: &[(String, String)]) -> Result<Job> {
    const HELP: &str = "put the file back";
    let path = job_file(digest);
    let bytes = storage.read(&path).map_err(|e| {
        let message = format!("the checkpoint {} has not kept the job {path}: {e}", storage.describe());
        Error::new(ErrorKind::Corrupt, message).with_help(HELP).caused_by(e)
    })?;
    let given: GivenJob = serde_json::from_slice(&bytes).map_err(|_| damaged(storage, &path, HELP))?;
    let parse = |overrides: &[(String, String)]| Job::parse(&given.text, &given.file, &given.base, known, overrides);
    let job = parse(&given.overrides)?;
    if job.digest() != digest {
        let message = format!(
            "{path} in the checkpoint {} is not what was kept: it is damaged, or names environment variables that have other values now",
            storage.describe()
        );
        return Err(
            Error::new(ErrorKind::Corrupt, message).with_help("set them to what they were, or put the file back")
        );
    }
    if set.is_empty() { Ok(job) } else { parse(&[&given.overrides, set].concat()) }
}

fn damaged(storage: &dyn Storage, path: &str, help: &str) -> Error {
    let message = format!("{path} in the checkpoint {} is not what was kept: it is damaged", storage.describe());
    Error::new(ErrorKind::Corrupt, message).with_help(help)
}
