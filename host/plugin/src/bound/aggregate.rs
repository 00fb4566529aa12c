//! Aggregates: rows to partial states, states to states, states to results.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{FieldRef, Fields};

use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind, output_fields, params};
use crate::contract::{BatchParam, BatchResult, aggregate};
use crate::error::{PluginError, Result};
use crate::instance::Instances;
use crate::lift;
use crate::limits::CallOptions;
use crate::lower::Lowered;
use crate::types::ToldField;

/// A bound aggregate.
///
/// Groups are dense ids `0..group_count`, given per call. A state is a row of the columns of
/// [`state_fields`](Self::state_fields).
#[derive(Clone)]
pub struct BoundAggregate(Arc<Inner>);

struct Inner {
    instances: Instances<aggregate::Guest>,
    bound: Bound,
    state: Fields,
    state_version: u32,
}

shared_parts!(BoundAggregate, aggregate);

impl BoundAggregate {
    pub(crate) fn new(instances: Instances<aggregate::Guest>) -> Result<Self> {
        let answer = instances.answer();
        let bound = Bound::new(instances.input(), &answer.binding)?;
        if bound.output.is_empty() {
            return Err(bad_bind("an aggregate makes at least one column, but it promises none"));
        }
        let state = output_fields("state column", &answer.state)?;
        if state.is_empty() {
            return Err(bad_bind("an aggregate keeps at least one state column, but it promises none"));
        }
        let state_version = answer.state_version;
        Ok(Self(Arc::new(Inner { instances, bound, state, state_version })))
    }

    /// The columns of a state.
    pub fn state_fields(&self) -> &Fields {
        &self.0.state
    }

    /// The author's number of the states' meaning: stored states of another number go through
    /// [`migrate`](Self::migrate) first.
    pub fn state_version(&self) -> u32 {
        self.0.state_version
    }

    /// Rows to one state per group. `groups[i]` is the group of row i of `batch`, which has the schema that the plugin
    /// was bound to; a group without rows gets the empty state.
    pub fn partial(&self, groups: &[u32], group_count: u32, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.partial_with(groups, group_count, batch, CallOptions::default())
    }

    /// Like [`partial`](Self::partial), with a fresh instance or more time.
    pub fn partial_with(
        &self,
        groups: &[u32],
        group_count: u32,
        batch: &RecordBatch,
        options: CallOptions,
    ) -> Result<Vec<ArrayRef>> {
        let rows = rows(batch)?;
        check_groups(groups, group_count, rows)?;
        let lowered = self.0.bound.lower(batch)?;
        let columns = params(&lowered);
        self.0.instances.call(
            options,
            |guest, store| guest.call_partial(store, groups, group_count, BatchParam { rows, columns: &columns }),
            |given| self.states(given, group_count),
        )
    }

    /// States to one state per group, merged in their order. `groups[i]` is the group of state i.
    pub fn merge(&self, groups: &[u32], group_count: u32, states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        self.merge_with(groups, group_count, states, CallOptions::default())
    }

    /// Like [`merge`](Self::merge), with a fresh instance or more time.
    pub fn merge_with(
        &self,
        groups: &[u32],
        group_count: u32,
        states: &[ArrayRef],
        options: CallOptions,
    ) -> Result<Vec<ArrayRef>> {
        let rows = u32::try_from(groups.len()).map_err(|_| too_long(groups.len()))?;
        check_groups(groups, group_count, rows)?;
        let lowered = lower_states(&self.0.state, states, rows)?;
        let columns = params(&lowered);
        self.0.instances.call(
            options,
            |guest, store| guest.call_merge(store, groups, group_count, BatchParam { rows, columns: &columns }),
            |given| self.states(given, group_count),
        )
    }

    /// States to results: the output columns, a row per state.
    pub fn finish(&self, states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        self.finish_with(states, CallOptions::default())
    }

    /// Like [`finish`](Self::finish), with a fresh instance or more time.
    pub fn finish_with(&self, states: &[ArrayRef], options: CallOptions) -> Result<Vec<ArrayRef>> {
        let rows = state_rows(states)?;
        let lowered = lower_states(&self.0.state, states, rows)?;
        let columns = params(&lowered);
        self.0.instances.call(
            options,
            |guest, store| guest.call_finish(store, BatchParam { rows, columns: &columns }),
            |given| lift::columns(&self.0.bound.output, given, rows as usize, None),
        )
    }

    /// Stored states of an older version, with the columns `old`, to states of this one, row by row.
    pub fn migrate(&self, from_version: u32, old: &Fields, states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        self.migrate_with(from_version, old, states, CallOptions::default())
    }

    /// Like [`migrate`](Self::migrate), with a fresh instance or more time.
    pub fn migrate_with(
        &self,
        from_version: u32,
        old: &Fields,
        states: &[ArrayRef],
        options: CallOptions,
    ) -> Result<Vec<ArrayRef>> {
        let rows = state_rows(states)?;
        let lowered = lower_states(old, states, rows)?;
        let columns = params(&lowered);
        let told: Vec<ToldField> = old.iter().map(ToldField::new).collect();
        let old: Vec<_> = told.iter().map(ToldField::param).collect();
        self.0.instances.call(
            options,
            |guest, store| guest.call_migrate(store, from_version, &old, BatchParam { rows, columns: &columns }),
            |given| self.states(given, rows),
        )
    }

    fn states(&self, given: BatchResult, rows: u32) -> Result<Vec<ArrayRef>, String> {
        if given.rows != rows {
            return Err(format!("{} states, but {rows} are due", given.rows));
        }
        lift::columns(&self.0.state, given.columns, rows as usize, None)
    }
}

fn check_groups(groups: &[u32], group_count: u32, rows: u32) -> Result<()> {
    if groups.len() != rows as usize {
        return Err(PluginError::Unsupported(format!("{} group ids for {rows} rows", groups.len())));
    }
    // A guest indexes its arrays by these. A fold, because that becomes vector instructions; looking for the first one
    // does not.
    if groups.iter().fold(false, |bad, &group| bad | (group >= group_count)) {
        let greatest = groups.iter().max().copied().unwrap_or(0);
        return Err(PluginError::Unsupported(format!("group {greatest} of {group_count} groups")));
    }
    Ok(())
}

fn state_rows(states: &[ArrayRef]) -> Result<u32> {
    let rows = states.first().map_or(0, |column| column.len());
    u32::try_from(rows).map_err(|_| too_long(rows))
}

fn too_long(rows: usize) -> PluginError {
    PluginError::Unsupported(format!("a batch of {rows} states is too long"))
}

fn lower_states(fields: &Fields, states: &[ArrayRef], rows: u32) -> Result<Vec<Lowered>> {
    let wrong = |message: String| PluginError::Unsupported(format!("states: {message}"));
    if states.len() != fields.len() {
        return Err(wrong(format!("{} columns, but a state has {}", states.len(), fields.len())));
    }
    let lower = |(field, column): (&FieldRef, &ArrayRef)| {
        if column.data_type() != field.data_type() {
            return Err(wrong(format!(
                "column `{}` is of type {}, not {}",
                field.name(),
                column.data_type(),
                field.data_type()
            )));
        }
        if rows as usize != column.len() {
            return Err(wrong(format!("column `{}` has {} rows", field.name(), column.len())));
        }
        Lowered::new(column).map_err(|e| wrong(format!("column `{}`: {e}", field.name())))
    };
    fields.iter().zip(states).map(lower).collect()
}
