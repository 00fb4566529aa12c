//! The job's plugins, loaded.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use millstream_plugin::{Limits, Plugin, PluginError, Runtime};

use crate::job::{Job, PluginSpec};
use crate::sql::PluginFunction;
use crate::{Error, Result};

const PATH_HELP: &str =
    "name a .wasm file, or the folder of a plugin's project; a relative path counts from the folder of the job file";

/// The job's plugins by name.
#[derive(Default)]
pub struct Plugins {
    loaded: BTreeMap<String, LoadedPlugin>,
}

struct LoadedPlugin {
    plugin: Plugin,
    limits: Limits,
    config: String,
}

impl Plugins {
    /// Loads, and where they are projects builds, all plugins that `job` names.
    pub fn load(job: &Job, runtime: &Runtime) -> Result<Self> {
        let mut loaded = BTreeMap::new();
        for (name, spec) in &job.plugins {
            let plugin = runtime.load(&spec.path.value).map_err(|e| {
                let missing = matches!(&e, PluginError::Io { source, .. } if source.kind() == ErrorKind::NotFound);
                let e = Error::from(e).context(format!("plugin `{name}`")).at(job.text.at(spec.path.span.clone()));
                if missing { e.with_help(PATH_HELP) } else { e }
            })?;
            loaded.insert(name.clone(), LoadedPlugin { plugin, limits: limits(spec), config: spec.config.clone() });
        }
        Ok(Self { loaded })
    }

    /// The plugin `name` and its limits.
    pub fn get(&self, name: &str) -> Result<(&Plugin, &Limits)> {
        let found = self.loaded.get(name).map(|l| (&l.plugin, &l.limits));
        found.ok_or_else(|| Error::internal(format!("plugin `{name}` was not loaded")))
    }

    /// Digest of each component, by the plugin's name.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.loaded.iter().map(|(name, l)| (name.clone(), l.plugin.digest().to_owned())).collect()
    }

    /// The plugins as functions for the SQL of `node`.
    pub(super) fn functions(&self, node: &Arc<str>) -> BTreeMap<String, PluginFunction> {
        let function = |(name, l): (&String, &LoadedPlugin)| {
            let function = PluginFunction {
                name: name.as_str().into(),
                plugin: l.plugin.clone(),
                config: l.config.clone(),
                limits: l.limits.clone(),
                node: node.clone(),
            };
            (name.clone(), function)
        };
        self.loaded.iter().map(function).collect()
    }
}

fn limits(spec: &PluginSpec) -> Limits {
    let mut limits = Limits::default();
    if let Some(memory) = spec.memory {
        limits.memory = memory as _;
    }
    if let Some(time) = spec.time {
        limits.call_time = time;
    }
    limits
}
