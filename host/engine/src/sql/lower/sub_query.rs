//! Sub-queries in expressions, `INTERSECT` and `EXCEPT`, where a query is asked once. DataFusion makes joins of them, of kinds
//! that streams do not have: rows without a match are known at the end of the input only. They are put together here
//! from those that there are.

use std::sync::Arc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DataFusionError, JoinType, NullEquality};
use datafusion_expr::logical_plan::Join;
use datafusion_expr::utils::{find_valid_equijoin_key_pair, split_conjunction_owned};
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion_functions::core::expr_fn::named_struct;
use datafusion_functions_aggregate::expr_fn::count;

use super::Lowering;
use crate::sql::SqlText;
use crate::{Error, Result};

/// A column that a match has and nothing else.
const MATCHED: &str = "millstream matched";

/// How many rows a sub-query has, and how many of them have a value.
const COUNTS: [&str; 2] = ["millstream rows", "millstream values"];

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
pub(in crate::sql) fn in_words(error: DataFusionError) -> DataFusionError {
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

fn is_sub_query(expr: &Expr) -> bool {
    matches!(expr, Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
}

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

/// What a set operation that is no UNION would need.
pub(in crate::sql) fn refuse_set(text: &SqlText, clause: &str) -> Error {
    text.refuse_clause(clause, format!("{clause} would have to remember every row for ever; it is not supported"))
        .with_help("use WHERE, or a plugin")
}
