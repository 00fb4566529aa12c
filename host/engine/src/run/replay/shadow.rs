//! A changed job beside one that runs: its epochs are computed once more as they are committed, with a copy of its state, and
//! what the changed job gives is compared and dropped.
//!
//! What always holds: nothing of it is in the running job or its checkpoint, which is only read; so it can end at any moment
//! and leaves no trace. It is told of each epoch in order, or that it has fallen too far behind.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_plugin::Runtime;

use super::changed::Changed;
use super::pair::Pair;
use super::report::ReplayedEpoch;
use super::runtime;
use super::side::World;
use super::told::Told;
use crate::checkpoint::{AtEpoch, Follow, read_at};
use crate::executor::Workers;
use crate::run::environment::Environment;
use crate::storage::Storage;
use crate::{Error, Result};

/// How often it is looked whether there are epochs.
const EVERY: Duration = Duration::from_millis(50);

/// How a changed job is computed beside one that runs.
pub struct Shadow {
    /// The change.
    pub changed: Changed,
    /// By sink, the columns by which rows are the same; of others, their keys, where they have any.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Where plugins run; none = one of its own, which counts what calls consume.
    pub runtime: Option<Runtime>,
    /// How much is computed at once, at the most; none = as much as the environment's executor has threads.
    pub threads: Option<usize>,
    /// The world outside.
    pub environment: Environment,
}

/// Computes the epochs that the job of the checkpoint in `storage` commits from now on, until `each` has enough of them or
/// `ends` is set. `note` is told what else a person should know.
///
/// # Errors
/// What the epochs are made with, or what they read, is gone; the changed job cannot be used, or fails; it falls so far behind
/// that epochs are gone before they were looked at.
pub fn shadow(
    storage: &dyn Storage,
    options: Shadow,
    note: &dyn Fn(&str),
    ends: &AtomicBool,
    mut each: impl FnMut(&ReplayedEpoch) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let workers = options.environment.executor.workers(options.threads);
    let AtEpoch { record: last, state, .. } = read_at(storage, None, &workers)?;
    let (epoch, partitions) = (last.epoch, state.partitions());
    // Each side has a copy of its own.
    drop(state);
    let before = |workers: &Workers| {
        let at = read_at(storage, Some(epoch), workers)?;
        Ok((Some(at.record), at.state))
    };
    let world = World {
        runtime: runtime(options.runtime.as_ref(), std::slice::from_ref(&last), Some(&options.changed))?,
        environment: &options.environment,
        sources: options.environment.sources(),
        workers,
        partitions,
        now: last.started,
        told: Told::default(),
    };
    let is_of_plugins = options.changed.is_of_plugins(&last);
    let pair = Pair::begin(world, storage, &last, &before, (Some(&options.changed), false), options.keys, note)?;
    if !pair.is_compared() {
        return Err(Error::invalid("nothing is changed").with_help("name another version of a plugin, or what to set"));
    }
    if is_of_plugins {
        pair.check_takes_place()?;
    }
    let mut pair = pair.after(last);
    let mut follow = Follow::after(storage, epoch)?;
    note(&format!("the shadow begins after epoch {epoch}"));
    while !ends.load(Ordering::Relaxed) {
        let records = follow.next(storage)?;
        if records.is_empty() {
            std::thread::sleep(EVERY);
        }
        for record in records {
            if ends.load(Ordering::Relaxed) || each(&pair.epoch(&record, note)?)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}
