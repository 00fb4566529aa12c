//! The job's plugins, loaded: which operators each holds, and by which names the job calls them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use millstream_plugin::{Limits, OperatorInfo, Plugin, PluginError, PluginKind, Runtime};
use serde_json::{Map, Value};

use crate::job::{Job, JobText, PluginSpec, plugin_and_operator, suggest};
use crate::operator::{PluginLogs, PluginOperator};
use crate::sql::PluginFunction;
use crate::{Error, Result};

const PATH_HELP: &str =
    "name a .wasm file, or the folder of a plugin's project; a relative path counts from the folder of the job file";

/// Components that are used instead of those that the job's file names, by the plugins' names.
pub type Components = BTreeMap<String, Arc<[u8]>>;

/// The job's plugins by name.
#[derive(Default)]
pub struct Plugins {
    loaded: BTreeMap<String, LoadedPlugin>,
    logs: PluginLogs,
}

struct LoadedPlugin {
    plugin: Plugin,
    limits: Limits,
    /// Those of its operators that the job may use, all or the one that its table names, each with its configuration in SQL.
    operators: Vec<(OperatorInfo, String)>,
}

impl Plugins {
    /// Loads, and where they are projects builds, all plugins that `job` names; of those that are among `components`, by
    /// the plugins' names, these.
    pub fn load(job: &Job, runtime: &Runtime, components: &Components) -> Result<Self> {
        let mut loaded = BTreeMap::new();
        // Several names of one file share its instances.
        let mut files: BTreeMap<&Path, Plugin> = BTreeMap::new();
        for (name, spec) in &job.plugins {
            let at_path = |e: PluginError| {
                let missing = matches!(&e, PluginError::Io { source, .. } if source.kind() == ErrorKind::NotFound);
                let e = Error::from(e).context(format!("plugin `{name}`")).at(job.text.at(spec.path.span.clone()));
                if missing { e.with_help(PATH_HELP) } else { e }
            };
            let plugin = match (components.get(name), files.get(spec.path.value.as_path())) {
                (Some(bytes), _) => {
                    runtime.load_named(&spec.path.value.display().to_string(), bytes).map_err(at_path)?
                }
                (None, Some(plugin)) => plugin.clone(),
                (None, None) => {
                    let plugin = runtime.load(&spec.path.value).map_err(at_path)?;
                    files.insert(&spec.path.value, plugin.clone());
                    plugin
                }
            };
            let limits = limits(spec);
            let all = plugin.operators(&limits).map_err(at_path)?;
            let operators = match &spec.operator {
                None => all.to_vec(),
                Some(named) => match all.iter().find(|operator| operator.name == named.value) {
                    Some(operator) => vec![operator.clone()],
                    None => {
                        let message = format!("the plugin holds no operator `{}`", named.value);
                        let names = all.iter().map(|operator| operator.name.as_str());
                        let error = job.text.error(named.span.clone(), message);
                        return Err(error.with_help(suggest::choices(&named.value, names)));
                    }
                },
            };
            let operators = with_configs(operators, spec, &job.text)?;
            loaded.insert(name.clone(), LoadedPlugin { plugin, limits, operators });
        }
        Ok(Self { loaded, logs: PluginLogs::default() })
    }

    /// The operator that the job calls `name`: the only one of a plugin by the plugin's name, one of several as
    /// `plugin.operator`.
    ///
    /// # Errors
    /// There is none of that name, or the plugin holds several and none is named; `at` is where it stands.
    pub fn operator(&self, name: &str, text: &JobText, at: &Range<usize>) -> Result<PluginOperator> {
        let (plugin, operator) = plugin_and_operator(name, |plugin| self.loaded.contains_key(plugin));
        let loaded =
            self.loaded.get(plugin).ok_or_else(|| Error::internal(format!("plugin `{plugin}` was not loaded")))?;
        let names = || loaded.operators.iter().map(|(operator, _)| operator.name.as_str());
        match (operator, &loaded.operators[..]) {
            (None, [(only, _)]) => Ok(self.made(name, loaded, only)),
            (None, _) => {
                let listed: Vec<String> = names().map(|operator| format!("`{plugin}.{operator}`")).collect();
                let message = format!("plugin `{plugin}` holds several operators, and none is named");
                Err(text.error(at.clone(), message).with_help(format!("write one of {}", listed.join(", "))))
            }
            (Some(operator), all) => match all.iter().find(|(one, _)| one.name == operator) {
                Some((one, _)) => Ok(self.made(name, loaded, one)),
                None => {
                    let message = format!("plugin `{plugin}` holds no operator `{operator}`");
                    Err(text.error(at.clone(), message).with_help(suggest::choices(operator, names())))
                }
            },
        }
    }

    fn made(&self, called: &str, loaded: &LoadedPlugin, operator: &OperatorInfo) -> PluginOperator {
        PluginOperator {
            called: called.into(),
            plugin: loaded.plugin.clone(),
            name: operator.name.as_str().into(),
            kind: operator.kind,
            limits: loaded.limits.clone(),
            logs: self.logs.clone(),
        }
    }

    /// The operators as functions for the SQL of `node`, by the names that it may call them.
    pub(super) fn functions(&self, node: &Arc<str>) -> BTreeMap<String, PluginFunction> {
        let mut functions = BTreeMap::new();
        for (plugin, loaded) in &self.loaded {
            let mut add = |called: String, (operator, config): &(OperatorInfo, String)| {
                let operator = self.made(&called, loaded, operator);
                functions
                    .insert(called, PluginFunction { operator, config: config.clone(), node: node.clone(), sql: None });
            };
            loaded.operators.iter().for_each(|one| add(format!("{plugin}.{}", one.0.name), one));
            if let [only] = &loaded.operators[..] {
                add(plugin.clone(), only);
            }
        }
        functions
    }

    /// What the operators log.
    pub fn logs(&self) -> &PluginLogs {
        &self.logs
    }

    /// Whether all operators of plugin `name` that the job may use are keyed ones.
    pub fn has_keyed_only(&self, name: &str) -> bool {
        let all = self.loaded.get(name).map(|loaded| &loaded.operators);
        all.is_some_and(|all| all.iter().all(|(operator, _)| operator.kind == PluginKind::Keyed))
    }

    /// Digest of each component, by the plugin's name.
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.loaded.iter().map(|(name, l)| (name.clone(), l.plugin.digest().to_owned())).collect()
    }
}

/// The operators with their configurations where SQL calls them: the `with` of the plugin's table is that of its only
/// operator; of several it has a table for each by its name.
fn with_configs(
    operators: Vec<OperatorInfo>,
    spec: &PluginSpec,
    text: &JobText,
) -> Result<Vec<(OperatorInfo, String)>> {
    if operators.len() == 1 {
        return Ok(operators.into_iter().map(|only| (only, spec.config.clone())).collect());
    }
    let given: Map<String, Value> = serde_json::from_str(&spec.config).unwrap_or_default();
    for (key, value) in &given {
        let names = || operators.iter().map(|operator| operator.name.as_str());
        let refused =
            |message: String| text.error(spec.name.span.clone(), format!("plugin `{}`: {message}", spec.name.value));
        if !value.is_object() {
            let message = format!("`with` has `{key}`, which is no table of an operator");
            let first = names().next().unwrap_or_default();
            return Err(refused(message).with_help(format!(
                "the plugin holds several operators, each with a table of its own: with = {{ {first} = {{ … }} }}"
            )));
        }
        if names().all(|name| name != key) {
            let message = format!("`with` has a table `{key}`, and the plugin holds no such operator");
            return Err(refused(message).with_help(suggest::choices(key, names())));
        }
    }
    let config = |operator: &OperatorInfo| given.get(&operator.name).map_or_else(|| "{}".to_owned(), Value::to_string);
    Ok(operators
        .into_iter()
        .map(|operator| {
            let config = config(&operator);
            (operator, config)
        })
        .collect())
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
