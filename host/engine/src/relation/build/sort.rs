//! A whole result in order.

use std::sync::Arc;

use arrow::compute::SortOptions;

use super::collect::collected;
use super::same_columns;
use crate::operator::{Expressions, Sort};
use crate::relation::{Description, InSql, Relation};

/// A whole result in order, or the first `fetch` rows of it. What is no whole result is held until it has ended.
pub fn sort(
    node: Arc<str>,
    input: Relation,
    by: Expressions,
    options: Vec<SortOptions>,
    fetch: Option<usize>,
    in_sql: InSql,
) -> Relation {
    let order = || Sort::new(node.clone(), by.clone(), options.clone(), fetch);
    let whole = collected(input, fetch.map(|_| order()), fetch);
    let InSql { mut shown, plugins } = in_sql;
    shown.extend(fetch.map(|n| format!("of which the first {n} rows")));
    same_columns(whole, order(), Description::with_expressions("order by", InSql { shown, plugins }))
}
