//! Rows that a query makes itself, where it is asked once: `SELECT` without `FROM`, `VALUES`, and `range`, `generate_series`
//! and `unnest` in `FROM`. They are put in terms of a table of one row, [`ONE_ROW`], which whoever asks adds.
//!
//! The rows of `VALUES` are lists, one for each column, that are unnested side by side: a `UNION` of as many queries would be
//! planned a hundred times as slowly, and nested as deep.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    Array, Expr as Ast, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SetExpr, Spanned, Statement, TableAlias, TableFactor, TableWithJoins, Values, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use super::ast::call;
use crate::sql::error::SqlText;
use crate::sql::names::ident::normalised;
use crate::sql::parse::dialect::statements;
use crate::{Error, Result};

/// The table of one row. It cannot be typed without quotes.
pub const ONE_ROW: &str = "one row";

/// Puts what makes rows in `query` in other terms.
///
/// # Errors
/// It cannot be: `*` without `FROM`, rows of differing lengths, a call that reads columns of other tables.
pub(in crate::sql) fn respell_made_rows(text: &SqlText, query: &mut Query) -> Result<()> {
    let mut made = MadeRows { text, refused: None };
    let _ = query.visit(&mut made);
    made.refused.map_or(Ok(()), Err)
}

struct MadeRows<'a> {
    text: &'a SqlText,
    refused: Option<Error>,
}

impl MadeRows<'_> {
    fn body(&self, body: &mut SetExpr) -> Result<()> {
        match body {
            SetExpr::Values(values) => {
                *body = SetExpr::Select(Box::new(self.of_values(values)?));
                Ok(())
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                self.body(right)
            }
            _ => Ok(()),
        }
    }

    fn of_values(&self, values: &Values) -> Result<Select> {
        let width = values.rows.first().map_or(0, |row| row.content.len());
        if let Some(other) = values.rows.iter().find(|row| row.content.len() != width) {
            let at = other.content.first().map_or(0..self.text.sql().len(), |v| self.text.range_of(v.span()));
            let message = format!("this row of VALUES has {} values, the first one {width}", other.content.len());
            return Err(self.text.refuse(at, message).with_help("write as many in each, NULL where there is none"));
        }
        let columns = (0..width).map(|at| {
            let elem = values.rows.iter().map(|row| row.content[at].clone()).collect();
            unnested(Ast::Array(Array { elem, named: false }), &format!("column{}", at + 1))
        });
        Ok(select(columns.collect()))
    }

    fn select(&self, select: &mut Select) -> Result<()> {
        if !select.from.is_empty() || select.projection.is_empty() {
            return Ok(());
        }
        let is_all = |item: &&SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        if let Some(all) = select.projection.iter().find(is_all) {
            let message = "`*` is all columns of a table, and there is no FROM";
            let refused = self.text.refuse(self.text.range_of(all.span()), message);
            return Err(refused.with_help("write FROM and a table, which --source names"));
        }
        select.from.push(one_row());
        Ok(())
    }

    fn factor(&self, factor: &mut TableFactor) -> Result<()> {
        let (called, made, alias) = match factor {
            TableFactor::Table { name, args: Some(args), alias, with_ordinality: false, .. } => {
                let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return Ok(()) };
                let called = normalised(ident);
                if !["range", "generate_series", "unnest"].contains(&called.as_str()) {
                    return Ok(());
                }
                let plain = |arg: &FunctionArg| match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                    _ => None,
                };
                let Some(args) = args.args.iter().map(plain).collect::<Option<Vec<_>>>() else { return Ok(()) };
                (called, args, alias)
            }
            TableFactor::UNNEST { array_exprs, alias, with_offset: false, with_ordinality: false, .. } => {
                ("unnest".to_owned(), array_exprs.clone(), alias)
            }
            _ => return Ok(()),
        };
        if made.iter().any(reads_a_column) {
            let message = format!("`{called}` in FROM makes rows of constants, and here it reads a column");
            let of = if called == "unnest" { "tags".to_owned() } else { format!("{called}(1, n)") };
            let help = format!("write it in SELECT: SELECT id, unnest({of}) AS x FROM …");
            return Err(self.text.refuse(self.text.find_call(&called), message).with_help(help));
        }
        // As in PostgreSQL the name of the rows is that of their column too.
        let mut alias = alias.take().unwrap_or_else(|| named(Ident::new(called.clone())));
        let column = normalised(&alias.name);
        let columns = match called.as_str() {
            "unnest" if made.len() == 1 => made.into_iter().map(|list| unnested(list, &column)).collect(),
            "unnest" => {
                let several = made.into_iter().enumerate();
                several.map(|(at, list)| unnested(list, &format!("{column}{}", at + 1))).collect()
            }
            _ => vec![unnested(call(&called, made), &column)],
        };
        alias.explicit = true;
        *factor = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query(select(columns))),
            alias: Some(alias),
            sample: None,
        };
        Ok(())
    }

    fn go_on(&mut self, done: Result<()>) -> ControlFlow<()> {
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(refused) => {
                self.refused = Some(refused);
                ControlFlow::Break(())
            }
        }
    }
}

impl VisitorMut for MadeRows<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let done = self.body(&mut query.body);
        self.go_on(done)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let done = self.select(select);
        self.go_on(done)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let done = self.factor(factor);
        self.go_on(done)
    }
}

/// Whether `expr` reads a column, outside of sub-queries.
fn reads_a_column(expr: &Ast) -> bool {
    struct Columns(usize);
    impl Visitor for Columns {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
            match expr {
                Ast::Identifier(_) | Ast::CompoundIdentifier(_) if self.0 == 0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    expr.visit(&mut Columns(0)).is_break()
}

/// `unnest(list) AS column`
fn unnested(list: Ast, column: &str) -> SelectItem {
    SelectItem::ExprWithAlias { expr: call("unnest", vec![list]), alias: nowhere(Ident::with_quote('"', column)) }
}

/// `SELECT columns FROM "one row"`
fn select(projection: Vec<SelectItem>) -> Select {
    let mut select = template();
    select.projection = projection;
    select.from.push(one_row());
    select
}

/// A `SELECT` with nothing in it: it has too many clauses to be written out.
fn template() -> Select {
    let mut parsed = statements("SELECT 1").expect("this is a query");
    let Some(Statement::Query(query)) = parsed.pop() else { unreachable!("it is one statement, and a query") };
    let SetExpr::Select(mut select) = *query.body else { unreachable!("it is a SELECT") };
    select.select_token = AttachedToken::empty();
    *select
}

fn query(select: Select) -> Query {
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn one_row() -> TableWithJoins {
    let name = ObjectName(vec![ObjectNamePart::Identifier(nowhere(Ident::with_quote('"', ONE_ROW)))]);
    let relation = TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    TableWithJoins { relation, joins: Vec::new() }
}

fn named(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name: nowhere(name), columns: Vec::new(), at: None }
}

/// It stands nowhere in the query.
fn nowhere(mut ident: Ident) -> Ident {
    ident.span = Span::empty();
    ident
}
