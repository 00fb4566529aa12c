//! Taking up a job where its checkpoint says it was.

use std::path::PathBuf;
use std::sync::Arc;

use super::environment::Environment;
use super::report::Observer;
use crate::checkpoint::{Checkpoint, Forget, Options, Recovered};
use crate::error::remedy;
use crate::job::{Job, SinkConnector};
use crate::plan::Plan;
use crate::sink::{Folders, forget, republish};
use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// Where a job's checkpoint is.
pub(super) struct CheckpointFolder {
    pub path: PathBuf,
    /// Removed at the end, where the job names none.
    temporary: Option<tempfile::TempDir>,
}

impl CheckpointFolder {
    /// The job's folder, or a temporary one.
    pub fn of(job: &Job) -> Result<Self> {
        if let Some(path) = &job.checkpoint {
            return Ok(Self { path: path.clone(), temporary: None });
        }
        let folder = tempfile::Builder::new().prefix("millstream-").tempdir().map_err(|e| {
            Error::new(ErrorKind::Unavailable, format!("no temporary folder for the checkpoint: {e}")).caused_by(e)
        })?;
        Ok(Self { path: folder.path().to_owned(), temporary: Some(folder) })
    }

    /// Whether it is gone after the run.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

/// Whether there is a checkpoint.
pub(super) fn is_there(storage: &dyn Storage) -> Result<bool> {
    storage.exists("checkpoint.json").map_err(|e| {
        let message = format!("the checkpoint {} cannot be looked at: {e}", storage.describe());
        let help = remedy(&e, "look after the disk and start again");
        Error::new(ErrorKind::Unavailable, message).with_help(help).caused_by(e)
    })
}

/// Opens the checkpoint and publishes what was committed and not yet published, before anything else of the job is
/// looked at: a committed epoch is never computed again.
pub(super) fn open(
    storage: Arc<dyn Storage>,
    job: &Job,
    fresh: bool,
    environment: &Environment,
    observer: &dyn Observer,
    forget: Option<Forget>,
) -> Result<(Checkpoint, Recovered)> {
    let Environment { folders, faults, .. } = environment;
    let options = Options {
        job: job.name.clone(),
        fresh,
        now: environment.clock.now(),
        id: environment.checkpoint_id,
        faults: faults.clone(),
        snapshots: environment.snapshots,
        forget,
        ..Options::default()
    };
    let (mut checkpoint, mut recovered) = Checkpoint::open(storage, &options)?;
    for damage in &recovered.damaged {
        observer.message(damage);
    }
    let mut last = None;
    for unpublished in std::mem::take(&mut recovered.unpublished) {
        let epoch = unpublished.record.epoch;
        for output in &unpublished.record.outputs {
            republish(output, epoch, &unpublished.inline, folders, faults)?;
        }
        last = Some(epoch);
    }
    if let Some(epoch) = last {
        checkpoint.mark_published(epoch)?;
        observer.message(&format!("published again what was committed up to epoch {epoch}"));
    }
    Ok((checkpoint, recovered))
}

/// Takes away what a dropped checkpoint's file sinks have published.
pub(super) fn forget_published(plan: &Plan, folders: &Folders) -> Forget {
    let sinks = plan.sinks[..plan.job.sinks.len()].iter().filter_map(|sink| match &sink.spec.connector {
        SinkConnector::File { path, .. } => Some((sink.spec.name.value.clone(), path.value.clone())),
        _ => None,
    });
    let (sinks, folders): (Vec<(String, PathBuf)>, _) = (sinks.collect(), folders.clone());
    Forget(Arc::new(move |id| {
        let one = |(sink, path): &(String, PathBuf)| {
            forget(&*folders(path), id).map_err(|e| e.context(format!("sink `{sink}`")))
        };
        sinks.iter().try_for_each(one)
    }))
}

/// What a sink has of an epoch after the last one was committed by a record that is not there any more: damaged, or
/// lost with its file. Computing the epoch again could double rows.
pub(super) fn refuse_lost_epochs(plan: &Plan, recovered: &Recovered, folders: &Folders) -> Result<()> {
    let last = recovered.last.as_ref().map(|l| l.epoch);
    for sink in &plan.sinks[..plan.job.sinks.len()] {
        let SinkConnector::File { path, .. } = &sink.spec.connector else { continue };
        let listed = folders(&path.value)
            .list("")
            .map_err(|e| Error::new(ErrorKind::Unavailable, format!("{}: {e}", path.value.display())).caused_by(e))?;
        let later = listed.iter().find_map(|f| {
            let epoch = epoch_of(&f.name, &recovered.id)?;
            last.is_none_or(|l| epoch > l).then_some((epoch, &f.name))
        });
        if let Some((epoch, file)) = later {
            let damage = recovered
                .suspicious
                .as_ref()
                .map_or(String::new(), |tail| format!(" ({}: damaged at byte {}: {})", tail.file, tail.at, tail.what));
            let message = format!(
                "the checkpoint has no record of epoch {epoch}{damage}, yet it was committed: {} has its output {file}",
                path.value.display(),
            );
            return Err(Error::new(ErrorKind::Corrupt, message)
                .with_help("restore the checkpoint from a copy, or start over with --fresh and an empty sink folder"));
        }
    }
    Ok(())
}

/// As [`refuse_lost_epochs`], for the dead letters: their file has no epoch in its name. It is looked at only where
/// bytes at the log's end are no record, and there at its last line.
pub(super) fn refuse_lost_letters(plan: &Plan, recovered: &Recovered, folders: &Folders) -> Result<()> {
    let tail = recovered.suspicious.as_ref().filter(|tail| !tail.short);
    let (Some(tail), SinkConnector::File { path, .. }) = (tail, &plan.job.dead_letters.connector) else {
        return Ok(());
    };
    let (Some(folder), Some(name)) = (path.value.parent(), path.value.file_name().and_then(|n| n.to_str())) else {
        return Ok(());
    };
    let file = match folders(folder).read(name) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => {
            read.map_err(|e| Error::new(ErrorKind::Unavailable, format!("{}: {e}", path.value.display())).caused_by(e))?
        }
    };
    let last = file.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let of_epoch = serde_json::from_slice::<serde_json::Value>(last).ok().and_then(|line| line["epoch"].as_u64());
    // Blocks that the disk never wrote read as zeros, also where what follows them was written.
    let unfinished = !last.is_empty() && (file.last() != Some(&b'\n') || last.contains(&0));
    if !unfinished && of_epoch != Some(tail.epoch) {
        return Ok(());
    }
    let message = format!(
        "the checkpoint has no record of epoch {} ({}: damaged at byte {}: {}), yet {} ends with its rows",
        tail.epoch,
        tail.file,
        tail.at,
        tail.what,
        path.value.display(),
    );
    Err(Error::new(ErrorKind::Corrupt, message).with_help(
        "restore the checkpoint from a copy; or, where these are rows of an older checkpoint, move the file away",
    ))
}

/// The epoch of a part file that checkpoint `id` has written.
fn epoch_of(file: &str, id: &str) -> Option<u64> {
    let (_, rest) = file.split_once(&format!("-{id}-"))?;
    rest.get(..20)?.parse().ok()
}
