//! The contract's types, generated from `wit/millstream.wit`: borrowed `…Param<'a>` types going in, so that columns are
//! lowered straight from Arrow buffers, owned ones coming out.
//!
//! One made-up world exports every kind of operator, so that all kinds share one set of column types; which of them a
//! component really exports is found out when it is loaded. What it imports is defined by hand, in [`wasi`](crate::wasi)
//! and [`imports`](crate::imports).
//!
//! `unsafe_code` is allowed here for what the macro generates: it skips a second check of a function's type after the
//! first one, made when an instance is loaded.
#![allow(missing_docs, non_camel_case_types, unsafe_code, dead_code, clippy::all, clippy::unwrap_used)]

wasmtime::component::bindgen!({
    inline: "
        package millstream:host;
        world contract {
            export millstream:operator/catalog@0.2.0;
            export millstream:operator/filter@0.2.0;
            export millstream:operator/%map@0.2.0;
            export millstream:operator/flat-map@0.2.0;
            export millstream:operator/aggregate@0.2.0;
            export millstream:operator/keyed@0.2.0;
            export millstream:operator/migration@0.2.0;
        }
    ",
    path: "../../wit",
    world: "millstream:host/contract",
    ownership: Borrowing { duplicate_if_necessary: true },
    additional_derives: [PartialEq],
});

pub use exports::millstream::operator::{aggregate, catalog, filter, flat_map, keyed, map, migration};
pub use millstream::operator::columns::*;
pub use millstream::operator::types::{Binding, Failure, InputField, Problem, Rejects, Request, Site, Subject};
