//! Aggregates that plugins compute.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::filter;
use arrow::datatypes::{Fields, SchemaRef, UInt32Type};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use millstream_plugin::{BoundAggregate, Hints, PluginError};
use serde_json::{Map, Value};

use super::function::{AggregateFunction, Finished, FunctionError, Unmerged};
use super::in_parts;
use crate::operator::fingerprint::{Configuration, fields_told};
use crate::operator::isolate::Attempt;
use crate::operator::plugin::{options, unreadable_state};
use crate::operator::rows::arrow_failed;

/// A plugin's aggregate over arguments of a fixed schema.
#[derive(Debug)]
pub struct PluginAggregate {
    plugin: Arc<str>,
    config: Configuration,
    /// What versions before `docs/decisions/0007` called it.
    former_name: Arc<str>,
    bound: BoundAggregate,
    arguments: SchemaRef,
}

impl PluginAggregate {
    /// The plugin of this name in the job; `bound` was bound to the configuration `config` and the fields of
    /// `arguments`.
    pub fn new(plugin: Arc<str>, config: &str, bound: BoundAggregate, arguments: SchemaRef) -> Self {
        let config = Configuration::of(config, bound.adjustable());
        Self { former_name: plugin.clone(), plugin, config, bound, arguments }
    }

    /// Called so in checkpoints of versions before `docs/decisions/0007`.
    #[must_use]
    pub fn formerly(mut self, name: Arc<str>) -> Self {
        self.former_name = name;
        self
    }

    /// Why states of its own version could not be merged, or finished.
    fn failed(&self, e: PluginError) -> FunctionError {
        match e {
            e @ PluginError::State { .. } => {
                unreadable_state(&self.plugin, self.bound.state_version(), None, &e).into()
            }
            e => FunctionError::Plugin(e),
        }
    }

    /// What it is called with.
    pub fn arguments(&self) -> &Fields {
        self.arguments.fields()
    }
}

impl AggregateFunction for PluginAggregate {
    fn state_fields(&self) -> &Fields {
        self.bound.state_fields()
    }

    fn identity(&self) -> Map<String, Value> {
        let reads: Fields = self.bound.reads().iter().map(|at| self.arguments.fields()[*at].clone()).collect();
        let parts: [(&str, Value); 4] = [
            ("plugin", self.plugin.as_ref().into()),
            ("reads", fields_told(&reads)),
            ("state_version", self.bound.state_version().into()),
            ("state", fields_told(self.bound.state_fields())),
        ];
        let parts = parts.into_iter().chain(self.config.told());
        parts.map(|(part, value)| (part.to_owned(), value)).collect()
    }

    /// A node's arguments are all columns of its input: which of them it does not read depends on others of the job.
    fn uses(&self, argument: usize) -> bool {
        self.bound.reads().contains(&argument)
    }

    fn migrate(&self, version: u32, old: &Fields, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        in_parts::migrate(states, |states, attempt| {
            self.bound.migrate_with(version, old, states, options(attempt)).map_err(FunctionError::Plugin)
        })
    }

    fn describe(&self) -> String {
        format!(
            "plugin {} (state version {}) of {}",
            self.former_name,
            self.bound.state_version(),
            self.arguments.fields().len()
        )
    }

    fn reads(&self) -> &[usize] {
        self.bound.reads()
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.bound.hints())
    }

    fn may_reject(&self) -> bool {
        true
    }

    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        counts: Option<&BooleanArray>,
        attempt: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let row_count = RecordBatchOptions::new().with_row_count(Some(groups.len()));
        let batch = RecordBatch::try_new_with_options(self.arguments.clone(), args.to_vec(), &row_count);
        let mut batch = batch.map_err(arrow_failed)?;
        let mut counted: Option<UInt32Array> = None;
        if let Some(counts) = counts {
            batch = arrow::compute::filter_record_batch(&batch, counts).map_err(arrow_failed)?;
            let groups = UInt32Array::from(groups.to_vec());
            let kept = filter(&groups, counts).map_err(arrow_failed)?;
            counted = Some(arrow::array::AsArray::as_primitive::<UInt32Type>(&kept).clone());
        }
        let groups = counted.as_ref().map_or(groups, |c| c.values());
        let made = self.bound.partial_with(groups, n as u32, &batch, options(attempt));
        // A row that the plugin names is one of those that it was given.
        made.map_err(|e| FunctionError::Plugin(e.in_row(|row| given_row(counts, row))))
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        let (states, groups) = in_parts::merge(groups, n, states, says, |groups, n, states, attempt| {
            self.bound.merge_with(groups, n as u32, states, options(attempt)).map_err(|e| self.failed(e))
        })?;
        if groups.is_empty() { Ok(states) } else { Err(FunctionError::Groups(Unmerged { states, groups })) }
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        let (columns, refused) = in_parts::finish(states, self.bound.output(), says, |states, attempt| {
            self.bound.finish_with(states, options(attempt)).map_err(|e| self.failed(e))
        })?;
        Ok(Finished { columns, refused })
    }
}

/// Where row `row` of those that count stands among all.
fn given_row(counts: Option<&BooleanArray>, row: u32) -> u32 {
    let Some(counts) = counts else { return row };
    let counted = (0..counts.len()).filter(|at| counts.is_valid(*at) && counts.value(*at));
    counted.map(|at| at as u32).nth(row as usize).unwrap_or(row)
}

/// Whether the plugin failed on purpose, and why.
fn says(e: &FunctionError) -> (bool, String) {
    match e {
        FunctionError::Plugin(PluginError::Returned { message, .. }) => (true, message.clone()),
        FunctionError::Plugin(e) => (false, e.to_string()),
        FunctionError::Groups(Unmerged { groups, .. }) => {
            (false, groups.first().map_or_else(String::new, |(_, why)| why.clone()))
        }
        FunctionError::Other(e) => (false, e.message().to_owned()),
    }
}
