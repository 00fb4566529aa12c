//! The contract's buffers, read and checked.

use super::kept::Id;
use crate::{
    column::Column,
    contract::keyed::Timers,
    operator::Clock,
    testing::{check, run::TestError},
    value::Value,
};

/// The bytes in a row of a column, if it is not null.
pub fn bytes_of(column: &Column, row: usize) -> Option<Vec<u8>> {
    match Value::of(column, row) {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Indices.
pub fn numbers(bytes: &[u8]) -> Vec<usize> {
    check::numbers(bytes).into_iter().map(|number| number as u32 as usize).collect()
}

/// Timers with the index of their key.
pub fn timers(timers: &Timers) -> Vec<(usize, Id, i64)> {
    let (keys, tags) = (numbers(&timers.keys), numbers(&timers.tags));
    let at = timers.at.as_chunks().0.iter().map(|at| i64::from_le_bytes(*at));
    let clock = |domain: u8| if domain == 0 { Clock::EventTime } else { Clock::ProcessingTime };
    let ids = timers.domains.iter().zip(tags).map(|(domain, tag)| (clock(*domain), tag as u32));
    keys.into_iter().zip(ids).zip(at).map(|((key, id), at)| (key, id, at)).collect()
}

/// Indices that must go up.
pub fn indices(what: &str, bytes: &[u8], count: usize) -> Result<Vec<usize>, TestError> {
    let indices = numbers(bytes);
    if !indices.is_sorted_by(|a, b| a < b) || indices.last().is_some_and(|last| *last >= count) {
        return Err(TestError::Contract(format!("{what} {indices:?} of {count} do not go up")));
    }
    Ok(indices)
}
