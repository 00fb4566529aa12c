//! The node `dedup = { keys = […] }`: whole rows, of those with the same keys the first one.

use super::node::PlannedNode;
use super::operators::Planner;
use crate::Result;
use crate::job::{OperatorSpec, Spanned};
use crate::operator::Expiry;
use crate::relation::build;

impl Planner<'_> {
    pub(super) fn dedup(
        &mut self,
        operator: &OperatorSpec,
        input: &Spanned<String>,
        keys: &[Spanned<String>],
        within: Option<&Spanned<i64>>,
    ) -> Result<PlannedNode> {
        let node = self.whole_rows("a dedup", operator, input, keys)?;
        let text = &self.job.text;
        let expiry = match node.time {
            Some(at) if node.key_columns.contains(&at) => {
                if let Some(within) = within {
                    let message = format!(
                        "`within` has no meaning where the event time, `{}`, is a key",
                        node.schema.field(at).name()
                    );
                    let help =
                        "a row is then the same as others of its own time only: leave `within` out, or the event time";
                    return Err(text.error(within.span.clone(), message).with_help(help));
                }
                Expiry::AtEventTime { time: node.event_time(at)? }
            }
            Some(at) => {
                let delay =
                    node.watermark.longest(&|node| self.done.watermarks.nodes[node].rule.map(|rule| rule.delay));
                let wait = within.map_or(delay, |within| within.value);
                Expiry::After { time: node.event_time(at)?, wait }
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
        let (name, keys) = (node.name.shared().clone(), node.key_columns.clone());
        let relation = build::dedup(name, node.rows(), keys, expiry, self.partitions)?;
        Ok(node.node(relation))
    }
}
