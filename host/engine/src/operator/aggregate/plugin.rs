//! Aggregates that plugins compute.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::filter;
use arrow::datatypes::{Fields, SchemaRef, UInt32Type};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use millstream_plugin::BoundAggregate;

use super::function::{AggregateFunction, FunctionError};
use crate::operator::isolate::Attempt;
use crate::operator::plugin::options;
use crate::operator::rows::arrow_failed;

/// A plugin's aggregate over arguments of a fixed schema.
#[derive(Debug)]
pub struct PluginAggregate {
    plugin: Arc<str>,
    bound: BoundAggregate,
    arguments: SchemaRef,
}

impl PluginAggregate {
    /// `bound` was bound to the fields of `arguments`.
    pub fn new(plugin: Arc<str>, bound: BoundAggregate, arguments: SchemaRef) -> Self {
        Self { plugin, bound, arguments }
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

    fn describe(&self) -> String {
        format!(
            "plugin {} (state version {}) of {}",
            self.plugin,
            self.bound.state_version(),
            self.arguments.fields().len()
        )
    }

    fn reads(&self) -> &[usize] {
        self.bound.reads()
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
        self.bound.partial_with(groups, n as u32, &batch, options(attempt)).map_err(FunctionError::Plugin)
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        self.bound.merge(groups, n as u32, states).map_err(FunctionError::Plugin)
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        self.bound.finish(states).map_err(FunctionError::Plugin)
    }
}
