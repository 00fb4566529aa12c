//! Binds and calls a plugin as the host does, and puts its answer together as the host does it.

use std::fmt;

use super::{
    check,
    table::{Cell, Table},
};
use crate::{
    contract::{
        columns::{Batch, Field},
        types::{Binding, Problem, Reject},
    },
    export,
    operator::{Aggregate, Filter, FlatMap, Fold, Folding, Map},
};

/// What a plugin made of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The rows that go on, with all columns: the input's and the plugin's.
    pub table: Table,
    /// The rows refused, by their index in the input, with the reasons.
    pub rejects: Vec<(usize, String)>,
}

/// Why a plugin did not come to an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum TestError {
    /// `bind` refused the configuration or the input.
    Bind(Problem),
    /// `call` failed.
    Call(String),
    /// The answer is not what the contract asks for; the host would stop the plugin.
    Contract(String),
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestError::Bind(problem) => write!(f, "bind: {problem}"),
            TestError::Call(message) => write!(f, "call: {message}"),
            TestError::Contract(message) => write!(f, "the answer breaks the contract: {message}"),
        }
    }
}

impl std::error::Error for TestError {}

/// Binds a filter to a configuration (JSON) and the table's columns, and runs it over the table.
///
/// # Errors
/// [`TestError`].
pub fn filter<F: Filter>(config: &str, input: &Table) -> Result<Outcome, TestError> {
    let (plugin, binding) = export::bind_filter::<F>(config, input.input()).map_err(TestError::Bind)?;
    let (keep, rejects) = export::call_filter(&plugin, &batch(input, &binding)).map_err(TestError::Call)?;
    check::rejects(&rejects, input.rows()).map_err(TestError::Contract)?;
    let kept = |row: &usize| keep[row / 8] >> (row % 8) & 1 == 1 && !is_rejected(&rejects, *row);
    let rows: Vec<_> = (0..input.rows()).filter(kept).collect();
    Ok(Outcome { table: input.take(&rows), rejects: reasons(rejects, 0) })
}

/// Binds a map to a configuration (JSON) and the table's columns, and runs it over the table.
///
/// # Errors
/// [`TestError`].
pub fn map<M: Map>(config: &str, input: &Table) -> Result<Outcome, TestError> {
    let (plugin, binding) = export::bind_map::<M>(config, input.input()).map_err(TestError::Bind)?;
    let (columns, rejects) = export::call_map(&plugin, &batch(input, &binding)).map_err(TestError::Call)?;
    check::columns(&loosened(&binding.output, &rejects), &columns, input.rows()).map_err(TestError::Contract)?;
    check::rejects(&rejects, input.rows()).map_err(TestError::Contract)?;
    let rows: Vec<_> = (0..input.rows()).filter(|row| !is_rejected(&rejects, *row)).collect();
    let table =
        binding.output.iter().zip(columns).fold(input.clone(), |table, (field, column)| table.put(field, column));
    Ok(Outcome { table: table.take(&rows), rejects: reasons(rejects, 0) })
}

/// Binds a flat-map to a configuration (JSON) and the table's columns, and runs it over the table: as many calls as
/// it needs.
///
/// # Errors
/// [`TestError`].
pub fn flat_map<M: FlatMap>(config: &str, input: &Table) -> Result<Outcome, TestError> {
    let (plugin, binding) = export::bind_flat_map::<M>(config, input.input()).map_err(TestError::Bind)?;
    let put = |from: &Table, parents: &[usize], columns: Vec<_>| {
        binding.output.iter().zip(columns).fold(from.take(parents), |table, (field, column)| table.put(field, column))
    };
    let mut outcome: Option<Table> = None;
    let mut rejected = Vec::new();
    let (mut start, mut resume) = (0, None);
    loop {
        let rest = input.take(&(start..input.rows()).collect::<Vec<_>>());
        let expanded = export::call_flat_map(&plugin, &batch(&rest, &binding), resume).map_err(TestError::Call)?;
        let rejects = expanded.rejects.into_list();
        let consumed = expanded.consumed as usize;
        if consumed > rest.rows() || (consumed == rest.rows() && expanded.resume.is_some()) {
            return Err(TestError::Contract(format!("{consumed} rows of {} are dealt with", rest.rows())));
        }
        if consumed == 0 && rest.rows() > 0 && expanded.parents.is_empty() {
            return Err(TestError::Contract("the call dealt with no row and returned none".into()));
        }
        let dealt_with = (consumed + usize::from(expanded.resume.is_some())).min(rest.rows());
        check::columns(&binding.output, &expanded.columns, expanded.parents.len()).map_err(TestError::Contract)?;
        check::parents(&expanded.parents, dealt_with).map_err(TestError::Contract)?;
        check::rejects(&rejects, consumed).map_err(TestError::Contract)?;

        let parents: Vec<_> = expanded.parents.iter().map(|parent| *parent as usize).collect();
        let rows: Vec<_> = (0..parents.len()).filter(|row| !is_rejected(&rejects, parents[*row])).collect();
        let table = put(&rest, &parents, expanded.columns).take(&rows);
        outcome = Some(match outcome {
            Some(before) => before.append(&table),
            None => table,
        });
        rejected.extend(reasons(rejects, start));
        (start, resume) = (start + consumed, expanded.resume);
        if start == input.rows() {
            let table = outcome.expect("there was at least one call");
            return Ok(Outcome { table, rejects: rejected });
        }
    }
}

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
    let (plugin, (binding, state, _)) = export::bind_aggregate::<A>(config, input.input()).map_err(TestError::Bind)?;
    let run = Aggregating { plugin, binding, state, count: groups.iter().max().map_or(1, |last| last + 1) };

    let at_once = run.partial(groups, input)?;
    let at_once = run.finish(at_once)?;

    let mut parts = run.partial(&[], &input.take(&[]))?;
    for part in (0..input.rows()).collect::<Vec<_>>().chunks(input.rows().div_ceil(3).max(1)) {
        let of_part: Vec<_> = part.iter().map(|row| groups[*row]).collect();
        let states = run.partial(&of_part, &input.take(part))?;
        parts = run.merge(parts, states)?;
    }
    let in_parts = run.finish(parts)?;
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

struct Aggregating<A> {
    plugin: A,
    binding: Binding,
    state: Vec<Field>,
    count: u32,
}

impl<A: Aggregate> Aggregating<A> {
    fn partial(&self, groups: &[u32], input: &Table) -> Result<Table, TestError> {
        let rows = batch(input, &self.binding);
        let states = export::partial(&self.plugin, groups, self.count, &rows).map_err(TestError::Call)?;
        self.states(states)
    }

    fn merge(&self, stored: Table, new: Table) -> Result<Table, TestError> {
        let all = stored.append(&new);
        let reads: Vec<_> = (0..self.state.len() as u32).collect();
        let groups: Vec<_> = (0..self.count).chain(0..self.count).collect();
        let states = export::merge(&self.plugin, &groups, self.count, &all.batch(&reads)).map_err(TestError::Call)?;
        self.states(states)
    }

    fn finish(&self, states: Table) -> Result<Table, TestError> {
        let reads: Vec<_> = (0..self.state.len() as u32).collect();
        let columns = export::finish(&self.plugin, states.batch(&reads)).map_err(TestError::Call)?;
        check::columns(&self.binding.output, &columns, self.count as usize).map_err(TestError::Contract)?;
        Ok(Table::of(&self.binding.output, Batch { rows: self.count, columns }))
    }

    fn states(&self, states: Batch) -> Result<Table, TestError> {
        check::columns(&self.state, &states.columns, self.count as usize)
            .map_err(|what| TestError::Contract(format!("state {what}")))?;
        Ok(Table::of(&self.state, states))
    }
}

fn batch(input: &Table, binding: &Binding) -> Batch {
    input.batch(&binding.reads)
}

fn is_rejected(rejects: &[Reject], row: usize) -> bool {
    rejects.binary_search_by_key(&(row as u32), |reject| reject.row).is_ok()
}

fn reasons(rejects: Vec<Reject>, start: usize) -> Vec<(usize, String)> {
    rejects.into_iter().map(|reject| (start + reject.row as usize, reject.reason)).collect()
}

/// What a map returns for a rejected row is ignored, a null in a column without nulls included.
fn loosened(fields: &[Field], rejects: &[Reject]) -> Vec<Field> {
    let mut fields = fields.to_vec();
    if !rejects.is_empty() {
        fields.iter_mut().for_each(|field| field.nullable = true);
    }
    fields
}

fn alike(a: &Table, b: &Table) -> bool {
    let cells = |x: &Cell, y: &Cell| match (x, y) {
        (Cell::Float(x), Cell::Float(y)) => {
            x.to_bits() == y.to_bits() || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()) || (x.is_nan() && y.is_nan())
        }
        (x, y) => x == y,
    };
    a.rows() == b.rows() && (0..a.rows()).all(|row| a.row(row).iter().zip(&b.row(row)).all(|(x, y)| cells(x, y)))
}
