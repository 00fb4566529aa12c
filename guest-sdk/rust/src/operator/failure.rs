//! How an operator says that a whole call failed.

use std::{error::Error, fmt};

use crate::contract::types::{self, Subject};

/// Why a whole call failed. Any error converts with `?`, any text with `.into()`. The host then looks for the rows
/// at fault by calling again on parts of the batch. Where you know the row, say so ([`AtRow`]): it need not be looked
/// for; or reject it, and the call goes on.
pub type Failure = Box<dyn Error>;

/// Names the row that an error is about: `parse(text).at_row(row)?`. The row becomes a dead letter, and the others are
/// given again without it.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// fn sum(column: &Utf8Column) -> Result<i64, Failure> {
///     let mut sum = 0;
///     for (row, text) in column.iter().enumerate() {
///         sum += text.unwrap_or("0").parse::<i64>().at_row(row)?;
///     }
///     Ok(sum)
/// }
/// ```
pub trait AtRow<T> {
    /// The value, or the error with its row.
    ///
    /// # Errors
    /// As before.
    fn at_row(self, row: usize) -> Result<T, Failure>;
}

/// Says that an error is about a stored state, which cannot be read: `Encoded::<T>::from_bytes(bytes).of_state(row)?` in
/// [`Aggregate::merge`](crate::Aggregate::merge). The job stops then, with what to do, since a state that is passed over is
/// lost. Folds and keyed operators do it themselves.
pub trait OfState<T> {
    /// The value, or the error with the row of the states that were handed over.
    ///
    /// # Errors
    /// As before.
    fn of_state(self, state: usize) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> AtRow<T> for Result<T, E> {
    fn at_row(self, row: usize) -> Result<T, Failure> {
        self.map_err(|error| about(error, Subject::Row(row as u32)))
    }
}

impl<T, E: Into<Failure>> OfState<T> for Result<T, E> {
    fn of_state(self, state: usize) -> Result<T, Failure> {
        self.map_err(|error| about(error, Subject::State(state as u32)))
    }
}

fn about(error: impl Into<Failure>, subject: Subject) -> Failure {
    Failure::from(FailureAbout { error: error.into(), subject })
}

/// A failure that says what it is about.
#[derive(Debug)]
struct FailureAbout {
    error: Failure,
    subject: Subject,
}

impl fmt::Display for FailureAbout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for FailureAbout {}

/// As the contract has it.
pub(crate) fn told(failure: Failure) -> types::Failure {
    let about = failure.downcast_ref().map(|about: &FailureAbout| about.subject);
    types::Failure { message: failure.to_string(), about }
}
