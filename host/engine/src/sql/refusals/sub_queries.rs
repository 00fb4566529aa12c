//! Sub-queries in expressions that cannot be answered: those that read a query further out, and those of which no join can be
//! made.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DataFusionError};
use datafusion_expr::{Expr, LogicalPlan};

use crate::sql::error::SqlText;
use crate::{Error, Result};

/// Whether an expression of `plan` has a sub-query in it; refused if one reads the rows of a query further out than that in
/// which it stands.
pub(in crate::sql) fn has_sub_queries(text: &SqlText, plan: &LogicalPlan) -> Result<bool> {
    let (mut found, mut further_out) = (false, None);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= is_sub_query(e);
                let is_here = |column: &Column| node.inputs().iter().any(|rows| rows.schema().has_column(column));
                let mut outer = outer_columns(e).into_iter().flatten().filter_map(|read| match read {
                    Expr::OuterReferenceColumn(_, column) => Some(column),
                    _ => None,
                });
                further_out = further_out.take().or_else(|| outer.find(|column| !is_here(column)).cloned());
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|e| text.error(e))?;
    let Some(column) = further_out else { return Ok(found) };
    let name = column.flat_name();
    let message =
        format!("`{name}` is of a query further out: a sub-query reads the rows of the one that it stands in");
    let help = "JOIN the two inner tables in one sub-query";
    Err(text.refuse(text.find_any(&[&name, &column.name]), message).with_help(help))
}

/// What a sub-query reads of the rows around it.
fn outer_columns(expr: &Expr) -> Option<&[Expr]> {
    Some(match expr {
        Expr::InSubquery(of) => &of.subquery.outer_ref_columns,
        Expr::Exists(of) => &of.subquery.outer_ref_columns,
        Expr::SetComparison(of) => &of.subquery.outer_ref_columns,
        Expr::ScalarSubquery(of) => &of.outer_ref_columns,
        _ => return None,
    })
}

/// Refuses sub-queries that are left in expressions.
pub(in crate::sql) fn refuse_left_over(text: &SqlText, plan: &LogicalPlan) -> Result<()> {
    let mut found = false;
    let walked = plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= is_sub_query(e);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|e| text.error(e))?;
    if !found {
        return Ok(());
    }
    let at = text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT"]);
    Err(text.refuse(at, LEFT_OVER.0).with_help(LEFT_OVER.1))
}

/// An error that speaks of names which the planner has made up for sub-queries.
pub(in crate::sql) fn worded(error: DataFusionError) -> DataFusionError {
    let text = error.to_string();
    if !["__correlated_sq", "__scalar_sq"].iter().any(|name| text.contains(name)) {
        return error;
    }
    left_over()
}

/// The refusal of a sub-query that no join can be made of.
pub(in crate::sql) fn left_over() -> DataFusionError {
    DataFusionError::External(Box::new(Error::invalid(LEFT_OVER.0).with_help(LEFT_OVER.1)))
}

/// What is said of a sub-query that no join can be made of.
const LEFT_OVER: (&str, &str) = (
    "this sub-query cannot be answered where it stands",
    "join with it: FROM a JOIN (SELECT … GROUP BY key) b ON a.key = b.key",
);

/// Whether `expr` is a sub-query.
pub(in crate::sql) fn is_sub_query(expr: &Expr) -> bool {
    matches!(expr, Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}
