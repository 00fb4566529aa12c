//! The node `throttle = { keys = […], rows = …, per = "…" }`: whole rows, of each key's no more than so many in a while.

use super::node::PlannedNode;
use super::operators::Planner;
use crate::Result;
use crate::job::{OperatorSpec, Spanned};
use crate::operator::Allowance;
use crate::relation::build;

impl Planner<'_> {
    pub(super) fn throttle(
        &mut self,
        operator: &OperatorSpec,
        input: &Spanned<String>,
        keys: &[Spanned<String>],
        allowance: Allowance,
    ) -> Result<PlannedNode> {
        let node = self.whole_rows("a throttle", operator, input, keys)?;
        let Some(at) = node.time else {
            let message = format!("a throttle goes by event time with a watermark; `{}` has none", input.value);
            let help = "add `event_time` and `watermark` to the source or to this operator";
            return Err(self.job.text.error(input.span.clone(), message).with_help(help));
        };
        let (name, keys, time) = (node.name.shared().clone(), node.key_columns.clone(), node.event_time(at)?);
        let relation = build::throttle(name, node.rows(), keys, time, allowance, self.partitions)?;
        Ok(node.node(relation))
    }
}
