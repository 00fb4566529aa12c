//! The names in the expressions of one clause.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{AccessExpr, Expr as Ast, Ident, ObjectNamePart, Query, VisitMut, VisitorMut};

use super::ident::{normalised, spell};
use super::lookup::Lookup;
use super::rows::{Rows, Scope};
use crate::sql::spelling::window_names::called;
use crate::{Error, Result};

/// What is done with a sub-query, around which these rows are.
type SubQuery<'a> = &'a dyn Fn(&mut Query, &[Rows]) -> Result<()>;

/// Resolves the names in the expressions of `part`; those of a sub-query in it by `sub_query`.
///
/// # Errors
/// A name that may mean two things.
pub(super) fn resolve(
    part: &mut impl VisitMut,
    lookup: &Lookup<'_>,
    scope: Scope<'_>,
    sub_query: SubQuery<'_>,
) -> Result<()> {
    let mut names = Names { lookup, scope, sub_query, in_window: 0, in_query: 0, error: None };
    let _ = part.visit(&mut names);
    names.error.map_or(Ok(()), Err)
}

/// The names in expressions of one scope.
struct Names<'a, 'r> {
    lookup: &'a Lookup<'r>,
    scope: Scope<'a>,
    sub_query: SubQuery<'a>,
    /// Depth of calls of window functions around the expression.
    in_window: usize,
    /// Depth of sub-queries around the expression: these are looked at as a whole.
    in_query: usize,
    error: Option<Error>,
}

impl Names<'_, '_> {
    fn look_at(&mut self, expr: &mut Ast) -> Result<()> {
        // What a window is over is a column of the rows, whatever SELECT calls the like of it.
        let rows_only = Scope { aliases: &[], ..self.scope };
        let scope = if self.in_window > 0 { rows_only } else { self.scope };
        match expr {
            Ast::Identifier(ident) => {
                let found = self.lookup.column(ident, scope)?;
                let of = |name: &str| {
                    let has = |r: &&Rows| r.columns.iter().any(|c| c.name == *name);
                    let mut rows = scope.rows.iter().filter(has);
                    rows.next().filter(|_| rows.next().is_none()).and_then(|r| r.name.clone())
                };
                let shadowed = |name: &str| self.scope.aliases.iter().any(|a| a.name == *name);
                if self.in_window > 0
                    && let Some(name) = found.map(|known| known.name)
                    && shadowed(&name)
                    && let Some(table) = of(&name)
                {
                    *expr =
                        Ast::CompoundIdentifier(vec![Ident::with_quote('"', table.name), Ident::with_quote('"', name)]);
                }
                Ok(())
            }
            Ast::CompoundIdentifier(parts) => self.lookup.path(&mut parts.iter_mut().collect::<Vec<_>>(), scope),
            Ast::CompoundFieldAccess { root, access_chain } => {
                let Ast::Identifier(first) = root.as_mut() else { return Ok(()) };
                let fields = access_chain.iter_mut().map_while(|a| match a {
                    AccessExpr::Dot(Ast::Identifier(field)) => Some(field),
                    _ => None,
                });
                let mut parts = vec![first];
                parts.extend(fields);
                if parts.len() == 1 {
                    return Ok(());
                }
                self.lookup.path(&mut parts, scope)?;
                // They are no columns by themselves.
                for part in parts {
                    let name = normalised(part);
                    spell(part, name);
                }
                Ok(())
            }
            Ast::Function(call) => {
                if let [ObjectNamePart::Identifier(name)] = call.name.0.as_mut_slice()
                    && !(self.lookup.is_function)(&normalised(name))
                {
                    let plugins = self.lookup.plugins.iter().collect();
                    self.lookup.one(name, "plugins", &[plugins])?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl VisitorMut for Names<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.in_query += 1;
        if self.in_query > 1 {
            return ControlFlow::Continue(());
        }
        let outer: Vec<Rows> = self.scope.rows.iter().chain(self.scope.outer).cloned().collect();
        match (self.sub_query)(query, &outer) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.in_query -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if self.in_query > 0 {
            return ControlFlow::Continue(());
        }
        if let Err(error) = self.look_at(expr) {
            self.error = Some(error);
            return ControlFlow::Break(());
        }
        self.in_window += usize::from(called(expr).is_some());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if self.in_query == 0 {
            self.in_window -= usize::from(called(expr).is_some());
        }
        ControlFlow::Continue(())
    }
}
