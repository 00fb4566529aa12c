//! Which columns anybody uses.

use std::collections::{BTreeMap, BTreeSet};

use super::operators::{ColumnsInUse, PlannedNodes};
use crate::job::Job;

/// Per node, the columns that its users want; a node whose columns are all wanted is left out. Nodes in `keep_all` want
/// all columns of their inputs.
pub(super) fn columns_in_use(job: &Job, planned: &PlannedNodes, keep_all: &BTreeSet<String>) -> ColumnsInUse {
    // None = all.
    let mut wanted: BTreeMap<&str, Option<BTreeSet<String>>> =
        planned.nodes.names().map(|name| (&**name, Some(BTreeSet::new()))).collect();
    for sink in &job.sinks {
        if let Some(input) = &sink.input {
            wanted.insert(&input.value, None);
        }
    }
    for node in planned.nodes.values().rev() {
        let of_node = wanted[&*node.name].clone();
        for used in &node.uses {
            let Some(input) = planned.get(&used.input) else { continue };
            let wants = match (&used.reads, &of_node) {
                _ if keep_all.contains(&*node.name) => None,
                (None, _) => None,
                (Some(_), None) if used.passes_on => None,
                (Some(reads), Some(on)) if used.passes_on => Some(reads.union(on).cloned().collect()),
                (Some(reads), _) => Some(reads.clone()),
            };
            let entry = wanted.entry(&input.name).or_insert_with(|| Some(BTreeSet::new()));
            match (entry.as_mut(), wants) {
                (Some(have), Some(more)) => have.extend(more),
                (_, None) => *entry = None,
                (None, _) => {}
            }
        }
        // Event time is read where it is named.
        if let (Some(at), Some(Some(have))) = (node.observes, wanted.get_mut(&*node.name)) {
            have.insert(node.schema.field(at).name().clone());
        }
    }
    let named = wanted.into_iter().filter_map(|(name, columns)| columns.map(|c| (name.to_owned(), c)));
    named
        .map(|(name, mut columns)| {
            let schema = planned.get(&name).map(|n| n.schema.clone());
            // A batch keeps its rows by its columns: one at least.
            if let Some(schema) = schema
                && !schema.fields().iter().any(|f| columns.contains(f.name()))
                && let Some(first) = schema.fields().first()
            {
                columns.insert(first.name().clone());
            }
            (name, columns)
        })
        .collect()
}

/// The plugin nodes that read or give something else now that they are shown fewer columns.
pub(super) fn changed_their_mind(all: &PlannedNodes, pruned: &PlannedNodes) -> Vec<String> {
    let gives = |nodes: &PlannedNodes, name: &str| {
        let node = nodes.get(name)?;
        node.plugin_reads.clone()
    };
    let changed = all.nodes.names().filter(|name| gives(all, name) != gives(pruned, name));
    changed.map(|name| name.to_string()).collect()
}
