//! `GROUPING SETS`, `ROLLUP` and `CUBE`, where a query is asked once: an aggregation for each grouping, put together. Their
//! input is read once, whatever the number of groupings. A grouping by nothing is one row, though there were none (as in
//! PostgreSQL).

use std::sync::Arc;

use datafusion_common::{DataFusionError, ScalarValue};
use datafusion_expr::expr::GroupingSet;
use datafusion_expr::logical_plan::{Aggregate, Projection};
use datafusion_expr::utils::powerset;
use datafusion_expr::{Expr, LogicalPlan, lit};
use datafusion_functions_aggregate::expr_fn::count;

use super::Lowering;
use crate::Result;
use crate::relation::{Relation, build};

/// Groupings of one query: each keeps groups of its own, and CUBE has twice as many with each column.
const MOST_GROUPINGS: usize = 256;

impl Lowering<'_> {
    /// The rows of `aggregate`, which groups by `sets`.
    pub(super) fn grouping_sets(&self, aggregate: &Aggregate, sets: &GroupingSet) -> Result<Relation> {
        let number = number_of(sets);
        if number > MOST_GROUPINGS {
            let message = format!("these are {number} groupings, and a query has {MOST_GROUPINGS} at most");
            let help = "leave columns out of CUBE, or name the groupings that matter: GROUPING SETS ((a, b), (a), ())";
            return Err(self.text.refuse_clause("GROUP BY", message).with_help(help));
        }
        let sets = all_of(sets).map_err(|e| self.text.error(e))?;
        let inputs = sets.iter().map(|set| {
            let plan = grouped(aggregate, set).map_err(|e| self.text.error(e))?;
            self.lower(&plan)
        });
        let inputs = inputs.collect::<Result<_>>()?;
        Ok(build::union(inputs, aggregate.schema.inner().clone()))
    }
}

fn number_of(sets: &GroupingSet) -> usize {
    match sets {
        GroupingSet::Rollup(exprs) => exprs.len() + 1,
        GroupingSet::Cube(exprs) => 1usize.checked_shl(exprs.len() as u32).unwrap_or(usize::MAX),
        GroupingSet::GroupingSets(sets) => sets.len(),
    }
}

fn all_of(sets: &GroupingSet) -> Result<Vec<Vec<Expr>>, DataFusionError> {
    Ok(match sets {
        GroupingSet::Rollup(exprs) => (0..=exprs.len()).rev().map(|n| exprs[..n].to_vec()).collect(),
        GroupingSet::Cube(exprs) => {
            powerset(exprs)?.into_iter().map(|set| set.into_iter().cloned().collect()).collect()
        }
        GroupingSet::GroupingSets(sets) => sets.clone(),
    })
}

/// `aggregate` with one of its groupings: what it does not group by is null, and a bit of the id that `grouping(…)` reads.
fn grouped(aggregate: &Aggregate, set: &[Expr]) -> Result<LogicalPlan, DataFusionError> {
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    let all: Vec<&Expr> = match group_expr.as_slice() {
        [Expr::GroupingSet(sets)] => sets.distinct_expr(),
        other => other.iter().collect(),
    };
    let mut by: Vec<Expr> = Vec::new();
    by.extend(all.iter().filter(|expr| set.contains(expr)).map(|expr| (**expr).clone()));
    let mut computes = aggr_expr.clone();
    if by.is_empty() && computes.is_empty() {
        computes.push(count(lit(1i64)));
    }
    let one = Aggregate::try_new(input.clone(), by.clone(), computes)?;
    let column = |at: usize| Expr::Column(one.schema.columns()[at].clone());
    let typed = |value: ScalarValue, at: usize| {
        Ok::<_, DataFusionError>(Expr::Literal(value.cast_to(schema.field(at).data_type())?, None))
    };
    let mut columns = Vec::with_capacity(schema.fields().len());
    let mut id = 0u64;
    for (at, expr) in all.iter().enumerate() {
        let place = by.iter().position(|b| b == *expr);
        id = id << 1 | u64::from(place.is_none());
        columns.push(match place {
            Some(place) => column(place),
            None => Expr::Literal(ScalarValue::try_from(schema.field(at).data_type())?, None),
        });
    }
    columns.push(typed(ScalarValue::UInt64(Some(id)), all.len())?);
    columns.extend((0..aggr_expr.len()).map(|at| column(by.len() + at)));
    let one = Arc::new(LogicalPlan::Aggregate(one));
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns, one, schema.clone())?))
}
