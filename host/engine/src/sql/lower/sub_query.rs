//! Sub-queries in expressions, `INTERSECT` and `EXCEPT`, where a query is asked once. DataFusion makes joins of them, of kinds
//! that streams do not have: rows without a match are known at the end of the input only. They are put together here
//! from those that there are.

use std::sync::Arc;

use datafusion_common::{Column, DataFusionError, JoinType, NullEquality};
use datafusion_expr::logical_plan::Join;
use datafusion_expr::utils::{find_valid_equijoin_key_pair, split_conjunction_owned};
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion_functions::core::expr_fn::named_struct;
use datafusion_functions_aggregate::expr_fn::count;

use super::Lowering;
use crate::Result;

/// A column that a match has and nothing else.
const MATCHED: &str = "millstream matched";

/// How many rows a sub-query has, and how many of them have a value.
const COUNTS: [&str; 2] = ["millstream rows", "millstream values"];

impl Lowering<'_> {
    /// A join of a kind that there is no operator for, as a plan of those that there are; none if there is one.
    pub(super) fn as_known_joins(&self, join: &Join) -> Result<Option<LogicalPlan>> {
        let failed = |e: DataFusionError| self.text.error(e);
        if join.null_equality == NullEquality::NullEqualsNull {
            // A struct is not null, whatever is in it.
            let held = |key: Expr| named_struct(vec![lit("key"), key]);
            let on = join.on.iter().map(|(left, right)| (held(left.clone()), held(right.clone()))).collect();
            let null_equality = NullEquality::NullEqualsNothing;
            return Ok(Some(LogicalPlan::Join(Join { on, null_equality, ..join.clone() })));
        }
        if let Some(first) = of_the_first_row(join).map_err(failed)? {
            return Ok(Some(first));
        }
        Ok(match join.join_type {
            JoinType::LeftAnti if join.null_aware => Some(self.not_in(join)?),
            JoinType::LeftAnti => Some(without_match(join).map_err(failed)?),
            JoinType::LeftMark => Some(self.marked(join)?),
            _ => None,
        })
    }

    /// `x NOT IN (SELECT y …)`: no row if one of the `y` is null, and none whose `x` is, unless there is no `y` at all.
    fn not_in(&self, join: &Join) -> Result<LogicalPlan> {
        let refused = || {
            let message = "NOT IN with a sub-query that reads the outer row is not supported";
            let help = "write NOT EXISTS (SELECT 1 FROM … WHERE …)";
            self.text.refuse_clause("NOT IN", message).with_help(help)
        };
        let [(left, right)] = self.key_pairs(join)?.ok_or_else(refused)?.try_into().map_err(|_| refused())?;
        let planned = || -> Result<LogicalPlan, DataFusionError> {
            let [rows, values] = COUNTS;
            let counts = [count(lit(1i64)).alias(rows), count(right).alias(values)];
            let none: [Expr; 0] = [];
            let counts = LogicalPlanBuilder::from(join.right.clone()).aggregate(none, counts)?.build()?;
            let of = |name: &str| Expr::Column(Column::new_unqualified(name));
            let known = of(rows).eq(of(values)).and(left.is_not_null());
            LogicalPlanBuilder::from(without_match(join)?)
                .cross_join(counts)?
                .filter(of(rows).eq(lit(0i64)).or(known))?
                .project(columns_of(&join.left))?
                .build()
        };
        planned().map_err(|e| self.text.error(e))
    }

    /// Rows with a column that says whether they have a match: of `IN` and `EXISTS` beside other conditions, or among columns.
    fn marked(&self, join: &Join) -> Result<LogicalPlan> {
        let on = self.key_pairs(join)?;
        let (mark, field) = join.schema.qualified_field(join.schema.fields().len() - 1);
        let columns = |matched: Expr| {
            let matched = matched.alias_qualified(mark.cloned(), field.name());
            columns_of(&join.left).into_iter().chain([matched])
        };
        let planned = || -> Result<LogicalPlan, DataFusionError> {
            let Some(on) = on else {
                // Whether two rows match is not said by keys: those that have a match, and those that have none.
                let (kind, schema) = (JoinType::LeftSemi, join.left.schema().clone());
                let with = LogicalPlan::Join(Join { join_type: kind, schema, ..join.clone() });
                let without = LogicalPlanBuilder::from(without_match(join)?).project(columns(lit(false)))?.build()?;
                return LogicalPlanBuilder::from(with).project(columns(lit(true)))?.union(without)?.build();
            };
            let distinct = LogicalPlanBuilder::from(join.right.clone()).distinct()?.build()?;
            let right = Arc::new(with_mark(distinct)?);
            let joined = Join::try_new(
                join.left.clone(),
                right,
                on,
                None,
                JoinType::Left,
                join.join_constraint,
                NullEquality::NullEqualsNothing,
                false,
            )?;
            let matched = Expr::Column(Column::new_unqualified(MATCHED)).is_not_null();
            LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns(matched))?.build()
        };
        planned().map_err(|e| self.text.error(e))
    }

    /// The condition of a join as pairs of keys; none if there is more to it.
    fn key_pairs(&self, join: &Join) -> Result<Option<Vec<(Expr, Expr)>>> {
        let mut pairs = join.on.clone();
        for part in join.filter.iter().flat_map(|filter| split_conjunction_owned(filter.clone())) {
            let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = &part else { return Ok(None) };
            let pair = find_valid_equijoin_key_pair(left, right, join.left.schema(), join.right.schema());
            match pair.map_err(|e| self.text.error(e))? {
                Some(pair) => pairs.push(pair),
                None => return Ok(None),
            }
        }
        Ok(Some(pairs))
    }
}

/// `join` with one row of its right side, where it matters only whether there are any.
fn of_the_first_row(join: &Join) -> Result<Option<LogicalPlan>, DataFusionError> {
    let asks = matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark);
    let of_right = |filter: &Expr| filter.column_refs().into_iter().any(|c| join.right.schema().has_column(c));
    let limited = join.right.max_rows().is_some_and(|rows| rows <= 1);
    if !asks || limited || !join.on.is_empty() || join.filter.as_ref().is_some_and(of_right) {
        return Ok(None);
    }
    let first = LogicalPlanBuilder::from(join.right.as_ref().clone()).limit(0, Some(1))?.build()?;
    Ok(Some(LogicalPlan::Join(Join { right: Arc::new(first), ..join.clone() })))
}

/// The rows of the left side that have no match.
fn without_match(join: &Join) -> Result<LogicalPlan, DataFusionError> {
    let right = Arc::new(with_mark(join.right.as_ref().clone())?);
    let outer = Join::try_new(
        join.left.clone(),
        right,
        join.on.clone(),
        join.filter.clone(),
        JoinType::Left,
        join.join_constraint,
        join.null_equality,
        false,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(outer))
        .filter(Expr::Column(Column::new_unqualified(MATCHED)).is_null())?
        .project(columns_of(&join.left))?
        .build()
}

fn with_mark(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let columns = columns_of(&plan).into_iter().chain([lit(true).alias(MATCHED)]);
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().columns().into_iter().map(Expr::Column).collect()
}
