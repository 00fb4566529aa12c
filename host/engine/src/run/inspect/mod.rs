//! What a checkpoint's state holds after an epoch, for people: an overview by what the epoch's record and the tables say
//! themselves, and a node's rows by the plan of the job that the epoch was made with. Nothing is written, and the checkpoint
//! may be in use.

mod wanted;

use millstream_plugin::Runtime;

use super::as_committed::AsCommitted;
use super::environment::Environment;
use super::sources::SOURCE;
use super::{branches, check_with};
use crate::checkpoint::{AtEpoch, kept_job};
use crate::job::Job;
use crate::job::suggest::choices;
use crate::operator::fingerprint::Fit;
use crate::operator::keyed::{Keyed, keyed_of};
use crate::operator::{Reading, StoredColumns, StoredNode, TakeStored, Wanted, stored_node};
use crate::plan::{Plan, PlannedStateful};
use crate::state::{State, Table};
use crate::storage::Storage;
use crate::{Error, ErrorKind, Result};

/// What the state has, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOverview {
    /// The stateful nodes, by name.
    pub nodes: Vec<StoredNode>,
    /// The sources, by name.
    pub sources: Vec<StoredSource>,
}

/// How far a source was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSource {
    /// Its name.
    pub name: String,
    /// How many entries there are of it.
    pub entries: u64,
    /// What they are.
    pub read: ReadSoFar,
}

/// What the entries of a source say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadSoFar {
    /// Which files were read.
    Files,
    /// How many rows, or records, were read.
    Rows(u64),
    /// Up to where each partition was read.
    Partitions,
}

/// What the state after an epoch has, in short.
///
/// # Errors
/// What is stored is damaged.
pub fn overview(at: &AtEpoch) -> Result<StateOverview> {
    let nodes = at.record.stateful.iter().map(|(name, told)| stored_node(name, told, &at.state));
    let sources = at.state.tables().filter_map(|(name, table)| Some(source(name.strip_prefix(SOURCE)?, table)));
    Ok(StateOverview { nodes: nodes.collect::<Result<_>>()?, sources: sources.collect() })
}

fn source(name: &str, table: &Table) -> StoredSource {
    let mut buckets = table.partitions().iter().flat_map(|partition| partition.buckets());
    let first = buckets.find_map(|(_, bucket)| bucket.iter().next());
    let read = match first {
        Some(([], next)) => ReadSoFar::Rows(next.first_chunk().map_or(0, |next| u64::from_le_bytes(*next))),
        Some((_, [_, _, _, _, _, _, _, _])) => ReadSoFar::Partitions,
        _ => ReadSoFar::Files,
    };
    StoredSource { name: name.to_owned(), entries: table.len() as u64, read }
}

/// How the rows of a node are to be read.
pub struct StoredRowsOptions<'a> {
    /// The node.
    pub node: &'a str,
    /// The entries of this map of a keyed operator, instead of what is kept of each key.
    pub map: Option<&'a str>,
    /// The job, where the checkpoint does not keep it.
    pub job: Option<&'a Job>,
    /// Where plugins run; none = of a job without plugins.
    pub runtime: Option<Runtime>,
    /// The world outside.
    pub environment: &'a Environment,
}

/// What a node has stored, and the operator that knows what it means.
pub struct StoredRows {
    state: State,
    stateful: PlannedStateful,
    map: Option<usize>,
    columns: StoredColumns,
}

impl StoredRows {
    /// Those of a node in the state of `at`, which was read from `storage`.
    ///
    /// # Errors
    /// There is no such node, or the job that the epoch was made with is not kept, or cannot be planned.
    pub fn find(at: AtEpoch, storage: &dyn Storage, options: StoredRowsOptions<'_>) -> Result<Self> {
        let StoredRowsOptions { node, map, job, runtime, environment } = options;
        let AtEpoch { record, state, job: maker, .. } = at;
        let Some(told) = record.stateful.get(node) else {
            let help = choices(node, record.stateful.keys().map(String::as_str));
            let message = match record.stateful.is_empty() {
                true => format!("job `{maker}` keeps no state after epoch {}", record.epoch),
                false => format!("job `{maker}` keeps no state of a node `{node}` after epoch {}", record.epoch),
            };
            return Err(Error::invalid(message).with_help(help));
        };
        let known = environment.connectors.keys();
        let committed = AsCommitted { storage, runtime: runtime.clone(), known };
        let job = match job {
            Some(given) if given.digest() == record.job => given.clone(),
            _ => kept_job(storage, &record.job, &committed.known, &[]).map_err(|e| not_kept(e, job, record.epoch))?,
        };
        let (job, components) = committed.with_components(job, &record)?;
        let mut plan = check_with(
            job,
            runtime.as_ref(),
            &environment.connectors,
            &environment.sources(),
            state.partitions(),
            &components,
        )
        .map_err(|e| {
            e.context(format!("the job that epoch {} was made with cannot be planned any more", record.epoch))
        })?;
        branches::find(&mut plan, &record, &state)?;
        let Some(fitting) = fitting(&plan, node, told) else {
            let message = format!(
                "what `{node}` stored in epoch {} cannot be read: it was written by another version of Millstream",
                record.epoch
            );
            let help = "use the version that wrote it, or let the job commit an epoch with this one first";
            return Err(Error::new(ErrorKind::Conflict, message).with_help(help));
        };
        let map = map.map(|map| number_of(map, fitting)).transpose()?;
        let columns = match (map, keyed_of(&fitting.operator)) {
            (Some(_), Some(keyed)) => Some(keyed.map_columns()),
            _ => fitting.operator.stored_columns(&plan.called(fitting)),
        };
        let columns = columns.ok_or_else(|| Error::internal(format!("`{node}` is an operator that nobody reads")))?;
        let stateful = plan.stateful.into_iter().find(|(name, _)| **name == *node);
        let (_, stateful) = stateful.ok_or_else(|| Error::internal(format!("`{node}` is gone from its plan")))?;
        Ok(Self { state, stateful, map, columns })
    }

    /// The columns of its rows.
    pub fn columns(&self) -> &StoredColumns {
        &self.columns
    }

    /// The rows that have all of the values in `asked`, each a column's name and a value as TOML or plain text.
    ///
    /// # Errors
    /// It names a column by which rows cannot be found, or a value that is none of its type.
    pub fn wanted(&self, asked: &[(String, String)]) -> Result<Wanted> {
        wanted::wanted(&self.columns, &self.stateful.name, asked)
    }

    /// Gives the rows that are wanted to `take`, until it has enough.
    ///
    /// # Errors
    /// What is stored is damaged, or whoever takes the rows cannot.
    pub fn read(&self, wanted: &Wanted, take: &mut TakeStored<'_>) -> Result<()> {
        let nothing = Table::new(self.state.partitions());
        let tables = self.stateful.tables.iter().map(|name| self.state.table(name).unwrap_or(&nothing));
        let tables: Vec<&Table> = tables.collect();
        let mut reading = Reading::new(self.columns.clone(), wanted, take);
        match (self.map, keyed_of(&self.stateful.operator)) {
            (Some(map), Some(keyed)) => keyed.read_map(map, &tables, &mut reading),
            _ => self.stateful.operator.read(&tables, &mut reading),
        }
    }
}

/// The number of the map of this name.
fn number_of(map: &str, stateful: &PlannedStateful) -> Result<usize> {
    let node = &stateful.name;
    let maps = keyed_of(&stateful.operator).map(Keyed::maps).unwrap_or_default();
    maps.iter().position(|name| name == map).ok_or_else(|| match maps {
        [] => Error::invalid(format!("`{node}` keeps no maps")).with_help("leave --map out"),
        maps => Error::invalid(format!("`{node}` keeps no map `{map}`"))
            .with_help(choices(map, maps.iter().map(String::as_str))),
    })
}

/// The operator of `plan` whose state is called `name`, if it means by it what was noted as `told`.
fn fitting<'p>(plan: &'p Plan, name: &str, told: &serde_json::Value) -> Option<&'p PlannedStateful> {
    let (_, stateful) = plan.stateful.iter().find(|(state, _)| ***state == *name)?;
    let fits = match told.as_str() {
        Some(text) => stateful.operator.former_fingerprint().text == text,
        None => plan.fingerprint(stateful).fits(told) == Fit::AsItIs,
    };
    fits.then_some(stateful)
}

/// That the job of an epoch is not kept.
fn not_kept(e: Error, given: Option<&Job>, epoch: u64) -> Error {
    if e.kind() != ErrorKind::Corrupt || std::error::Error::source(&e).is_none() {
        return e;
    }
    let message = match given {
        Some(_) => format!(
            "the job file was changed since epoch {epoch}, and the checkpoint does not keep the job that it was made with"
        ),
        None => format!("the checkpoint does not keep the job that epoch {epoch} was made with"),
    };
    Error::invalid(message).with_help(
        "give the job file as it was then, with --job; a job with `keep_epochs` of 1 or more keeps it. Without a node the states are listed, for which no job is needed",
    )
}
