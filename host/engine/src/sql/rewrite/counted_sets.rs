//! `INTERSECT ALL` and `EXCEPT ALL`, where a query is asked once: how often each row comes is counted on both sides. The planner
//! makes joins of them that keep a row as often as it comes on the left, whatever there is on the right.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult};
use datafusion_common::{Column, JoinType, NullEquality, Result};
use datafusion_expr::logical_plan::{Distinct, Join};
use datafusion_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion_functions_aggregate::expr_fn::count;
use datafusion_functions_nested::expr_fn::array_repeat;

/// How often a row comes on the left and on the right, and a list of as many elements as it comes out.
const COUNTS: [&str; 3] = ["millstream left", "millstream right", "millstream copies"];

/// `plan`, newly made of a query, with such joins as what they stand for.
pub(in crate::sql) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match &node {
        // Without ALL the left side is distinct, and so are its rows that are kept.
        LogicalPlan::Join(join)
            if matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
                && join.null_equality == NullEquality::NullEqualsNull
                && !matches!(join.left.as_ref(), LogicalPlan::Distinct(Distinct::All(_))) =>
        {
            Ok(Transformed::yes(copies(join)?))
        }
        _ => Ok(Transformed::no(node)),
    })
    .data()
}

fn copies(join: &Join) -> Result<LogicalPlan> {
    let [left, right, list] = COUNTS;
    let all = |plan: &LogicalPlan| plan.schema().columns().into_iter().map(Expr::Column).collect::<Vec<_>>();
    let number = |plan: &Arc<LogicalPlan>, name: &str| {
        let builder = LogicalPlanBuilder::from(plan.as_ref().clone());
        builder.aggregate(all(plan), [count(lit(1i64)).alias(name)])?.build().map(Arc::new)
    };
    let of = |name: &str| Expr::Column(Column::new_unqualified(name));
    let (kind, times) = match join.join_type {
        JoinType::LeftSemi => (JoinType::Inner, when(of(left).lt(of(right)), of(left)).otherwise(of(right))?),
        _ => (JoinType::Left, when(of(right).is_null(), of(left)).otherwise(of(left) - of(right))?),
    };
    let joined = Join::try_new(
        number(&join.left, left)?,
        number(&join.right, right)?,
        join.on.clone(),
        None,
        kind,
        join.join_constraint,
        join.null_equality,
        false,
    )?;
    let list_of = array_repeat(lit(true), times.clone()).alias(list);
    LogicalPlanBuilder::from(LogicalPlan::Join(joined))
        .filter(times.gt(lit(0i64)))?
        .project(all(&join.left).into_iter().chain([list_of]))?
        .unnest_column(Column::new_unqualified(list))?
        .project(all(&join.left))?
        .build()
}
