//! Which arguments of a plugin's calls are constant: decided once, when a query is planned, and so the same whether it is
//! checked or run. `percentile(ms, 0.99)` and `nth(line, 1 + 1)` hand their plugin a constant, whatever the planner makes of it
//! later; what has a column in it is none.

use std::any::Any;
use std::sync::Arc;

use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{AggregateUDF, Expr};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;

use super::PluginAggregateFunction;

/// The constants among a call's arguments, by their places.
pub(in crate::sql) type Constants = Vec<Option<ScalarValue>>;

/// The value of an expression that has nothing but constants in it.
pub(super) fn value(expr: &Expr) -> Option<ScalarValue> {
    if expr.any_column_refs() || expr.is_volatile() {
        return None;
    }
    let schema = Arc::new(DFSchema::empty());
    let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(schema.clone()).build());
    let coerced = simplifier.coerce(expr.clone(), &schema).ok()?;
    match simplifier.simplify(coerced).ok()? {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// Gives calls of aggregate plugins their constants.
#[derive(Debug)]
pub(in crate::sql) struct AggregateConstants;

impl ExprPlanner for AggregateConstants {
    fn plan_aggregate(&self, call: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let inner = call.func.inner().as_ref() as &dyn Any;
        let Some(plugin) = inner.downcast_ref::<PluginAggregateFunction>() else {
            return Ok(PlannerResult::Original(call));
        };
        let constants: Constants = call.args.iter().map(value).collect();
        let func = Arc::new(AggregateUDF::new_from_impl(plugin.with(constants)));
        let RawAggregateExpr { args, distinct, filter, order_by, null_treatment, .. } = call;
        let call = AggregateFunction::new_udf(func, args, distinct, filter, order_by, null_treatment);
        Ok(PlannerResult::Planned(Expr::AggregateFunction(call)))
    }
}
