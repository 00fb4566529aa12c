//! Of rows that are the same the first one.

use std::sync::Arc;

use serde_json::Value;

use super::stateful;
use crate::Result;
use crate::job::OutputMode;
use crate::operator::{Dedup, Expiry};
use crate::relation::{Description, Relation};

/// Of the rows of `input` with the same values in the columns `keys` the first one.
pub fn dedup(node: Arc<str>, input: Relation, keys: Vec<usize>, expiry: Expiry, partitions: u32) -> Result<Relation> {
    let schema = input.schema();
    let names: Vec<&str> = keys.iter().map(|key| schema.field(*key).name().as_str()).collect();
    let description = Description::new("dedup", vec![format!("by {}", names.join(", "))]);
    let operator = Dedup::new(node, keys.clone(), expiry, schema, partitions)?;
    Ok(firsts(input, operator, keys, description))
}

/// Of the rows of `input` that are the same in all columns the first one. `told` is what each column is, for the
/// fingerprint, and `shown` for people.
pub fn distinct(
    node: Arc<str>,
    input: Relation,
    told: Vec<Value>,
    shown: Vec<String>,
    expiry: Expiry,
    partitions: u32,
) -> Result<Relation> {
    let schema = input.schema();
    let keys: Vec<usize> = (0..schema.fields().len()).collect();
    let operator = Dedup::new(node, keys.clone(), expiry, schema, partitions)?.told_as(told);
    Ok(firsts(input, operator, keys, Description::new("distinct", shown)))
}

fn firsts(input: Relation, operator: Dedup, keys: Vec<usize>, description: Description) -> Relation {
    stateful(input, operator, OutputMode::Append, keys.into_iter().map(|key| vec![key]).collect(), description)
}
