//! Keyed functions of plugins.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray};
use arrow::datatypes::{Fields, SchemaRef};
use millstream_plugin::{BoundKeyed, PluginError};
use serde_json::{Map, Value};

use super::function::{KeyedBinding, KeyedError, KeyedFunction, Needs, Outcome, Step};
use crate::operator::fingerprint::{Configuration, fields_told};
use crate::operator::isolate::Attempt;
use crate::operator::plugin::{options, unreadable_state};
use crate::operator::row_as_json;

/// A plugin's keyed operator over rows of a fixed schema.
#[derive(Debug)]
pub struct PluginKeyed {
    plugin: Arc<str>,
    config: Configuration,
    bound: BoundKeyed,
    input: SchemaRef,
    /// What it is bound to.
    binding: KeyedBinding,
}

impl PluginKeyed {
    /// What the job calls `plugin`; `bound` was bound to the configuration `config` and the columns of `input`.
    pub fn new(plugin: Arc<str>, config: &str, bound: BoundKeyed, input: SchemaRef) -> Self {
        let binding = bound.binding().clone();
        Self { plugin, config: Configuration::of(config, &binding.adjustable), binding, bound, input }
    }

    /// The same with the rows of a key by event time, also where the plugin does not ask for it.
    #[must_use]
    pub fn by_event_time(mut self) -> Self {
        self.binding.by_event_time = true;
        self
    }
}

impl KeyedFunction for PluginKeyed {
    fn binding(&self) -> &KeyedBinding {
        &self.binding
    }

    fn identity(&self) -> Map<String, Value> {
        let reads: Fields = self.bound.reads().iter().map(|at| self.input.fields()[*at].clone()).collect();
        let parts: [(&str, Value); 2] = [("plugin", self.plugin.as_ref().into()), ("reads", fields_told(&reads))];
        let parts = parts.into_iter().chain(self.config.told());
        parts.map(|(part, value)| (part.to_owned(), value)).collect()
    }

    fn needs(&self, step: &Step, attempt: Attempt) -> Result<Needs, KeyedError> {
        self.bound.needs_with(step, options(attempt)).map_err(|e| self.failed(step, e))
    }

    fn call(&self, step: &Step, attempt: Attempt) -> Result<Outcome, KeyedError> {
        self.bound.call_with(step, options(attempt)).map_err(|e| self.failed(step, e))
    }

    fn migrate(&self, version: u32, names: &[String], values: &[ArrayRef]) -> Result<Vec<BinaryArray>, KeyedError> {
        let migrated = self.bound.migrate_with(version, names, values, options(Attempt::First));
        migrated.map_err(|error| KeyedError::Plugin { error, key: None })
    }
}

impl PluginKeyed {
    /// The failure of a call with `step`: one that names a row is that of the row's key.
    fn failed(&self, step: &Step, error: PluginError) -> KeyedError {
        if let PluginError::State { state, .. } = error {
            let of = row_as_json(&step.keys, state as usize);
            return unreadable_state(&self.plugin, self.binding.state_version, Some(&of), &error).into();
        }
        let of_row = |row| step.row_offsets.partition_point(|offset| *offset as u32 <= row) - 1;
        let key = error.key().map(|key| key as usize).or_else(|| error.row().map(of_row));
        KeyedError::Plugin { error, key }
    }
}
