//! Which arguments of a plugin's calls are constant: decided once, when a query is planned, and so the same whether it is
//! checked or run. `percentile(ms, 0.99)` and `nth(line, 1 + 1)` hand their plugin a constant, whatever the planner makes of it
//! later; what has a column in it is none.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion_common::{DFSchema, Result, ScalarValue};
use datafusion_expr::expr::AggregateFunction;
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr};
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::{AggregateUDF, Expr};
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_sql::planner::{PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::{
    Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Statement, VisitMut, VisitorMut,
};

use super::{PluginAggregateFunction, PluginFunction};
use crate::sql::catalog::{Catalog, parser_options};
use crate::sql::names::spell;
use crate::sql::parse::normalised;

/// The constants among a call's arguments, by their places.
pub(in crate::sql) type Constants = Vec<Option<ScalarValue>>;

/// The value of an expression that has nothing but constants in it.
fn value(expr: &Expr) -> Option<ScalarValue> {
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

/// Gives calls of map plugins in `statement` their constants: each such call is a function of its own.
pub(in crate::sql) fn bind_maps(
    statement: &mut Statement,
    catalog: &mut Catalog,
    plugins: &BTreeMap<String, PluginFunction>,
) {
    if plugins.is_empty() {
        return;
    }
    let _ = statement.visit(&mut Maps { catalog, plugins });
}

struct Maps<'a> {
    catalog: &'a mut Catalog,
    plugins: &'a BTreeMap<String, PluginFunction>,
}

impl VisitorMut for Maps<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        let Ast::Function(call) = expr else { return ControlFlow::Continue(()) };
        let [ObjectNamePart::Identifier(name)] = call.name.0.as_mut_slice() else { return ControlFlow::Continue(()) };
        let (Some(plugin), FunctionArguments::List(list)) = (self.plugins.get(&normalised(name)), &call.args) else {
            return ControlFlow::Continue(());
        };
        let constant = |arg: &FunctionArg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.constant(expr),
            _ => None,
        };
        let constants: Constants = list.args.iter().map(constant).collect();
        if constants.iter().any(Option::is_some)
            && let Some(called) = self.catalog.add_call(plugin, constants)
        {
            spell(name, called);
        }
        ControlFlow::Continue(())
    }
}

impl Maps<'_> {
    /// The value of an expression in a query's text.
    fn constant(&self, expr: &Ast) -> Option<ScalarValue> {
        let planner = SqlToRel::new_with_options(&*self.catalog, parser_options());
        let planned = planner.sql_to_expr(expr.clone(), &DFSchema::empty(), &mut PlannerContext::new());
        value(&planned.ok()?)
    }
}
