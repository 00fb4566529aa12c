//! What a query is refused for that only its plan tells, and where in its text that stands. What its syntax tells is refused
//! in [`super::syntax`].

pub(super) mod alike;
pub(super) mod clause;
pub(super) mod conditions;
pub(super) mod join_keys;
pub(super) mod locate;
pub(super) mod sub_queries;
