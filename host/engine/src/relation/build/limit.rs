//! The first rows of a whole result.

use super::same_columns;
use crate::operator::Limit;
use crate::relation::{Description, Relation};

/// The first rows of a whole result, after those that are skipped.
pub fn limit(input: Relation, skip: usize, fetch: Option<usize>) -> Relation {
    let skipped = if skip == 0 { String::new() } else { format!(" after skipping {skip}") };
    let what = fetch.map_or_else(|| format!("all rows{skipped}"), |f| format!("at most {f} rows{skipped}"));
    same_columns(input, Limit { skip, fetch }, Description::new("limit", vec![what]))
}
