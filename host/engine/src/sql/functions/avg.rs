//! The average of integers is taken of the integers themselves, so that it is exact. The planner would take them as floats;
//! and where something else needs the same floats, it computes these once for both, and nobody can tell any more what
//! they were. So this is put right before common expressions are looked for.

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::logical_plan::Aggregate;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, cast};

use super::function::{Example, Function, Implementation, Stage};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "avg",
    signature: "avg(x) → float64 or decimal",
    gives: "the average; of integers it is that of their exact sum",
    example: Example { sql: "avg(bytes) FROM events", answer: "122.0" },
    by: Implementation::Rewrite(Stage::Folded, averages_of_integers),
}];

/// `plan` whose averages of integers are of integers.
fn averages_of_integers(plan: LogicalPlan) -> Result<LogicalPlan> {
    let exact = plan.transform_up(|node| {
        let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
        let (mut any, mut computed) = (false, Vec::with_capacity(aggregate.aggr_expr.len()));
        for expr in &aggregate.aggr_expr {
            let exact = expr.clone().transform_up(|e| {
                let exact = match &e {
                    Expr::AggregateFunction(f) => of_integers(f, aggregate.input.schema())?,
                    _ => None,
                };
                Ok(exact.map_or_else(|| Transformed::no(e), |f| Transformed::yes(Expr::AggregateFunction(f))))
            })?;
            any |= exact.transformed;
            let (qualifier, name) = expr.qualified_name();
            let same_name = exact.data.qualified_name() == (qualifier.clone(), name.clone());
            computed.push(if same_name { exact.data } else { exact.data.alias_qualified(qualifier, name) });
        }
        if !any {
            return Ok(Transformed::no(node));
        }
        let Aggregate { input, group_expr, schema, .. } = aggregate.clone();
        let exact = Aggregate::try_new_with_schema(input, group_expr, computed, schema)?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(exact)))
    });
    exact.map(|t| t.data)
}

/// The average of the integers in `call`, if it is one.
fn of_integers(call: &AggregateFunction, schema: &DFSchema) -> Result<Option<AggregateFunction>> {
    let [Expr::Cast(floats)] = call.params.args.as_slice() else { return Ok(None) };
    if call.func.name() != "avg" || *floats.field.data_type() != DataType::Float64 {
        return Ok(None);
    }
    let integers = (*floats.expr).clone();
    if !integers.get_type(schema)?.is_integer() {
        return Ok(None);
    }
    let mut exact = call.clone();
    exact.params.args = vec![integers];
    Ok(Some(exact))
}

/// Whether `call` is an average of integers.
pub(in crate::sql) fn is_of_integers(call: &AggregateFunction, schema: &DFSchema) -> bool {
    let is_integer = |e: &Expr| e.get_type(schema).is_ok_and(|t| t.is_integer());
    call.func.name() == "avg" && matches!(call.params.args.as_slice(), [of] if is_integer(of))
}

/// The integers of an average as they are summed, in 64 bits.
pub(in crate::sql) fn widened(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let Expr::AggregateFunction(mut call) = expr else { return Ok(expr) };
    if is_of_integers(&call, schema) {
        let integers = call.params.args.remove(0);
        let wide = match integers.get_type(schema)? {
            DataType::Int8 | DataType::Int16 | DataType::Int32 => cast(integers, DataType::Int64),
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => cast(integers, DataType::UInt64),
            _ => integers,
        };
        call.params.args.push(wide);
    }
    Ok(Expr::AggregateFunction(call))
}
