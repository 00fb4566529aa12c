//! What the operators of a relation do, for people: said where they are made, of the same expressions.

use std::any::Any;

use arrow::datatypes::FieldRef;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::{Expr, ExprSchemable};

use super::plugin::PluginScalar;
use super::shown::shown_of;

/// What one operator does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// In a word or two: `filter`, `group by`. Empty: nothing that a person would want to know.
    pub does: &'static str,
    /// With what: expressions as in SQL, or words. Empty where it is a plugin that does it.
    pub with: Vec<String>,
    /// What an aggregation computes for each group.
    pub computes: Vec<String>,
    /// The plugins that it calls.
    pub plugins: Vec<PluginUse>,
}

/// The call of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginUse {
    /// The plugin's name.
    pub plugin: String,
    /// The columns that it is handed, or the expressions; those of its input that it does not ask for are left out.
    pub reads: Vec<String>,
}

impl Step {
    /// It does this, with these.
    pub fn new(does: &'static str, with: Vec<String>) -> Self {
        Self { does, with, ..Self::default() }
    }

    /// With the calls of plugins in these expressions over rows of `schema`.
    pub(super) fn calling(mut self, exprs: &[Expr], schema: &DFSchema) -> Self {
        for expr in exprs {
            let walked = expr.apply(|e| {
                self.plugins.extend(called(e, schema).filter(|call| !self.plugins.contains(call)));
                Ok(TreeNodeRecursion::Continue)
            });
            debug_assert!(walked.is_ok(), "nothing in it fails");
        }
        self
    }
}

/// The plugin that `expr` calls, if it is such a call.
fn called(expr: &Expr, schema: &DFSchema) -> Option<PluginUse> {
    let Expr::ScalarFunction(f) = expr else { return None };
    let plugin = (f.func.inner().as_ref() as &dyn Any).downcast_ref::<PluginScalar>()?;
    let fields: Vec<FieldRef> =
        f.args.iter().map(|a| a.to_field(schema).map(|(_, f)| f)).collect::<Result<_, _>>().ok()?;
    let reads = plugin.reads(&fields).ok()?;
    Some(PluginUse { plugin: f.func.name().to_owned(), reads: arguments(&reads, &f.args, schema) })
}

/// A literal's value.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value.clone()),
        _ => None,
    }
}

/// Arguments by their numbers; what is constant is nothing that is read.
pub(super) fn arguments(reads: &[usize], args: &[Expr], schema: &DFSchema) -> Vec<String> {
    let read = reads.iter().filter_map(|at| args.get(*at)).filter(|arg| constant(arg).is_none());
    read.map(|arg| shown_of(arg, schema)).collect()
}

/// Names of columns by their places.
pub(crate) fn names(reads: &[usize], fields: &[FieldRef]) -> Vec<String> {
    reads.iter().filter_map(|at| fields.get(*at)).map(|f| f.name().clone()).collect()
}

/// The step of a plugin that takes whole rows.
pub(crate) fn by_plugin(does: &'static str, plugin: &str, reads: Vec<String>) -> Step {
    let plugins = vec![PluginUse { plugin: plugin.to_owned(), reads }];
    Step { does, plugins, ..Step::default() }
}
