//! Calls of plugins in expressions, for people: which plugin, and what it reads.

use std::any::Any;

use arrow::datatypes::FieldRef;
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Expr, ExprSchemable};

use super::PluginScalar;
use crate::relation::{InSql, PluginUse};
use crate::sql::shown::{all_shown, shown_of};

/// `exprs` over rows of `schema`, with the plugins that they call.
pub(in crate::sql) fn in_sql(exprs: &[Expr], schema: &DFSchema) -> InSql {
    InSql { shown: all_shown(exprs, schema), plugins: called_in(exprs, schema) }
}

/// The plugins that `exprs` call, each call once.
pub(in crate::sql) fn called_in(exprs: &[Expr], schema: &DFSchema) -> Vec<PluginUse> {
    let mut calls = Vec::new();
    add_called_in(&mut calls, exprs, schema);
    calls
}

/// The same, beside those that are known.
pub(in crate::sql) fn add_called_in(calls: &mut Vec<PluginUse>, exprs: &[Expr], schema: &DFSchema) {
    for expr in exprs {
        let walked = expr.apply(|e| {
            calls.extend(called(e, schema).filter(|call| !calls.contains(call)));
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(walked.is_ok(), "nothing in it fails");
    }
}

/// The plugin that `expr` calls, if it is such a call.
fn called(expr: &Expr, schema: &DFSchema) -> Option<PluginUse> {
    let Expr::ScalarFunction(f) = expr else { return None };
    let plugin = (f.func.inner().as_ref() as &dyn Any).downcast_ref::<PluginScalar>()?;
    let fields: Vec<FieldRef> =
        f.args.iter().map(|a| a.to_field(schema).map(|(_, f)| f)).collect::<Result<_, _>>().ok()?;
    let (reads, hints) = plugin.reads(&fields).ok()?;
    let reads = arguments(&reads, &f.args, schema);
    Some(PluginUse { plugin: f.func.name().to_owned(), reads, hints: Some(hints) })
}

/// Arguments by their numbers; what is constant is nothing that is read.
pub(in crate::sql) fn arguments(reads: &[usize], args: &[Expr], schema: &DFSchema) -> Vec<String> {
    let read = reads.iter().filter_map(|at| args.get(*at)).filter(|arg| !matches!(arg, Expr::Literal(..)));
    read.map(|arg| shown_of(arg, schema)).collect()
}
