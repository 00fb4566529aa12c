//! Calls of map plugins in a query's text, each a function of its own with the constants that it is called with.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion_common::{DFSchema, ScalarValue};
use datafusion_sql::planner::{PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::{
    Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Statement, VisitMut, VisitorMut,
};

use super::PluginFunction;
use super::constants::{Constants, value};
use crate::sql::catalog::{Catalog, parser_options};
use crate::sql::names::ident::{normalised, spell};

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
