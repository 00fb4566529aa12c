//! Columns computed of each row.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::{keys_among, transform};
use crate::operator::{Expressions, Project};
use crate::relation::{Description, InSql, Relation};

/// `columns` of each row of `input`, as those of `schema`; `carried` says which column of the input each of them is, or
/// stands for.
pub fn project(
    node: Arc<str>,
    input: Relation,
    columns: Expressions,
    schema: SchemaRef,
    carried: &[Option<usize>],
    in_sql: InSql,
) -> Relation {
    let keys = keys_among(&input, carried);
    let operator = Project::new(node, columns, schema.clone());
    transform(input, operator, schema, keys, Description::with_expressions("project", in_sql))
}
