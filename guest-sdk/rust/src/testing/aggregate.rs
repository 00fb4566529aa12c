//! Binds and calls an aggregate as the host does.

use super::{
    alike::alike,
    run::{TestError, batch, failed, request, returned},
    table::Table,
};
use crate::{
    column::Column,
    contract::{
        columns::Batch as Flat,
        types::{Binding, Failure},
    },
    data_type::Field,
    export::slot::{self, AggregateSlot},
    operator::{Aggregate, Fold, Folding},
};

/// Binds an aggregate to a configuration (JSON) and the table's columns, and aggregates its rows by group; the
/// output has a row per group. It is done twice: all at once, and in parts whose states are merged, as happens when
/// the rows come in several batches. The results must be the same (floats up to rounding).
///
/// # Errors
/// [`TestError`].
///
/// # Panics
/// If there are not as many groups as rows.
pub fn aggregate<A: Aggregate>(config: &str, groups: &[u32], input: &Table) -> Result<Table, TestError> {
    assert_eq!(groups.len(), input.rows(), "one group for each row is needed");
    let run = Aggregating::bind::<A>(config, input, groups.iter().max().map_or(1, |last| last + 1))?;
    let at_once = run.partial(groups, input)?;
    let at_once = run.finish(&at_once)?;

    let mut parts = run.partial(&[], &input.take(&[]))?;
    for part in (0..input.rows()).collect::<Vec<_>>().chunks(input.rows().div_ceil(3).max(1)) {
        let of_part: Vec<_> = part.iter().map(|row| groups[*row]).collect();
        let states = run.partial(&of_part, &input.take(part))?;
        parts = run.merge(parts, &states)?;
    }
    let in_parts = run.finish(&parts)?;
    if !alike(&at_once, &in_parts) {
        return Err(TestError::Contract(format!(
            "the rows in one batch and in several give different results:\n{at_once:?}\nand\n{in_parts:?}"
        )));
    }
    Ok(at_once)
}

/// The same for a [`Fold`].
///
/// # Errors
/// [`TestError`].
pub fn fold<F: Fold>(config: &str, groups: &[u32], input: &Table) -> Result<Table, TestError> {
    aggregate::<Folding<F>>(config, groups, input)
}

/// A bound aggregate, and how many groups there are.
pub(super) struct Aggregating {
    plugin: Box<dyn AggregateSlot>,
    pub binding: Binding,
    output: Vec<Field>,
    pub state: Vec<Field>,
    count: u32,
}

impl Aggregating {
    pub fn bind<A: Aggregate>(config: &str, input: &Table, count: u32) -> Result<Self, TestError> {
        let (plugin, answer) = slot::bind_aggregate::<A>(request(config, input)).map_err(TestError::Bind)?;
        let (output, state) = (Field::all_of(&answer.binding.output), Field::all_of(&answer.state));
        Ok(Self { plugin, binding: answer.binding, output, state, count })
    }

    pub fn partial(&self, groups: &[u32], input: &Table) -> Result<Table, TestError> {
        let rows = batch(input, &self.binding)?;
        self.states(self.plugin.partial(bytes(groups), self.count, rows))
    }

    pub fn merge(&self, stored: Table, new: &Table) -> Result<Table, TestError> {
        self.merge_all(stored.append(new))
    }

    /// States of all groups, and those of all groups again, as often as there are.
    pub fn merge_all(&self, all: Table) -> Result<Table, TestError> {
        let groups: Vec<_> = (0..all.rows() as u32).map(|row| row % self.count).collect();
        let states = Column::flatten(all.rows(), all.columns());
        self.states(self.plugin.merge(bytes(&groups), self.count, states))
    }

    pub fn finish(&self, states: &Table) -> Result<Table, TestError> {
        let output = self.plugin.finish(Column::flatten(states.rows(), states.columns())).map_err(failed)?;
        let columns = returned(&self.output, output, self.count as usize)?;
        Ok(Table::of(&self.output, self.count, columns))
    }

    fn states(&self, states: Result<Flat, Failure>) -> Result<Table, TestError> {
        let columns = returned(&self.state, states.map_err(failed)?, self.count as usize);
        let columns = columns.map_err(|error| match error {
            TestError::Contract(what) => TestError::Contract(format!("state {what}")),
            other => other,
        })?;
        Ok(Table::of(&self.state, self.count, columns))
    }
}

fn bytes(groups: &[u32]) -> Vec<u8> {
    groups.iter().flat_map(|group| group.to_le_bytes()).collect()
}
