//! Calls of plugins in `FROM`: `words(logs)`, `sessionise(TABLE clicks PARTITION BY user)`.
//!
//! The planner resolves tables by name only, so a call is replaced by a table of its own before planning; what that is made
//! of, [`super::table_function`] says.

use std::ops::{ControlFlow, Range};

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Query,
    TableAlias, TableFactor, VisitMut, VisitorMut,
};

use crate::sql::error::SqlText;
use crate::sql::names::ident::normalised;
use crate::sql::parse::table_arguments::{Source, TableArgument, is_table, table_argument};
use crate::{Error, Result};

/// A call in `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCall {
    /// The table that stands for it.
    pub table: String,
    /// The plugin.
    pub plugin: String,
    /// The rows that it takes.
    pub input: CallInput,
    /// The columns of `PARTITION BY`, as they are written; none where it is not there.
    pub(in crate::sql) keys: Option<Vec<Ident>>,
    /// That of `ORDER BY`.
    pub(in crate::sql) order: Option<Ident>,
    /// Where the plugin's name stands in the query.
    pub at: Range<usize>,
}

/// The rows that a call takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallInput {
    /// Those of a node.
    Node(String),
    /// Those of a query in its place.
    Query(Box<Query>),
}

/// Replaces calls in `FROM` by tables: those that others read go before them.
pub(in crate::sql) fn rewrite_calls(text: &SqlText, query: &mut Query) -> Result<Vec<TableCall>> {
    let mut rewriter = Rewriter { text, calls: Vec::new(), error: None };
    let _ = query.visit(&mut rewriter);
    rewriter.error.map_or(Ok(rewriter.calls), Err)
}

struct Rewriter<'a> {
    text: &'a SqlText,
    calls: Vec<TableCall>,
    error: Option<Error>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, args: args @ Some(_), alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(called) = name.0.last().and_then(ObjectNamePart::as_ident).cloned() else {
            return ControlFlow::Continue(());
        };
        let given = args.take().map(|a| a.args).unwrap_or_default();
        let call = match self.call(&called, given) {
            Ok(call) => call,
            Err(error) => {
                self.error.get_or_insert(error);
                return ControlFlow::Break(());
            }
        };
        *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', call.table.clone()))]);
        alias.get_or_insert_with(|| TableAlias { explicit: true, name: called, columns: Vec::new(), at: None });
        if !self.calls.iter().any(|c| c.table == call.table) {
            self.calls.push(call);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) if is_table(function) => {
                let message = "TABLE … PARTITION BY … is what a call in FROM takes";
                let help = "write SELECT … FROM my_plugin(TABLE node PARTITION BY key)";
                self.error = Some(self.text.refuse_clause("TABLE", message).with_help(help));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Rewriter<'_> {
    fn call(&mut self, called: &Ident, given: Vec<FunctionArg>) -> Result<TableCall> {
        let plugin = normalised(called);
        if self.text.is_asked_once() {
            return Err(refuse_call(self.text, &called.value));
        }
        let at = self.text.place_of_call(called.span, &called.value);
        let argument = match <[FunctionArg; 1]>::try_from(given) {
            Ok([FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))]) => table_argument(argument),
            _ => None,
        };
        let Some((TableArgument { source, partition_by, order_by }, is_table)) = argument else {
            let message = format!("`{plugin}` in FROM takes the rows of one table, and nothing else");
            let help = format!(
                "write FROM {plugin}(node), or by key FROM {plugin}(TABLE node PARTITION BY key); its configuration stands in the job, as `with` of the plugin"
            );
            return Err(self.text.refuse(at, message).with_help(help));
        };
        let keys = partition_by.map(|keys| self.columns("PARTITION BY", keys)).transpose()?;
        let names: Vec<String> = keys.iter().flatten().map(normalised).collect();
        if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
            let message = format!("PARTITION BY names `{}` twice", names[twice]);
            return Err(self.text.refuse_clause("PARTITION BY", message).with_help("leave one of them out"));
        }
        let order = match order_by.map(|order| self.columns("ORDER BY", order)).transpose()?.as_deref() {
            None => None,
            Some([one]) => Some(one.clone()),
            Some(_) => {
                let message = "ORDER BY here is by one column, the event time";
                return Err(self.text.refuse_clause("ORDER BY", message));
            }
        };
        let input = match source {
            Source::Named(ident) => CallInput::Node(normalised(&ident)),
            Source::Query(mut query) => {
                let _ = query.visit(self);
                if let Some(error) = self.error.take() {
                    return Err(error);
                }
                CallInput::Query(query)
            }
        };
        let mut table = match &input {
            CallInput::Node(node) => format!("{plugin}({}{node}", if is_table { "TABLE " } else { "" }),
            CallInput::Query(query) => format!("{plugin}(TABLE ({query})"),
        };
        for (clause, columns) in
            [("PARTITION BY", keys.as_deref()), ("ORDER BY", order.as_ref().map(std::slice::from_ref))]
        {
            let columns = columns.map(|columns| columns.iter().map(Ident::to_string).collect::<Vec<_>>().join(", "));
            table.extend(columns.map(|columns| format!(" {clause} {columns}")));
        }
        table.push(')');
        Ok(TableCall { table, plugin, input, keys, order, at })
    }

    /// `exprs`, of which a clause takes columns only.
    fn columns(&self, clause: &str, exprs: Vec<Expr>) -> Result<Vec<Ident>> {
        let column = |expr: Expr| match expr {
            Expr::Identifier(ident) => Ok(ident),
            // A word that is a function's without brackets: `user`.
            Expr::Function(Function { name: ObjectName(mut parts), args: FunctionArguments::None, .. })
                if matches!(parts.as_slice(), [ObjectNamePart::Identifier(_)]) =>
            {
                match parts.swap_remove(0) {
                    ObjectNamePart::Identifier(ident) => Ok(ident),
                    ObjectNamePart::Function(function) => Ok(function.name),
                }
            }
            other => {
                let message = format!("{clause} in a call takes columns, and `{other}` is none");
                let help = "compute it in a query first: TABLE (SELECT *, … AS key FROM node) PARTITION BY key";
                Err(self.text.refuse_clause(clause, message).with_help(help))
            }
        };
        exprs.into_iter().map(column).collect()
    }
}

/// The refusal of a call in `FROM` of a query that is asked once, which has no plugins.
fn refuse_call(text: &SqlText, called: &str) -> Error {
    let name = called.to_lowercase();
    let reads = ["read_", "scan_", "glob", "parquet_", "csv_", "json_"].iter().any(|start| name.starts_with(start));
    let (message, help) = if reads {
        let message = format!("`{called}` is not there: which files a table has is said beside the query");
        (message, "name them: --source t=PATH, and write FROM t")
    } else {
        let help = "FROM takes tables, and of functions range(…), generate_series(…) and unnest(…)";
        (format!("there is no function `{called}` that makes rows"), help)
    };
    text.refuse(text.find_call(called), message).with_help(help)
}
