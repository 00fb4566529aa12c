//! Groups of rows, and what is computed for each.

use super::stateful;
use crate::Result;
use crate::operator::aggregate::{GroupAggregate, GroupAggregateParts};
use crate::relation::{Description, PluginUse, Relation};

/// The groups of `input`, and what is computed for each.
pub fn aggregate(
    input: Relation,
    parts: GroupAggregateParts,
    computes: Vec<String>,
    plugins: Vec<PluginUse>,
) -> Result<Relation> {
    let (mode, keys) = (parts.mode, (0..parts.groups.len()).map(|key| vec![key]).collect());
    let with = match parts.shown.as_slice() {
        [] => vec!["nothing: all rows are one group".to_owned()],
        by => by.to_vec(),
    };
    let description = Description { does: "group by", with, computes, plugins };
    Ok(stateful(input, GroupAggregate::new(parts)?, mode, keys, description))
}
