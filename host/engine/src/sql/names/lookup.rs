//! A written name to what it means in a [`Scope`]: it is put in quotes, spelled as that.

use datafusion_sql::sqlparser::ast::Ident;

use super::ident::spell;
use super::rows::{Rows, Scope};
use super::scope::{Known, Meant, meant};
use super::written::quoted;
use crate::sql::error::SqlText;
use crate::{Error, Result};

/// A name that may mean several things.
pub(super) fn ambiguous(text: &SqlText, ident: &Ident, what: &str, names: &[String]) -> Error {
    let all = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" or ");
    let in_quotes = names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(" or ");
    let message = format!("`{}` may mean the {what} {all}, which differ in case only", ident.value);
    text.refuse(text.range_of(ident.span), message).with_help(format!("write {in_quotes}, in quotes"))
}

/// What there is beside the rows of a query.
pub(super) struct Lookup<'a> {
    pub text: &'a SqlText,
    pub plugins: Vec<Known>,
    /// Whether a function of this name is there: it goes before a plugin whose name differs in case.
    pub is_function: &'a dyn Fn(&str) -> bool,
}

impl Lookup<'_> {
    /// The column that `ident` means; it is spelled so.
    pub fn column(&self, ident: &mut Ident, scope: Scope<'_>) -> Result<Option<Known>> {
        let columns: Vec<&Known> = scope.rows.iter().flat_map(|r| &r.columns).collect();
        let aliases: Vec<&Known> = scope.aliases.iter().collect();
        let outer: Vec<&Known> = scope.outer.iter().flat_map(|r| &r.columns).collect();
        let tiers = if scope.aliases_first { [aliases, columns, outer] } else { [columns, aliases, outer] };
        self.one(ident, "columns", &tiers)
    }

    /// The rows that `ident` names; it is spelled so.
    pub fn rows_named<'s>(&self, ident: &mut Ident, scope: Scope<'s>) -> Result<Option<&'s Rows>> {
        let names = |rows: &'s [Rows]| rows.iter().filter_map(|r| r.name.as_ref()).collect::<Vec<&Known>>();
        let found = self.one(ident, "tables", &[names(scope.rows), names(scope.outer)])?;
        Ok(found.and_then(|known| scope.called(&known.name)))
    }

    /// What `ident` means among `tiers`, the nearest first; it is spelled so.
    pub fn one(&self, ident: &mut Ident, what: &str, tiers: &[Vec<&Known>]) -> Result<Option<Known>> {
        match meant(ident, tiers) {
            Meant::Nothing => Ok(None),
            Meant::One(name) => {
                let known = tiers.iter().flatten().find(|known| known.name == name).map(|known| (*known).clone());
                spell(ident, name);
                Ok(known)
            }
            Meant::Several(names) => Err(ambiguous(self.text, ident, what, &names)),
        }
    }

    /// `table.column.field…`, or `column.field…`.
    pub fn path(&self, parts: &mut [&mut Ident], scope: Scope<'_>) -> Result<()> {
        let [first, second, ..] = parts else { return Ok(()) };
        let mut table: Ident = (**first).clone();
        if let Some(rows) = self.rows_named(&mut table, scope)? {
            let columns: Vec<&Known> = rows.columns.iter().collect();
            let is_column = self.one(second, "columns", &[columns])?.is_some();
            let mut column: Ident = (**first).clone();
            if is_column || self.column(&mut column, scope)?.is_none() {
                **first = table;
                return Ok(());
            }
        }
        self.column(first, scope).map(|_| ())
    }
}
