//! Another version of a plugin for a running job: how it is made ready beside the one that runs, and what of it a record
//! says.
//!
//! What always holds: a job is swapped to a plan of the same sources, operators and sinks, whose sinks get the same columns
//! and whose states mean the same, or can be brought over. Everything that is slow, or can fail, is done before: building,
//! loading, compiling, binding.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use millstream_plugin::{Runtime, digest};

use super::canary::CanaryTerms;
use super::check_with;
use super::environment::OpenSource;
use super::report::{Observer, Silent, Swapped, UsedPlugin, short};
use super::statics::{Statics, read_all};
use crate::checkpoint::{forget_component, keep_component, kept_component};
use crate::connector::Connectors;
use crate::job::{Job, PluginChange};
use crate::name::Name;
use crate::operator::fingerprint::Old;
use crate::plan::{Components, Plan};
use crate::record::{EpochRecord, SwappedPlugin};
use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// A swap under way.
#[derive(Debug)]
pub struct Swapping(Receiver<Result<Swapped>>);

impl Swapping {
    /// Waits until the job has made its first epoch with the new version and has committed it.
    ///
    /// # Errors
    /// The new version was refused, or the epoch with it failed: the job goes on with the one before. Or the job has ended.
    pub fn wait(&self) -> Result<Swapped> {
        self.0.recv().unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Conflict, "the job ended before the plugin was swapped")
        .with_help("start the job again; it goes on with the version that it had")
}

/// What a job is told to be swapped to, and who waits for it.
#[derive(Debug)]
pub(super) struct SwapOrder {
    pub change: PluginChange,
    /// It is to be a canary.
    pub canary: Option<CanaryTerms>,
    /// The job's own, to what its canary is.
    pub promotes: bool,
    pub reply: Sender<Result<Swapped>>,
}

impl SwapOrder {
    pub fn new(change: PluginChange, canary: Option<CanaryTerms>) -> (Self, Swapping) {
        let (reply, waits) = channel();
        (Self { change, canary, promotes: false, reply }, Swapping(waits))
    }

    /// The job's own, to `change`, which its canary is; nobody waits for it.
    pub fn promotion(change: PluginChange) -> Self {
        Self { promotes: true, ..Self::new(change, None).0 }
    }
}

/// What a new version is to be made ready for.
pub(super) struct Ordered {
    pub change: PluginChange,
    pub is_canary: bool,
}

/// What it takes to make a new version ready, away from the job's loop.
#[derive(Clone)]
pub(super) struct Workshop {
    /// None where the job has no plugins.
    pub runtime: Option<Runtime>,
    pub connectors: Connectors,
    pub sources: OpenSource,
    pub partitions: u32,
    /// The checkpoint's.
    pub storage: Arc<dyn Storage>,
}

/// A new version, ready to take the place of the one that runs.
pub(super) struct Ready {
    pub plan: Arc<Plan>,
    pub statics: Statics,
    pub components: Components,
    pub digest: String,
    /// The new version's, as [`Job::configurations`] gives them.
    pub configurations: serde_json::Value,
    /// The checkpoint had not kept its component before.
    pub is_new: bool,
    /// Of a canary: the plan with the new version alone. `plan` is then the one that there is, in which it gets its place.
    pub alone: Option<Plan>,
    /// Of a canary: what is to be brought over for it, by the names of the states.
    pub olds: Vec<(Name, Old)>,
}

impl Workshop {
    /// The job `now`, which uses `components`, with what is ordered, at the time `at`.
    pub fn make_ready(&self, now: &Job, components: &Components, order: &Ordered, at: i64) -> Result<Ready> {
        let Ordered { change, is_canary } = order;
        let job = now.with_plugin(change)?;
        let runtime = self.runtime.as_ref().ok_or_else(|| Error::internal("a job with plugins has no runtime"))?;
        let (used, mut components) = (components, components.clone());
        if let Some(path) = &change.path {
            components.insert(change.plugin.clone(), component_at(runtime, path)?.into());
        }
        let check = |job: Job, components: &Components| {
            check_with(job, Some(runtime), &self.connectors, &self.sources, self.partitions, components)
        };
        let plan = check(job, &components)?;
        let digest = plan.plugins.digests().remove(&change.plugin).unwrap_or_default();
        let configurations = plan.job.configurations(&change.plugin);
        let bytes = match (components.get(&change.plugin), plan.job.plugins.get(&change.plugin)) {
            (Some(bytes), _) => Some(bytes.clone()),
            // With another `with` alone the record names it too.
            (None, Some(spec)) => runtime.component(&spec.path.value).ok().map(Into::into),
            (None, None) => None,
        };
        let is_it = |bytes: &Arc<[u8]>| millstream_plugin::digest(bytes) == digest;
        let is_new = match bytes.filter(is_it) {
            Some(bytes) => keep_component(&*self.storage, &digest, &bytes)?,
            None => false,
        };
        let (plan, alone) = match is_canary {
            true => (check(now.clone(), used)?, Some(plan)),
            false => (plan, None),
        };
        let statics = read_all(&plan, &self.sources, at, &Silent)?;
        let (plan, olds) = (Arc::new(plan), Vec::new());
        Ok(Ready { plan, statics, components, digest, configurations, is_new, alone, olds })
    }
}

/// The component at `path`, or the one that the project there is built to.
pub(super) fn component_at(runtime: &Runtime, path: &Path) -> Result<Vec<u8>> {
    let component = runtime.component(path);
    component.map_err(|e| Error::from(e).with_help("name a .wasm file, or the folder of a plugin's project"))
}

fn plugin(name: &str) -> String {
    format!("plugin `{name}`")
}

impl Ready {
    /// It is not used after all: nothing of it is left behind, but for what was there before.
    pub fn forget(&self, workshop: &Workshop) -> Result<()> {
        if self.is_new { forget_component(&*workshop.storage, &self.digest) } else { Ok(()) }
    }
}

/// Digest of what `job`, whose plugin `plugin` is the component with `digest`, says of it.
pub(super) fn said(job: &Job, plugin: &str, digest: &str) -> String {
    blake3::hash(format!("{digest} {}", job.configurations(plugin)).as_bytes()).to_hex().to_string()
}

/// The plugins that a job was swapped to, by their names.
#[derive(Default)]
pub(super) struct SwappedPlugins {
    pub components: Components,
    /// What the record says of each.
    pub noted: BTreeMap<String, SwappedPlugin>,
    /// Digests of what the job's file says of them.
    pub said: BTreeMap<String, String>,
}

impl SwappedPlugins {
    /// The versions that a run of `plan` begins with.
    pub fn used(&self, plan: &Plan) -> BTreeMap<String, UsedPlugin> {
        let digests = plan.plugins.digests().into_iter();
        let used = digests.map(|(name, digest)| {
            let swapped_since = self.noted.get(&name).map(|noted| noted.since);
            (name, UsedPlugin { digest, swapped_since })
        });
        used.collect()
    }
}

/// A job with the plugins that it was swapped to when it ran the last time.
pub(super) struct Resumed {
    pub job: Job,
    pub swapped: SwappedPlugins,
}

impl Resumed {
    /// A job that was swapped to nothing.
    pub fn nothing(job: Job) -> Self {
        Self { job, swapped: SwappedPlugins::default() }
    }
}

/// Goes on with the plugins that the job was swapped to before `last`, unless its file says something else of them than it
/// did then.
pub(super) fn resume(
    job: Job,
    last: &EpochRecord,
    runtime: Option<&Runtime>,
    storage: &dyn Storage,
    observer: &dyn Observer,
) -> Result<Resumed> {
    let mut resumed = Resumed::nothing(job.clone());
    for (name, swapped) in &last.swapped {
        let (Some(spec), Some(runtime)) = (job.plugins.get(name), runtime) else { continue };
        // What is wrong with the file is told where the job is checked.
        let in_file = runtime.component(&spec.path.value).ok().map(|bytes| digest(&bytes));
        let said = in_file.as_ref().map(|digest| said(&job, name, digest)).unwrap_or_default();
        let since = swapped.since;
        if said != swapped.instead_of {
            let is_configured = |there: &serde_json::Value| *there == job.configurations(name);
            let is_it = in_file.as_deref() == Some(&*swapped.digest)
                && swapped.configurations.as_ref().is_none_or(is_configured);
            observer.message(&match is_it {
                true => format!("plugin `{name}`: the job's file has the version by now that it was swapped to in epoch {since}"),
                false => format!(
                    "plugin `{name}` was swapped in epoch {since}, and the job's file was changed since: its version is used"
                ),
            });
            continue;
        }
        let configurations = swapped.configurations.clone();
        let change = PluginChange { plugin: name.clone(), configurations, ..PluginChange::default() };
        resumed.job = resumed.job.with_plugin(&change)?;
        let is_in_file = in_file.as_deref() == Some(&*swapped.digest);
        if !is_in_file {
            let bytes = kept_component(storage, &swapped.digest).map_err(|e| e.context(plugin(name)))?;
            resumed.swapped.components.insert(name.clone(), bytes.into());
        }
        observer.message(&format!(
            "plugin `{name}` goes on as it was swapped to in epoch {since} ({}); the job's file has another {}",
            short(&swapped.digest),
            if is_in_file { "`with`" } else { "version" }
        ));
        resumed.swapped.said.insert(name.clone(), said);
        resumed.swapped.noted.insert(name.clone(), swapped.clone());
    }
    Ok(resumed)
}
