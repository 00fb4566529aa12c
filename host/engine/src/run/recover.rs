//! Taking up a job where its checkpoint says it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::report::Observer;
use super::take_up::unusable;
use crate::checkpoint::{Beginning, Checkpoint, CheckpointError, Forget, OpenOptions, Recovered};
use crate::connector::sink::Folders;
use crate::connector::{Committed, Recovery};
use crate::error::remedy;
use crate::executor::Workers;
use crate::job::{Job, KeepEpochs, SinkSpec};
use crate::plan::Plan;
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

/// With what a checkpoint is opened.
#[derive(Default)]
pub(super) struct Opening<'a> {
    /// What is there is dropped.
    pub fresh: bool,
    /// Where one that is made begins.
    pub from: Option<&'a Beginning>,
    /// Takes away what a dropped one has published.
    pub forget: Option<Forget>,
}

/// Opens the checkpoint and publishes what was committed and not yet published, before anything else of the job is
/// looked at: a committed epoch is never computed again.
pub(super) fn open(
    storage: Arc<dyn Storage>,
    job: &Job,
    opening: Opening<'_>,
    environment: &Environment,
    observer: &dyn Observer,
    workers: &Workers,
) -> Result<(Checkpoint, Recovered)> {
    let Environment { connectors, folders, faults, .. } = environment;
    let options = OpenOptions {
        job: job.name.clone(),
        fresh: opening.fresh,
        now: environment.clock.now(),
        id: environment.checkpoint_id,
        partitions: environment.partitions,
        faults: faults.clone(),
        snapshots: environment.snapshots,
        // Nobody looks into one that is gone afterwards.
        keep: if job.checkpoint.is_some() { job.keep } else { KeepEpochs::default() },
        forget: opening.forget,
        from: opening.from.cloned(),
        workers: workers.clone(),
        ..OpenOptions::default()
    };
    let (mut checkpoint, mut recovered) = Checkpoint::open(storage, &options).map_err(|e| match e {
        CheckpointError::NotACheckpoint { .. } => Error::from(e).at(job.text.at(job.checkpoint_at.clone())),
        e => e.into(),
    })?;
    for damage in &recovered.damaged {
        observer.message(damage);
    }
    let mut last = None;
    for unpublished in std::mem::take(&mut recovered.unpublished) {
        let epoch = unpublished.record.epoch;
        for output in &unpublished.record.outputs {
            connectors.republish(output, &Committed { epoch, inline: &unpublished.inline, folders, faults })?;
        }
        last = Some(epoch);
    }
    if let Some(epoch) = last {
        checkpoint.mark_published(epoch)?;
        observer.message(&format!("published again what was committed up to epoch {epoch}"));
    }
    Ok((checkpoint, recovered))
}

/// What the job's checkpoint begins with: the savepoint or checkpoint in the folder `path`.
///
/// # Errors
/// It cannot be read, or the job has a checkpoint already.
pub(super) fn beginning(
    path: &Path,
    job: &Job,
    existing: bool,
    folders: &Folders,
    workers: &Workers,
) -> Result<Beginning> {
    let refused = |message: String, help: &str| Err(Error::new(ErrorKind::Conflict, message).with_help(help));
    let Some(checkpoint) = &job.checkpoint else {
        let message = format!("job `{}` names no checkpoint to begin from {}", job.name, path.display());
        return refused(message, "write checkpoint = \"FOLDER\" into its file");
    };
    if existing {
        let message = format!(
            "the job has a checkpoint already, {}: it cannot begin from {}",
            checkpoint.display(),
            path.display()
        );
        return refused(
            message,
            "leave --from out to go on with it; or name another `checkpoint`; or drop it, and what its file sinks have published, with --fresh",
        );
    }
    // By whatever way to it.
    let place = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    if place(path).is_some_and(|from| place(checkpoint) == Some(from)) {
        let message = format!("{} is the job's own checkpoint: it cannot begin from it", path.display());
        return refused(message, "name a savepoint, or give the job another `checkpoint`");
    }
    Ok(Beginning::read(folders(path), workers)?)
}

/// Refuses to leave behind state that `beginning` has and `plan` has no use for.
///
/// # Errors
/// There is such state; the message lists it.
pub(super) fn refuse_dropped_state(plan: &Plan, beginning: &Beginning) -> Result<()> {
    let unusable = unusable(plan, &beginning.at.record);
    if unusable.is_empty() {
        return Ok(());
    }
    let listed: Vec<String> = unusable.iter().map(|(name, why)| format!("`{name}`: {why}")).collect();
    let message = format!("{} has state that the job cannot use: {}", beginning.storage.describe(), listed.join("; "));
    let help = "give the operators the names and the keys that they had; or begin without it: --allow-dropped-state";
    Err(Error::new(ErrorKind::Conflict, message).with_help(help))
}

/// Takes away what a dropped checkpoint's sinks have published; dead letters stay.
pub(super) fn forget_published(plan: &Plan, folders: &Folders) -> Forget {
    let sinks: Vec<SinkSpec> = plan.rows_sinks().map(|sink| sink.spec.clone()).collect();
    let (connectors, folders) = (plan.connectors.clone(), folders.clone());
    Forget(Arc::new(move |id| {
        let one = |sink: &SinkSpec| {
            let forgotten = connectors.sink(sink).and_then(|connector| connector.forget(sink, id, &folders));
            forgotten.map_err(|e| e.context(format!("sink `{}`", sink.name.value)))
        };
        sinks.iter().try_for_each(one)
    }))
}

/// What a sink has of an epoch after the last one was committed by a record that is not there any more: damaged, or
/// lost with its file. Computing the epoch again could double rows.
pub(super) fn refuse_lost_epochs(plan: &Plan, recovered: &Recovered, folders: &Folders) -> Result<()> {
    let last = recovered.last.as_ref().map(|l| l.epoch);
    let tail = recovered.suspicious.as_ref();
    let damaged = tail.filter(|tail| !tail.short).map(|tail| tail.epoch);
    let recovery = Recovery { checkpoint: &recovered.id, damaged, folders };
    let sinks = plan.rows_sinks().map(|sink| Ok((plan.connectors.sink(&sink.spec)?, &sink.spec)));
    let letters = &plan.job.dead_letters;
    for sink in sinks.chain([plan.connectors.dead_letters(letters).map(|connector| (connector, letters))]) {
        let (connector, spec) = sink?;
        let Some(published) = connector.last_published(spec, &recovery)? else { continue };
        if last.is_some_and(|last| published.epoch <= last) {
            continue;
        }
        let damage =
            tail.map_or(String::new(), |tail| format!(" ({}: damaged at byte {}: {})", tail.file, tail.at, tail.what));
        let message =
            format!("the checkpoint has no record of epoch {}{damage}, yet {}", published.epoch, published.seen);
        return Err(Error::new(ErrorKind::Corrupt, message).with_help(published.help));
    }
    Ok(())
}
