//! Columns in the types that nodes hand on.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::transform;
use crate::operator::Normalise;
use crate::relation::{Description, Relation};

/// The columns of `input` in the types of `schema`.
pub fn normalise(node: Arc<str>, input: Relation, schema: SchemaRef) -> Relation {
    let keys = input.keys().to_vec();
    transform(input, Normalise::new(node, schema.clone()), schema, keys, Description::default())
}
