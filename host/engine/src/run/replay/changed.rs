//! A changed job, out of what an epoch was made with.

use std::collections::BTreeMap;

use crate::checkpoint::kept_job;
use crate::job::{Job, PluginChange};
use crate::plan::Components;
use crate::record::EpochRecord;
use crate::run::as_committed::AsCommitted;
use crate::run::swap::component_at;
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
    /// Whether it is another job than the one that `record` was made with.
    pub(super) fn is_change(&self, record: &EpochRecord) -> bool {
        !self.plugins.is_empty() || !self.is_of_plugins(record)
    }

    /// Whether plugins of the job that `record` was made with are changed and nothing else, as by a swap.
    pub(super) fn is_of_plugins(&self, record: &EpochRecord) -> bool {
        let is_another = self.job.as_ref().is_some_and(|job| job.digest() != record.job);
        self.set.is_empty() && !is_another
    }
}

/// Whether two epochs were made with the same job, components and configurations, and the same canary.
pub(super) fn is_made_alike(one: &EpochRecord, other: &EpochRecord) -> bool {
    let configured = |record: &EpochRecord| -> BTreeMap<String, Option<serde_json::Value>> {
        record.swapped.iter().map(|(name, swapped)| (name.clone(), swapped.configurations.clone())).collect()
    };
    let is_alike = one.job == other.job && one.plugins == other.plugins && one.canary == other.canary;
    is_alike && configured(one) == configured(other)
}

impl AsCommitted<'_> {
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
