//! A word on declared columns that no row had: null in all rows, they are more often a name written wrongly than meant.

use super::Observer;
use crate::format::{Decode, Unseen};

/// Tells `observer` which columns of `source` no row had that `decoder` decoded.
pub(super) fn tell(source: &str, decoder: &dyn Decode, observer: &dyn Observer) {
    let unseen = decoder.unseen();
    let (alike, other): (Vec<Unseen>, Vec<Unseen>) = unseen.into_iter().partition(|column| column.near.is_some());
    for Unseen { column, near } in alike {
        let near = near.unwrap_or_default();
        observer.message(&format!(
            "source `{source}`: no row had the column `{column}` that its schema declares, but there is `{near}`: a name \
             in JSON has the upper and lower case that the schema gives it"
        ));
    }
    if !other.is_empty() {
        let names: Vec<String> = other.iter().map(|unseen| format!("`{}`", unseen.column)).collect();
        let columns = if names.len() == 1 { "column" } else { "columns" };
        observer.message(&format!(
            "source `{source}`: no row had the {columns} {} that its schema declares",
            names.join(", ")
        ));
    }
}
