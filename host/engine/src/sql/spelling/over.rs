//! `OVER (…)`, `WINDOW` and `QUALIFY` where a query is asked once, before the planner sees them. A window's name is replaced
//! by what it stands for; a frame that is not said, or goes by peers, is written out as the one that it is; a column that
//! is computed so is called as it was written. What cannot be is refused at its place.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    GroupByExpr, Ident, JoinConstraint, JoinOperator, NamedWindowDefinition, NamedWindowExpr, ObjectNamePart, OrderBy,
    Query, Select, SelectItem, SetExpr, Statement, Value, VisitMut, VisitorMut, WindowSpec, WindowType,
};

use super::over_frames::with_frame;
use crate::job::suggest;
use crate::sql::error::SqlText;
use crate::sql::functions::BUILT_IN;
use crate::sql::names::ident::normalised;
use crate::sql::syntax::calls::first_call;
use crate::{Error, Result};

/// Rewrites the window functions of `statement`.
///
/// # Errors
/// One that cannot be.
pub(in crate::sql) fn rewrite(text: &SqlText, statement: &mut Statement) -> Result<()> {
    let mut windows = Windows { text, refused: None };
    let _ = statement.visit(&mut windows);
    windows.refused.map_or(Ok(()), Err)
}

struct Windows<'a> {
    text: &'a SqlText,
    refused: Option<Error>,
}

impl VisitorMut for Windows<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        match of_body(self.text, body, order_by.as_mut()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.refused = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Queries in brackets are visited by themselves.
fn of_body(text: &SqlText, body: &mut SetExpr, order_by: Option<&mut OrderBy>) -> Result<()> {
    match body {
        SetExpr::Select(select) => of_select(text, select, order_by),
        SetExpr::SetOperation { left, right, .. } => {
            of_body(text, left, None)?;
            of_body(text, right, None)
        }
        _ => Ok(()),
    }
}

fn of_select(text: &SqlText, select: &mut Select, order_by: Option<&mut OrderBy>) -> Result<()> {
    refuse_places(text, select)?;
    let called = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => call_in(expr).is_some(),
        _ => false,
    });
    if select.qualify.as_ref().is_some_and(|condition| !called && call_in(condition).is_none()) {
        let message = "QUALIFY keeps rows by what window functions give, and there is none";
        return Err(text.refuse_clause("QUALIFY", message).with_help("write WHERE, or HAVING of groups"));
    }
    let names = named(text, std::mem::take(&mut select.named_window))?;
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && call_in(expr).is_some()
        {
            let alias = Ident::with_quote('"', expr.to_string());
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
    let mut calls = Calls { text, names: &names, inside: 0, in_query: 0, refused: None };
    let _ = VisitMut::visit(&mut select.projection, &mut calls);
    let _ = VisitMut::visit(&mut select.qualify, &mut calls);
    let _ = VisitMut::visit(&mut select.distinct, &mut calls);
    if let Some(order_by) = order_by {
        let _ = VisitMut::visit(order_by, &mut calls);
    }
    calls.refused.map_or(Ok(()), Err)
}

/// Refuses window functions in clauses that come before them.
fn refuse_places(text: &SqlText, select: &Select) -> Result<()> {
    let of_group_by = match &select.group_by {
        GroupByExpr::Expressions(by, _) => by.iter().find_map(call_in),
        GroupByExpr::All(_) => None,
    };
    let joined = select.from.iter().flat_map(|t| &t.joins).find_map(|join| match &join.join_operator {
        JoinOperator::Join(JoinConstraint::On(on))
        | JoinOperator::Inner(JoinConstraint::On(on))
        | JoinOperator::Left(JoinConstraint::On(on))
        | JoinOperator::LeftOuter(JoinConstraint::On(on))
        | JoinOperator::Right(JoinConstraint::On(on))
        | JoinOperator::RightOuter(JoinConstraint::On(on))
        | JoinOperator::FullOuter(JoinConstraint::On(on)) => call_in(on),
        _ => None,
    });
    let in_sub_query = "compute it in a sub-query in FROM, under a name";
    let places = [
        ("WHERE", select.selection.as_ref().and_then(call_in), "write it in QUALIFY, at the end of the query"),
        ("HAVING", select.having.as_ref().and_then(call_in), "write it in QUALIFY, behind HAVING"),
        ("GROUP BY", of_group_by, in_sub_query),
        ("ON", joined, in_sub_query),
    ];
    for (clause, found, help) in places {
        if let Some(name) = found {
            let message =
                format!("{clause} comes before window functions: `{}` is computed of the rows behind it", name.value);
            return Err(text.refuse(text.range_of(name.span), message).with_help(help));
        }
    }
    Ok(())
}

/// The windows that a query names, as what they stand for.
fn named(text: &SqlText, defined: Vec<NamedWindowDefinition>) -> Result<BTreeMap<String, WindowSpec>> {
    let mut names: BTreeMap<String, WindowSpec> = BTreeMap::new();
    for NamedWindowDefinition(name, what) in defined {
        let spec = match what {
            NamedWindowExpr::NamedWindow(other) => known(text, &names, &other)?.clone(),
            NamedWindowExpr::WindowSpec(spec) => merged(text, &names, spec)?,
        };
        if names.insert(normalised(&name), spec).is_some() {
            let message = format!("there are two windows named `{}`", name.value);
            return Err(text.refuse(text.range_of(name.span), message).with_help("give one another name"));
        }
    }
    Ok(names)
}

fn known<'n>(text: &SqlText, names: &'n BTreeMap<String, WindowSpec>, name: &Ident) -> Result<&'n WindowSpec> {
    names.get(&normalised(name)).ok_or_else(|| {
        let message = format!("there is no window `{}`", name.value);
        let help = match names.is_empty() {
            true => format!("say what it is, behind the other clauses: WINDOW {} AS (ORDER BY …)", name.value),
            false => suggest::choices(&name.value, names.keys().map(String::as_str)),
        };
        text.refuse(text.range_of(name.span), message).with_help(help)
    })
}

/// `spec` with what the window has that it begins with.
fn merged(text: &SqlText, names: &BTreeMap<String, WindowSpec>, mut spec: WindowSpec) -> Result<WindowSpec> {
    let Some(name) = spec.window_name.take() else { return Ok(spec) };
    let base = known(text, names, &name)?;
    let twice = match () {
        () if !spec.partition_by.is_empty() => Some("cannot have a PARTITION BY of its own"),
        () if !spec.order_by.is_empty() && !base.order_by.is_empty() => Some("cannot have another ORDER BY"),
        () if base.window_frame.is_some() => Some("cannot be, since that one has a frame"),
        () => None,
    };
    if let Some(what) = twice {
        let message = format!("a window that is made of `{}` {what}", name.value);
        let help = "write this window out in full";
        return Err(text.refuse(text.range_of(name.span), message).with_help(help));
    }
    spec.partition_by = base.partition_by.clone();
    if spec.order_by.is_empty() {
        spec.order_by = base.order_by.clone();
    }
    Ok(spec)
}

/// The name of a window function that is called in `expr`, outside of sub-queries.
fn call_in(expr: &Ast) -> Option<Ident> {
    first_call(expr, |f| f.over.is_some().then(|| name_of(f)))
}

fn name_of(call: &Function) -> Ident {
    match call.name.0.last() {
        Some(ObjectNamePart::Identifier(name)) => name.clone(),
        _ => Ident::new(call.name.to_string()),
    }
}

/// The calls in some clauses of a query.
struct Calls<'a> {
    text: &'a SqlText,
    names: &'a BTreeMap<String, WindowSpec>,
    /// Depth of window functions around an expression.
    inside: usize,
    /// Depth of sub-queries around it: they are looked at by themselves.
    in_query: usize,
    refused: Option<Error>,
}

impl VisitorMut for Calls<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.in_query += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.in_query -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        let Ast::Function(call) = expr else { return ControlFlow::Continue(()) };
        if self.in_query > 0 || call.over.is_none() {
            return ControlFlow::Continue(());
        }
        self.inside += 1;
        match self.call(call) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.refused = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        if self.in_query == 0 && matches!(expr, Ast::Function(call) if call.over.is_some()) {
            self.inside -= 1;
        }
        ControlFlow::Continue(())
    }
}

impl Calls<'_> {
    fn refuse(&self, name: &Ident, message: String, help: &str) -> Error {
        self.text.refuse(self.text.range_of(name.span), message).with_help(help)
    }

    fn call(&self, call: &mut Function) -> Result<()> {
        let name = name_of(call);
        if self.inside > 1 {
            let message = format!("`{}` stands inside another window function", name.value);
            return Err(self.refuse(&name, message, "compute the inner one in a sub-query in FROM, under a name"));
        }
        self.function(call, &name)?;
        count_all(call, &name);
        let spec = match call.over.take() {
            Some(WindowType::NamedWindow(of)) => known(self.text, self.names, &of)?.clone(),
            Some(WindowType::WindowSpec(spec)) => merged(self.text, self.names, spec)?,
            None => return Ok(()),
        };
        call.over = Some(WindowType::WindowSpec(with_frame(self.text, spec, &name)?));
        Ok(())
    }

    /// Refuses functions that are none of windows, and what a call cannot say.
    fn function(&self, call: &Function, name: &Ident) -> Result<()> {
        let lower = normalised(name);
        let is_aggregate = BUILT_IN.aggregates.contains_key(&lower);
        if !BUILT_IN.over.contains_key(&lower) && !is_aggregate && BUILT_IN.has(&lower) {
            let message = format!("`{}` is computed of one row: OVER does not go with it", name.value);
            let help = "leave OVER out; it goes with aggregates, row_number, rank, lag and the like";
            return Err(self.refuse(name, message, help));
        }
        let (distinct, clauses) = match &call.args {
            FunctionArguments::List(list) => {
                (list.duplicate_treatment == Some(DuplicateTreatment::Distinct), list.clauses.as_slice())
            }
            _ => (false, [].as_slice()),
        };
        for (said, what) in [(call.filter.is_some(), "FILTER"), (distinct, "DISTINCT")] {
            if said && BUILT_IN.over.contains_key(&lower) {
                let message = format!("{what} goes with aggregates, and `{}` is none", name.value);
                return Err(self.refuse(name, message, "leave the rows out in a sub-query in FROM"));
            }
        }
        if !call.within_group.is_empty() {
            let message = format!("`{}` with WITHIN GROUP cannot be computed OVER a window", name.value);
            return Err(self.refuse(name, message, "write median(x) or approx_percentile_cont(x, 0.9)"));
        }
        if clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))) {
            let message = format!("the order in which `{}` takes its rows is that of OVER", name.value);
            return Err(self.refuse(name, message, "write OVER (ORDER BY …)"));
        }
        Ok(())
    }
}

/// `count(*)`, which the planner knows of groups only, counts a value that each row has.
fn count_all(call: &mut Function, name: &Ident) {
    let FunctionArguments::List(list) = &mut call.args else { return };
    let all = [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    if normalised(name) == "count" && (list.args.is_empty() || list.args == all) {
        let one = Ast::value(Value::Number("1".to_owned(), false));
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(one))];
    }
}
