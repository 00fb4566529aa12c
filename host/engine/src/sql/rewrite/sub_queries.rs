//! Sub-queries in expressions, where a query is asked once, in the forms that joins can be made of
//! ([`crate::sql::lower::sub_query`]): `ANY`, `ALL`, and `IN` where a null makes a difference, are said with `EXISTS` or with what
//! is least and greatest; one that stands for a value is aggregated to its only row.

use std::sync::Arc;

use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{Column, DFSchema, DataFusionError, ExprSchema, Result, ScalarValue};
use datafusion_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion_expr::logical_plan::{FetchType, Filter, Limit, Projection, SkipType, Sort, Subquery};
use datafusion_expr::utils::{conjunction, merge_schema, split_conjunction_owned};
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, SortExpr, lit, when};
use datafusion_functions::core::expr_fn::{get_field, named_struct};
use datafusion_functions_aggregate::expr_fn::{count, first_value, max, min};
use datafusion_optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion_optimizer::{OptimizerContext, OptimizerRule};

use super::only_value::{FIELDS, only_value};
use crate::sql::refusals::sub_queries::{is_sub_query, left_over};

/// What is known of the values of a sub-query: rows, values that are not null, the least and the greatest.
const FACTS: [&str; 4] = ["rows", "values", "least", "most"];

/// Sub-queries of `plan`, before its types are coerced, that stand for a value and may have several rows, made one row.
pub(in crate::sql) fn of_one_row(plan: LogicalPlan) -> Result<LogicalPlan> {
    let one = |expr: Expr| match expr {
        Expr::ScalarSubquery(of) if of.subquery.max_rows() != Some(1) || is_limited(&of) => {
            Ok(Transformed::yes(one_row(&of)?))
        }
        other => Ok(Transformed::no(other)),
    };
    let plan = plan.transform_up_with_subqueries(as_columns).data()?;
    plan.transform_up_with_subqueries(|node| changed(node, one)).data()
}

/// Sub-queries inside aggregates, in GROUP BY and in ORDER BY: columns of the rows below, which joins give.
fn as_columns(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let input = match &node {
        LogicalPlan::Aggregate(aggregate) => aggregate.input.clone(),
        LogicalPlan::Sort(sort) => sort.input.clone(),
        _ => return Ok(Transformed::no(node)),
    };
    let mut moved: Vec<Expr> = Vec::new();
    let mut column = |expr: Expr| {
        if !is_sub_query(&expr) {
            return Ok(Transformed::no(expr));
        }
        let at = moved.iter().position(|e| *e == expr).unwrap_or(moved.len());
        if at == moved.len() {
            moved.push(expr);
        }
        Ok(Transformed::yes(Expr::Column(Column::new_unqualified(format!("sub-query {at}")))))
    };
    let of_input = || input.schema().columns().into_iter().map(Expr::Column);
    let with = |moved: Vec<Expr>| {
        let moved = moved.into_iter().enumerate().map(|(at, e)| e.alias(format!("sub-query {at}")));
        LogicalPlanBuilder::from(input.as_ref().clone()).project(of_input().chain(moved))
    };
    match node.clone() {
        LogicalPlan::Aggregate(aggregate) => {
            let mut all = |exprs: Vec<Expr>| {
                exprs.into_iter().map(|e| named_as_before(e, &mut column).data()).collect::<Result<Vec<_>>>()
            };
            let (by, computes) = (all(aggregate.group_expr)?, all(aggregate.aggr_expr)?);
            match moved.is_empty() {
                true => Ok(Transformed::no(node)),
                false => Ok(Transformed::yes(with(moved)?.aggregate(by, computes)?.build()?)),
            }
        }
        LogicalPlan::Sort(sort) => {
            let by =
                sort.expr.into_iter().map(|s| Ok(SortExpr { expr: s.expr.transform_up(&mut column).data()?, ..s }));
            let by = by.collect::<Result<Vec<_>>>()?;
            match moved.is_empty() {
                true => Ok(Transformed::no(node)),
                false => {
                    let sorted = with(moved)?.sort_with_limit(by, sort.fetch)?.project(of_input())?;
                    Ok(Transformed::yes(sorted.build()?))
                }
            }
        }
        _ => Ok(Transformed::no(node)),
    }
}

/// Whether it reads the outer row below a LIMIT, which no join can be made of.
fn is_limited(of: &Subquery) -> bool {
    !of.outer_ref_columns.is_empty() && matches!(top(&of.subquery), LogicalPlan::Limit(_))
}

fn top(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => top(&alias.input),
        other => other,
    }
}

fn one_row(of: &Subquery) -> Result<Expr> {
    let none: [Expr; 0] = [];
    if let LogicalPlan::Limit(limit) = top(&of.subquery)
        && let Some((value, by, input)) = first_of(limit)?
    {
        let first = first_value(value, by);
        let plan = LogicalPlanBuilder::from(input).aggregate(none, [first])?.build()?;
        return Ok(Expr::ScalarSubquery(again(of, plan)));
    }
    let value = value_of(&of.subquery);
    let plan = LogicalPlanBuilder::from(of.subquery.as_ref().clone());
    let plan =
        plan.aggregate(none, [count(lit(1i64)).alias(FIELDS[0]), first_value(value, Vec::new()).alias(FIELDS[1])])?;
    let held = FIELDS.iter().flat_map(|name| [lit(*name), Expr::Column(Column::new_unqualified(*name))]).collect();
    let plan = plan.project([named_struct(held).alias("row")])?.build()?;
    Ok(only_value(Expr::ScalarSubquery(again(of, plan))))
}

/// What `LIMIT 1` takes the first row of: its value, the order, and the rows without an order.
fn first_of(limit: &Limit) -> Result<Option<(Expr, Vec<SortExpr>, LogicalPlan)>> {
    let one = matches!(limit.get_fetch_type()?, FetchType::Literal(Some(1)));
    let first = matches!(limit.get_skip_type()?, SkipType::Literal(0));
    if !one || !first {
        return Ok(None);
    }
    Ok(Some(match limit.input.as_ref() {
        LogicalPlan::Sort(Sort { expr, input, .. }) => (value_of(input), expr.clone(), input.as_ref().clone()),
        LogicalPlan::Projection(Projection { expr: shown, input, .. })
            if matches!(input.as_ref(), LogicalPlan::Sort(_)) && shown.len() == 1 =>
        {
            let LogicalPlan::Sort(Sort { expr, input, .. }) = input.as_ref() else { return Ok(None) };
            (shown[0].clone().unalias(), expr.clone(), input.as_ref().clone())
        }
        other => (value_of(other), Vec::new(), other.clone()),
    }))
}

/// `ANY`, `ALL` and `IN` of `plan`, whose types are coerced, as what joins can be made of.
/// `context` makes names for the joins.
pub(in crate::sql) fn in_other_words(plan: LogicalPlan, context: &OptimizerContext) -> Result<LogicalPlan> {
    let mut names = Names(0);
    let plan = plan
        .transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            if let LogicalPlan::Filter(Filter { predicate, input, .. }) = node {
                let parts = split_conjunction_owned(predicate).into_iter().map(|part| names.condition(part, &schema));
                let predicate = conjunction(parts.collect::<Result<Vec<_>>>()?).unwrap_or_else(|| lit(true));
                return Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, input)?)));
            }
            changed(node, |e| names.value(e, &schema))
        })
        .data()?;
    plan.transform_up_with_subqueries(|node| marked_columns(node, context)).data()
}

/// `node` with its expressions changed by `change` at every depth; columns keep their names.
fn changed(
    node: LogicalPlan,
    mut change: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let gives_columns = !matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    node.map_expressions(|expr| match gives_columns {
        true => named_as_before(expr, &mut change),
        false => expr.transform_up(&mut change),
    })
}

/// `expr` changed by `change` at every depth, under the name that it has.
fn named_as_before(expr: Expr, change: impl FnMut(Expr) -> Result<Transformed<Expr>>) -> Result<Transformed<Expr>> {
    let has = expr.exists(|e| Ok(is_sub_query(e)))?;
    if !has {
        return Ok(Transformed::no(expr));
    }
    let (relation, name) = expr.qualified_name();
    let changed = expr.transform_up(change)?;
    if !changed.transformed || changed.data.qualified_name() == (relation.clone(), name.clone()) {
        return Ok(changed);
    }
    Ok(Transformed::yes(changed.data.unalias().alias_qualified(relation, name)))
}

/// `EXISTS` and `IN` among the columns of a SELECT: marks of a join below it.
fn marked_columns(node: LogicalPlan, context: &OptimizerContext) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Projection(Projection { expr, input, schema, .. }) = node else {
        return Ok(Transformed::no(node));
    };
    let is_condition = |e: &Expr| Ok(matches!(e, Expr::InSubquery(_) | Expr::Exists(_)));
    if !expr.iter().any(|e| e.exists(is_condition).unwrap_or(false)) {
        let same = Projection::try_new_with_schema(expr, input, schema)?;
        return Ok(Transformed::no(LogicalPlan::Projection(same)));
    }
    let mut below = Arc::unwrap_or_clone(input);
    let mut columns = Vec::with_capacity(expr.len());
    for e in expr {
        if !e.exists(is_condition)? {
            columns.push(e);
            continue;
        }
        // The rule knows conditions only.
        let (relation, name) = e.qualified_name();
        let asked = Filter::try_new(e.unalias().is_not_null(), Arc::new(below.clone()))?;
        let joined = DecorrelatePredicateSubquery::new().rewrite(LogicalPlan::Filter(asked), context)?;
        let LogicalPlan::Projection(joined) = joined.data else { return refused() };
        let LogicalPlan::Filter(filter) = Arc::unwrap_or_clone(joined.input) else { return refused() };
        let Expr::IsNotNull(value) = filter.predicate else { return refused() };
        columns.push(value.alias_qualified(relation, name));
        below = Arc::unwrap_or_clone(filter.input);
    }
    let projection = Projection::try_new_with_schema(columns, Arc::new(below), schema)?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}

fn refused<T>() -> Result<T> {
    Err(left_over())
}

/// Makes names for the values of sub-queries.
struct Names(usize);

impl Names {
    /// `expr` where unknown counts as false.
    fn condition(&mut self, expr: Expr, outer: &DFSchema) -> Result<Expr> {
        match expr {
            Expr::Not(inner) if matches!(*inner, Expr::InSubquery(_)) => match *inner {
                Expr::InSubquery(of) => {
                    self.condition(Expr::InSubquery(InSubquery { negated: !of.negated, ..of }), outer)
                }
                other => Ok(Expr::Not(Box::new(other))),
            },
            Expr::InSubquery(of) if of.negated && !of.subquery.outer_ref_columns.is_empty() => {
                let (set, equal) = self.compared(&of.subquery, *of.expr, Operator::Eq, outer)?;
                Ok(exists(&of.subquery, set.filter(equal.is_not_false())?.build()?, true))
            }
            Expr::InSubquery(_) | Expr::Exists(_) => Ok(expr),
            Expr::SetComparison(SetComparison { expr, subquery, op: Operator::Eq, quantifier: SetQuantifier::Any }) => {
                Ok(Expr::InSubquery(InSubquery { expr, subquery, negated: false }))
            }
            Expr::SetComparison(SetComparison {
                expr,
                subquery,
                op: Operator::NotEq,
                quantifier: SetQuantifier::All,
            }) => self.condition(Expr::InSubquery(InSubquery { expr, subquery, negated: true }), outer),
            Expr::SetComparison(of) if !of.subquery.outer_ref_columns.is_empty() => {
                let (set, holds) = self.compared(&of.subquery, *of.expr, of.op, outer)?;
                Ok(match of.quantifier {
                    SetQuantifier::Any => exists(&of.subquery, set.filter(holds)?.build()?, false),
                    SetQuantifier::All => exists(&of.subquery, set.filter(holds.is_not_true())?.build()?, true),
                })
            }
            other if is_plain(&other) => Ok(other),
            other => other.transform_up(|e| self.value(e, outer)).data(),
        }
    }

    /// `expr` where null is something else than false.
    fn value(&mut self, expr: Expr, outer: &DFSchema) -> Result<Transformed<Expr>> {
        let of = match expr {
            Expr::InSubquery(InSubquery { expr, subquery, negated: false }) => {
                SetComparison { expr, subquery, op: Operator::Eq, quantifier: SetQuantifier::Any }
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated: true }) => {
                SetComparison { expr, subquery, op: Operator::NotEq, quantifier: SetQuantifier::All }
            }
            Expr::SetComparison(of) => of,
            other => return Ok(Transformed::no(other)),
        };
        let SetComparison { expr, subquery, op, quantifier } = of;
        let null = || Expr::Literal(ScalarValue::Boolean(None), None);
        let any = quantifier == SetQuantifier::Any;
        if subquery.outer_ref_columns.is_empty() {
            let facts = facts(&subquery)?;
            let fact = |at: usize| get_field(facts.clone(), FACTS[at]);
            let compared =
                |op: Operator, at: usize| Expr::BinaryExpr(BinaryExpr::new(expr.clone(), op, Box::new(fact(at))));
            // For one value it holds if it does for the least or the greatest; for all, if it does for that one.
            let decides = match (op, any) {
                (Operator::Gt | Operator::GtEq, true) | (Operator::Lt | Operator::LtEq, false) => Some(compared(op, 2)),
                (Operator::Lt | Operator::LtEq, true) | (Operator::Gt | Operator::GtEq, false) => Some(compared(op, 3)),
                (Operator::NotEq, true) => Some(compared(op, 2).or(compared(op, 3))),
                (Operator::Eq, false) => Some(compared(op, 2).and(compared(op, 3))),
                _ => None,
            };
            let decides = match decides {
                Some(decides) => decides,
                None => {
                    let (set, equal) = self.compared(&subquery, (*expr).clone(), Operator::Eq, outer)?;
                    exists(&subquery, set.filter(equal)?.build()?, !any)
                }
            };
            let sure = if any { decides.clone().is_true() } else { decides.is_false() };
            let with_nulls = fact(0).gt(fact(1)).or((*expr).clone().is_null());
            let mut value = when(fact(0).eq(lit(0i64)), lit(!any)).when(sure, lit(any)).when(with_nulls, null());
            return Ok(Transformed::yes(value.otherwise(lit(!any))?));
        }
        let mut found = |wanted: fn(Expr) -> Expr| {
            let (set, holds) = self.compared(&subquery, (*expr).clone(), op, outer)?;
            Ok::<_, DataFusionError>(exists(&subquery, set.filter(wanted(holds))?.build()?, false))
        };
        let sure = if any { found(Expr::is_true)? } else { found(Expr::is_false)? };
        let value = when(sure, lit(any)).when(found(Expr::is_null)?, null()).otherwise(lit(!any))?;
        Ok(Transformed::yes(value))
    }

    /// The rows of a sub-query, and the comparison of `value`, of the outer row, with what they have.
    fn compared(
        &mut self,
        of: &Subquery,
        value: Expr,
        op: Operator,
        outer: &DFSchema,
    ) -> Result<(LogicalPlanBuilder, Expr)> {
        self.0 += 1;
        let name = format!("values {}", self.0);
        // A name of its own: the sub-query may read the table that the outer row is of.
        let set = LogicalPlanBuilder::from(of.subquery.as_ref().clone());
        let set = set.project([value_of(&of.subquery).alias(&name)])?;
        let value = value.transform_up(|e| match e {
            Expr::Column(column) => {
                let field = Arc::clone(outer.field_from_column(&column)?);
                Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
            }
            other => Ok(Transformed::no(other)),
        });
        let column = Expr::Column(Column::new_unqualified(name));
        Ok((set, Expr::BinaryExpr(BinaryExpr::new(Box::new(value.data()?), op, Box::new(column)))))
    }
}

/// Whether `expr` has no sub-query whose answer may be unknown, or is made of AND and OR only, where that counts as false.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_plain(left) && is_plain(right)
        }
        Expr::InSubquery(of) => !of.negated,
        other => !other.exists(|e| Ok(matches!(e, Expr::InSubquery(_) | Expr::SetComparison(_)))).unwrap_or(true),
    }
}

fn value_of(plan: &LogicalPlan) -> Expr {
    Expr::Column(Column::from(plan.schema().qualified_field(0)))
}

fn again(of: &Subquery, plan: LogicalPlan) -> Subquery {
    Subquery { outer_ref_columns: plan.all_out_ref_exprs(), subquery: Arc::new(plan), spans: of.spans.clone() }
}

fn exists(of: &Subquery, plan: LogicalPlan, negated: bool) -> Expr {
    Expr::Exists(Exists { subquery: again(of, plan), negated })
}

/// [`FACTS`] of the values of a sub-query.
fn facts(of: &Subquery) -> Result<Expr> {
    let value = value_of(&of.subquery);
    let [rows, values, least, most] = FACTS;
    let facts = [
        count(lit(1i64)).alias(rows),
        count(value.clone()).alias(values),
        min(value.clone()).alias(least),
        max(value).alias(most),
    ];
    let none: [Expr; 0] = [];
    let held = FACTS.iter().flat_map(|name| [lit(*name), Expr::Column(Column::new_unqualified(*name))]).collect();
    let plan = LogicalPlanBuilder::from(of.subquery.as_ref().clone()).aggregate(none, facts)?;
    Ok(Expr::ScalarSubquery(again(of, plan.project([named_struct(held).alias("facts")])?.build()?)))
}
