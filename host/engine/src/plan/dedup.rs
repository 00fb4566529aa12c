//! The node `dedup = { keys = […] }`: whole rows, of those with the same keys the first one.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;

use super::event_time;
use super::node::{PlannedNode, Use};
use super::operators::{Planner, refuse_static};
use crate::job::{OperatorSpec, Spanned, suggest};
use crate::name::Name;
use crate::operator::{Expiry, Expressions};
use crate::relation::event_time::{has_watermark, last_time_of, mark};
use crate::relation::{Emits, build};
use crate::{Error, Result};

impl Planner<'_> {
    pub(super) fn dedup(
        &mut self,
        operator: &OperatorSpec,
        input: &Spanned<String>,
        keys: &[Spanned<String>],
        within: Option<&Spanned<i64>>,
    ) -> Result<PlannedNode> {
        let name = Name::from(&operator.name.value);
        let from = self.input(&input.value)?;
        let (mut schema, mut watermark, emits) = (from.schema.clone(), from.watermark.clone(), from.emits());
        let text = &self.job.text;
        if from.static_table.is_some() {
            return Err(refuse_static(text, input));
        }
        if emits != Emits::Rows {
            let message = "a dedup cannot follow a node whose rows replace earlier ones";
            return Err(text.error(input.span.clone(), message).with_help("use append mode for the aggregation"));
        }
        // Event time that is named here is a column of the input.
        let mut observes_input = None;
        if let Some(spec) = &operator.event_time {
            let at = event_time::column(text, &format!("`{}`", input.value), &schema, spec)?;
            schema = mark(&schema, at, spec.delay.is_some());
            observes_input = Some(at);
            watermark = self.done.watermarks.add(&name, spec);
        }

        let mut places = Vec::new();
        for key in keys {
            let Some((at, _)) = schema.column_with_name(&key.value) else {
                let names = schema.fields().iter().map(|f| f.name().as_str());
                let message = format!("`{}` has no column `{}` to tell rows apart by", input.value, key.value);
                return Err(text.error(key.span.clone(), message).with_help(suggest::choices(&key.value, names)));
            };
            places.push(at);
        }
        let time = schema.fields().iter().position(|field| has_watermark(field));
        let expiry = match time {
            Some(at) if places.contains(&at) => {
                if let Some(within) = within {
                    let message = format!(
                        "`within` has no meaning where the event time, `{}`, is a key",
                        schema.field(at).name()
                    );
                    let help =
                        "a row is then the same as others of its own time only: leave `within` out, or the event time";
                    return Err(text.error(within.span.clone(), message).with_help(help));
                }
                Expiry::AtEventTime { time: column(&schema, at)? }
            }
            Some(at) => {
                let delay = watermark.longest(&|node| self.done.watermarks.nodes[node].rule.map(|rule| rule.delay));
                let wait = within.map_or(delay, |within| within.value);
                Expiry::After { time: column(&schema, at)?, wait }
            }
            None if operator.unbounded_state => Expiry::Never,
            None => {
                let message = format!(
                    "a dedup needs event time with a watermark, or it would remember every row for ever; `{}` has none",
                    input.value
                );
                return Err(text.error(input.span.clone(), message).with_help(
                    "add `event_time` and `watermark` to the source or to this operator, or allow it with unbounded_state = true",
                ));
            }
        };
        let mut reads: BTreeSet<String> = keys.iter().map(|key| key.value.clone()).collect();
        reads.extend(time.map(|at| schema.field(at).name().clone()));
        let rows = build::rows_of(&input.value, schema.clone(), emits);
        let relation = build::dedup(name.shared().clone(), rows, places, expiry, self.partitions)?;
        // Late rows go out with all their columns.
        let reads = operator.late.is_none().then_some(reads);
        Ok(PlannedNode {
            name,
            relation,
            observes: None,
            observes_input,
            watermark,
            schema,
            uses: vec![Use { input: input.value.clone(), reads, passes_on: true }],
            plugin_reads: None,
            static_table: None,
            keys: Some(keys.iter().map(|key| key.value.clone()).collect()),
        })
    }
}

/// Event time as an expression.
fn column(schema: &SchemaRef, at: usize) -> Result<Expressions> {
    last_time_of(schema, at).map_err(|e| Error::internal(format!("event time cannot be read: {e}")))
}
