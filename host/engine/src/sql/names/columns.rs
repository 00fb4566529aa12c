//! A column of rows by its name alone.

use arrow::datatypes::SchemaRef;
use datafusion_sql::sqlparser::ast::Ident;

use super::lookup::ambiguous;
use super::scope::{Known, Meant, meant};
use crate::Result;
use crate::sql::error::SqlText;

/// The name of the column of `schema` that `ident` means; none if it means none.
///
/// # Errors
/// It may mean two.
pub(in crate::sql) fn column_meant(text: &SqlText, ident: &Ident, schema: &SchemaRef) -> Result<Option<String>> {
    let columns: Vec<Known> = schema.fields().iter().map(|field| Known::field(field)).collect();
    match meant(ident, &[columns.iter().collect()]) {
        Meant::Nothing => Ok(None),
        Meant::One(name) => Ok(Some(name)),
        Meant::Several(names) => Err(ambiguous(text, ident, "columns", &names)),
    }
}
