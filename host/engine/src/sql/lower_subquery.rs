//! Sub-queries in expressions, `INTERSECT` and `EXCEPT`, where a query is asked once. DataFusion makes joins of them, of kinds
//! that streams do not have: rows without a match are known at the end of the input only. They are put together here
//! from those that there are.

use std::sync::Arc;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DataFusionError, JoinType, NullEquality};
use datafusion_expr::logical_plan::Join;
use datafusion_expr::utils::{find_valid_equijoin_key_pair, split_conjunction, split_conjunction_owned};
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use datafusion_functions::core::expr_fn::named_struct;
use datafusion_functions_aggregate::expr_fn::count;

use super::SqlText;
use super::lower::Lowering;
use crate::{Error, Result};

/// A column that a match has and nothing else.
const MATCHED: &str = "millstream matched";

/// How many rows a sub-query has, and how many of them have a value.
const COUNTS: [&str; 2] = ["millstream rows", "millstream values"];

/// Whether an expression of `plan` has a sub-query in it; refused where one stands for a value and may have several rows.
pub(super) fn has_sub_queries(text: &SqlText, plan: &LogicalPlan) -> Result<bool> {
    let (mut found, mut several) = (false, false);
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                found |= is_sub_query(e);
                if let Expr::ScalarSubquery(of) = e {
                    several |= of.outer_ref_columns.is_empty() && of.subquery.max_rows() != Some(1);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|e| text.error(e))?;
    if several {
        let message = "a sub-query that stands for a value must have one row, and this one may have several";
        let help = "aggregate it: (SELECT max(x) FROM …), or add LIMIT 1";
        return Err(text.refuse(text.find_any(&["(SELECT", "( SELECT"]), message).with_help(help));
    }
    Ok(found)
}

/// Refuses sub-queries that are left in expressions.
pub(super) fn refuse_left_over(text: &SqlText, plan: &LogicalPlan) -> Result<()> {
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
    let at = text.find_any(&["ANY (SELECT", "ALL (SELECT", "SOME (SELECT"]);
    if at.len() < text.sql().len() {
        let message = "a comparison with ANY, SOME or ALL of a sub-query's values is not supported";
        let help = "compare with the greatest or the least of them: x >= (SELECT max(y) FROM …)";
        return Err(text.refuse(at, message).with_help(help));
    }
    let at = text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT"]);
    Err(text.refuse(at, LEFT_OVER.0).with_help(LEFT_OVER.1))
}

/// Refuses `IN (SELECT …)` where a null would make a difference that a join does not see: a condition that is not known counts
/// as false only where nothing but AND and OR stands around it.
pub(super) fn refuse_places(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    let mut refused = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            refused |= split_conjunction(&filter.predicate).into_iter().any(|part| match part {
                Expr::InSubquery(_) => false,
                Expr::Not(inner) if matches!(**inner, Expr::InSubquery(_)) => false,
                part => is_hidden(part),
            });
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !refused {
        return Ok(());
    }
    let message = "NOT IN with a sub-query can stand by itself or beside AND, not inside another condition";
    let help = "write NOT EXISTS (SELECT 1 FROM … WHERE …), which has no unknown answer";
    Err(DataFusionError::External(Box::new(Error::invalid(message).with_help(help))))
}

/// Whether an `IN (SELECT …)` in a condition is behind something else than AND and OR, or is a `NOT IN`.
fn is_hidden(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_hidden(left) || is_hidden(right)
        }
        Expr::InSubquery(sub_query) => sub_query.negated,
        other => other.exists(|e| Ok(matches!(e, Expr::InSubquery(_)))).unwrap_or(true),
    }
}

/// An error that speaks of names which the planner has made up for sub-queries.
pub(super) fn in_words(error: DataFusionError) -> DataFusionError {
    let text = error.to_string();
    if !["__correlated_sq", "__scalar_sq"].iter().any(|name| text.contains(name)) {
        return error;
    }
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

    /// Rows with a column that says whether they have a match: of `IN` and `EXISTS` beside other conditions.
    fn marked(&self, join: &Join) -> Result<LogicalPlan> {
        let refused = || {
            let message = "this sub-query cannot be one condition of several with OR";
            let at = self.text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT"]);
            self.text
                .refuse(at, message)
                .with_help("ask for each condition by itself, and put them together with UNION")
        };
        let on = self.key_pairs(join)?.ok_or_else(refused)?;
        let planned = || -> Result<LogicalPlan, DataFusionError> {
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
            let (mark, field) = join.schema.qualified_field(join.schema.fields().len() - 1);
            let matched = Expr::Column(Column::new_unqualified(MATCHED)).is_not_null();
            let matched = matched.alias_qualified(mark.cloned(), field.name());
            let columns = columns_of(&join.left).into_iter().chain([matched]);
            LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build()
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
pub(super) fn refuse_set(text: &SqlText, clause: &str) -> Error {
    text.refuse_clause(clause, format!("{clause} would have to remember every row for ever; it is not supported"))
        .with_help("use WHERE, or a plugin")
}

/// `INTERSECT ALL` and `EXCEPT ALL` count how often each row comes.
pub(super) fn refuse_counted_set(text: &SqlText, clause: &str) -> Error {
    let message = format!("{clause} ALL, which counts how often each row comes, is not supported");
    text.refuse_clause(clause, message).with_help(format!("write {clause}"))
}
