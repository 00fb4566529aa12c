//! The node `dedup = { keys = […] }`: whole rows, of those with the same keys the first one.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::event_time;
use super::node::{PlannedNode, Use};
use super::operators::{Planner, refuse_fixed};
use crate::job::{OperatorSpec, OutputMode, Spanned, suggest};
use crate::operator::{Dedup, Expiry, Expressions};
use crate::sql::{EVENT_TIME, Emits, Relation, Step, last_time_of};
use crate::time::watermark::Derived;
use crate::{Error, Result};

impl Planner<'_> {
    pub(super) fn dedup(
        &mut self,
        operator: &OperatorSpec,
        input: &Spanned<String>,
        keys: &[Spanned<String>],
        within: Option<&Spanned<i64>>,
    ) -> Result<PlannedNode> {
        let name = &operator.name.value;
        let from = self.input(&input.value)?;
        let (mut schema, mut watermark, emits) = (from.schema.clone(), from.watermark.clone(), from.emits());
        let text = &self.job.text;
        if from.fixed.is_some() {
            return Err(refuse_fixed(text, input));
        }
        if emits != Emits::Rows {
            let message = "a dedup cannot follow a node whose rows replace earlier ones";
            return Err(text.error(input.span.clone(), message).with_help("use append mode for the aggregation"));
        }
        // Event time that is named here is a column of the input.
        let mut observes_input = None;
        if let Some(spec) = &operator.event_time {
            let at = event_time::column(text, &format!("`{}`", input.value), &schema, spec)?;
            schema = event_time::mark(&schema, at, spec.delay.is_some());
            let number = self.done.watermarks.add(name, spec);
            observes_input = Some((number, at));
            watermark = Derived::Node(number);
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
        let marked = |at: &usize| schema.field(*at).metadata().get(EVENT_TIME).is_some_and(|node| !node.is_empty());
        let time = (0..schema.fields().len()).find(marked);
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
                let delay = watermark.longest(&|number| self.done.watermarks.nodes[number].rule.map(|rule| rule.delay));
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
        let names: Vec<&str> = keys.iter().map(|key| key.value.as_str()).collect();
        let step = Step::new("dedup", vec![format!("by {}", names.join(", "))]);
        let mut reads: BTreeSet<String> = keys.iter().map(|key| key.value.clone()).collect();
        reads.extend(time.map(|at| schema.field(at).name().clone()));
        let leaf = Relation::Input { table: input.value.clone(), columns: None, schema: schema.clone(), emits };
        let dedup = Dedup::new(name.as_str().into(), places.clone(), expiry, schema.clone(), self.partitions)?;
        let relation = Relation::Stateful {
            inputs: vec![leaf],
            operator: Arc::new(dedup),
            mode: OutputMode::Append,
            keys: places.iter().map(|at| vec![*at]).collect(),
            waits: 0,
            step,
        };
        // Late rows go out with all their columns.
        let reads = operator.late.is_none().then_some(reads);
        Ok(PlannedNode {
            name: name.clone(),
            relation,
            observes: None,
            observes_input,
            watermark,
            schema,
            uses: vec![Use { input: input.value.clone(), reads, passes_on: true }],
            plugin_reads: None,
            fixed: None,
            keys: Some(names.into_iter().map(str::to_owned).collect()),
        })
    }
}

/// Event time as an expression.
fn column(schema: &SchemaRef, at: usize) -> Result<Expressions> {
    last_time_of(schema, at).map_err(|e| Error::internal(format!("event time cannot be read: {e}")))
}
