//! Plugins that take whole rows.

use std::collections::BTreeSet;

use millstream_plugin::{BoundFilter, BoundFlatMap, BoundMap, Hints};

use super::{keys_among, same_columns, transform};
use crate::operator::{ColumnFrom, PluginCalls, PluginFilter, PluginFlatMap, PluginMap, extended};
use crate::relation::{Description, PluginUse, Relation};

/// The rows of `input` that a plugin keeps.
pub fn plugin_filter(input: Relation, calls: PluginCalls, filter: BoundFilter) -> Relation {
    let description = described("filter", &calls, (filter.reads(), filter.hints()), &input);
    same_columns(input, PluginFilter::new(calls, filter), description)
}

/// The rows of `input` with the columns that a plugin adds: of all columns those that are `wanted`.
pub fn plugin_map(input: Relation, calls: PluginCalls, map: BoundMap, wanted: Option<&BTreeSet<String>>) -> Relation {
    let description = described("map", &calls, (map.reads(), map.hints()), &input);
    let (layout, schema) = extended(&input.schema(), map.output(), wanted);
    let keys = keys_in(&layout, &input);
    transform(input, PluginMap::new(calls, map, layout, schema.clone()), schema, keys, description)
}

/// The rows that a plugin makes of each row of `input`, with its columns: of all columns those that are `wanted`.
pub fn plugin_flat_map(
    input: Relation,
    calls: PluginCalls,
    flat_map: BoundFlatMap,
    wanted: Option<&BTreeSet<String>>,
) -> Relation {
    let description = described("flat-map", &calls, (flat_map.reads(), flat_map.hints()), &input);
    let (layout, schema) = extended(&input.schema(), flat_map.output(), wanted);
    let keys = keys_in(&layout, &input);
    transform(input, PluginFlatMap::new(calls, flat_map, layout, schema.clone()), schema, keys, description)
}

fn described(
    does: &'static str,
    calls: &PluginCalls,
    (reads, hints): (&[usize], Hints),
    input: &Relation,
) -> Description {
    let schema = input.schema();
    let reads = reads.iter().filter_map(|at| schema.fields().get(*at)).map(|f| f.name().clone()).collect();
    Description {
        does,
        plugins: vec![PluginUse { plugin: calls.plugin().to_owned(), reads, hints: Some(hints) }],
        ..Description::default()
    }
}

/// The keys of `input` among the columns of `layout`.
fn keys_in(layout: &[ColumnFrom], input: &Relation) -> Vec<Vec<usize>> {
    let carried = layout.iter().map(|column| match column {
        ColumnFrom::Input(at) => Some(*at),
        ColumnFrom::Plugin(_) => None,
    });
    keys_among(input, &carried.collect::<Vec<_>>())
}
