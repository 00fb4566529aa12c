//! Query text to a syntax tree, and which tables it reads.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::ops::Range;

use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::{Query, Statement, Visit, Visitor};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use super::error::SqlText;
use super::window::rewrite_windows;
use crate::Result;

/// A parsed query.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub(super) statement: Statement,
    /// The tables that it reads, each with the place in the query where it is first named.
    pub tables: Vec<(String, Range<usize>)>,
}

/// Parses `text`, which must be one query.
pub fn parse(text: &SqlText) -> Result<Parsed> {
    let mut statements = Parser::new(&GenericDialect)
        .try_with_sql(text.sql())
        .and_then(|mut p| p.parse_statements())
        .map_err(|e| text.error(DataFusionError::SQL(Box::new(e), None)))?;
    if statements.len() != 1 {
        let n = statements.len();
        return Err(text.refuse_all(format!("an operator is one query; these are {n} statements")));
    }
    let mut statement = statements.swap_remove(0);
    let Statement::Query(query) = &mut statement else {
        return Err(text.refuse_all("an operator is a query: it begins with SELECT or WITH"));
    };
    let mut names = Names::default();
    let _ = query.visit(&mut names);
    rewrite_windows(text, query)?;
    let read = names.read.into_iter().filter(|name| !names.with.contains(name));
    let tables = read.map(|name| (name.clone(), text.find(&name))).collect();
    Ok(Parsed { statement, tables })
}

/// Names of relations read, and of those that `WITH` makes.
#[derive(Default)]
struct Names {
    read: BTreeSet<String>,
    with: BTreeSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|w| &w.cte_tables) {
            self.with.insert(normalised(&cte.alias.name));
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

/// Unquoted names are lower case.
fn normalised(ident: &datafusion_sql::sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}
