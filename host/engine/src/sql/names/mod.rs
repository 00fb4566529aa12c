//! Names of columns, as a user means them ([`scope`]): before the planner sees a query, each name in it that means
//! a column, a relation or a plugin is put in quotes, spelled as what it means is. The planner itself reads names without
//! quotes in lower case, whatever there is.
//!
//! What a query calls its columns itself (`AS Total`) comes out as it was written, and a field of a struct by its own name. Names
//! that mean nothing known are left as they are: the planner refuses them, and says what there is.
//!
//! * `rows`: what names may mean in a clause
//! * `lookup`: a name to what it means there
//! * `expressions`: the names in the expressions of a clause
//! * `items`: what SELECT calls its columns
//! * `walk`: the clauses of a query, in the order in which names come to mean something
//! * `columns`: a column of rows by its name alone
//! * `apart`: ORDER BY by a column whose name SELECT gives to another one
//! * `relations`: the names in FROM
//! * `fields`: fields of structs by name
//! * `ident`: an identifier as it stands in a query
//! * `scope`: which name is meant by one that a query writes
//! * `written`: names as they are to be written

mod apart;
pub(super) mod columns;
mod expressions;
pub(super) mod fields;
pub(super) mod ident;
mod items;
mod lookup;
pub(super) mod relations;
mod rows;
mod scope;
mod walk;
pub(super) mod written;

use std::collections::BTreeMap;

pub(super) use apart::Renamed;
use datafusion_sql::sqlparser::ast::Statement;

use self::scope::Known;
use super::InputTable;
use super::error::SqlText;
use super::plugin::PluginFunction;
use crate::Result;

/// Puts each name of `statement` that means something known in quotes. Functions that are there, plugins among them, are
/// known to `is_function`. Gives what columns are called while it is planned that come out by other names.
///
/// # Errors
/// A name that may mean two things.
pub(super) fn resolve(
    text: &SqlText,
    statement: &mut Statement,
    tables: &BTreeMap<String, InputTable>,
    plugins: &BTreeMap<String, PluginFunction>,
    is_function: &dyn Fn(&str) -> bool,
) -> Result<Vec<Renamed>> {
    let Statement::Query(query) = statement else { return Ok(Vec::new()) };
    let plugins = plugins.keys().map(Known::exact).collect();
    let lookup = lookup::Lookup { text, plugins, is_function };
    walk::Walk { lookup, tables }.query(query, &rows::Ctes::new(), &[])?;
    Ok(apart::keep(query))
}
