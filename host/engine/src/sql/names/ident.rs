//! Identifiers as they stand in a query.

use datafusion_sql::sqlparser::ast::Ident;

/// What `ident` means by itself: unquoted names are lower case.
pub(in crate::sql) fn normalised(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// `ident` as the planner reads no other meaning into it.
pub(in crate::sql) fn spell(ident: &mut Ident, name: String) {
    ident.value = name;
    ident.quote_style = Some('"');
}
