//! Where in a query something is that the planner refuses without a place: the smallest expression that, planned alone
//! over the same `FROM`, is refused in the same words. Done only when a query is refused.

use std::ops::{ControlFlow, Range};
use std::rc::Rc;

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, GroupByExpr, Query, Select, SelectItem, SetExpr, Spanned, Statement, Value, Visit, Visitor,
};

use crate::sql::error::SqlText;

/// Expressions that are tried, at most: a query of a megabyte is not planned a hundred thousand times.
pub(in crate::sql) const TRIED: usize = 300;

/// Where the smallest expression of `statement` stands for which `refused` is true of the query that computes nothing else.
pub(in crate::sql) fn smallest(
    text: &SqlText,
    statement: &Statement,
    refused: impl Fn(&Statement) -> bool,
) -> Option<Range<usize>> {
    let Statement::Query(query) = statement else { return None };
    let mut parts = Parts { with: query.as_ref().clone(), queries: Vec::new(), found: Vec::new() };
    let _ = statement.visit(&mut parts);
    // Where the rows themselves are refused it is no expression's fault.
    parts.found.dedup_by(|a, b| a.0 == b.0 && Rc::ptr_eq(&a.1, &b.1));
    let mut selects: Vec<&Rc<Select>> = parts.found.iter().map(|(_, select)| select).collect();
    selects.dedup_by(|a, b| Rc::ptr_eq(a, b));
    if selects.iter().any(|select| refused(&alone(&parts.with, select, Ast::value(Value::Null)))) {
        return None;
    }
    parts.found.into_iter().take(TRIED).find_map(|(expr, select)| {
        let span = expr.span();
        (span.start.line > 0 && refused(&alone(&parts.with, &select, expr))).then(|| text.range_of(span))
    })
}

/// `expr` over the rows of `select`.
pub(in crate::sql) fn alone(with: &Query, select: &Select, expr: Ast) -> Statement {
    let mut select = select.clone();
    select.projection = vec![SelectItem::UnnamedExpr(expr)];
    select.selection = None;
    select.having = None;
    select.distinct = None;
    select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    let mut query = with.clone();
    *query.body = SetExpr::Select(Box::new(select));
    query.order_by = None;
    query.limit_clause = None;
    query.fetch = None;
    query.pipe_operators = Vec::new();
    Statement::Query(Box::new(query))
}

/// The expressions of a query, parts before the whole.
struct Parts {
    with: Query,
    /// The queries around what is looked at, with the SELECT of each that was last gone into: its ORDER BY comes after it.
    queries: Vec<Option<Rc<Select>>>,
    found: Vec<(Ast, Rc<Select>)>,
}

impl Visitor for Parts {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries.push(None);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(query) = self.queries.last_mut() {
            *query = Some(Rc::new(select.clone()));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
        if self.found.len() >= TRIED {
            return ControlFlow::Break(());
        }
        if let Some(Some(select)) = self.queries.last() {
            self.found.push((expr.clone(), select.clone()));
        }
        ControlFlow::Continue(())
    }
}
