//! How an operator says that a whole call failed.

use std::{error::Error, fmt};

use crate::contract::types;

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

impl<T, E: Into<Failure>> AtRow<T> for Result<T, E> {
    fn at_row(self, row: usize) -> Result<T, Failure> {
        self.map_err(|error| Failure::from(FailureAtRow { error: error.into(), row: row as u32 }))
    }
}

/// A failure that names its row.
#[derive(Debug)]
struct FailureAtRow {
    error: Failure,
    row: u32,
}

impl fmt::Display for FailureAtRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for FailureAtRow {}

/// As the contract has it.
pub(crate) fn told(failure: Failure) -> types::Failure {
    let row = failure.downcast_ref().map(|at: &FailureAtRow| at.row);
    types::Failure { message: failure.to_string(), row }
}
