//! Rows that fulfil a condition.

use std::sync::Arc;

use super::same_columns;
use crate::operator::{Expressions, Filter};
use crate::relation::{Description, InSql, Relation};

/// `input` without the rows for which `predicate` does not hold.
pub fn filter(node: Arc<str>, input: Relation, predicate: Expressions, in_sql: InSql) -> Relation {
    same_columns(input, Filter::new(node, predicate), Description::with_expressions("filter", in_sql))
}
