//! What SELECT calls its columns.

use datafusion_sql::sqlparser::ast::{Expr as Ast, OrderBy, OrderByKind, SelectItem};

use super::ident::normalised;
use super::rows::Scope;
use super::scope::{Known, field_meant};
use crate::sql::syntax::group_by::has_aggregate;

/// Those of what SELECT names that it computes of single rows.
pub(super) fn aliases_of_rows(aliases: &[Known], items: &[SelectItem]) -> Vec<Known> {
    let of_groups = |known: &Known| {
        items.iter().any(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => alias.value == known.name && has_aggregate(expr),
            _ => false,
        })
    };
    aliases.iter().filter(|known| !of_groups(known)).cloned().collect()
}

/// The column of SELECT that `expr` is without an alias, where it has a name of its own.
pub(super) fn output(expr: &Ast, input: Scope<'_>) -> Option<Known> {
    match expr {
        Ast::Identifier(ident) => {
            let name = normalised(ident);
            let of = input.rows.iter().chain(input.outer).find_map(|rows| rows.column(&name)?.of.clone());
            Some(Known { of, ..Known::exact(name) })
        }
        Ast::CompoundIdentifier(parts) => {
            let [table, column] = parts.as_slice() else { return None };
            let (rows, name) = (input.called(&table.value)?, normalised(column));
            Some(Known { of: rows.column(&name).and_then(|c| c.of.clone()), ..Known::exact(name) })
        }
        Ast::Nested(inner) => output(inner, input),
        _ => None,
    }
}

/// The field of a struct that `expr` is a path to, by its own name: what it is called as a column, as in Spark.
pub(super) fn name_field(expr: &Ast, input: Scope<'_>) -> Option<Known> {
    let parts = match expr {
        Ast::CompoundIdentifier(parts) => parts,
        Ast::Nested(inner) => return name_field(inner, input),
        _ => return None,
    };
    let (first, second) = (parts.first()?, parts.get(1)?);
    let of_table = input.called(&first.value).and_then(|rows| rows.column(&second.value));
    let (root, fields) = match of_table {
        Some(column) => (column, &parts[2..]),
        None => (input.rows.iter().chain(input.outer).find_map(|rows| rows.column(&first.value))?, &parts[1..]),
    };
    if fields.is_empty() {
        return None;
    }
    let mut known = root.clone();
    for field in fields {
        let written = normalised(field);
        known = match known.of.as_ref().and_then(|of| field_meant(of, &written)) {
            Some(field) => Known::field(field),
            None => Known::exact(written),
        };
    }
    Some(known)
}

/// ORDER BY of distinct rows is by their columns: one that is written as SELECT has it is that column.
pub(super) fn by_what_comes_out(order_by: &mut OrderBy, items: &[SelectItem]) {
    let OrderByKind::Expressions(exprs) = &mut order_by.kind else { return };
    for order in exprs {
        let written = items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == order.expr => Some(alias),
            _ => None,
        });
        if let Some(alias) = written {
            order.expr = Ast::Identifier(alias.clone());
        }
    }
}
