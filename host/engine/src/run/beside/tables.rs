//! What the tables are called whose states are brought over.

/// No operator has a table for this.
const BESIDE: &str = ".brought-over";

/// The table that the states of `table` are brought over to.
pub(in crate::run) fn beside(table: &str) -> String {
    format!("{table}{BESIDE}")
}

/// The table whose states were brought over to table `name`, if it is one of those.
pub(in crate::run) fn brought_over_from(name: &str) -> Option<&str> {
    name.strip_suffix(BESIDE)
}
