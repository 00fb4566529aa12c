//! What a keyed function is: one call takes many keys with their rows, states and due timers, and returns what comes out
//! and what changes. The shape is that of a call into a plugin; a function of Rust's own is the same, for tests and for
//! whoever embeds the engine.
//!
//! What always holds: a function keeps nothing between calls, and what it returns is checked before any of it is used
//! ([`super::check`]). How keys are cut into calls means nothing: a key is in one call of a phase, unless it has more rows
//! than a call takes.

use std::fmt::Debug;

use arrow::array::{ArrayRef, BinaryArray};
pub use millstream_plugin::keyed::{
    Domain, KeyedBinding, LateInput, MapEntries, Needs, Outcome, Phase, Step, TimeToLive, Timer, ValueChanges,
};
use serde_json::{Map, Value};

use crate::operator::isolate::{Attempt, Blame, Fault};
use crate::{Error, ErrorKind};

/// Why a call has no outcome.
#[derive(Debug)]
pub enum KeyedError {
    /// A plugin failed.
    Plugin {
        /// Why.
        error: millstream_plugin::PluginError,
        /// The key with whose row it did, if it said so.
        key: Option<usize>,
    },
    /// The function failed with these keys, or returned what cannot be.
    Keys(String),
    /// Anything else: it stops the job.
    Other(Error),
}

impl KeyedError {
    /// As the engine's error.
    pub fn into_error(self) -> Error {
        match self {
            Self::Plugin { error, .. } => Error::from(error),
            Self::Keys(why) => Error::new(ErrorKind::Plugin, why),
            Self::Other(e) => e,
        }
    }
}

impl std::fmt::Display for KeyedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin { error, .. } => write!(f, "{error}"),
            Self::Keys(why) => f.write_str(why),
            Self::Other(e) => write!(f, "{e}"),
        }
    }
}

impl Blame for KeyedError {
    fn fault(&self) -> Fault {
        match self {
            Self::Plugin { error, .. } => error.fault(),
            Self::Keys(_) => Fault::Rows,
            Self::Other(_) => Fault::Caller,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::Plugin { error, .. } if error.is_timeout())
    }

    fn row(&self) -> Option<usize> {
        match self {
            Self::Plugin { key, .. } => *key,
            _ => None,
        }
    }
}

impl From<Error> for KeyedError {
    fn from(e: Error) -> Self {
        Self::Other(e)
    }
}

/// A keyed function, bound to the columns of an input and to its keys.
pub trait KeyedFunction: Send + Sync + Debug {
    /// What it needs and gives; always the same.
    fn binding(&self) -> &KeyedBinding;

    /// What decides what a stored state means, for the node's fingerprint: its name as `plugin` or `fn`, its
    /// configuration. What it keeps and the version of that are told beside it.
    fn identity(&self) -> Map<String, Value>;

    /// Which entries of maps the call with `step`, whose [`Step::maps`] is empty, needs. Asked only where it keeps maps.
    ///
    /// # Errors
    /// It cannot say so, with these keys or at all.
    fn needs(&self, _step: &Step, _attempt: Attempt) -> Result<Needs, KeyedError> {
        Ok(Needs::default())
    }

    /// Handles the rows or the timers of some keys. A function of its argument alone. `attempt`: which call it is in the
    /// search for keys that make it fail.
    ///
    /// # Errors
    /// It cannot, with these keys or at all.
    fn call(&self, step: &Step, attempt: Attempt) -> Result<Outcome, KeyedError>;

    /// Stored values of an older version, whose names were `names`, to those of this one, state by state.
    ///
    /// # Errors
    /// It has no such version, or a state is not what that version stored.
    fn migrate(&self, version: u32, _names: &[String], _values: &[ArrayRef]) -> Result<Vec<BinaryArray>, KeyedError> {
        Err(Error::internal(format!("{self:?} has no older version {version}")).into())
    }
}
