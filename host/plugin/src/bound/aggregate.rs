//! Aggregates: rows to partial states, states to states, states to results.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Fields;

use super::handed_over::{HandedOver, put_together};
use super::migration::{Stored, migrate};
use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind, promised};
use crate::cast::normalise;
use crate::error::{PluginError, Result};
use crate::guests::{Aggregate, Kind};
use crate::lift::{self, Promised};
use crate::limits::CallOptions;
use crate::lower::{Lowered, bytes_of};
use crate::pool::{Slot, Subjects};

/// A bound aggregate.
///
/// Groups are dense ids `0..group_count`, given per call. A state is a row of the columns of
/// [`state_fields`](Self::state_fields).
#[derive(Clone)]
pub struct BoundAggregate(Arc<Inner>);

struct Inner {
    slot: Slot<Aggregate>,
    bound: Bound,
    state: Promised,
    state_version: u32,
    adjustable: Vec<String>,
}

shared_parts!(BoundAggregate);

impl BoundAggregate {
    pub(crate) fn new(slot: Slot<Aggregate>) -> Result<Self> {
        let answer = slot.answer();
        let bound = Bound::new(slot.asked(), &answer.binding)?;
        if bound.output().is_empty() {
            return Err(bad_bind("an aggregate makes at least one column, but it promises none"));
        }
        let state = promised("state column", &answer.state)?;
        if state.fields.is_empty() {
            return Err(bad_bind("an aggregate keeps at least one state column, but it promises none"));
        }
        let (state_version, adjustable) = (answer.state_version, answer.adjustable.clone());
        Ok(Self(Arc::new(Inner { slot, bound, state, state_version, adjustable })))
    }

    /// The columns of a state.
    pub fn state_fields(&self) -> &Fields {
        &self.0.state.fields
    }

    /// The author's number of the states' meaning: stored states of another number go through
    /// [`migrate`](Self::migrate) first.
    pub fn state_version(&self) -> u32 {
        self.0.state_version
    }

    /// The configuration's entries that stored states do not depend on, by their keys at its top level.
    pub fn adjustable(&self) -> &[String] {
        &self.0.adjustable
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
        check_groups(groups, group_count, rows(batch)?)?;
        let given = HandedOver::new(&self.0.bound, batch)?;
        let kept: Vec<u32>;
        let groups = match given.rows() {
            Some(rows) => {
                kept = rows.values().iter().map(|&row| groups[row as usize]).collect();
                &kept
            }
            None => groups,
        };
        let mut parts = given.in_parts(&self.0.bound, |part, first| {
            let groups = &groups[first as usize..][..part.num_rows()];
            self.part(groups, group_count, part, options)
        })?;
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let states = put_together(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let groups: Vec<u32> = (0..parts.len()).flat_map(|_| 0..group_count).collect();
        self.merge_with(&groups, group_count, &states, options)
    }

    /// One call of the guest.
    fn part(
        &self,
        groups: &[u32],
        group_count: u32,
        batch: &RecordBatch,
        options: CallOptions,
    ) -> Result<Vec<ArrayRef>> {
        let lowered = self.0.bound.lower(batch)?;
        let groups = bytes_of(groups);
        self.0.slot.call(
            options,
            Subjects::rows(rows(batch)?),
            |guests, store, slot| {
                lowered.with_batch(|batch| Aggregate::of(guests).call_partial(store, slot, groups, group_count, batch))
            },
            |given| lift::columns(&self.0.state, given, group_count as usize, None),
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
        let lowered = lower_states(&self.0.state.fields, states, rows)?;
        let groups = bytes_of(groups);
        self.0.slot.call(
            options,
            Subjects::states(rows),
            |guests, store, slot| {
                lowered.with_batch(|states| Aggregate::of(guests).call_merge(store, slot, groups, group_count, states))
            },
            |given| lift::columns(&self.0.state, given, group_count as usize, None),
        )
    }

    /// States to results: the output columns, a row per state.
    pub fn finish(&self, states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        self.finish_with(states, CallOptions::default())
    }

    /// Like [`finish`](Self::finish), with a fresh instance or more time.
    pub fn finish_with(&self, states: &[ArrayRef], options: CallOptions) -> Result<Vec<ArrayRef>> {
        let rows = state_rows(states)?;
        let lowered = lower_states(&self.0.state.fields, states, rows)?;
        self.0.slot.call(
            options,
            Subjects::states(rows),
            |guests, store, slot| lowered.with_batch(|states| Aggregate::of(guests).call_finish(store, slot, states)),
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
        let from = Stored { version: from_version, fields: old, states: &lowered };
        migrate(&self.0.slot, from, self.0.state_version, &self.0.state, options)
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

fn lower_states(fields: &Fields, states: &[ArrayRef], rows: u32) -> Result<Lowered> {
    let wrong = |message: String| PluginError::Unsupported(format!("states: {message}"));
    if states.len() != fields.len() {
        return Err(wrong(format!("{} columns, but a state has {}", states.len(), fields.len())));
    }
    let mut lowered = Lowered::new(rows, fields.len());
    for (field, column) in fields.iter().zip(states) {
        let name = field.name();
        if column.data_type() != field.data_type() {
            return Err(wrong(format!("column `{name}` is of type {}, not {}", column.data_type(), field.data_type())));
        }
        if rows as usize != column.len() {
            return Err(wrong(format!("column `{name}` has {} rows", column.len())));
        }
        lowered.push(&normalise(column).map_err(|e| wrong(format!("column `{name}`: {}", e.message)))?);
    }
    Ok(lowered)
}
