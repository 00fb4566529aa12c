//! What `window.start` means. A query that groups by `window(…)` or `session_window(…)` speaks of the window by the
//! function's name, which names no table and no column: before planning such names are replaced by what they mean, a
//! field of the grouping expression.
//!
//! A bound of an input's window, `t.window.start`, is called by the bound's name too, and so is that of a call,
//! `window(ts, '1 hour').start`.
//!
//! Inside the call itself, in `FROM`, `WHERE` and `GROUP BY`, the name is that of an input's column if anything: so a
//! window of windows reads `GROUP BY window(window, '5 minutes')`.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    AccessExpr, Expr as Ast, GroupByExpr, Ident, OrderBy, Query, Select, SelectItem, SetExpr, Spanned, Value, VisitMut,
    VisitorMut,
};

use super::ast::call;
use crate::Result;
use crate::sql::error::SqlText;
use crate::sql::functions::window::{SESSION_WINDOW, WINDOW};

const BOUNDS: [&str; 2] = ["start", "end"];

/// Replaces `window`, `window.start` and `window.end` in each query that groups by a window, and the same of sessions.
pub(in crate::sql) fn rewrite_windows(text: &SqlText, query: &mut Query) -> Result<()> {
    let mut rewriter = Rewriter { error: None, text };
    let _ = query.visit(&mut rewriter);
    rewriter.error.map_or(Ok(()), Err)
}

struct Rewriter<'a> {
    error: Option<crate::Error>,
    text: &'a SqlText,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        match rewrite_body(self.text, body, order_by) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Of several that are put together each has its own window; only one by itself can be ordered by it.
fn rewrite_body(text: &SqlText, body: &mut SetExpr, order_by: &mut impl VisitMut) -> Result<()> {
    match body {
        SetExpr::Select(select) => rewrite_select(text, select, order_by),
        SetExpr::SetOperation { left, right, .. } => {
            rewrite_body(text, left, &mut None::<OrderBy>)?;
            rewrite_body(text, right, &mut None::<OrderBy>)
        }
        _ => Ok(()),
    }
}

fn rewrite_select(text: &SqlText, select: &mut Select, order_by: &mut impl VisitMut) -> Result<()> {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(Ast::CompoundIdentifier(parts)) = item
            && let [.., window, bound] = parts.as_slice()
            && [WINDOW, SESSION_WINDOW].into_iter().any(|name| is_named(window, name))
            && let Some(bound) = BOUNDS.into_iter().find(|name| is_named(bound, name))
        {
            *item =
                SelectItem::ExprWithAlias { expr: Ast::CompoundIdentifier(parts.clone()), alias: Ident::new(bound) };
        }
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(bound) = bound_of_call(expr)
        {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(bound) };
        }
    }
    let Some((name, call)) = window_call(text, select)? else { return Ok(()) };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(alias) = output_name(expr, name)
        {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(alias) };
        }
    }
    let mut meanings = Meanings { name, call, inside: 0, unknown: None, other: None };
    let _ = select.projection.visit(&mut meanings);
    let _ = select.having.visit(&mut meanings);
    let _ = select.qualify.visit(&mut meanings);
    let _ = select.named_window.visit(&mut meanings);
    let _ = order_by.visit(&mut meanings);
    let by_place = |e: &Ast| matches!(e, Ast::Value(_));
    if let Some(other) = meanings.other
        && !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.iter().any(by_place))
    {
        let message = format!("the query groups by {}, not by {other}", meanings.call);
        let at = text.range_of(other.span());
        return Err(text.refuse(at, message).with_help(format!("write {name}.start, or the same call")));
    }
    match meanings.unknown {
        None => Ok(()),
        Some(unknown) => Err(text
            .refuse_clause(&unknown, format!("a window has no `{unknown}`"))
            .with_help(format!("it has {name}.start and {name}.end"))),
    }
}

/// The window that a `SELECT` groups by, with the name of its function.
fn window_call(text: &SqlText, select: &Select) -> Result<Option<(&'static str, Ast)>> {
    let GroupByExpr::Expressions(exprs, _) = &select.group_by else { return Ok(None) };
    let mut calls = exprs.iter().filter_map(|e| called(e).map(|name| (name, e.clone())));
    match (calls.next(), calls.next()) {
        (first, None) => Ok(first),
        (_, Some((second, _))) => Err(text
            .refuse_clause(second, "a query groups by one window only")
            .with_help("group by the other one in a second query over the first")),
    }
}

/// Which window function `expr` calls.
pub(in crate::sql) fn called(expr: &Ast) -> Option<&'static str> {
    let Ast::Function(f) = expr else { return None };
    let name = f.name.to_string();
    [WINDOW, SESSION_WINDOW].into_iter().find(|w| name.eq_ignore_ascii_case(w))
}

/// The bound that `window(ts, '1 hour').start` is, called as such.
fn bound_of_call(expr: &Ast) -> Option<&'static str> {
    let Ast::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let (Some(_), [AccessExpr::Dot(Ast::Identifier(field))]) = (called(root), access_chain.as_slice()) else {
        return None;
    };
    BOUNDS.into_iter().find(|bound| is_named(field, bound))
}

fn is_named(ident: &Ident, name: &str) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(name)
}

/// What a select item that is just a window, or a bound of it, is called.
fn output_name(expr: &Ast, name: &str) -> Option<String> {
    match expr {
        Ast::Identifier(ident) if is_named(ident, name) => Some(name.to_owned()),
        expr => called(expr).map(str::to_owned),
    }
}

/// Puts the expressions that a window's names stand for in their place.
struct Meanings {
    name: &'static str,
    call: Ast,
    /// Depth of calls of window functions around the expression that is looked at.
    inside: usize,
    unknown: Option<String>,
    /// A window that the query does not group by.
    other: Option<Ast>,
}

impl VisitorMut for Meanings {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        self.inside += usize::from(called(expr).is_some());
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if called(expr).is_some() {
            self.inside -= 1;
            let same = |a: &Ast, b: &Ast| a.to_string().eq_ignore_ascii_case(&b.to_string());
            if self.inside == 0 && called(expr) == Some(self.name) && !same(expr, &self.call) {
                self.other.get_or_insert(expr.clone());
            }
        } else if self.inside == 0
            && let Some(meant) = self.meaning(expr)
        {
            *expr = meant;
        }
        ControlFlow::Continue(())
    }
}

impl Meanings {
    fn meaning(&mut self, expr: &Ast) -> Option<Ast> {
        match expr {
            Ast::Identifier(ident) if is_named(ident, self.name) => Some(self.call.clone()),
            Ast::CompoundIdentifier(parts) if parts.len() == 2 && is_named(&parts[0], self.name) => {
                let field = parts[1].value.to_lowercase();
                if !BOUNDS.contains(&field.as_str()) {
                    self.unknown.get_or_insert(format!("{}.{}", parts[0].value, parts[1].value));
                    return None;
                }
                Some(call("get_field", vec![self.call.clone(), Ast::value(Value::SingleQuotedString(field))]))
            }
            Ast::CompoundFieldAccess { root, access_chain } if called(root).is_some() => {
                if let [AccessExpr::Dot(Ast::Identifier(field))] = access_chain.as_slice()
                    && !BOUNDS.iter().any(|bound| field.value.eq_ignore_ascii_case(bound))
                {
                    self.unknown.get_or_insert(field.value.clone());
                }
                None
            }
            _ => None,
        }
    }
}
