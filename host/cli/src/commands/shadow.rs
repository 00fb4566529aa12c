//! `millstream shadow CHECKPOINT PLUGIN [FILE]`

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::job::PluginChange;
use millstream_engine::run::{Changed, Environment, ReplayedEpoch, Shadow, shadow as run_shadow};
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{Runtime, RuntimeOptions, digest};

use super::{checkpoint_folder, print_to_reader, version};
use crate::args::ShadowArgs;
use crate::replayed::Shown;
use crate::text;

/// What the shadow has seen.
#[derive(Default)]
struct Seen {
    epochs: u64,
    same: u64,
    /// Epochs with rows in which it gave the same, one after the other.
    clean: u64,
}

/// Computes a job's epochs with another version of a plugin as they are committed, and says what differs.
pub(crate) fn shadow(args: &ShadowArgs) -> Result<()> {
    let folder = checkpoint_folder(&args.checkpoint)?;
    let (path, with) = version(&args.plugin, args.file.as_deref(), &args.with)?;
    let change = PluginChange { plugin: args.plugin.clone(), path, with, ..PluginChange::default() };
    let ends = Arc::new(AtomicBool::new(false));
    let ended = ends.clone();
    ctrlc::set_handler(move || {
        // Whoever is told a second time does not wait for the epoch.
        if ended.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|e| Error::internal("cannot take over Ctrl-C").caused_by(e))?;
    let runtime = Runtime::new(RuntimeOptions { count_fuel: true, ..RuntimeOptions::default() })?;
    let tried = component(&runtime, args)?;
    let options = Shadow {
        changed: Changed { plugins: vec![change], ..Changed::default() },
        keys: args.key.iter().cloned().collect(),
        runtime: Some(runtime.clone()),
        threads: args.threads.map(NonZeroUsize::get),
        environment: Environment::default(),
    };
    let mut shown = Shown::new(args.json, &args.key);
    let mut seen = Seen::default();
    let promote_after = promote_after(args, &folder)?;
    let each = |epoch: &ReplayedEpoch| {
        print_to_reader(&shown.epoch(epoch))?;
        seen.take(epoch);
        let is_promoted = promote_after.is_some_and(|clean| seen.clean >= clean);
        let is_done = args.epochs.is_some_and(|epochs| seen.epochs >= epochs);
        Ok(if is_promoted || is_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let note = |line: &str| eprintln!("{line}");
    match run_shadow(&LocalStorage::new(&folder), options, &note, &ends, each) {
        // Whoever read the lines (`| head`) has seen enough.
        Err(error) if is_closed_pipe(&error) => return Ok(()),
        done => done?,
    }
    eprintln!(
        "{} in the shadow, in {} of them the new version gave the same; nothing of it is left in the job",
        epochs(seen.epochs),
        text::count(seen.same)
    );
    match promote_after {
        Some(clean) if seen.clean >= clean => {
            if component(&runtime, args)? != tried {
                let what = args.file.as_deref().unwrap_or(Path::new("")).display();
                let error = Error::new(ErrorKind::Conflict, format!("{what} is not what was in the shadow any more"));
                return Err(error.with_help("put it into the shadow as it is now"));
            }
            promote(args, clean)
        }
        _ => Ok(()),
    }
}

impl Seen {
    fn take(&mut self, epoch: &ReplayedEpoch) {
        self.epochs += 1;
        if !epoch.is_same_after() {
            self.clean = 0;
            return;
        }
        self.same += 1;
        // One without rows says nothing.
        self.clean += u64::from(epoch.committed.rows_in > 0);
    }
}

fn epochs(n: u64) -> String {
    format!("{} {}", text::count(n), if n == 1 { "epoch" } else { "epochs" })
}

/// Digest of the component that is tried, where it is another one.
fn component(runtime: &Runtime, args: &ShadowArgs) -> Result<Option<String>> {
    let bytes = args.file.as_deref().map(|file| runtime.component(file)).transpose()?;
    Ok(bytes.map(|bytes| digest(&bytes)))
}

/// After how many epochs the job is swapped, which must be running then.
#[cfg(unix)]
fn promote_after(args: &ShadowArgs, checkpoint: &Path) -> Result<Option<u64>> {
    if args.promote_after.is_some() {
        crate::control::of_checkpoint(checkpoint)?;
    }
    Ok(args.promote_after)
}

#[cfg(not(unix))]
fn promote_after(_: &ShadowArgs, _: &Path) -> Result<Option<u64>> {
    Ok(None)
}

/// Swaps the running job to the version that was in the shadow.
#[cfg(unix)]
fn promote(args: &ShadowArgs, clean: u64) -> Result<()> {
    eprintln!("{} gave the same: the job is swapped to it", epochs(clean));
    let job = crate::control::of_checkpoint(&checkpoint_folder(&args.checkpoint)?)?;
    let request = super::swap::request(&args.plugin, args.file.as_deref(), &args.with)?;
    super::swap::swap_running(&job, request)
}

#[cfg(not(unix))]
fn promote(_: &ShadowArgs, _: u64) -> Result<()> {
    Ok(())
}
