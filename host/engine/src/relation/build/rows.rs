//! Leaves: the rows of another node.

use arrow::datatypes::SchemaRef;

use crate::relation::{Emits, Relation};

/// The rows of node `table`, whole.
pub fn rows_of(table: &str, schema: SchemaRef, emits: Emits) -> Relation {
    Relation::Input { table: table.to_owned(), columns: None, schema, emits }
}

/// The rows of node `table` with these of its columns, which are those of `schema`.
pub fn rows_with(table: &str, columns: Vec<usize>, schema: SchemaRef, emits: Emits) -> Relation {
    Relation::Input { table: table.to_owned(), columns: Some(columns), schema, emits }
}
