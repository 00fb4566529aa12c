//! The node of a keyed plugin: `plugin = "…"` with `key_by = […]`.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use millstream_plugin::BoundKeyed;

use super::node::{PlannedNode, Use};
use super::operators::Planner;
use crate::job::{Logic, OperatorSpec, OutputMode};
use crate::operator::PluginOperator;
use crate::operator::keyed::{JudgedBy, KeyedFunction, PluginKeyed};
use crate::relation::event_time::mark;
use crate::relation::{PluginUse, Relation, build};
use crate::{Error, Result};

/// Binds the plugin to the columns of an input and to its keys.
pub(super) type Bind<'a> = dyn Fn(&SchemaRef, &[FieldRef]) -> Result<BoundKeyed> + 'a;

impl Planner<'_> {
    pub(super) fn keyed_plugin(
        &mut self,
        operator: &OperatorSpec,
        plugin: &PluginOperator,
        bind: &Bind<'_>,
    ) -> Result<PlannedNode> {
        let Logic::Plugin { input, plugin: plugin_name, config, key_by, .. } = &operator.logic else {
            return Err(Error::internal("not a plugin operator"));
        };
        let text = self.job.text.clone();
        if key_by.is_empty() {
            let message = format!("`{}` is keyed: it keeps state per key, and this operator has none", plugin.called);
            let help = "name the columns that make the key: key_by = [\"user\"]";
            return Err(text.error(plugin_name.span.clone(), message).with_help(help));
        }
        let mode = operator.output_mode.as_ref().map_or(OutputMode::Append, |mode| mode.value);
        let after_state = self.done.after_state().contains(&input.value);
        let node = self.whole_rows("a keyed operator", operator, input, key_by)?;
        let keys: Vec<FieldRef> = node.key_columns.iter().map(|at| node.schema.fields()[*at].clone()).collect();
        let bound = bind(&node.schema, &keys)?;
        let judged_by = if after_state { JudgedBy::EpochBefore } else { JudgedBy::ThisEpoch };
        let time = node.time.map(|at| node.event_time(at)).transpose()?.map(|time| (time, judged_by));
        let reads: Vec<String> = bound.reads().iter().map(|at| node.schema.field(*at).name().clone()).collect();
        let called = PluginUse { plugin: plugin.called.to_string(), reads: reads.clone(), hints: Some(bound.hints()) };
        let function: Arc<dyn KeyedFunction> =
            Arc::new(PluginKeyed::new(plugin.called.clone(), config, bound, node.schema.clone()));
        let event_time = function.binding().event_time;
        let at = |e: Error| match e.location() {
            None => e.at(text.at(operator.output_mode.as_ref().map_or(&plugin_name.span, |mode| &mode.span).clone())),
            Some(_) => e,
        };
        let relation = build::keyed(
            node.name.shared().clone(),
            node.rows(),
            node.key_columns.clone(),
            time,
            (function, called),
            mode,
            self.partitions,
        )
        .map_err(at)?;
        let schema = match event_time {
            Some(at) if node.time.is_some() => mark(&relation.schema(), at, true),
            _ => relation.schema(),
        };
        let time = node.time.map(|at| node.schema.field(at).name().clone());
        let read: BTreeSet<String> =
            reads.iter().cloned().chain(key_by.iter().map(|key| key.value.clone())).chain(time).collect();
        let uses = Use {
            input: input.value.clone(),
            // Late rows go out with all their columns.
            reads: operator.late.is_none().then_some(read),
            passes_on: false,
        };
        let node = node.node(relation);
        let waits = match &node.relation {
            Relation::Stateful { waits, .. } => *waits,
            _ => 0,
        };
        let watermark = node.watermark.clone().held_back(waits);
        Ok(PlannedNode { schema, watermark, uses: vec![uses], plugin_reads: Some(reads), keys: None, ..node })
    }
}

/// The refusal of `key_by` beside a plugin that is none.
pub(super) fn refuse_keys(text: &crate::job::JobText, plugin: &PluginOperator, operator: &OperatorSpec) -> Result<()> {
    let Logic::Plugin { key_by, .. } = &operator.logic else { return Ok(()) };
    match key_by.first() {
        None => Ok(()),
        Some(key) => {
            let message = format!("`{}` is no keyed operator, but a {}: it has no keys", plugin.called, plugin.kind);
            Err(text.error(key.span.clone(), message).with_help("leave `key_by` out"))
        }
    }
}
