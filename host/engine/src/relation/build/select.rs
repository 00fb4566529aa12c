//! Columns as they are, fewer or in another order.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{keys_among, transform};
use crate::operator::{Select, Transform};
use crate::relation::{Description, Relation};

/// These columns of `input`, as those of `schema`.
pub fn select(input: Relation, columns: Vec<usize>, schema: SchemaRef) -> Relation {
    let carried: Vec<Option<usize>> = columns.iter().copied().map(Some).collect();
    let keys = keys_among(&input, &carried);
    transform(input, Select::new(columns, schema.clone()), schema, keys, Description::default())
}

/// What takes these columns out of a node's rows, where a leaf reads them.
pub fn selection(columns: &[usize], schema: &SchemaRef) -> Arc<dyn Transform> {
    Arc::new(Select::new(columns.to_vec(), schema.clone()))
}
