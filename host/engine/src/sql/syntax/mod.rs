//! Clauses and operators that the parser reads and nothing here computes, refused where they stand, with what to write
//! instead. What is named here is refused by name; any other syntax that the planner does not know is refused by its kind.

pub(super) mod calls;
mod expressions;
pub(super) mod group_by;
mod select;
pub(super) mod stars;

use std::ops::{ControlFlow, Range};

use datafusion_sql::sqlparser::ast::{
    Expr as Ast, Function, FunctionArguments, LimitClause, ObjectNamePart, PipeOperator, Query, Select, SetExpr,
    Spanned, Statement, TableFactor, Visit, Visitor,
};
use datafusion_sql::sqlparser::tokenizer::Span;

use crate::sql::error::SqlText;
use crate::sql::functions::BUILT_IN;
use crate::sql::names::ident::normalised;
use crate::{Error, Result};

/// Refuses what `statement` has in it that nothing computes; `asked_once`: over rows that end.
///
/// # Errors
/// There is such a thing.
pub(super) fn refuse(text: &SqlText, statement: &Statement, asked_once: bool) -> Result<()> {
    let mut syntax = Syntax { text, asked_once, refused: None };
    let _ = statement.visit(&mut syntax);
    syntax.refused.map_or(Ok(()), Err)
}

/// The refusal of a statement that is no query.
pub(super) fn no_query(text: &SqlText, statement: &Statement) -> Error {
    let said = statement.to_string();
    let verb = said.split_whitespace().next().unwrap_or_default().to_uppercase();
    let help = match verb.as_str() {
        "CREATE" if text.is_asked_once() => {
            "name its query within another one: WITH name AS (SELECT …) SELECT … FROM name"
        }
        "INSERT" | "CREATE" | "COPY" | "MERGE" => text.said(
            "write its query alone: where the rows go is said by a [sink.…] of the job file",
            "write its query alone: its rows are printed, and --format csv > FILE keeps them",
        ),
        "DELETE" | "UPDATE" | "TRUNCATE" => text.said(
            "rows of a stream are not changed: leave them out with WHERE, or change them in SELECT",
            "rows of files are not changed: leave them out with WHERE, or change them in SELECT",
        ),
        "EXPLAIN" => text.said(
            "`millstream check --explain` shows what a job does",
            "write its query alone: it is answered, and how is not shown",
        ),
        "DESCRIBE" | "DESC" | "SHOW" | "PRAGMA" | "SUMMARIZE" => "SELECT * FROM a_table LIMIT 5 shows its columns",
        "SET" | "USE" => text.said("options stand in the job file", "options are those of `millstream sql --help`"),
        _ => "write SELECT … FROM …",
    };
    text.refuse(text.find(&verb), "this is no query: it begins with SELECT or WITH").with_help(help)
}

struct Syntax<'a> {
    text: &'a SqlText,
    /// Rows do end: sub-queries may stand in expressions.
    asked_once: bool,
    refused: Option<Error>,
}

impl Syntax<'_> {
    fn at(&mut self, place: Range<usize>, message: impl Into<String>, help: &str) -> ControlFlow<()> {
        let refused = self.text.refuse(place, message);
        self.refused = Some(if help.is_empty() { refused } else { refused.with_help(help) });
        ControlFlow::Break(())
    }

    /// A clause that nothing computes.
    fn clause(&mut self, clause: &str, help: &str) -> ControlFlow<()> {
        self.at(self.text.find(clause), format!("{clause} is not supported"), help)
    }

    fn span(&mut self, span: Span, message: impl Into<String>, help: &str) -> ControlFlow<()> {
        self.at(self.text.range_of(span), message, help)
    }

    fn sub_query(&mut self) -> ControlFlow<()> {
        if self.asked_once {
            return ControlFlow::Continue(());
        }
        let at = self.text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT", "(WITH"]);
        let message = "sub-queries can stand in FROM only: elsewhere their result would change with every epoch";
        self.at(at, message, "name the sub-query in FROM")
    }

    fn function(&mut self, f: &Function) -> ControlFlow<()> {
        if f.over.is_some() && !self.asked_once {
            let at = self.text.find("OVER");
            let message = "OVER needs all rows of its partition, and a stream's rows never end";
            return self.at(at, message, "group by window(…) instead");
        }
        if let [ObjectNamePart::Identifier(name)] = f.name.0.as_slice()
            && let (None, true) = (&f.over, self.asked_once)
            && BUILT_IN.over.contains_key(&normalised(name))
            && !BUILT_IN.has(&normalised(name))
        {
            let message = format!("`{}` is computed over rows in an order, and OVER says which", name.value);
            let help = format!("write {}(…) OVER (ORDER BY …)", name.value);
            return self.span(name.span, message, &help);
        }
        if f.name.0.len() > 1 {
            let message = format!("there is no function `{}`: functions have no dots in their names", f.name);
            return self.span(f.name.span(), message, "");
        }
        if !matches!(f.parameters, FunctionArguments::None) {
            return self.span(f.name.span(), format!("`{}` takes one list of arguments", f.name), "");
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Syntax<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Values(_) = query.body.as_ref() {
            let at = self.text.find("VALUES");
            let help = "put fixed rows into a file, and read it with a source that has static = true";
            return self.at(at, "a query must read FROM a source or an operator", help);
        }
        if query.fetch.is_some() {
            return self.clause("FETCH", "write LIMIT n");
        }
        if let Some(LimitClause::LimitOffset { limit_by, .. }) = &query.limit_clause
            && !limit_by.is_empty()
        {
            let help = self.text.said(
                "keep the first row of each key with an operator that has dedup = { keys = [\"…\"] }",
                "SELECT DISTINCT ON (key) … keeps the first row of each key; of more, QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) <= n",
            );
            return self.clause("LIMIT", help);
        }
        let piped = |p: &&PipeOperator| {
            let can = matches!(
                p,
                PipeOperator::Where { .. }
                    | PipeOperator::Select { .. }
                    | PipeOperator::OrderBy { .. }
                    | PipeOperator::Limit { .. }
            );
            !can
        };
        if let Some(pipe) = query.pipe_operators.iter().find(piped) {
            let what = pipe.to_string();
            let word = what.split_whitespace().next().unwrap_or("|>").to_owned();
            return self.at(
                self.text.find(&word),
                format!("`|> {word}` is not supported"),
                "write SELECT … FROM … instead",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.select(select)
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
        let (clause, help) = match table {
            TableFactor::Pivot { .. } => {
                ("PIVOT", "write a column each: max(v) FILTER (WHERE k = 'a') AS a, … GROUP BY …")
            }
            TableFactor::Unpivot { .. } => ("UNPIVOT", "write a SELECT for each column, and UNION ALL between them"),
            TableFactor::MatchRecognize { .. } => {
                let help = self.text.said(
                    "keep what was seen in a keyed plugin",
                    "lag(…) and lead(…) OVER (PARTITION BY … ORDER BY …) look at the rows beside a row",
                );
                ("MATCH_RECOGNIZE", help)
            }
            TableFactor::JsonTable { .. } => ("JSON_TABLE", "read JSON in a text with json_get_str(column, 'key')"),
            TableFactor::OpenJsonTable { .. } => ("OPENJSON", "read JSON in a text with json_get_str(column, 'key')"),
            TableFactor::XmlTable { .. } => ("XMLTABLE", ""),
            TableFactor::UNNEST { .. } => ("UNNEST", "write it in SELECT: SELECT id, unnest(tags) AS tag FROM …"),
            TableFactor::Function { lateral: true, .. } | TableFactor::Derived { lateral: true, .. } => {
                ("LATERAL", "write the sub-query without it, or unnest(…) in SELECT")
            }
            TableFactor::TableFunction { .. } => {
                ("TABLE", self.text.said("write FROM plugin(node)", "write FROM range(10), without TABLE"))
            }
            TableFactor::Table { name, .. } if name.0.len() > 1 && self.asked_once => {
                let at = self.text.range_of(name.span());
                let spelled = self.text.sql().get(at.clone()).unwrap_or_default();
                let last = spelled.rsplit('.').next().unwrap_or(spelled);
                let message = format!("there is no table `{spelled}`: names of tables have no dots");
                return self.at(at, message, &format!("write FROM {last}"));
            }
            TableFactor::Table { name, .. } if name.0.len() > 1 => {
                let message = format!("there is no source or operator `{name}`: names of nodes have no dots");
                return self.span(
                    name.span(),
                    message,
                    "write the name of a [source.…] or [operator.…] of the job file",
                );
            }
            TableFactor::Table { with_ordinality: true, .. } => ("WITH ORDINALITY", ""),
            _ => return ControlFlow::Continue(()),
        };
        self.clause(clause, help)
    }

    fn pre_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
        self.expression(expr)
    }
}
