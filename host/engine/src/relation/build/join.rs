//! Joins of two streams.

use std::sync::Arc;

use crate::Result;
use crate::job::OutputMode;
use crate::operator::join::{StreamJoin, StreamJoinParts};
use crate::relation::{Description, Relation};

/// The pairs of rows of two streams; `on` is what makes them pairs, for people.
pub fn join(left: Relation, right: Relation, parts: StreamJoinParts, on: Vec<String>) -> Result<Relation> {
    Ok(Relation::Stateful {
        inputs: vec![left, right],
        waits: parts.reach.longest_wait().unwrap_or(0),
        operator: Arc::new(StreamJoin::new(parts)?),
        mode: OutputMode::Append,
        keys: Vec::new(),
        description: Description::new("join", on),
    })
}
