//! The job and the components that a committed epoch was made with, as its checkpoint keeps them.

use millstream_plugin::{Runtime, digest};

use crate::checkpoint::{kept_component, kept_job};
use crate::job::{ConnectorKeys, Job, PluginChange};
use crate::plan::Components;
use crate::record::{CanaryVersion, EpochRecord};
use crate::storage::Storage;
use crate::{Error, Result};

/// Finds what epochs were made with.
pub(super) struct AsCommitted<'a> {
    pub storage: &'a dyn Storage,
    pub runtime: Option<Runtime>,
    pub known: Vec<ConnectorKeys>,
}

/// The canary that an epoch was made with.
pub(super) struct CommittedCanary {
    pub version: CanaryVersion,
    /// The job with its version alone.
    pub job: Job,
    pub components: Components,
}

impl AsCommitted<'_> {
    /// The job that an epoch was made with, and its components.
    pub fn of(&self, record: &EpochRecord) -> Result<(Job, Components)> {
        let job = kept_job(self.storage, &record.job, &self.known, &[])?;
        self.with_components(job, record)
    }

    /// `job`, which it was made with, and its components.
    pub fn with_components(&self, mut job: Job, record: &EpochRecord) -> Result<(Job, Components)> {
        for (name, swapped) in &record.swapped {
            let configurations = swapped.configurations.clone();
            job = job.with_plugin(&PluginChange { plugin: name.clone(), configurations, ..PluginChange::default() })?;
        }
        let mut components = Components::new();
        for (name, wanted) in &record.plugins {
            let Some(spec) = job.plugins.get(name) else { continue };
            // What is not kept may still be where the job's file names it.
            let at_path = || {
                let bytes = self.runtime.as_ref()?.component(&spec.path.value).ok()?;
                (digest(&bytes) == *wanted).then_some(bytes)
            };
            let bytes = kept_component(self.storage, wanted)
                .or_else(|e| at_path().ok_or_else(|| e.context(format!("plugin `{name}`"))))?;
            components.insert(name.clone(), bytes.into());
        }
        Ok((job, components))
    }

    /// The canary of the epoch of `record`, which was made with `job` and `components`.
    pub fn canary(&self, record: &EpochRecord, job: &Job, components: &Components) -> Result<Option<CommittedCanary>> {
        let Some(version) = record.canary.clone() else { return Ok(None) };
        let (plugin, configurations) = (version.plugin.clone(), version.configurations.clone());
        let named = |e: Error| e.context(format!("the canary of plugin `{}`", version.plugin));
        let bytes = kept_component(self.storage, &version.digest).map_err(named)?;
        let mut components = components.clone();
        components.insert(plugin.clone(), bytes.into());
        let job = job.with_plugin(&PluginChange { plugin, configurations, ..PluginChange::default() })?;
        Ok(Some(CommittedCanary { version, job, components }))
    }
}
