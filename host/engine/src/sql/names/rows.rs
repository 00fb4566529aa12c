//! What names in a clause may mean: the rows that a query reads, those of queries around it, and what SELECT calls its
//! columns.

use std::collections::BTreeMap;

use datafusion_sql::sqlparser::ast::TableAlias;

use super::ident::{normalised, spell};
use super::scope::Known;

/// The columns that come out of a query, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(pub Vec<Known>);

/// The queries that `WITH` names.
pub(super) type Ctes = BTreeMap<String, Columns>;

/// Rows that names may be about.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub name: Option<Known>,
    pub columns: Vec<Known>,
}

impl Rows {
    /// The column of just this name.
    pub fn column(&self, name: &str) -> Option<&Known> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What names in a clause may mean.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// The queries that `WITH` names.
    pub ctes: &'s Ctes,
    /// The rows of queries around this one.
    pub outer: &'s [Rows],
    pub rows: &'s [Rows],
    /// What SELECT calls its columns.
    pub aliases: &'s [Known],
    /// Whether these are nearer than the columns of the rows.
    pub aliases_first: bool,
}

impl<'s> Scope<'s> {
    /// Of `rows` alone, before SELECT has named anything.
    pub fn of_rows(ctes: &'s Ctes, outer: &'s [Rows], rows: &'s [Rows]) -> Self {
        Self { ctes, outer, rows, aliases: &[], aliases_first: false }
    }

    /// The rows that are called `name`.
    pub fn called(&self, name: &str) -> Option<&'s Rows> {
        self.rows.iter().chain(self.outer).find(|r| r.name.as_ref().is_some_and(|n| n.name == name))
    }
}

/// `columns` as `alias` names the rows, and where it says so them. Its names come out as they are written.
pub(super) fn aliased(name: Option<Known>, columns: Vec<Known>, alias: Option<&mut TableAlias>) -> Rows {
    match alias {
        None => Rows { name, columns },
        Some(alias) => {
            let columns = renamed(columns, alias);
            Rows { name: Some(Known::exact(normalised(&alias.name))), columns }
        }
    }
}

/// `columns` by the names that `alias` gives them.
pub(super) fn renamed(mut columns: Vec<Known>, alias: &mut TableAlias) -> Vec<Known> {
    for (at, column) in alias.columns.iter_mut().enumerate() {
        let known = Known::alias(&column.name);
        spell(&mut column.name, known.name.clone());
        match columns.get_mut(at) {
            Some(column) => *column = Known { of: column.of.take(), ..known },
            None => columns.push(known),
        }
    }
    columns
}
