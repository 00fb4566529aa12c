//! Committed epochs computed again, from the state before them and what their records say: as the job was, and what a changed
//! job would have made of them. Nothing is written, and the checkpoint may be in use.
//!
//! What always holds: an epoch is computed again with the job, the components and the configurations that its record names, the
//! same offsets, the same processing time and the same watermarks; so it must give the same bytes, or something in it is not
//! deterministic, or what it read has changed. Which of both is for whoever looks: what is said is where they part.

mod changed;
mod compare;
mod pair;
mod report;
mod rows;
mod shadow;
mod side;
mod told;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use millstream_plugin::{Runtime, RuntimeOptions};

pub use changed::Changed;
pub use compare::SinkDifference;
pub use report::{Counts, Replayed, ReplayedEpoch};
pub use shadow::{Shadow, shadow};

use self::pair::Pair;
use self::side::World;
use self::told::Told;
use super::environment::Environment;
use crate::checkpoint::{Looked, look, oldest_restorable, read_at};
use crate::executor::Workers;
use crate::record::EpochRecord;
use crate::state::State;
use crate::storage::Storage;
use crate::{Error, Result};

/// Which epochs are computed again, and how.
pub struct Replay {
    /// The epochs.
    pub epochs: RangeInclusive<u64>,
    /// What is computed besides, to be compared; none = only whether the epochs give again what was written.
    pub changed: Option<Changed>,
    /// By sink, the columns by which rows are the same; of others, their keys, where they have any.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Where plugins run; none = one of its own, which counts what calls consume where there is something to compare it with.
    pub runtime: Option<Runtime>,
    /// How much is computed at once, at the most; none = as much as the environment's executor has threads.
    pub threads: Option<usize>,
    /// The world outside.
    pub environment: Environment,
}

/// Computes epochs of the checkpoint in `storage` again; `each` is told of one after the other, `note` what else a person should
/// know.
///
/// # Errors
/// An epoch is not there any more, or what it was made with is not; what it read is gone; or the changed job cannot be used.
pub fn replay(
    storage: &dyn Storage,
    options: Replay,
    note: &dyn Fn(&str),
    mut each: impl FnMut(&ReplayedEpoch) -> Result<()>,
) -> Result<Replayed> {
    let looked = look(storage)?;
    let workers = options.environment.executor.workers(options.threads);
    let records = records(&looked, &options.epochs, storage, &workers)?;
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Err(
            Error::invalid("no epoch is named").with_help("name them as N or as N..M, the first one and the last")
        );
    };
    let before = |workers: &Workers| match first.epoch.checked_sub(1) {
        None => Ok((None, State::new(looked.partitions).with(workers))),
        Some(epoch) => {
            let at = read_at(storage, Some(epoch), workers)?;
            Ok((Some(at.record), at.state))
        }
    };
    let world = World {
        runtime: runtime(options.runtime.as_ref(), &records, options.changed.as_ref())?,
        environment: &options.environment,
        sources: options.environment.sources(),
        workers,
        partitions: looked.partitions,
        now: last.started,
        told: Told::default(),
    };
    // What a version of a plugin gives that has lost the state says nothing of the version.
    let may_drop = options.changed.as_ref().is_none_or(|changed| !changed.is_of_plugins(first));
    let changed = (options.changed.as_ref(), may_drop);
    let mut pair = Pair::begin(world, storage, first, &before, changed, options.keys, note)?;
    let mut done = Replayed { is_compared: pair.is_compared(), ..Replayed::default() };
    for record in &records {
        let replayed = pair.epoch(record, note)?;
        done.epochs += 1;
        done.rows_in += record.counters.rows_in;
        done.same += u64::from(replayed.unlike.is_empty());
        done.same_after += u64::from(replayed.is_same_after());
        done.took += replayed.took;
        done.took_after += replayed.took_after;
        for (sum, more) in [(&mut done.fuel, replayed.fuel), (&mut done.fuel_after, replayed.fuel_after)] {
            *sum = more.map(|more| more + sum.unwrap_or_default()).or(*sum);
        }
        each(&replayed)?;
    }
    Ok(done)
}

/// Where plugins run, if there are any. One that is made here counts fuel where two jobs are compared: it takes time, and
/// of one job alone says little.
fn runtime(given: Option<&Runtime>, records: &[EpochRecord], changed: Option<&Changed>) -> Result<Option<Runtime>> {
    let has_plugins = changed.is_some() || records.iter().any(|record| !record.plugins.is_empty());
    Ok(match given {
        None if has_plugins => {
            let is_change = |changed: &Changed| records.first().is_some_and(|record| changed.is_change(record));
            let count_fuel = changed.is_some_and(is_change);
            Some(Runtime::new(RuntimeOptions { count_fuel, ..RuntimeOptions::default() })?)
        }
        given => given.cloned(),
    })
}

/// The epochs of the checkpoint in `storage` that can be computed again: the state before them can be restored. None = no epoch
/// is committed.
///
/// # Errors
/// The checkpoint cannot be read.
pub fn replayable(storage: &dyn Storage, workers: &Workers) -> Result<Option<RangeInclusive<u64>>> {
    replayable_of(&look(storage)?, storage, workers)
}

fn replayable_of(looked: &Looked, storage: &dyn Storage, workers: &Workers) -> Result<Option<RangeInclusive<u64>>> {
    let (Some(first), Some(last)) = (looked.epochs.first(), looked.epochs.last()) else { return Ok(None) };
    // Before the first one of all there was no state.
    let oldest = match first.epoch {
        0 => Some(0),
        _ => oldest_restorable(storage, workers)?.map(|epoch| epoch + 1),
    };
    Ok(oldest.map(|oldest| oldest..=last.epoch))
}

/// The records of `epochs`.
fn records(
    looked: &Looked,
    epochs: &RangeInclusive<u64>,
    storage: &dyn Storage,
    workers: &Workers,
) -> Result<Vec<EpochRecord>> {
    let place = storage.describe();
    let Some(there) = replayable_of(looked, storage, workers)? else {
        return Err(Error::invalid(format!("the checkpoint {place} has no committed epoch")));
    };
    let (oldest, last) = there.into_inner();
    if *epochs.start() < oldest || *epochs.end() > last {
        let wanted = match epochs.start() == epochs.end() {
            true => format!("epoch {}", epochs.start()),
            false => format!("epochs {} to {}", epochs.start(), epochs.end()),
        };
        let there = match oldest > last {
            true => "none of its epochs can be computed again".to_owned(),
            false => format!("epochs {oldest} to {last} can be computed again"),
        };
        let message = format!("{wanted} of the checkpoint {place} is not there: {there}");
        return Err(Error::invalid(message).with_help(
            "name one of these; how many are kept is said by `keep_epochs` and `keep_bytes` in the job's file",
        ));
    }
    Ok(looked.epochs.iter().filter(|record| epochs.contains(&record.epoch)).cloned().collect())
}
