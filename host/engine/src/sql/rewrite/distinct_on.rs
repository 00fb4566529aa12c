//! `DISTINCT ON`, where a query is asked once: of the rows that have one key the first, by ORDER BY.

use datafusion_common::tree_node::{Transformed, TransformedResult};
use datafusion_common::{Column, Result};
use datafusion_expr::logical_plan::{Distinct, DistinctOn};
use datafusion_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion_functions_aggregate::expr_fn::first_value;

/// `plan`, newly made of a query, with `DISTINCT ON` as groups.
pub(in crate::sql) fn as_groups(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Distinct(Distinct::On(on)) => Ok(Transformed::yes(first_rows(on)?)),
        other => Ok(Transformed::no(other)),
    })
    .data()
}

fn first_rows(on: DistinctOn) -> Result<LogicalPlan> {
    let DistinctOn { select_expr, on_expr, sort_expr, input, schema } = on;
    let keys = on_expr.len();
    let order = sort_expr.clone().unwrap_or_default();
    let name = |at: usize| format!("first {at}");
    let first = select_expr.into_iter().enumerate();
    let first = first.map(|(at, e)| first_value(e.unalias(), order.clone()).alias(name(at)));
    let groups = LogicalPlanBuilder::from(input.as_ref().clone()).aggregate(on_expr, first.collect::<Vec<_>>())?;
    // The order begins with the keys, and each has one row.
    let rows = match sort_expr {
        Some(order) => groups.sort(order.into_iter().take(keys).collect::<Vec<_>>())?,
        None => groups,
    };
    let columns = schema.iter().enumerate().map(|(at, (relation, field))| {
        Expr::Column(Column::new_unqualified(name(at))).alias_qualified(relation.cloned(), field.name())
    });
    rows.project(columns.collect::<Vec<_>>())?.build()
}
