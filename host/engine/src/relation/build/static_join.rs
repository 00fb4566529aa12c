//! Joins of a stream with a static source.

use std::sync::Arc;

use super::selection;
use crate::operator::Transform;
use crate::operator::static_join::{StaticJoin, StaticJoinParts};
use crate::relation::{Description, Relation};
use crate::time::reach::Side;
use crate::{Error, Result};

/// The rows of a stream, each with those of a static source that match it; `on` is what makes them match, for people.
/// `parts` has the steps of `statics`, which are [`transforms_of`] it.
pub fn static_join(stream: Relation, statics: Relation, parts: StaticJoinParts, on: Vec<String>) -> Relation {
    let first_of_stream = if parts.stream == Side::Left { 0 } else { statics.schema().fields().len() };
    let keys = stream.keys().iter().map(|key| key.iter().map(|c| c + first_of_stream).collect()).collect();
    Relation::Transform {
        input: Box::new(stream),
        schema: parts.schema.clone(),
        transform: Arc::new(StaticJoin::new(parts)),
        keys,
        description: Description::new("join", on),
        beside: Some(Box::new(statics)),
    }
}

/// What is done to the rows of a static source, first to last.
///
/// # Errors
/// It is more than what can be done row by row.
pub fn transforms_of(relation: &Relation) -> Result<Vec<Arc<dyn Transform>>> {
    match relation {
        Relation::Input { columns, schema, .. } => {
            Ok(columns.iter().map(|columns| selection(columns, schema)).collect())
        }
        Relation::Transform { input, transform, .. } => {
            let mut steps = transforms_of(input)?;
            steps.push(transform.clone());
            Ok(steps)
        }
        Relation::Union { .. } | Relation::Stateful { .. } => Err(Error::internal("a static side is read row by row")),
    }
}
