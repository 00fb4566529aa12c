//! What the tables of canaries are called.

/// No operator has a table for this.
const CANARY: &str = ".canary";

/// The table of the canary of state `state`, and how its other ones begin.
pub(super) fn canary_table(state: &str) -> String {
    format!("{state}{CANARY}")
}

/// The state that table `name` is a canary's of, if it is one.
pub(super) fn canary_of(name: &str) -> Option<&str> {
    let (state, rest) = name.split_once(CANARY)?;
    (rest.is_empty() || rest.starts_with('.')).then_some(state)
}
