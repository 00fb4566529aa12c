//! A job at work: opened, stepped until it is done, closed. It has no thread of its own that plans or waits, so whoever
//! steps it can have many, one beside the other. What always holds: an epoch is planned, computed and handed over to be
//! committed within one step, and what is told from outside ([`Control`](super::Control)) counts between two of them.

mod canary;
mod close;
mod open;
mod rest;
mod step;
mod swap;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use self::rest::{Bell, Rest};
use self::swap::Swaps;
use super::RunOptions;
use super::acknowledge::Acknowledge;
use super::commit::{Committer, WantedSnapshot};
use super::noticed::Noticed;
use super::progress::Progress;
use super::recover::CheckpointFolder;
use super::report::StopReason;
use super::sources::LiveSource;
use super::statics::Statics;
use crate::checkpoint::Checkpoint;
use crate::clock::Wake;
use crate::connector::sink::Sink;
use crate::executor::Workers;
use crate::job::Trigger;
use crate::name::Named;
use crate::plan::Plan;
use crate::state::State;

/// A job that is open. One that is dropped before [`Engine::close`] still commits what it has computed.
pub struct Engine {
    /// First, as fields are dropped in their order: what it still commits goes into the folder.
    committer: Committer,
    plan: Arc<Plan>,
    options: RunOptions,
    trigger: Trigger,
    checkpoint: Arc<Mutex<Checkpoint>>,
    folder: CheckpointFolder,
    resumed_from: Option<u64>,
    sources: Named<LiveSource>,
    sinks: Named<Box<dyn Sink>>,
    state: State,
    statics: Statics,
    swaps: Swaps,
    progress: Progress,
    acknowledge: Acknowledge,
    wanted: WantedSnapshot,
    workers: Workers,
    totals: Totals,
    noticed: Noticed,
    /// What every record says of the plugins and of the stateful operators.
    plugins: BTreeMap<String, String>,
    fingerprints: BTreeMap<String, serde_json::Value>,
    /// What is told as the job's time has no builds of plugins in it.
    began: Instant,
    /// A look that finds nothing keeps to the trigger's grid as an epoch does.
    looked: Option<i64>,
    /// The last look found nothing.
    rest: Option<Rest>,
    bell: Bell,
    /// The final watermark is committed: nothing may come any more.
    finished: bool,
    done: Option<StopReason>,
}

/// What whoever steps an [`Engine`] does next. A wait may end early: stepping too soon does no harm.
#[derive(Debug, Clone)]
pub enum Step {
    /// Step again: there is more to do.
    Ready,
    /// Step again at this time of the environment's clock (microseconds since 1970), or when [`Engine::wake`] is
    /// notified.
    WaitUntil(i64),
    /// Step again when this, which is [`Engine::wake`], is notified; not before, there is nothing to do.
    WaitFor(Wake),
    /// The job has ended: close it.
    Done(StopReason),
}

#[derive(Default)]
struct Totals {
    epochs: u64,
    rows_in: u64,
    bytes_in: u64,
    rows_out: BTreeMap<String, u64>,
    late: u64,
    partly_late: u64,
    ahead: u64,
    rejected: u64,
    not_refreshed: u64,
}

impl Engine {
    /// What the job does.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Notified when the job is to be stepped though it waits: it was told something, a source has something
    /// new, or an epoch's commit is done or has failed.
    pub fn wake(&self) -> &Wake {
        self.options.control.wake()
    }
}
