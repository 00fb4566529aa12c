//! Of rows with the same keys the first so many in each window of event time.

use std::sync::Arc;

use super::stateful;
use crate::Result;
use crate::job::OutputMode;
use crate::operator::{Allowance, Expressions, Throttle};
use crate::relation::{Description, Relation};
use crate::time::shown_length;

/// Of the rows of `input` with the same values in the columns `keys` the first `allowance`, by their event time `time`.
pub fn throttle(
    node: Arc<str>,
    input: Relation,
    keys: Vec<usize>,
    time: Expressions,
    allowance: Allowance,
    partitions: u32,
) -> Result<Relation> {
    let schema = input.schema();
    let names: Vec<&str> = keys.iter().map(|key| schema.field(*key).name().as_str()).collect();
    let Allowance { rows, per } = allowance;
    let shown = format!("{rows} per {} by {}", shown_length(per), names.join(", "));
    let carried = keys.iter().map(|key| vec![*key]).collect();
    let operator = Throttle::new(node, keys, time, allowance, schema, partitions)?;
    Ok(stateful(input, operator, OutputMode::Append, carried, Description::new("throttle", vec![shown])))
}
