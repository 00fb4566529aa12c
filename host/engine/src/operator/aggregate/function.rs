//! What an aggregate does, as pure functions over columns: the same three steps for SQL's aggregates and for plugins.

use std::fmt::Debug;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Fields};
use millstream_plugin::Hints;
use serde_json::{Map, Value};

use crate::operator::fingerprint::type_told;
use crate::operator::isolate::{Attempt, Blame, Fault};
use crate::operator::rows::arrow_failed;
use crate::{Error, ErrorKind};

/// Groups whose states a plugin cannot merge. It can merge the others'.
#[derive(Debug)]
pub struct Unmerged {
    /// One state per group; of those that cannot be merged, anything.
    pub states: Vec<ArrayRef>,
    /// These, ascending, each with why.
    pub groups: Vec<(usize, String)>,
}

/// Why a step failed.
#[derive(Debug)]
pub enum FunctionError {
    /// A plugin failed: on `partial`, some rows may be to blame.
    Plugin(millstream_plugin::PluginError),
    /// A plugin cannot merge the states of some groups.
    Groups(Unmerged),
    /// Anything else.
    Other(Error),
}

impl FunctionError {
    /// As the engine's error.
    pub fn into_error(self) -> Error {
        match self {
            Self::Plugin(e) => Error::from(e),
            Self::Groups(Unmerged { groups, .. }) => {
                let why = groups.into_iter().next().map_or_else(String::new, |(_, why)| why);
                Error::new(ErrorKind::Plugin, format!("states of a group cannot be merged: {why}"))
            }
            Self::Other(e) => e,
        }
    }
}

impl Blame for FunctionError {
    fn fault(&self) -> Fault {
        match self {
            Self::Plugin(e) => e.fault(),
            Self::Groups(_) | Self::Other(_) => Fault::Caller,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::Plugin(e) if e.is_timeout())
    }

    fn row(&self) -> Option<usize> {
        match self {
            Self::Plugin(e) => Blame::row(e),
            _ => None,
        }
    }
}

impl From<Error> for FunctionError {
    fn from(e: Error) -> Self {
        Self::Other(e)
    }
}

/// What became of states.
#[derive(Debug)]
pub struct Finished {
    /// One row of the output columns per state; of a state that was refused, anything.
    pub columns: Vec<ArrayRef>,
    /// The states that have no result, ascending, each with why.
    pub refused: Vec<(usize, String)>,
}

impl From<Vec<ArrayRef>> for Finished {
    fn from(columns: Vec<ArrayRef>) -> Self {
        Self { columns, refused: Vec::new() }
    }
}

/// An aggregate. Groups are dense ids `0..n`; a *state* is one row of the state columns.
pub trait AggregateFunction: Send + Sync + Debug {
    /// The columns of a state.
    fn state_fields(&self) -> &Fields;

    /// What decides what a stored state means, for the node's fingerprint: its name, its version (raised when what is
    /// stored changes its meaning), its configuration, the columns of a state. What its arguments are is told beside it.
    fn identity(&self) -> Map<String, Value>;

    /// The same in the words of a library: see [`crate::operator::fingerprint::Former`].
    fn describe(&self) -> String;

    /// Whether argument number `argument` has a part in a stored state.
    fn uses(&self, _argument: usize) -> bool {
        true
    }

    /// Stored states of an older version, with the columns `old`, to states of this one, row by row.
    fn migrate(&self, version: u32, _old: &Fields, _states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        Err(Error::internal(format!("{self:?} has no older version {version}")).into())
    }

    /// Which of its arguments are handed to a plugin, by their places; none if it calls none.
    fn reads(&self) -> &[usize] {
        &[]
    }

    /// What a plugin that it calls lets the engine do.
    fn hints(&self) -> Option<Hints> {
        None
    }

    /// Whether rows can make `partial` fail, so that they have to be found.
    fn may_reject(&self) -> bool {
        false
    }

    /// Whether it is over distinct arguments, whose combinations can be kept apart from its state.
    fn distinct(&self) -> Option<&dyn OverDistinct> {
        None
    }

    /// Rows to one state per group: `groups[i]` is row `i`'s group. Rows where `filter` is not true do not count.
    /// `attempt`: which call it is in the search for rows that make it fail.
    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        attempt: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError>;

    /// States to one state per group, older states first.
    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError>;

    /// States to results.
    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError>;
}

/// An aggregate over distinct arguments: what is asked of it by whoever keeps their combinations apart.
pub trait OverDistinct: AggregateFunction {
    /// The aggregate that is given each combination once.
    fn of(&self) -> &dyn AggregateFunction;

    /// The types of a combination.
    fn arguments(&self) -> Vec<DataType>;

    /// One state of [`OverDistinct::of`] per group of these combinations, each of which is another; `groups` goes up.
    fn states_of(&self, groups: &[u32], n: usize, args: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError>;

    /// One state per group of the first of equal combinations among the rows; `groups` has the group of each.
    fn states(&self, groups: &[u32], n: usize, args: &[ArrayRef]) -> Result<ListArray, FunctionError>;
}

/// How an aggregate of the engine's own is told: its name, its version, the types of a state's columns.
pub(super) fn told_by(name: &str, version: u32, state: &Fields) -> Map<String, Value> {
    let types = state.iter().map(|f| type_told(f.data_type()));
    let parts: [(&str, Value); 3] = [("fn", name.into()), ("version", version.into()), ("state", types.collect())];
    parts.into_iter().map(|(part, value)| (part.to_owned(), value)).collect()
}

/// The states that several calls of `partial` gave, older ones first, as one of each of `n` groups. `groups`: given the
/// number of calls, the group of each state; one call's states are those of the groups as they are.
pub(super) fn merge_parts(
    function: &dyn AggregateFunction,
    mut parts: Vec<Vec<ArrayRef>>,
    n: usize,
    groups: impl FnOnce(usize) -> Vec<u32>,
) -> Result<Vec<ArrayRef>, FunctionError> {
    if parts.len() == 1 {
        return Ok(parts.swap_remove(0));
    }
    let columns = (0..function.state_fields().len()).map(|c| {
        let pieces: Vec<&dyn Array> = parts.iter().map(|part| part[c].as_ref()).collect();
        concat(&pieces).map_err(|e| FunctionError::Other(arrow_failed(e)))
    });
    function.merge(&groups(parts.len()), n, &columns.collect::<Result<Vec<_>, _>>()?)
}
