//! Calls of map plugins in a query's text that have constants among their arguments: each is a function of its own that
//! knows by which text it is called, and with which constants.

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
use crate::sql::error::SqlText;
use crate::sql::names::ident::{normalised, spell};

/// Makes each call of a map plugin with constants in `statement` a function of its own.
pub(in crate::sql) fn bind_calls(
    text: &SqlText,
    statement: &mut Statement,
    catalog: &mut Catalog,
    plugins: &BTreeMap<String, PluginFunction>,
) {
    if plugins.is_empty() {
        return;
    }
    let _ = statement.visit(&mut Calls { text, catalog, plugins });
}

struct Calls<'a> {
    text: &'a SqlText,
    catalog: &'a mut Catalog,
    plugins: &'a BTreeMap<String, PluginFunction>,
}

impl VisitorMut for Calls<'_> {
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
        let at = self.text.whole_call(self.text.place_of_call(name.span, &name.value));
        let plugin = PluginFunction { sql: self.text.sql().get(at).map(Into::into), ..plugin.clone() };
        if constants.iter().any(Option::is_some)
            && let Some(called) = self.catalog.add_call(&plugin, constants)
        {
            spell(name, called);
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    /// The value of an expression in a query's text.
    fn constant(&self, expr: &Ast) -> Option<ScalarValue> {
        let planner = SqlToRel::new_with_options(&*self.catalog, parser_options());
        let planned = planner.sql_to_expr(expr.clone(), &DFSchema::empty(), &mut PlannerContext::new());
        value(&planned.ok()?)
    }
}
