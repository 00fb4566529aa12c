//! Query text to a syntax tree, and which tables it reads.

pub(super) mod depth;
pub(super) mod dialect;
pub(super) mod table_arguments;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::ops::Range;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::{
    Query, Select, SelectItem, SetExpr, SetOperator, Statement, TableFactor, Visit, Visitor,
};

use self::dialect::statements;
use super::error::SqlText;
use super::names::ident::normalised;
use super::names::relations::resolve_relations;
use super::plugin::qualified::join_names;
use super::plugin::table_call::{CallInput, TableCall, rewrite_calls};
use super::spelling::made_rows::respell_made_rows;
use super::spelling::window_names::rewrite_windows;
use super::syntax::no_query;
use crate::Result;

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub(super) statement: Statement,
    /// The tables that it reads, each with the place in the query where it is first named.
    pub tables: Vec<(String, Range<usize>)>,
    /// Calls of plugins in `FROM`.
    pub calls: Vec<TableCall>,
    /// Whether it asks for all columns of something, whatever they are: `*`.
    pub all_columns: bool,
    /// `INTERSECT` or `EXCEPT`.
    pub(super) sets: Option<SetOperator>,
}

/// Parses `text`, which must be one query over nodes of the job.
pub fn parse(text: &SqlText, nodes: &BTreeSet<String>, plugins: &BTreeSet<String>) -> Result<Parsed> {
    refuse_command(text)?;
    let mut statements = statements(text.sql()).map_err(|e| text.error(DataFusionError::SQL(Box::new(e), None)))?;
    match statements.len() {
        1 => {}
        0 => return Err(text.refuse_all("there is no query").with_help("write SELECT … FROM …")),
        n => {
            let message = format!("one query is needed, and these are {n} statements");
            let help = text.said("write one, or make an operator of each", "write one; parts of it have names by WITH");
            return Err(text.refuse_all(message).with_help(help));
        }
    }
    let mut statement = statements.swap_remove(0);
    let query = match &mut statement {
        Statement::Query(query) => query,
        other => return Err(no_query(text, other)),
    };
    if text.is_asked_once() {
        respell_made_rows(text, query)?;
    }
    join_names(query, plugins);
    resolve_relations(text, query, nodes, plugins)?;
    let mut calls = rewrite_calls(text, query)?;
    let mut names = Names::default();
    let _ = query.visit(&mut names);
    for call in &calls {
        if let CallInput::Query(query) = &call.input {
            let _ = query.visit(&mut names);
        }
    }
    if names.recursive {
        let message = text.said("WITH RECURSIVE has no end on a stream", "WITH RECURSIVE is not supported");
        let help = text.said("compute it in a plugin", "numbers come FROM range(10); of levels, write a join for each");
        return Err(text.refuse_clause("RECURSIVE", message).with_help(help));
    }
    if let Some(clause) = names.unknown {
        let refused = text.refuse_clause(clause, format!("{clause} is not supported"));
        return Err(refused.with_help("leave it out, or see docs/sql.md for what a query may say"));
    }
    rewrite_windows(text, query)?;
    let mut read = names.read;
    for call in &mut calls {
        match &mut call.input {
            CallInput::Node(input) if names.with.contains(input) => {
                let message = format!("`{}` takes the rows of a node, and `{input}` is none", call.plugin);
                let help = format!(
                    "write FROM {}(TABLE (SELECT …) …), or make the WITH query an operator of its own",
                    call.plugin
                );
                return Err(text.refuse(call.at.clone(), message).with_help(help));
            }
            CallInput::Node(input) => read.extend([input.clone()]),
            CallInput::Query(query) => rewrite_windows(text, query)?,
        }
    }
    read.retain(|name| calls.iter().all(|call| call.table != *name));
    let read = read.into_iter().filter(|name| !names.with.contains(name));
    let tables = read.map(|name| (name.clone(), text.find(&name))).collect();
    Ok(Parsed { statement, tables, calls, all_columns: names.all_columns, sets: names.set_operator })
}

/// Commands of the programs in which queries are typed elsewhere: `.tables`, `\\d`.
fn refuse_command(text: &SqlText) -> Result<()> {
    let typed = text.sql().trim_start();
    if !text.is_asked_once() || !typed.starts_with(['.', '\\']) {
        return Ok(());
    }
    let word = typed.split_whitespace().next().unwrap_or(typed);
    let start = text.sql().len() - typed.len();
    let message = format!("`{word}` is a command of another program, and no query");
    let help = "tables are those that --source names; SELECT * FROM a_table LIMIT 5 shows the columns of one";
    Err(text.refuse(start..start + word.len(), message).with_help(help))
}

/// Names of relations read, and of those that `WITH` makes.
#[derive(Default)]
struct Names {
    read: BTreeSet<String>,
    with: BTreeSet<String>,
    recursive: bool,
    all_columns: bool,
    set_operator: Option<SetOperator>,
    /// A clause that the planner would pass over without a word.
    unknown: Option<&'static str>,
}

impl Names {
    /// Operations on sets, other than putting rows together.
    fn sets(&mut self, body: &SetExpr) {
        if let SetExpr::SetOperation { op, left, right, .. } = body {
            if *op != SetOperator::Union {
                self.set_operator.get_or_insert(*op);
            }
            self.sets(left);
            self.sets(right);
        }
    }

    fn refuse<const N: usize>(&mut self, clauses: [(bool, &'static str); N]) {
        let found = clauses.into_iter().find(|(there, _)| *there);
        self.unknown = self.unknown.or(found.map(|(_, clause)| clause));
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.recursive |= query.with.as_ref().is_some_and(|w| w.recursive);
        self.sets(&query.body);
        self.refuse([
            (!query.locks.is_empty(), "FOR"),
            (query.for_clause.is_some(), "FOR"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
        ]);
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            self.with.insert(normalised(&cte.alias.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let is_all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        self.all_columns |= select.projection.is_empty() || select.projection.iter().any(is_all);
        self.refuse([
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (select.into.is_some(), "INTO"),
        ]);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        match table {
            TableFactor::Table { sample, with_hints, version, .. } => self.refuse([
                (sample.is_some(), "TABLESAMPLE"),
                (!with_hints.is_empty(), "WITH"),
                (version.is_some(), "AS OF"),
            ]),
            TableFactor::Derived { sample, .. } => self.refuse([(sample.is_some(), "TABLESAMPLE")]),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &datafusion_sql::sqlparser::ast::ObjectName) -> ControlFlow<()> {
        if let Some(ident) = relation.0.last().and_then(|p| p.as_ident()) {
            self.read.insert(normalised(ident));
        }
        ControlFlow::Continue(())
    }
}
