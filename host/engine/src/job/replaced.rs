//! A job with another version of one of its plugins: what a running job can be swapped to.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Job, Logic, plugin_and_operator, suggest};
use crate::{Error, Result};

/// Another version of a plugin, another configuration of it, or both.
#[derive(Debug, Clone, Default)]
pub struct PluginChange {
    /// The plugin's name in the job.
    pub plugin: String,
    /// A `.wasm` file or the folder of a project, absolute; none = the component stays as it is.
    pub path: Option<PathBuf>,
    /// Entries of `with` that are set, in each operator that uses the plugin; where none does, or where the plugin's own
    /// table has a `with`, in that of its table, which is that of calls in SQL. Others stay as they are.
    pub with: Map<String, Value>,
    /// Its configurations as they are to be, as [`Job::configurations`] gives them, before `with` is set.
    pub configurations: Option<Value>,
}

impl Job {
    /// The job with this change.
    ///
    /// # Errors
    /// It has no such plugin.
    pub fn with_plugin(&self, change: &PluginChange) -> Result<Self> {
        let PluginChange { plugin, path, with, configurations } = change;
        let configured = |at: &[&str]| {
            let whole = configurations.as_ref()?;
            at.iter().try_fold(whole, |value, key| value.get(key))?.as_str()
        };
        let mut job = self.clone();
        let operators = job.operators.iter_mut().filter_map(|operator| match &mut operator.logic {
            Logic::Plugin { plugin: used, config, .. } if self.is_of(&used.value, plugin) => {
                if let Some(there) = configured(&["operators", &operator.name.value]) {
                    there.clone_into(config);
                }
                Some(config)
            }
            _ => None,
        });
        let mut configs: Vec<&mut String> = operators.collect();
        let Some(spec) = job.plugins.get_mut(plugin) else {
            let error = Error::invalid(format!("job `{}` has no plugin `{plugin}`", self.name));
            return Err(error.with_help(suggest::choices(plugin, self.plugins.keys().map(String::as_str))));
        };
        if let Some(path) = path {
            spec.path.value.clone_from(path);
        }
        if let Some(there) = configured(&["table"]) {
            there.clone_into(&mut spec.config);
        }
        if configs.is_empty() || spec.config != "{}" {
            configs.push(&mut spec.config);
        }
        for config in configs {
            set(config, with)?;
        }
        Ok(job)
    }

    /// How the job configures `plugin`: in its table, and in each operator that uses it.
    pub fn configurations(&self, plugin: &str) -> Value {
        let table = self.plugins.get(plugin).map_or("{}", |spec| &spec.config);
        let operators = self.operators.iter().filter_map(|operator| match &operator.logic {
            Logic::Plugin { plugin: used, config, .. } if self.is_of(&used.value, plugin) => {
                Some((operator.name.value.clone(), Value::from(config.as_str())))
            }
            _ => None,
        });
        json!({ "table": table, "operators": operators.collect::<Map<_, _>>() })
    }

    /// Whether what an operator names is an operator of `plugin`.
    fn is_of(&self, used: &str, plugin: &str) -> bool {
        plugin_and_operator(used, |name| self.plugins.contains_key(name)).0 == plugin
    }
}

/// Sets entries of a JSON object.
fn set(config: &mut String, with: &Map<String, Value>) -> Result<()> {
    let parsed: serde_json::Result<Map<String, Value>> = serde_json::from_str(config);
    let mut entries = parsed.map_err(|e| Error::internal(format!("a configuration is no JSON object: {e}")))?;
    entries.extend(with.clone());
    *config = Value::Object(entries).to_string();
    Ok(())
}
