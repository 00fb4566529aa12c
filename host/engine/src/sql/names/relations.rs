//! Names of nodes and of `WITH` queries in `FROM`, as a user means them (`scope`): they are put in quotes, spelled as
//! the job or the query has them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, TableFactor, VisitMut, VisitorMut,
};

use super::ident::{normalised, spell};
use super::lookup::ambiguous;
use super::scope::{Known, Meant, meant};
use crate::sql::error::SqlText;
use crate::sql::parse::table_arguments::named_mut;
use crate::{Error, Result};

/// Puts the names in `FROM` that mean a node, a `WITH` query or a plugin in quotes.
///
/// # Errors
/// A name that may mean two of them.
pub(in crate::sql) fn resolve_relations(
    text: &SqlText,
    query: &mut Query,
    nodes: &BTreeSet<String>,
    plugins: &BTreeSet<String>,
) -> Result<()> {
    let known = |names: &BTreeSet<String>| names.iter().map(Known::exact).collect();
    let mut relations = Relations { text, with: Vec::new(), nodes: known(nodes), plugins: known(plugins), error: None };
    let _ = query.visit(&mut relations);
    relations.error.map_or(Ok(()), Err)
}

struct Relations<'a> {
    text: &'a SqlText,
    /// Names that `WITH` makes, wherever in the query.
    with: Vec<Known>,
    nodes: Vec<Known>,
    plugins: Vec<Known>,
    error: Option<Error>,
}

impl Relations<'_> {
    fn look_at(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name, args, .. } = factor else { return Ok(()) };
        let Some(ident) = last(name) else { return Ok(()) };
        let Some(args) = args else { return self.one(ident, "tables", &[&self.with, &self.nodes]) };
        self.one(ident, "plugins", &[&self.plugins])?;
        if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] = args.args.as_mut_slice()
            && let Some(node) = named_mut(argument)
        {
            self.one(node, "tables", &[&self.with, &self.nodes])?;
        }
        Ok(())
    }

    fn one(&self, ident: &mut Ident, what: &str, tiers: &[&Vec<Known>]) -> Result<()> {
        let tiers: Vec<Vec<&Known>> = tiers.iter().map(|tier| tier.iter().collect()).collect();
        match meant(ident, &tiers) {
            Meant::Nothing => Ok(()),
            Meant::One(name) => {
                spell(ident, name);
                Ok(())
            }
            Meant::Several(names) => Err(ambiguous(self.text, ident, what, &names)),
        }
    }
}

impl VisitorMut for Relations<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let names = query.with.iter().flat_map(|w| &w.cte_tables).map(|cte| normalised(&cte.alias.name));
        self.with.extend(names.map(Known::exact));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match self.look_at(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

fn last(name: &mut ObjectName) -> Option<&mut Ident> {
    match name.0.last_mut() {
        Some(ObjectNamePart::Identifier(ident)) => Some(ident),
        _ => None,
    }
}
