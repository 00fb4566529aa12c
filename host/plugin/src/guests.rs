//! The exports of a component, by the contract's interfaces.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::contract::{self, Problem, aggregate, catalog, filter, flat_map, keyed, map, migration};
use crate::inspect::{Exports, PluginKind};
use crate::request::Asked;
use crate::sandbox::Sandbox;

/// Where the exports are, found once per component.
pub(crate) struct Indices {
    catalog: catalog::GuestIndices,
    filter: Option<filter::GuestIndices>,
    map: Option<map::GuestIndices>,
    flat_map: Option<flat_map::GuestIndices>,
    aggregate: Option<aggregate::GuestIndices>,
    keyed: Option<keyed::GuestIndices>,
    migration: Option<migration::GuestIndices>,
}

impl Indices {
    pub(crate) fn new(pre: &InstancePre<Sandbox>, exports: &Exports) -> wasmtime::Result<Self> {
        let has = |kind| exports.kinds.contains(&kind);
        Ok(Self {
            catalog: catalog::GuestIndices::new(pre)?,
            filter: has(PluginKind::Filter).then(|| filter::GuestIndices::new(pre)).transpose()?,
            map: has(PluginKind::Map).then(|| map::GuestIndices::new(pre)).transpose()?,
            flat_map: has(PluginKind::FlatMap).then(|| flat_map::GuestIndices::new(pre)).transpose()?,
            aggregate: has(PluginKind::Aggregate).then(|| aggregate::GuestIndices::new(pre)).transpose()?,
            keyed: has(PluginKind::Keyed).then(|| keyed::GuestIndices::new(pre)).transpose()?,
            migration: exports.migration.then(|| migration::GuestIndices::new(pre)).transpose()?,
        })
    }
}

/// The exported functions of one instance.
pub(crate) struct Guests {
    pub catalog: catalog::Guest,
    filter: Option<filter::Guest>,
    map: Option<map::Guest>,
    flat_map: Option<flat_map::Guest>,
    aggregate: Option<aggregate::Guest>,
    keyed: Option<keyed::Guest>,
    pub migration: Option<migration::Guest>,
}

impl Guests {
    pub(crate) fn load(indices: &Indices, store: &mut Store<Sandbox>, instance: &Instance) -> wasmtime::Result<Self> {
        Ok(Self {
            catalog: indices.catalog.load(&mut *store, instance)?,
            filter: indices.filter.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
            map: indices.map.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
            flat_map: indices.flat_map.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
            aggregate: indices.aggregate.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
            keyed: indices.keyed.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
            migration: indices.migration.as_ref().map(|i| i.load(&mut *store, instance)).transpose()?,
        })
    }
}

/// A kind of operator: one of the contract's interfaces.
pub(crate) trait Kind: Sized + Send + Sync + 'static {
    /// Its functions.
    type Guest;
    /// What `bind` answers.
    type Answer: PartialEq + Send + Sync;

    /// Its functions among a component's.
    ///
    /// # Panics
    /// If the component does not export them; the catalog is checked to list no such operator.
    fn of(guests: &Guests) -> &Self::Guest;

    fn bind(
        guests: &Guests,
        store: &mut Store<Sandbox>,
        slot: u32,
        asked: &Asked,
    ) -> wasmtime::Result<Result<Self::Answer, Problem>>;
}

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $module:ident, $answer:ty) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Kind for $name {
            type Guest = $module::Guest;
            type Answer = $answer;

            fn of(guests: &Guests) -> &$module::Guest {
                guests.$module.as_ref().expect("the catalog lists only operators of kinds that are exported")
            }

            fn bind(
                guests: &Guests,
                store: &mut Store<Sandbox>,
                slot: u32,
                asked: &Asked,
            ) -> wasmtime::Result<Result<$answer, Problem>> {
                asked.with_param(|request| Self::of(guests).call_bind(store, slot, request))
            }
        }
    };
}

kind! {
    /// Filters.
    Filter, filter, contract::Binding
}
kind! {
    /// Maps.
    Map, map, contract::Binding
}
kind! {
    /// Flat-maps.
    FlatMap, flat_map, contract::Binding
}
kind! {
    /// Aggregates.
    Aggregate, aggregate, aggregate::AggregateBinding
}

/// Keyed operators.
pub(crate) struct Keyed;

impl Kind for Keyed {
    type Guest = keyed::Guest;
    type Answer = keyed::KeyedBinding;

    fn of(guests: &Guests) -> &keyed::Guest {
        guests.keyed.as_ref().expect("the catalog lists only operators of kinds that are exported")
    }

    fn bind(
        guests: &Guests,
        store: &mut Store<Sandbox>,
        slot: u32,
        asked: &Asked,
    ) -> wasmtime::Result<Result<keyed::KeyedBinding, Problem>> {
        asked.with_keys(|keys| asked.with_param(|request| Self::of(guests).call_bind(store, slot, request, keys)))
    }
}
