//! Flat-map plugins as table functions: `FROM words(logs)` is the rows that the plugin `words` makes of node `logs`.
//!
//! The planner resolves tables by name only, so the call is replaced by a table of its own before planning; when the plan is
//! lowered the table is the node with the plugin applied.

use std::ops::{ControlFlow, Range};

use datafusion_sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut,
    VisitorMut,
};

use super::PluginFunction;
use crate::operator::{PluginCalls, extended};
use crate::sql::InputTable;
use crate::sql::error::SqlText;
use crate::sql::names::ident::normalised;
use crate::{Error, ErrorKind, Result};

/// A call in `FROM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCall {
    /// The table that stands for it.
    pub table: String,
    /// The plugin.
    pub plugin: String,
    /// The node whose rows it takes.
    pub input: String,
    /// Where it stands in the query.
    pub at: Range<usize>,
}

/// Replaces calls in `FROM` by tables.
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
        let plugin = normalised(&called);
        let given = args.take().map(|a| a.args).unwrap_or_default();
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(input)))] = given.as_slice() else {
            if self.text.is_asked_once() {
                self.error = Some(refuse_call(self.text, &called.value));
                return ControlFlow::Break(());
            }
            let message = format!("`{plugin}` in FROM takes the rows of one node, by its name");
            let refused = self.text.refuse_clause(&called.value, message);
            self.error =
                Some(refused.with_help(format!("write FROM {plugin}(node); a query goes into a node of its own")));
            return ControlFlow::Break(());
        };
        if self.text.is_asked_once() {
            self.error = Some(refuse_call(self.text, &called.value));
            return ControlFlow::Break(());
        }
        let input = normalised(input);
        let table = format!("{plugin}({input})");
        *name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', table.clone()))]);
        alias.get_or_insert_with(|| TableAlias { explicit: true, name: called.clone(), columns: Vec::new(), at: None });
        let call = TableCall { table, plugin, input, at: self.text.find(&called.value) };
        if !self.calls.iter().any(|c| c.table == call.table) {
            self.calls.push(call);
        }
        ControlFlow::Continue(())
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

/// What a table that stands for a call is made of.
#[derive(Debug, Clone)]
pub struct MadeBy {
    pub(in crate::sql) input: String,
    pub(in crate::sql) input_table: Box<InputTable>,
    pub(in crate::sql) calls: PluginCalls,
    pub(in crate::sql) bound: millstream_plugin::BoundFlatMap,
}

impl TableCall {
    /// The table that stands for the call, over the rows of `input`.
    ///
    /// # Errors
    /// The plugin is none that makes rows, or does not take these.
    pub fn bind(&self, text: &SqlText, input: &InputTable, plugin: Option<&PluginFunction>) -> Result<InputTable> {
        let refused = |message: String| text.refuse(self.at.clone(), message);
        let Some(plugin) = plugin else {
            return Err(refused(format!(
                "`{}` in FROM is called as a function, and there is no such plugin",
                self.plugin
            ))
            .with_help("declare it: [plugin.NAME] with the path of a flat-map plugin"));
        };
        let bound = plugin.flat_map(&input.schema).map_err(|e| match e.kind() {
            ErrorKind::Plugin | ErrorKind::Invalid => refused(e.message().to_owned()),
            _ => e,
        })?;
        let (_, schema) = extended(&input.schema, bound.output(), None);
        let calls = plugin.calls();
        let made_by = MadeBy { input: self.input.clone(), input_table: Box::new(input.clone()), calls, bound };
        Ok(InputTable { given: schema.clone(), schema, emits: input.emits, made_by: Some(made_by), static_table: None })
    }
}
