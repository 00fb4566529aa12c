//! Several relations as one.

use arrow::datatypes::SchemaRef;

use crate::relation::Relation;

/// The rows of several relations, all with the types of `schema`.
pub fn union(inputs: Vec<Relation>, schema: SchemaRef) -> Relation {
    Relation::Union { inputs, schema }
}
