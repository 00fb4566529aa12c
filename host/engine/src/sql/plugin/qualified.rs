//! `plugin.operator(…)`: a call of one operator of a plugin that holds several. The planner knows functions by a single
//! name, so the two are put together before it sees them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, TableFactor, VisitMut, VisitorMut,
};

/// Makes one name of each `plugin.operator` that is called, where `plugin` is one of `plugins`.
pub(in crate::sql) fn join_names(query: &mut Query, plugins: &BTreeSet<String>) {
    let _ = query.visit(&mut Joiner { plugins });
}

struct Joiner<'a> {
    plugins: &'a BTreeSet<String>,
}

impl Joiner<'_> {
    fn join(&self, name: &mut ObjectName) {
        let [ObjectNamePart::Identifier(plugin), ObjectNamePart::Identifier(operator)] = &name.0[..] else { return };
        let Some(meant) = self.meant(plugin) else { return };
        let mut joined = Ident::with_quote('"', format!("{meant}.{}", operator.value));
        joined.span = plugin.span.union(&operator.span);
        *name = ObjectName(vec![ObjectNamePart::Identifier(joined)]);
    }

    /// The plugin that `name` means: spelled like it or, without quotes, the only one but for upper and lower case.
    fn meant(&self, name: &Ident) -> Option<&String> {
        self.plugins.get(&name.value).or_else(|| {
            let mut alike = self.plugins.iter().filter(|plugin| plugin.eq_ignore_ascii_case(&name.value));
            alike.next().filter(|_| name.quote_style.is_none() && alike.next().is_none())
        })
    }
}

impl VisitorMut for Joiner<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.join(&mut function.name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } = factor {
            self.join(name);
        }
        ControlFlow::Continue(())
    }
}
