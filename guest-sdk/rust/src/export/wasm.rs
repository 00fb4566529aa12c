//! The glue, one module per kind, and what ties it to a crate's operators. It is generated ahead of time, from the contract in
//! `wit` (`tests/src/bindings.rs`): a plugin that is built the first time would wait longer for it than for all else.
//!
//! Exported functions have no `self`, so what is bound lives in statics, one per kind. Each kind is a world of its own,
//! and the macros call the export macros of those that a crate has: the component's world is all of them together, and
//! a component of filters has nothing of the other kinds.

mod keyed_glue;

use std::{cell::RefCell, marker::PhantomData, thread::LocalKey};

use super::{
    catalog::{Bind, Component, find},
    keyed::KeyedSlot,
    slot::{AggregateSlot, FilterSlot, FlatMapSlot, MapSlot},
};
use crate::contract::{
    columns::{Batch, Field},
    types::{Binding, Failure, Problem, Request},
};

/// A crate's operators as its world's exports.
pub struct Exports<C>(PhantomData<C>);

/// What is bound, by slot: a handful, so that they are looked for one by one.
type Slots<T> = RefCell<Vec<(u32, Box<T>)>>;

thread_local! {
    static FILTERS: Slots<dyn FilterSlot> = const { RefCell::new(Vec::new()) };
    static MAPS: Slots<dyn MapSlot> = const { RefCell::new(Vec::new()) };
    static FLAT_MAPS: Slots<dyn FlatMapSlot> = const { RefCell::new(Vec::new()) };
    static AGGREGATES: Slots<dyn AggregateSlot> = const { RefCell::new(Vec::new()) };
    static KEYED: Slots<dyn KeyedSlot> = const { RefCell::new(Vec::new()) };
}

fn keep<T: ?Sized>(slots: &'static LocalKey<Slots<T>>, slot: u32, bound: Box<T>) {
    slots.with_borrow_mut(|slots| match slots.iter_mut().find(|(number, _)| *number == slot) {
        Some((_, there)) => *there = bound,
        None => slots.push((slot, bound)),
    });
}

/// A slot that is bound again may be of another kind.
fn forget<T: ?Sized>(slots: &'static LocalKey<Slots<T>>, slot: u32) {
    slots.with_borrow_mut(|slots| slots.retain(|(number, _)| *number != slot));
}

fn with<T: ?Sized, R>(
    slots: &'static LocalKey<Slots<T>>,
    slot: u32,
    call: impl FnOnce(&T) -> Result<R, Failure>,
) -> Result<R, Failure> {
    slots.with_borrow(|slots| match slots.iter().find(|(number, _)| *number == slot) {
        Some((_, bound)) => call(bound),
        None => Err(Failure { message: format!("slot {slot} was called before it was bound"), about: None }),
    })
}

macro_rules! glue {
    ($(#[$doc:meta])* $module:ident, $file:literal) => {
        $(#[$doc])*
        #[allow(missing_docs, unsafe_code, clippy::all)]
        pub mod $module {
            include!(concat!(env!("CARGO_MANIFEST_DIR"), "/bindings/", $file, ".rs.in"));
        }
    };
}

glue! {
    /// What every component exports.
    catalog, "catalog"
}
glue! {
    /// Filters.
    filter, "filter"
}
glue! {
    /// Maps.
    map, "map"
}
glue! {
    /// Flat-maps.
    flat_map, "flat-map"
}
glue! {
    /// Aggregates.
    aggregate, "aggregate"
}
glue! {
    /// Keyed operators.
    keyed, "keyed"
}
glue! {
    /// States of other versions, of aggregates and of keyed operators.
    migration, "migration"
}

const _: () = {
    use catalog::exports::millstream::operator::catalog::{Column, Direction, Guest, Operator};

    impl<C: Component> Guest for Exports<C> {
        fn operators() -> Vec<Operator> {
            let operators = C::OPERATORS.iter().map(|entry| {
                let about = (entry.about)();
                let columns = about.columns.into_iter().map(|column| Column {
                    name: column.name,
                    direction: if column.takes { Direction::Takes } else { Direction::Makes },
                    type_text: column.data_type,
                    summary: column.summary,
                });
                Operator {
                    name: entry.name.into(),
                    kind: entry.kind().into(),
                    summary: about.summary.unwrap_or_else(|| entry.summary.into()),
                    config_schema: about.config_schema,
                    columns: columns.collect(),
                }
            });
            operators.collect()
        }
    }
};

const _: () = {
    use filter::exports::millstream::operator::filter::{Guest, Selection};

    impl<C: Component> Guest for Exports<C> {
        fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
            let bind = |bind| if let Bind::Filter(bind) = bind { Some(bind) } else { None };
            let (bound, binding) = find(C::OPERATORS, &request.operator, bind)?(request)?;
            keep(&FILTERS, slot, bound);
            Ok(binding)
        }

        fn call(slot: u32, input: Batch) -> Result<Selection, Failure> {
            let (keep, rejects) = with(&FILTERS, slot, |filter| filter.call(input))?;
            Ok(Selection { keep, rejects })
        }
    }
};

const _: () = {
    use map::exports::millstream::operator::map::{Guest, Mapped};

    impl<C: Component> Guest for Exports<C> {
        fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
            let bind = |bind| if let Bind::Map(bind) = bind { Some(bind) } else { None };
            let (bound, binding) = find(C::OPERATORS, &request.operator, bind)?(request)?;
            keep(&MAPS, slot, bound);
            Ok(binding)
        }

        fn call(slot: u32, input: Batch) -> Result<Mapped, Failure> {
            let (output, rejects) = with(&MAPS, slot, |map| map.call(input))?;
            Ok(Mapped { output, rejects })
        }
    }
};

const _: () = {
    use flat_map::exports::millstream::operator::flat_map::{Expanded, Guest};

    impl<C: Component> Guest for Exports<C> {
        fn bind(slot: u32, request: Request) -> Result<Binding, Problem> {
            let bind = |bind| if let Bind::FlatMap(bind) = bind { Some(bind) } else { None };
            let (bound, binding) = find(C::OPERATORS, &request.operator, bind)?(request)?;
            keep(&FLAT_MAPS, slot, bound);
            Ok(binding)
        }

        fn call(slot: u32, input: Batch, resume: Option<u64>) -> Result<Expanded, Failure> {
            let expanded = with(&FLAT_MAPS, slot, |flat_map| flat_map.call(input, resume))?;
            Ok(Expanded {
                parents: expanded.parents,
                output: expanded.output,
                rejects: expanded.rejects,
                consumed: expanded.consumed,
                resume: expanded.resume,
            })
        }
    }
};

const _: () = {
    use aggregate::exports::millstream::operator::aggregate::{AggregateBinding, Guest};

    impl<C: Component> Guest for Exports<C> {
        fn bind(slot: u32, request: Request) -> Result<AggregateBinding, Problem> {
            let bind = |bind| if let Bind::Aggregate(bind) = bind { Some(bind) } else { None };
            let (bound, answer) = find(C::OPERATORS, &request.operator, bind)?(request)?;
            keep(&AGGREGATES, slot, bound);
            forget(&KEYED, slot);
            let crate::export::slot::AggregateBinding { binding, state, version: state_version, adjustable } = answer;
            Ok(AggregateBinding { binding, state, state_version, adjustable })
        }

        fn partial(slot: u32, groups: Vec<u8>, group_count: u32, input: Batch) -> Result<Batch, Failure> {
            with(&AGGREGATES, slot, |aggregate| aggregate.partial(groups, group_count, input))
        }

        fn merge(slot: u32, groups: Vec<u8>, group_count: u32, states: Batch) -> Result<Batch, Failure> {
            with(&AGGREGATES, slot, |aggregate| aggregate.merge(groups, group_count, states))
        }

        fn finish(slot: u32, states: Batch) -> Result<Batch, Failure> {
            with(&AGGREGATES, slot, |aggregate| aggregate.finish(states))
        }
    }
};

const _: () = {
    use migration::exports::millstream::operator::migration::Guest;

    impl<C: Component> Guest for Exports<C> {
        fn migrate(slot: u32, from_version: u32, fields: Vec<Field>, states: Batch) -> Result<Batch, Failure> {
            if KEYED.with_borrow(|slots| slots.iter().any(|(number, _)| *number == slot)) {
                return with(&KEYED, slot, |keyed| keyed.migrate(from_version, &fields, states));
            }
            with(&AGGREGATES, slot, |aggregate| aggregate.migrate(from_version, &fields, states))
        }
    }
};
