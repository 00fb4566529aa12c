//! The contract's types, generated from `wit/millstream.wit`: borrowed `…Param<'a>` types going in, so that columns are
//! lowered straight from Arrow buffers, owned ones coming out.
//!
//! One made-up world exports every kind of operator, so that all kinds share one set of column types; which of them a
//! component really exports is found out when it is loaded.
//!
//! `unsafe_code` is allowed here for what the macro generates: it skips a second check of a function's type after the
//! first one, made when an instance is loaded.
#![allow(missing_docs, non_camel_case_types, unsafe_code, dead_code, clippy::all, clippy::unwrap_used)]

wasmtime::component::bindgen!({
    inline: "
        package millstream:host;
        world contract {
            export millstream:operator/filter@0.1.0;
            export millstream:operator/%map@0.1.0;
            export millstream:operator/flat-map@0.1.0;
            export millstream:operator/aggregate@0.1.0;
        }
    ",
    path: "../../wit",
    world: "millstream:host/contract",
    ownership: Borrowing { duplicate_if_necessary: true },
    additional_derives: [PartialEq],
});

pub use exports::millstream::operator::{aggregate, filter, flat_map, map};
pub use millstream::operator::columns::*;
pub use millstream::operator::types::{Binding, InputField, Problem, Reject};
