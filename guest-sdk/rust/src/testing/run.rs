//! Binds and calls a plugin of one row at a time as the host does, and puts its answer together as the host does it.

use std::fmt;

use super::{cast::cast, check, table::Table};
use crate::{
    column::Column,
    contract::{
        columns::Batch as Flat,
        types::{Binding, Failure, Problem, Read, Request, Site, Subject},
    },
    data_type::Field,
    export::slot,
    operator::{Filter, FlatMap, Map},
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
    /// What is stored as a state cannot be read: in a job, that stops it.
    State(String),
    /// A value of the table does not fit the type that `bind` asked for.
    Cast(String),
    /// The answer is not what the contract asks for; the host would stop the plugin.
    Contract(String),
    /// Two ways that must lead to the same result do not.
    Law(Box<Broken>),
}

/// A law that an aggregate or a keyed operator breaks: see [`laws`](super::laws) and [`keyed_laws`](super::keyed_laws).
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Which one.
    pub law: &'static str,
    /// One way, and what comes out.
    pub one: (String, Table),
    /// The other way, and what comes out.
    pub other: (String, Table),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((one, a), (other, b)) = (&self.one, &self.other);
        write!(f, "{}:\n{one} gives\n{a:?}\nand {other} gives\n{b:?}", self.law)
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TestError::Bind(problem) => write!(f, "bind: {problem}"),
            TestError::Call { message, row: None } | TestError::State(message) => write!(f, "call: {message}"),
            TestError::Call { message, row: Some(row) } => write!(f, "call: row {row}: {message}"),
            TestError::Cast(message) => f.write_str(message),
            TestError::Law(broken) => broken.fmt(f),
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
    let rejects = check::rejects(rejects.as_ref(), input.rows()).map_err(TestError::Contract)?;
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
    let rejects = check::rejects(rejects.as_ref(), input.rows()).map_err(TestError::Contract)?;
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
        let rejects = check::rejects(expanded.rejects.as_ref(), consumed).map_err(TestError::Contract)?;

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

pub(super) fn request(config: &str, input: &Table) -> Request {
    let site = Site { node: "test".into(), sql: None, abilities: Vec::new() };
    Request { operator: "test".into(), config: config.into(), input: input.told(), site }
}

pub(super) fn failed(failure: Failure) -> TestError {
    let Failure { message, about } = failure;
    match about {
        Some(Subject::State(_)) => TestError::State(message),
        Some(Subject::Row(row)) => TestError::Call { message, row: Some(row as usize) },
        Some(Subject::Key(_)) | None => TestError::Call { message, row: None },
    }
}

/// The columns that are read, as what they are read.
pub(super) fn batch(input: &Table, binding: &Binding) -> Result<Flat, TestError> {
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
pub(super) fn returned(fields: &[Field], batch: Flat, rows: usize) -> Result<Vec<Column>, TestError> {
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
