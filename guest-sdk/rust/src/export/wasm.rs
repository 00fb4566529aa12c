//! The generated glue, one module per world, and an adapter per kind from it to the author's trait.
//!
//! A bound plugin lives in a static of the author's crate, since exported functions have no `self`; the export macros
//! make that static and the exported functions, so that only the world that a crate uses ends up in its component.

use std::{cell::RefCell, marker::PhantomData, thread::LocalKey};

use super::*;

macro_rules! world {
    ($(#[$doc:meta])* $module:ident, $world:literal) => {
        $(#[$doc])*
        #[allow(missing_docs, unsafe_code, clippy::all)]
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                with: {
                    "millstream:operator/columns@0.1.0": crate::contract::columns,
                    "millstream:operator/types@0.1.0": crate::contract::types,
                },
                pub_export_macro: true,
                export_macro_name: "export",
            });
        }
    };
}

world! {
    /// A filter's bindings.
    filter, "filter-operator"
}
world! {
    /// A map's bindings.
    map, "map-operator"
}
world! {
    /// A flat-map's bindings.
    flat_map, "flat-map-operator"
}
world! {
    /// An aggregate's bindings.
    aggregate, "aggregate-operator"
}

/// Where a crate keeps its bound plugin.
pub trait Instance {
    /// The plugin.
    type Plugin: 'static;

    /// The place.
    fn slot() -> &'static LocalKey<RefCell<Option<Self::Plugin>>>;
}

fn keep<I: Instance>(plugin: I::Plugin) {
    I::slot().with_borrow_mut(|slot| *slot = Some(plugin));
}

fn with_plugin<I: Instance, T>(call: impl FnOnce(&I::Plugin) -> Result<T, String>) -> Result<T, String> {
    I::slot().with_borrow(|slot| match slot {
        Some(plugin) => call(plugin),
        None => Err("called before `bind`".into()),
    })
}

/// A filter as its world's exports.
pub struct FilterExport<I>(PhantomData<I>);

impl<I: Instance<Plugin: Filter>> filter::exports::millstream::operator::filter::Guest for FilterExport<I> {
    fn bind(config: String, input: Vec<InputField>) -> Result<Binding, Problem> {
        let (plugin, binding) = bind_filter(&config, input)?;
        keep::<I>(plugin);
        Ok(binding)
    }

    fn call(input: Batch) -> Result<filter::exports::millstream::operator::filter::Selection, String> {
        let (keep, rejects) = with_plugin::<I, _>(|plugin| call_filter(plugin, &input))?;
        Ok(filter::exports::millstream::operator::filter::Selection { keep, rejects })
    }
}

/// A map as its world's exports.
pub struct MapExport<I>(PhantomData<I>);

impl<I: Instance<Plugin: Map>> map::exports::millstream::operator::map::Guest for MapExport<I> {
    fn bind(config: String, input: Vec<InputField>) -> Result<Binding, Problem> {
        let (plugin, binding) = bind_map(&config, input)?;
        keep::<I>(plugin);
        Ok(binding)
    }

    fn call(input: Batch) -> Result<map::exports::millstream::operator::map::Mapped, String> {
        let (columns, rejects) = with_plugin::<I, _>(|plugin| call_map(plugin, &input))?;
        Ok(map::exports::millstream::operator::map::Mapped { columns, rejects })
    }
}

/// A flat-map as its world's exports.
pub struct FlatMapExport<I>(PhantomData<I>);

impl<I: Instance<Plugin: FlatMap>> flat_map::exports::millstream::operator::flat_map::Guest for FlatMapExport<I> {
    fn bind(config: String, input: Vec<InputField>) -> Result<Binding, Problem> {
        let (plugin, binding) = bind_flat_map(&config, input)?;
        keep::<I>(plugin);
        Ok(binding)
    }

    fn call(
        input: Batch,
        resume: Option<u64>,
    ) -> Result<flat_map::exports::millstream::operator::flat_map::Expanded, String> {
        let expanded = with_plugin::<I, _>(|plugin| call_flat_map(plugin, &input, resume))?;
        Ok(flat_map::exports::millstream::operator::flat_map::Expanded {
            parents: expanded.parents,
            columns: expanded.columns,
            rejects: expanded.rejects.into_list(),
            consumed: expanded.consumed,
            resume: expanded.resume,
        })
    }
}

/// An aggregate as its world's exports.
pub struct AggregateExport<I>(PhantomData<I>);

impl<I: Instance<Plugin: Aggregate>> aggregate::exports::millstream::operator::aggregate::Guest for AggregateExport<I> {
    fn bind(
        config: String,
        input: Vec<InputField>,
    ) -> Result<aggregate::exports::millstream::operator::aggregate::AggregateBinding, Problem> {
        let (plugin, (binding, state, state_version)) = bind_aggregate(&config, input)?;
        keep::<I>(plugin);
        Ok(aggregate::exports::millstream::operator::aggregate::AggregateBinding { binding, state, state_version })
    }

    fn partial(groups: Vec<u32>, group_count: u32, input: Batch) -> Result<Batch, String> {
        with_plugin::<I, _>(|plugin| partial(plugin, &groups, group_count, &input))
    }

    fn merge(groups: Vec<u32>, group_count: u32, states: Batch) -> Result<Batch, String> {
        with_plugin::<I, _>(|plugin| merge(plugin, &groups, group_count, &states))
    }

    fn finish(states: Batch) -> Result<Vec<Column>, String> {
        with_plugin::<I, _>(|plugin| finish(plugin, states))
    }

    fn migrate(from_version: u32, old: Vec<Field>, states: Batch) -> Result<Batch, String> {
        with_plugin::<I, _>(|plugin| migrate(plugin, from_version, &old, states))
    }
}

/// The static that holds the plugin, and the component's exports.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $kind:path, $world:ident, $adapter:ident) => {
        #[allow(unsafe_code, missing_docs)]
        const _: () = {
            ::std::thread_local! {
                static BOUND: ::std::cell::RefCell<::std::option::Option<$plugin>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            struct Here;

            impl $crate::export::Instance for Here {
                type Plugin = $plugin;

                fn slot() -> &'static ::std::thread::LocalKey<::std::cell::RefCell<::std::option::Option<$plugin>>> {
                    &BOUND
                }
            }

            type Exported = $crate::export::$adapter<Here>;
    $crate::export::$world::export!(Exported with_types_in $crate::export::$world);
        };
    };
}
