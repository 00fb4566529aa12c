//! `SELECT DISTINCT` to a deduplication whose keys are all columns.

use datafusion_common::Column;
use datafusion_expr::{Expr, LogicalPlan};

use super::Lowering;
use super::event_time::EventTimes;
use super::identity::Over;
use super::time::As;
use crate::Result;
use crate::job::OutputMode;
use crate::operator::Expiry;
use crate::relation::{Emits, Relation, build};
use crate::sql::shown::all_shown;

impl Lowering<'_> {
    pub(super) fn distinct(&self, plan: &LogicalPlan) -> Result<Relation> {
        let refused = |message: &str, help: &str| {
            Err(self.text.refuse(self.text.find_any(&["DISTINCT", "UNION"]), message).with_help(help))
        };
        if self.take_mode() != OutputMode::Append {
            return refused("DISTINCT appends: a row that came out once does not change", "leave `output_mode` out");
        }
        let input = self.lower(plan)?;
        if input.emits() != Emits::Rows && !self.context.asked_once {
            let message =
                "DISTINCT cannot follow a node whose rows replace earlier ones: only stateless nodes and sinks may";
            return refused(message, "use append mode for the aggregation");
        }
        let (schema, from) = (input.schema(), plan.schema());
        let times = EventTimes { from, rows: &schema };
        let columns: Vec<Expr> = from.iter().map(|field| Expr::Column(Column::from(field))).collect();
        let time = columns.iter().find(|e| times.mark(e).is_some_and(|node| !node.is_empty()));
        let expiry = match time {
            Some(time) => Expiry::AtEventTime { time: self.time_expression(time, plan, As::Last)? },
            None if self.context.unbounded_state => Expiry::Never,
            None => {
                let message =
                    "DISTINCT would have to remember every row for ever: the event time is not among its columns";
                return refused(
                    message,
                    "SELECT the event-time column too, use an operator with dedup = { keys = [\"…\"] }, or allow it with unbounded_state = true",
                );
            }
        };
        let (told, shown) = (Over::Rows(plan).columns(), all_shown(&columns, from));
        build::distinct(self.context.node.clone(), input, told, shown, expiry, self.context.partitions)
    }
}
