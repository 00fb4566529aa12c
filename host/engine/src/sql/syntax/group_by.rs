//! What GROUP BY means by a name or a number: a column of the rows before one of SELECT, and none that is computed of groups.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, GroupByExpr, ObjectName, Select, SelectItem, Spanned, Statement, Value, Visit, Visitor,
    visit_expressions,
};

use crate::sql::error::SqlText;
use crate::sql::functions::BUILT_IN;
use crate::{Error, Result};

/// Refuses groups of what is computed of groups.
///
/// # Errors
/// GROUP BY names an aggregate of SELECT.
pub(in crate::sql) fn refuse(text: &SqlText, statement: &Statement) -> Result<()> {
    let mut found = Aggregates { text, refused: None };
    let _ = statement.visit(&mut found);
    found.refused.map_or(Ok(()), Err)
}

struct Aggregates<'a> {
    text: &'a SqlText,
    refused: Option<Error>,
}

impl Visitor for Aggregates<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let GroupByExpr::Expressions(by, _) = &select.group_by else { return ControlFlow::Continue(()) };
        for by in by {
            let found = match by {
                Ast::Value(value) => item_at(select, &value.value).map(|at| format!("column {at} of SELECT")),
                // What means a column is in quotes by now.
                Ast::Identifier(name) if name.quote_style.is_none() => {
                    let called = select.projection.iter().any(|item| match item {
                        SelectItem::ExprWithAlias { expr, alias } => {
                            alias.value.to_lowercase() == name.value.to_lowercase() && has_aggregate(expr)
                        }
                        _ => false,
                    });
                    called.then(|| format!("`{}`", name.value))
                }
                _ => None,
            };
            if let Some(what) = found {
                let message = format!("{what} is an aggregate, and groups are made of what rows have");
                let refused = self.text.refuse(self.text.range_of(by.span()), message);
                self.refused =
                    Some(refused.with_help("leave it out; to group by it, do so in a second query over this one"));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// The number that `value` is, if the item of SELECT that it counts is an aggregate.
fn item_at(select: &Select, value: &Value) -> Option<usize> {
    let Value::Number(number, _) = value else { return None };
    let at: usize = number.parse().ok()?;
    let before = select.projection.get(..at)?;
    let counted = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = before.last()? else { return None };
    (before.iter().all(counted) && has_aggregate(expr)).then_some(at)
}

/// Whether an aggregate that is no plugin's is called in `expr`, over groups.
pub(in crate::sql) fn has_aggregate(expr: &Ast) -> bool {
    let is_one = |name: &ObjectName| BUILT_IN.aggregates.contains_key(&name.to_string().to_lowercase());
    let found = visit_expressions(expr, |e| match e {
        Ast::Function(call) if call.over.is_none() && is_one(&call.name) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// The name by which a SELECT of `statement` groups, and which it gives to another column: the rows' own column is meant.
pub(in crate::sql) fn shadowed(statement: &Statement) -> Option<String> {
    struct Found(Option<String>);
    impl Visitor for Found {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let GroupByExpr::Expressions(by, _) = &select.group_by else { return ControlFlow::Continue(()) };
            let named = |name: &str| by.iter().any(|e| matches!(e, Ast::Identifier(by) if by.value == *name));
            let found = select.projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if named(&alias.value) && !is_column(expr, &alias.value) => {
                    Some(alias.value.clone())
                }
                _ => None,
            });
            self.0 = self.0.take().or(found);
            ControlFlow::Continue(())
        }
    }
    let mut found = Found(None);
    let _ = statement.visit(&mut found);
    found.0
}

/// Whether `expr` is just the column `name`.
fn is_column(expr: &Ast, name: &str) -> bool {
    match expr {
        Ast::Identifier(ident) => ident.value == name,
        Ast::CompoundIdentifier(parts) => parts.len() == 2 && parts[1].value == name,
        Ast::Nested(inner) => is_column(inner, name),
        _ => false,
    }
}
