//! What epochs were made with, found again.

use std::collections::BTreeMap;

use millstream_plugin::{Runtime, digest};

use crate::checkpoint::{kept_component, kept_job};
use crate::job::{ConnectorKeys, Job, PluginChange};
use crate::plan::Components;
use crate::record::EpochRecord;
use crate::run::swap::component_at;
use crate::storage::Storage;
use crate::{Error, Result};

/// A changed job. The change counts from the first of the epochs on, whatever the job was swapped to in them.
#[derive(Debug, Clone, Default)]
pub struct Changed {
    /// Another job; none = the one that the first of the epochs was made with.
    pub job: Option<Job>,
    /// Keys of the job that are set.
    pub set: Vec<(String, String)>,
    /// Other versions of its plugins.
    pub plugins: Vec<PluginChange>,
}

impl Changed {
    /// Whether plugins of the job that `record` was made with are changed and nothing else, as by a swap.
    pub(super) fn is_of_plugins(&self, record: &EpochRecord) -> bool {
        let is_another = self.job.as_ref().is_some_and(|job| job.digest() != record.job);
        self.set.is_empty() && !is_another
    }
}

/// Whether two epochs were made with the same job, components and configurations.
pub(super) fn is_made_alike(one: &EpochRecord, other: &EpochRecord) -> bool {
    let configured = |record: &EpochRecord| -> BTreeMap<String, Option<serde_json::Value>> {
        record.swapped.iter().map(|(name, swapped)| (name.clone(), swapped.configurations.clone())).collect()
    };
    one.job == other.job && one.plugins == other.plugins && configured(one) == configured(other)
}

/// Finds what epochs were made with.
pub(super) struct AsCommitted<'a> {
    pub storage: &'a dyn Storage,
    pub runtime: Option<Runtime>,
    /// The keys of the job's connectors.
    pub known: Vec<ConnectorKeys>,
}

impl AsCommitted<'_> {
    /// The job that an epoch was made with, and its components.
    pub fn of(&self, record: &EpochRecord) -> Result<(Job, Components)> {
        let job = kept_job(self.storage, &record.job, &self.known, &[])?;
        self.with_components(job, record)
    }

    fn with_components(&self, mut job: Job, record: &EpochRecord) -> Result<(Job, Components)> {
        for (name, swapped) in &record.swapped {
            let configurations = swapped.configurations.clone();
            job = job.with_plugin(&PluginChange { plugin: name.clone(), configurations, ..PluginChange::default() })?;
        }
        let mut components = Components::new();
        for (name, wanted) in &record.plugins {
            let Some(spec) = job.plugins.get(name) else { continue };
            let bytes = match kept_component(self.storage, wanted) {
                Ok(bytes) => bytes,
                Err(e) => match &self.runtime {
                    Some(runtime) => match runtime.component(&spec.path.value) {
                        Ok(bytes) if digest(&bytes) == *wanted => bytes,
                        _ => return Err(e.context(format!("plugin `{name}`"))),
                    },
                    None => return Err(e.context(format!("plugin `{name}`"))),
                },
            };
            components.insert(name.clone(), bytes.into());
        }
        Ok((job, components))
    }

    /// The changed job: `job` with `components`, which `record` was made with, and the change.
    pub fn changed(
        &self,
        changed: &Changed,
        job: Job,
        mut components: Components,
        record: &EpochRecord,
    ) -> Result<(Job, Components)> {
        let mut job = match &changed.job {
            // Its file says which components it uses.
            Some(other) if other.digest() != record.job => {
                components = Components::new();
                other.clone()
            }
            _ if changed.set.is_empty() => job,
            _ => {
                let set = kept_job(self.storage, &record.job, &self.known, &changed.set)?;
                self.with_components(set, record)?.0
            }
        };
        for change in &changed.plugins {
            job = job.with_plugin(change)?;
            if let (Some(path), Some(runtime)) = (&change.path, &self.runtime) {
                let named = |e: Error| e.context(format!("plugin `{}`", change.plugin));
                components.insert(change.plugin.clone(), component_at(runtime, path).map_err(named)?.into());
            }
        }
        Ok((job, components))
    }
}
