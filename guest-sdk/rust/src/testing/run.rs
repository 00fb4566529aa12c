//! Binds and calls a plugin as the host does, and puts its answer together as the host does it.

use std::fmt;

use super::{cast::cast, cell::Cell, check, table::Table};
use crate::{
    column::Column,
    contract::{
        columns::Batch as Flat,
        types::{Binding, Failure, Problem, Read, Request, Site},
    },
    data_type::Field,
    export::slot::{self, AggregateSlot},
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
    Call {
        /// Why.
        message: String,
        /// The row that it is about, where the plugin says so.
        row: Option<usize>,
    },
    /// A value of the table does not fit the type that `bind` asked for.
    Cast(String),
    /// The answer is not what the contract asks for; the host would stop the plugin.
    Contract(String),
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestError::Bind(problem) => write!(f, "bind: {problem}"),
            TestError::Call { message, row: None } => write!(f, "call: {message}"),
            TestError::Call { message, row: Some(row) } => write!(f, "call: row {row}: {message}"),
            TestError::Cast(message) => f.write_str(message),
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
    let (plugin, binding) = slot::bind_filter::<F>(request(config, input)).map_err(TestError::Bind)?;
    let (keep, rejects) = plugin.call(batch(input, &binding)?).map_err(failed)?;
    let rejects = check::rejects(&rejects, input.rows()).map_err(TestError::Contract)?;
    let kept = |row: &usize| keep[row / 8] >> (row % 8) & 1 == 1 && !is_rejected(&rejects, *row);
    let rows: Vec<_> = (0..input.rows()).filter(kept).collect();
    Ok(Outcome { table: input.take(&rows), rejects })
}

/// Binds a map to a configuration (JSON) and the table's columns, and runs it over the table.
///
/// # Errors
/// [`TestError`].
pub fn map<M: Map>(config: &str, input: &Table) -> Result<Outcome, TestError> {
    let (plugin, binding) = slot::bind_map::<M>(request(config, input)).map_err(TestError::Bind)?;
    let (output, rejects) = plugin.call(batch(input, &binding)?).map_err(failed)?;
    let rejects = check::rejects(&rejects, input.rows()).map_err(TestError::Contract)?;
    let fields = Field::all_of(&binding.output);
    let columns = returned(&loosened(&fields, &rejects), output, input.rows())?;
    let rows: Vec<_> = (0..input.rows()).filter(|row| !is_rejected(&rejects, *row)).collect();
    Ok(Outcome { table: put(input.clone(), &fields, columns).take(&rows), rejects })
}

/// Binds a flat-map to a configuration (JSON) and the table's columns, and runs it over the table: as many calls as
/// it needs.
///
/// # Errors
/// [`TestError`].
pub fn flat_map<M: FlatMap>(config: &str, input: &Table) -> Result<Outcome, TestError> {
    let (plugin, binding) = slot::bind_flat_map::<M>(request(config, input)).map_err(TestError::Bind)?;
    let fields = Field::all_of(&binding.output);
    let mut outcome: Option<Table> = None;
    let mut rejected = Vec::new();
    let (mut start, mut resume) = (0, None);
    loop {
        let rest = input.take(&(start..input.rows()).collect::<Vec<_>>());
        let expanded = plugin.call(batch(&rest, &binding)?, resume).map_err(failed)?;
        let consumed = expanded.consumed as usize;
        if consumed > rest.rows() || (consumed == rest.rows() && expanded.resume.is_some()) {
            return Err(TestError::Contract(format!("{consumed} rows of {} are dealt with", rest.rows())));
        }
        let parents = check::numbers(&expanded.parents);
        if consumed == 0 && rest.rows() > 0 && parents.is_empty() {
            return Err(TestError::Contract("the call dealt with no row and returned none".into()));
        }
        let dealt_with = (consumed + usize::from(expanded.resume.is_some())).min(rest.rows());
        let columns = returned(&fields, expanded.output, parents.len())?;
        check::parents(&parents, dealt_with).map_err(TestError::Contract)?;
        let rejects = check::rejects(&expanded.rejects, consumed).map_err(TestError::Contract)?;

        let parents: Vec<_> = parents.iter().map(|parent| *parent as usize).collect();
        let rows: Vec<_> = (0..parents.len()).filter(|row| !is_rejected(&rejects, parents[*row])).collect();
        let table = put(rest.take(&parents), &fields, columns).take(&rows);
        outcome = Some(match outcome {
            Some(before) => before.append(&table),
            None => table,
        });
        rejected.extend(rejects.into_iter().map(|(row, reason)| (start + row, reason)));
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
    let (plugin, answer) = slot::bind_aggregate::<A>(request(config, input)).map_err(TestError::Bind)?;
    let (output, state) = (Field::all_of(&answer.binding.output), Field::all_of(&answer.state));
    let count = groups.iter().max().map_or(1, |last| last + 1);
    let run = Aggregating { plugin, binding: answer.binding, output, state, count };

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

struct Aggregating {
    plugin: Box<dyn AggregateSlot>,
    binding: Binding,
    output: Vec<Field>,
    state: Vec<Field>,
    count: u32,
}

impl Aggregating {
    fn partial(&self, groups: &[u32], input: &Table) -> Result<Table, TestError> {
        let rows = batch(input, &self.binding)?;
        self.states(self.plugin.partial(bytes(groups), self.count, rows))
    }

    fn merge(&self, stored: Table, new: Table) -> Result<Table, TestError> {
        let all = stored.append(&new);
        let groups: Vec<_> = (0..self.count).chain(0..self.count).collect();
        let states = Column::flatten(all.rows(), all.columns());
        self.states(self.plugin.merge(bytes(&groups), self.count, states))
    }

    fn finish(&self, states: Table) -> Result<Table, TestError> {
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

fn request(config: &str, input: &Table) -> Request {
    let site = Site { node: "test".into(), sql: None, abilities: Vec::new() };
    Request { operator: "test".into(), config: config.into(), input: input.told(), site }
}

fn failed(failure: Failure) -> TestError {
    TestError::Call { message: failure.message, row: failure.row.map(|row| row as usize) }
}

/// The columns that are read, as what they are read.
fn batch(input: &Table, binding: &Binding) -> Result<Flat, TestError> {
    let read = |read: &Read| {
        let (told, column) = input.column(read.column as usize);
        match Field::all_of(&read.shape).first() {
            None => Ok(column.clone()),
            Some(wanted) => cast(column, &wanted.data_type)
                .map_err(|what| TestError::Cast(format!("column `{}`: {what}", told.name))),
        }
    };
    let columns = binding.reads.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Column::flatten(input.rows(), columns))
}

/// What was returned, checked.
fn returned(fields: &[Field], batch: Flat, rows: usize) -> Result<Vec<Column>, TestError> {
    check::columns(fields, &batch, rows).map_err(TestError::Contract)?;
    Column::all_of(fields, batch.arrays).map_err(TestError::Contract)
}

fn put(table: Table, fields: &[Field], columns: Vec<Column>) -> Table {
    fields.iter().zip(columns).fold(table, |table, (field, column)| table.put(field, column))
}

fn is_rejected(rejects: &[(usize, String)], row: usize) -> bool {
    rejects.binary_search_by_key(&row, |(rejected, _)| *rejected).is_ok()
}

/// What a map returns for a rejected row is ignored, a null in a column without nulls included.
fn loosened(fields: &[Field], rejects: &[(usize, String)]) -> Vec<Field> {
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
