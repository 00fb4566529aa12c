//! Joins of streams that cannot be, or would keep rows for ever: what is missing, and what would do.

use datafusion_common::{Column, DFSchema, JoinType};
use datafusion_expr::logical_plan::Join;
use datafusion_expr::{Expr, LogicalPlan, Operator};

use super::Lowering;
use super::join::{Chosen, time_columns};
use super::join_bounds::TimeColumn;
use crate::job::OutputMode;
use crate::{Error, Result};

impl Lowering<'_> {
    /// A kind of join that streams do not have.
    pub(super) fn refuse_kind(&self, kind: JoinType) -> Error {
        let (message, help) = match kind {
            JoinType::RightSemi => {
                ("RIGHT SEMI JOIN is not supported", "write the sides the other way round: LEFT SEMI JOIN")
            }
            _ => (
                "that a row has no match is known only when nothing more can come: ANTI joins are not supported",
                "use LEFT JOIN, and WHERE right_column IS NULL",
            ),
        };
        self.text.refuse(self.text.find_any(&["RIGHT SEMI JOIN", "ANTI JOIN", "JOIN"]), message).with_help(help)
    }

    /// Where the query says that it joins.
    pub(super) fn join_place(&self) -> std::ops::Range<usize> {
        let whole = 0..self.text.sql().len();
        let join = self.text.find("JOIN");
        if join != whole {
            return join;
        }
        let from = self.text.find("FROM");
        let comma = self.text.sql()[from.end..].find(',').map(|at| from.end + at);
        comma.map_or(whole, |at| at..at + 1)
    }

    /// Without a key every row of one side would be compared with every row of the other.
    pub(super) fn refuse_keyless(&self, parts: &[Expr]) -> Error {
        let null_safe = |e: &Expr| matches!(e, Expr::BinaryExpr(b) if b.op == Operator::IsNotDistinctFrom);
        if parts.iter().any(null_safe) {
            return self.refuse_null_safe();
        }
        let message =
            "a join of streams needs a key: an equality between a column of the one side and one of the other";
        self.text
            .refuse(self.join_place(), message)
            .with_help("write JOIN … ON a.key = b.key AND b.time BETWEEN a.time AND a.time + INTERVAL '1 minute'")
    }

    pub(super) fn refuse_null_safe(&self) -> Error {
        let message = "a join on IS NOT DISTINCT FROM is not supported: keys that are null match nothing";
        self.text.refuse(self.join_place(), message).with_help("write =, with coalesce(…) on both sides")
    }

    /// A join gives rows that stand, and nothing else.
    pub(super) fn refuse_mode(&self) -> Result<()> {
        let mode = match self.take_mode() {
            OutputMode::Append => return Ok(()),
            OutputMode::Update => "update",
            OutputMode::Complete => "complete",
        };
        let message = format!("a join gives each row once, in append mode; {mode} mode is of aggregations");
        let help = "leave output_mode out; aggregate in an operator of its own, over this one";
        Err(self.text.refuse(self.join_place(), message).with_help(help))
    }

    /// Rows that nothing lets go of are kept for ever.
    pub(super) fn refuse_unbounded(&self, chosen: Option<&Chosen>, join: &Join) -> Result<()> {
        if self.context.unbounded_state {
            return Ok(());
        }
        let place = self.join_place();
        let sides = [join.left.schema(), join.right.schema()];
        let Some(Chosen { left, right, bounds }) = chosen else {
            // A query that says nothing of the times does not read them: they are looked for in the tables.
            let streams = || self.context.tables.values().filter(|t| t.static_table.is_none());
            if streams().all(|t| !time_columns(&t.schema).is_empty()) {
                let named = self.time_behind(&join.left).zip(self.time_behind(&join.right));
                let (near, l, r) = match &named {
                    Some((l, r)) => (format!("`{l}` and `{r}`"), l.as_str(), r.as_str()),
                    None => ("the event times of both sides".to_owned(), "a.time", "b.time"),
                };
                let message =
                    format!("rows of both sides would be kept for ever: nothing says how near {near} must be");
                let help = format!(
                    "add to ON: AND {r} BETWEEN {l} AND {l} + INTERVAL '1 minute'; or set unbounded_state = true on this operator"
                );
                return Err(self.text.refuse(place, message).with_help(help));
            }
            let without = sides.iter().find(|s| time_columns(s.inner()).is_empty());
            let which = without.map_or("one side".to_owned(), |s| side_name(s));
            let message = format!("rows would be kept for ever: `{which}` has no event time with a watermark");
            return Err(self.text.refuse(place, message).with_help(
                "add `event_time = \"…\"` and `watermark = \"1 minute\"` to the source, and to the join how near the times must be: … AND b.time BETWEEN a.time AND a.time + INTERVAL '1 minute'",
            ));
        };
        let name = |schema: &DFSchema, time: &TimeColumn| {
            let column = Column::from(schema.qualified_field(time.at));
            let end = if time.is_window { "['end']" } else { "" };
            format!("{}{end}", column.flat_name())
        };
        let (l, r) = (name(sides[0], left), name(sides[1], right));
        let (least, most) = (bounds.reach.least(), bounds.reach.most());
        // What is missing, which side's rows wait because of it, and what would do.
        let missing = match (least, most) {
            (Some(_), Some(_)) => return Ok(()),
            (None, None) => format!("BETWEEN {l} AND {l} + INTERVAL '1 minute'"),
            (Some(_), None) => format!("<= {l} + INTERVAL '1 minute'"),
            (None, Some(_)) => format!(">= {l} - INTERVAL '1 minute'"),
        };
        let bound = match (least, most) {
            (Some(_), None) => format!("nothing says how much later `{r}` may be than `{l}`"),
            (None, Some(_)) => format!("nothing says how much earlier `{r}` may be than `{l}`"),
            _ => format!("nothing says how near `{l}` and `{r}` must be"),
        };
        let of = match (least, most) {
            (Some(_), None) => format!("rows of `{}`", side_name(sides[0])),
            (None, Some(_)) => format!("rows of `{}`", side_name(sides[1])),
            _ => "rows of both sides".to_owned(),
        };
        let message = format!("{of} would be kept for ever: {bound}");
        let help = format!("add to ON: AND {r} {missing}; or set unbounded_state = true on this operator");
        Err(self.text.refuse(place, message).with_help(help))
    }

    /// The event time of the stream that `plan` reads as it is, by the name that the query can call it.
    fn time_behind(&self, plan: &LogicalPlan) -> Option<String> {
        let (scan, name) = match plan {
            LogicalPlan::TableScan(scan) => (scan, scan.table_name.table()),
            LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
                LogicalPlan::TableScan(scan) => (scan, alias.alias.table()),
                _ => return None,
            },
            LogicalPlan::Filter(filter) => return self.time_behind(&filter.input),
            _ => return None,
        };
        let schema = &self.context.tables.get(scan.table_name.table())?.schema;
        let time = time_columns(schema).into_iter().next()?;
        Some(Column::new(Some(name), schema.field(time.at).name()).quoted_flat_name())
    }
}

fn side_name(schema: &DFSchema) -> String {
    let names: Vec<&str> = schema.iter().filter_map(|(q, _)| q.map(|q| q.table())).collect();
    match names.split_first() {
        Some((first, others)) if others.iter().all(|n| n == first) => (*first).to_owned(),
        _ => "one side".to_owned(),
    }
}
