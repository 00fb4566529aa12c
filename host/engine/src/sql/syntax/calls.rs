//! Calls of functions in an expression.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{Expr as Ast, Function, Query, Visit, Visitor};

/// What `wanted` says of the first call in `expr` that it says something of. Calls in sub-queries are theirs.
pub(in crate::sql) fn first_call<T>(expr: &Ast, wanted: impl Fn(&Function) -> Option<T>) -> Option<T> {
    match expr.visit(&mut Calls { wanted, in_query: 0 }) {
        ControlFlow::Break(found) => Some(found),
        ControlFlow::Continue(()) => None,
    }
}

struct Calls<W> {
    wanted: W,
    /// Depth of sub-queries around the expression.
    in_query: usize,
}

impl<T, W: Fn(&Function) -> Option<T>> Visitor for Calls<W> {
    type Break = T;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<T> {
        self.in_query += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<T> {
        self.in_query -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<T> {
        let found = match expr {
            Ast::Function(f) if self.in_query == 0 => (self.wanted)(f),
            _ => None,
        };
        found.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}
