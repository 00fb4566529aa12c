//! Exports: how a plugin's trait becomes a component's exports. Used by the macros (`filter!`, …), not by hand.
//!
//! The functions here do what every plugin's `bind` and `call` need around the author's code, in terms of the
//! contract's types; [`testing`](crate::testing) calls the same ones, so that a native test takes the way that the
//! component takes. Under Wasm the glue that `wit-bindgen` generates for each world calls them.

use crate::{
    contract::{
        columns::{Batch, Column, Field},
        types::{Binding, InputField, Problem, Reject},
    },
    kernel::Groups,
    operator::{Aggregate, Expanded, Expander, Filter, FlatMap, Map, bound},
};

#[cfg(target_family = "wasm")]
mod wasm;
#[cfg(target_family = "wasm")]
pub use wasm::*;

/// What a filter's call returns: the packed bitmap and the rejects.
pub type FilterAnswer = (Vec<u8>, Vec<Reject>);
/// What a map's call returns.
pub type MapAnswer = (Vec<Column>, Vec<Reject>);

pub fn bind_filter<F: Filter>(config: &str, input: Vec<InputField>) -> Result<(F, Binding), Problem> {
    let (plugin, reads) = bound(config, input, F::bind)?;
    Ok((plugin, Binding { reads, output: Vec::new() }))
}

pub fn call_filter<F: Filter>(plugin: &F, batch: &Batch) -> Result<FilterAnswer, String> {
    let selection = plugin.call(batch).map_err(|failure| failure.to_string())?;
    if selection.keep.len() != batch.rows() {
        return Err(format!("the filter answered {} rows of {}", selection.keep.len(), batch.rows()));
    }
    Ok((selection.keep.into_bytes(), selection.rejects.into_list()))
}

pub fn bind_map<M: Map>(config: &str, input: Vec<InputField>) -> Result<(M, Binding), Problem> {
    let ((plugin, output), reads) = bound(config, input, M::bind)?;
    Ok((plugin, Binding { reads, output: output.into_vec() }))
}

pub fn call_map<M: Map>(plugin: &M, batch: &Batch) -> Result<MapAnswer, String> {
    let mapped = plugin.call(batch).map_err(|failure| failure.to_string())?;
    Ok((mapped.columns, mapped.rejects.into_list()))
}

pub fn bind_flat_map<M: FlatMap>(config: &str, input: Vec<InputField>) -> Result<(M, Binding), Problem> {
    let ((plugin, output), reads) = bound(config, input, M::bind)?;
    Ok((plugin, Binding { reads, output: output.into_vec() }))
}

pub fn call_flat_map<M: FlatMap>(plugin: &M, batch: &Batch, resume: Option<u64>) -> Result<Expanded, String> {
    plugin.call(batch, Expander::new(batch, resume)).map_err(|failure| failure.to_string())
}

/// What an aggregate's `bind` says: reads and output, state columns, the state's version.
pub type AggregateAnswer = (Binding, Vec<Field>, u32);

pub fn bind_aggregate<A: Aggregate>(config: &str, input: Vec<InputField>) -> Result<(A, AggregateAnswer), Problem> {
    let ((plugin, aggregation), reads) = bound(config, input, A::bind)?;
    let binding = Binding { reads, output: aggregation.output.into_vec() };
    Ok((plugin, (binding, aggregation.state.into_vec(), aggregation.version)))
}

pub fn partial<A: Aggregate>(plugin: &A, groups: &[u32], count: u32, rows: &Batch) -> Result<Batch, String> {
    let columns = plugin.partial(&Groups::new(groups, count as usize), rows).map_err(|failure| failure.to_string())?;
    Ok(Batch { rows: count, columns })
}

pub fn merge<A: Aggregate>(plugin: &A, groups: &[u32], count: u32, states: &Batch) -> Result<Batch, String> {
    let columns = plugin.merge(&Groups::new(groups, count as usize), states).map_err(|failure| failure.to_string())?;
    Ok(Batch { rows: count, columns })
}

pub fn finish<A: Aggregate>(plugin: &A, states: Batch) -> Result<Vec<Column>, String> {
    plugin.finish(states).map_err(|failure| failure.to_string())
}

pub fn migrate<A: Aggregate>(plugin: &A, from: u32, old: &[Field], states: Batch) -> Result<Batch, String> {
    let rows = states.rows;
    let columns = plugin.migrate(from, old, states).map_err(|failure| failure.to_string())?;
    Ok(Batch { rows, columns })
}

/// Makes a component of a [`Filter`](crate::Filter): once per crate, at its top level.
#[macro_export]
macro_rules! filter {
    ($plugin:ty) => {
        $crate::__export!($plugin, $crate::Filter, filter, FilterExport);
    };
}

/// Makes a component of a [`Map`](crate::Map): once per crate, at its top level.
#[macro_export]
macro_rules! map {
    ($plugin:ty) => {
        $crate::__export!($plugin, $crate::Map, map, MapExport);
    };
}

/// Makes a component of a [`FlatMap`](crate::FlatMap): once per crate, at its top level.
#[macro_export]
macro_rules! flat_map {
    ($plugin:ty) => {
        $crate::__export!($plugin, $crate::FlatMap, flat_map, FlatMapExport);
    };
}

/// Makes a component of an [`Aggregate`](crate::Aggregate): once per crate, at its top level.
#[macro_export]
macro_rules! aggregate {
    ($plugin:ty) => {
        $crate::__export!($plugin, $crate::Aggregate, aggregate, AggregateExport);
    };
}

/// Makes a component of a [`Fold`](crate::Fold): once per crate, at its top level.
#[macro_export]
macro_rules! fold {
    ($plugin:ty) => {
        $crate::aggregate!($crate::operator::Folding<$plugin>);
    };
}

/// Natively a plugin is its trait and nothing more.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ty, $kind:path, $world:ident, $adapter:ident) => {
        const _: () = {
            const fn is_a_plugin_of_this_kind<T: $kind>() {}
            is_a_plugin_of_this_kind::<$plugin>();
        };
    };
}
