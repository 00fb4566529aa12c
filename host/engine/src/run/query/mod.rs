//! A one-off query over files: asked once, of all there is.
//!
//! The query is planned like an operator of a job, told that its input ends ([`crate::sql::PlanContext::asked_once`]), and
//! worked off without a checkpoint ([`drive`]). What the columns of the files are is told from their rows ([`tell`]).
//!
//! Always holds: no row of an answer is handed on before the types by which it was computed are certain. They are where
//! all rows were looked at. Where there are many, they are told from a sample first, and the question is asked by these,
//! its answer held back: if every row fits and the answer is at hand, it stands. If not (a row does not fit, the answer is
//! large, a column may hide something, the query does not fit the columns) all rows are looked at and the question is
//! asked again.

mod drive;
mod job;
mod names;
mod one_row;
mod rows;
mod table;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

pub use rows::{Refused, TakeRows};
pub use table::QueryTable;

use self::drive::{Driven, drive};
use self::job::{ANSWER, QUERY, of_query};
use self::one_row::OneRow;
use self::rows::{Out, halt_of};
use self::table::{FoundTable, as_written};
use self::tell::{ToldColumns, no_columns, tell};
use super::check_with;
use super::environment::OpenSource;
use super::report::Silent;
use super::sources::live_sources;
use crate::connector::Connectors;
use crate::connector::file::FileSourceSpec;
use crate::connector::file::source::FileSource;
use crate::connector::source::Source;
use crate::executor::{Executor, Workers};
use crate::format::FileFormat;
use crate::job::{JobText, SourceSpec, Trigger, suggest};
use crate::panics::locked;
use crate::plan::{Components, Plan};
use crate::sql::{self, ONE_ROW, Parsed, SqlText};
use crate::state::{DEFAULT_PARTITIONS, State};
use crate::{Error, Result};

/// How much is looked at, held and read at once.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of text of a table that are looked at as a whole before anything is asked.
    few: u64,
    /// Files of which only the beginning is looked at otherwise.
    files: usize,
    /// Bytes of an answer that are held back at the most, while the types are not certain.
    held: usize,
    /// Bytes of the first part of the input and of the greatest.
    parts: (u64, u64),
}

const LIMITS: Limits = Limits { few: 64 << 20, files: 32, held: 64 << 20, parts: (8 << 20, 256 << 20) };

/// What a query came to, beside its rows.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    /// Rows that were read.
    pub rows_in: u64,
    /// Rows that could not be used, and groups.
    pub refused: u64,
    /// How many of these are groups: of some aggregate's value that does not fit its column.
    pub groups_refused: u64,
    /// The first of them.
    pub first_refused: Option<Refused>,
    /// What a person should know, a line each.
    pub notes: Vec<String>,
}

/// An answer whose rows are all at hand.
#[derive(Debug)]
pub struct Answer {
    /// The rows.
    pub batch: RecordBatch,
    /// What it came to.
    pub answered: Answered,
}

/// Asks `sql` of `tables`, and gives all rows at once; see [`ask`].
///
/// # Errors
/// As [`ask`].
pub fn query(sql: &str, tables: &[QueryTable], base: &Path) -> Result<Answer> {
    query_within(LIMITS, sql, tables, base)
}

fn query_within(limits: Limits, sql: &str, tables: &[QueryTable], base: &Path) -> Result<Answer> {
    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<(Option<SchemaRef>, Vec<RecordBatch>)>>);
    impl TakeRows for Collected {
        fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
            locked(&self.0)?.0 = Some(schema.clone());
            Ok(())
        }
        fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
            locked(&self.0)?.1.push(batch.clone());
            Ok(())
        }
    }
    let kept = Collected::default();
    let answered = ask_within(limits, sql, tables, base, Box::new(kept.clone()))?;
    let kept = locked(&kept.0)?;
    let schema = kept.0.as_ref().ok_or_else(|| Error::internal("the query has no result"))?;
    let batch =
        concat_batches(schema, &kept.1).map_err(|e| Error::internal(format!("the result: {e}")).caused_by(e))?;
    Ok(Answer { batch, answered })
}

/// Asks `sql` of `tables` and hands its rows to `to` as they come; relative paths count from `base`.
///
/// # Errors
/// A file that is not there, or not what it should be; a query that cannot be answered, pointing into it; what `to` says.
pub fn ask(sql: &str, tables: &[QueryTable], base: &Path, to: Box<dyn TakeRows>) -> Result<Answered> {
    ask_within(LIMITS, sql, tables, base, to)
}

fn ask_within(
    limits: Limits,
    sql: &str,
    tables: &[QueryTable],
    base: &Path,
    to: Box<dyn TakeRows>,
) -> Result<Answered> {
    let text = JobText { file: "query".into(), text: sql.into() };
    let query = SqlText::asked_once(text.clone());
    let names = tables.iter().map(|table| table.name.clone()).collect();
    let parsed = sql::parse(&query, &names, &std::collections::BTreeSet::new())?;
    let tables = find_tables(&text, &parsed, tables, base)?;
    let workers = Executor::of_process().workers(None);
    let (all_columns, one_row) = (parsed.all_columns, parsed.tables.iter().any(|(name, _)| name == ONE_ROW));
    let asked = Asked { text, base, tables, one_row, all_columns, limits, workers, out: Out::new(to) };
    let mut columns = asked.tell(false)?;
    loop {
        let certain = columns.values().all(|of_table| of_table.certain);
        match asked.attempt(&columns, certain)? {
            Some(answered) => return Ok(answered),
            None => columns = asked.tell(true)?,
        }
    }
}

/// The tables that the query names, with their files.
fn find_tables(text: &JobText, parsed: &Parsed, given: &[QueryTable], base: &Path) -> Result<Vec<FoundTable>> {
    for (at, table) in given.iter().enumerate() {
        let refused = |message: String| Error::invalid(message).at(as_written(table).at(9..9 + table.name.len()));
        if given[..at].iter().any(|other| other.name == table.name) {
            return Err(refused(format!("the name `{}` is given to two tables", table.name))
                .with_help("name the files of one table by a folder or a pattern, or give the second another name"));
        }
        if [QUERY, ONE_ROW].contains(&table.name.as_str()) {
            let message = format!("`{}` cannot be the name of a table", table.name);
            return Err(refused(message).with_help("choose another name"));
        }
    }
    let find = |(name, range): &(String, std::ops::Range<usize>)| {
        // A name without quotes is whatever table it fits but for the case.
        let exact = given.iter().find(|table| table.name == *name);
        let table = exact.or_else(|| {
            let mut alike = given.iter().filter(|table| table.name.to_lowercase() == *name);
            alike.next().filter(|_| alike.next().is_none())
        });
        match table {
            Some(table) => FoundTable::find(table, name, base),
            None => {
                let names = given.iter().map(|table| table.name.as_str());
                let choices = suggest::choices(name, names);
                let help = match choices.as_str() {
                    _ if name.contains(['.', '/', '*']) => {
                        format!("give it a name: --source t={name}, and write FROM t")
                    }
                    _ if given.is_empty() => format!("say where it is: --source {name}=PATH"),
                    near if near.ends_with('?') => format!("{near} Or say where it is: --source {name}=PATH"),
                    all => format!("{all}; or say where it is: --source {name}=PATH"),
                };
                Err(text.error(range.clone(), format!("there is no table `{name}`")).with_help(help))
            }
        }
    };
    parsed.tables.iter().filter(|(name, _)| name != ONE_ROW).map(find).collect()
}

/// A query and what it is asked of.
struct Asked<'a> {
    text: JobText,
    base: &'a Path,
    tables: Vec<FoundTable>,
    /// It makes rows of its own.
    one_row: bool,
    all_columns: bool,
    limits: Limits,
    workers: Workers,
    out: Out,
}

impl Asked<'_> {
    /// The columns of all tables, by name.
    fn tell(&self, all: bool) -> Result<BTreeMap<String, ToldColumns>> {
        let told = |table: &FoundTable| Ok((table.name.clone(), tell(table, all, self.limits, &self.workers)?));
        self.tables.iter().map(told).collect()
    }

    /// Asks with these columns. None: they do not do, as far as they were told.
    fn attempt(&self, columns: &BTreeMap<String, ToldColumns>, certain: bool) -> Result<Option<Answered>> {
        let open = self.sources(columns);
        let mut sources: Vec<SourceSpec> = self.tables.iter().map(FoundTable::source).collect();
        sources.extend(self.one_row.then(|| one_row::source(self.base)));
        let job = of_query(self.text.clone(), self.base, sources);
        let plan = match check_with(job, None, &Connectors::built_in(), &open, DEFAULT_PARTITIONS, &Components::new()) {
            Ok(plan) => plan,
            Err(_) if !certain => return Ok(None),
            Err(e) => return Err(self.without_columns(columns).unwrap_or_else(|| self.explained(alone(e)))),
        };
        let of_files = |name: &str| {
            columns.values().any(|columns| match &columns.schema {
                Some(schema) => schema.fields().iter().any(|field| field.name() == name),
                // What a Parquet file calls its columns is known to the file.
                None => !names::is_the_planners(name),
            })
        };
        let given = |name: &str| of_files(name) || names::quotes(&self.text.text, name);
        let schema = names::for_people(&plan.sinks[&ANSWER.into()].schema, given);
        if schema.fields().is_empty()
            && let Some(error) = self.without_columns(columns)
        {
            return Err(error);
        }
        if !certain && hides_something(&plan, columns) {
            return Ok(None);
        }
        self.out.attempt((!certain).then_some(self.limits.held), &schema)?;
        let (state, trigger) = (State::new(plan.partitions), Trigger::AvailableNow);
        let mut sources = live_sources(&plan, &state, trigger, &open, None, 0, &Silent)?;
        let mut sinks = self.out.sinks();
        let driven = match drive(&plan, &mut sources, &mut sinks, self.limits.parts, &self.workers, !certain) {
            Err(e) if halt_of(&e).is_some() => return Ok(None),
            driven => driven.map_err(alone)?,
        };
        self.out.release(&schema)?;
        self.answered(driven).map(Some)
    }

    /// Opens a table with the columns that were told.
    fn sources(&self, columns: &BTreeMap<String, ToldColumns>) -> OpenSource {
        let opened = |table: &FoundTable| {
            let schema = columns.get(&table.name).and_then(|columns| columns.schema.clone());
            (table.name.clone(), (table.spec.clone(), table.text.clone(), table.place(), schema))
        };
        let known: BTreeMap<String, _> = self.tables.iter().map(opened).collect();
        Arc::new(move |spec: &SourceSpec, _: &JobText| {
            if spec.name.value == ONE_ROW {
                return Ok(Box::new(OneRow::default()));
            }
            let Some((file, text, place, schema)) = known.get(&spec.name.value) else {
                return Err(Error::internal("a table that nobody gave"));
            };
            let source = match schema {
                Some(schema) => FileSource::with_columns(file, schema.clone(), text),
                None => FileSource::open(file, text),
            };
            Ok(Box::new(source.map_err(|e| e.at(place.clone()))?) as Box<dyn Source>)
        })
    }

    /// What is wrong where nothing is known of a table's columns. Its rows can be counted all the same.
    fn without_columns(&self, columns: &BTreeMap<String, ToldColumns>) -> Option<Error> {
        let unknown = |table: &&FoundTable| {
            let schema = columns.get(&table.name).and_then(|columns| columns.schema.as_ref());
            schema.is_some_and(|schema| schema.fields().is_empty())
        };
        self.tables.iter().find(unknown).map(no_columns)
    }

    /// An error of the query, with why a column that it names is not there.
    fn explained(&self, error: Error) -> Error {
        let left_out = self.tables.iter().flat_map(|table| &table.left_out);
        let mut named = left_out.filter(|(name, _)| error.message().contains(&format!("`{name}`")));
        match named.next() {
            Some((_, why)) => error.with_help(format!("{why}: such a column is left out")),
            None => error,
        }
    }

    fn answered(&self, driven: Driven) -> Result<Answered> {
        // Whoever asks for all columns may think that these are all.
        let left_out = self.tables.iter().filter(|_| self.all_columns).flat_map(|table| &table.left_out);
        Ok(Answered {
            rows_in: driven.rows_in,
            refused: driven.rejected,
            groups_refused: driven.groups,
            first_refused: self.out.first_refused()?,
            notes: left_out.map(|(_, why)| format!("{why}: such a column is left out")).collect(),
        })
    }
}

/// `error` without the names of the operator that the query is, and of where its rows go: there are no others.
fn alone(error: Error) -> Error {
    error.without_context(&format!("sink `{ANSWER}`")).without_context(&format!("operator `{QUERY}`"))
}

/// Whether the plan reads a column that may hold more than a sample has shown: one that was empty there, an object, or
/// all columns of JSON or logfmt, where each row may bring a new one.
fn hides_something(plan: &Plan, columns: &BTreeMap<String, ToldColumns>) -> bool {
    plan.sources.values().any(|planned| {
        let Some(ToldColumns { schema: Some(schema), may_hide, certain: false }) =
            columns.get(&planned.spec.name.value)
        else {
            return false;
        };
        let has_fields = |at: &usize| matches!(schema.field(*at).data_type(), DataType::Struct(_));
        let all = planned.columns.len() == schema.fields().len() && rows_name_columns(&planned.spec);
        all || planned.columns.iter().any(|at| may_hide[*at] || has_fields(at))
    })
}

fn rows_name_columns(spec: &SourceSpec) -> bool {
    matches!(FileSourceSpec::of(&spec.options).format, FileFormat::Json | FileFormat::Logfmt)
}
