//! One operator of a loaded plugin, as the job uses it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use millstream_plugin::{Bound, InputField, Limits, Plugin, PluginError, PluginKind, Request};

use super::logs::PluginLogs;

/// One operator of a loaded plugin, ready to be bound.
#[derive(Clone)]
pub struct PluginOperator {
    /// What the job calls it: the plugin's name, or `plugin.operator`.
    pub called: Arc<str>,
    /// The plugin.
    pub plugin: Plugin,
    /// Its name in the plugin's catalog.
    pub name: Arc<str>,
    /// What it is.
    pub kind: PluginKind,
    /// Its limits.
    pub limits: Limits,
    /// Where its log goes.
    pub logs: PluginLogs,
}

impl PluginOperator {
    /// Binds it for `node`: in SQL, where `sql` is the call, or as an operator of its own; `keys` are the key's columns, if
    /// it is a keyed one.
    pub fn bind(
        &self,
        node: &Arc<str>,
        sql: Option<&str>,
        config: &str,
        input: &[InputField],
        keys: &[FieldRef],
    ) -> Result<Bound, PluginError> {
        let request = Request {
            operator: Some(&self.name),
            config,
            input,
            keys,
            node,
            sql,
            log: Some(self.logs.sink(node.clone(), self.called.clone())),
        };
        self.plugin.bind(&request, &self.limits)
    }

    /// What tells two of them apart: the component's bytes, and which of its operators.
    pub fn identity(&self) -> (&str, &str) {
        (self.plugin.digest(), &self.name)
    }
}

impl fmt::Debug for PluginOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginOperator({}, {}, {})", self.called, self.name, self.plugin.digest())
    }
}
