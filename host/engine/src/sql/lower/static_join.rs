//! A join of a stream with a static source, to a stateless lookup.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion_common::JoinType;
use datafusion_expr::logical_plan::Join;
use datafusion_expr::utils::conjunction;
use datafusion_expr::{Expr, LogicalPlan};

use super::Lowering;
use super::join::{equates, on};
use crate::operator::static_join::{StaticJoinParts, StaticTable};
use crate::relation::event_time::EVENT_TIME;
use crate::relation::{Emits, Relation, build};
use crate::sql::shown::shown_of;
use crate::time::reach::Side;
use crate::{Error, Result};

impl Lowering<'_> {
    /// The static source that `plan` reads row by row, if it does.
    pub(super) fn static_table(&self, plan: &LogicalPlan) -> Option<Arc<StaticTable>> {
        match plan {
            LogicalPlan::TableScan(scan) => self.context.tables.get(scan.table_name.table())?.static_table.clone(),
            LogicalPlan::SubqueryAlias(alias) => self.static_table(&alias.input),
            LogicalPlan::Projection(projection) => self.static_table(&projection.input),
            LogicalPlan::Filter(filter) => self.static_table(&filter.input),
            _ => None,
        }
    }

    /// A static source by itself gives no rows: it stands still.
    pub(super) fn refuse_static_alone(&self, name: &str) -> Error {
        let message = format!("`{name}` is a static source: it gives no rows of its own, streams are joined with it");
        self.text
            .refuse_clause(name, message)
            .with_help(format!("write FROM a_stream JOIN {name} ON …; or leave `static` out of [source.{name}]"))
    }

    /// `table` is the side that is not the stream.
    pub(super) fn join_static(&self, join: &Join, stream: Side, table: Arc<StaticTable>) -> Result<Relation> {
        let is_outer = match (join.join_type, stream) {
            (JoinType::Inner, _) => false,
            (JoinType::Left, Side::Left) | (JoinType::Right, Side::Right) => true,
            (kind, _) => return Err(self.refuse_static_kind(kind, stream, table.name())),
        };
        let kind = match (is_outer, stream) {
            (false, _) => crate::operator::join::JoinKind::Inner,
            (true, Side::Left) => crate::operator::join::JoinKind::Left,
            (true, Side::Right) => crate::operator::join::JoinKind::Right,
        };
        let condition = self.take_apart(join, kind)?;
        if condition.keys.is_empty() {
            let message = format!(
                "a join with `{}` needs a key: an equality between a column of it and one of the stream",
                table.name()
            );
            return Err(self.text.refuse(self.join_place(), message).with_help("write JOIN … ON a.key = b.key"));
        }
        let (left, right) = (join.left.schema(), join.right.schema());
        let rows = |side: Side| {
            let (plan, only, schema) = match side {
                Side::Left => (&join.left, &condition.left_only, left),
                Side::Right => (&join.right, &condition.right_only, right),
            };
            self.filtered(self.lower(plan)?, only.clone(), schema)
        };
        let input = rows(stream)?;
        if input.emits() == Emits::Updates {
            let message = "a join cannot follow a node in update mode: a key whose row is replaced may match several rows, or none";
            return Err(self.text.refuse(self.join_place(), message).with_help("join before the aggregation"));
        }
        self.static_allowed.set(true);
        let static_side = rows(stream.other());
        self.static_allowed.set(false);
        let static_side = static_side?;

        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = condition.keys.iter().cloned().unzip();
        let (left_keys, right_keys) = (self.expressions(&left_keys, left)?, self.expressions(&right_keys, right)?);
        let is_key = |part: &Expr| condition.keys.iter().any(|pair| equates(part, pair));
        let rest = conjunction(condition.parts.iter().filter(|part| !is_key(part)).cloned());
        let pair = left.join(right).map_err(|e| self.text.error(e))?;
        let mut with = vec![format!("{}, with static {}", kind.name(), table.name())];
        with.extend(on(&condition.keys, &pair));
        with.extend(rest.as_ref().map(|rest| format!("and {}", shown_of(rest, &pair))));
        let condition = rest.map(|rest| self.expressions(&[rest], &pair)).transpose()?;
        let both = match stream {
            Side::Left => [input.schema(), static_side.schema()],
            Side::Right => [static_side.schema(), input.schema()],
        };
        let fields: Vec<FieldRef> = both.iter().flat_map(|s| s.fields().iter().cloned()).collect();
        let nullable = |(at, field): (usize, &FieldRef)| {
            Arc::new(Field::clone(field).with_nullable(join.schema.field(at).is_nullable()))
        };
        let schema: SchemaRef = Arc::new(Schema::new(fields.iter().enumerate().map(nullable).collect::<Vec<_>>()));
        let (stream_keys, table_keys) =
            if stream == Side::Left { (left_keys, right_keys) } else { (right_keys, left_keys) };
        let parts = StaticJoinParts {
            name: self.context.node.clone(),
            table,
            steps: build::transforms_of(&static_side)?,
            table_keys,
            stream_keys,
            stream,
            is_outer,
            condition,
            pair: Arc::new(Schema::new(fields)),
            schema,
        };
        debug_assert!(static_side.schema().fields().iter().all(|f| !f.metadata().contains_key(EVENT_TIME)));
        Ok(build::static_join(input, static_side, parts, with))
    }

    fn refuse_static_kind(&self, kind: JoinType, stream: Side, table: &str) -> Error {
        let place = self.text.find_any(&["FULL OUTER JOIN", "FULL JOIN", "LEFT JOIN", "RIGHT JOIN", "JOIN"]);
        let (message, help) = match kind {
            JoinType::Left | JoinType::Right | JoinType::Full => {
                let keep = if stream == Side::Left { "LEFT JOIN" } else { "RIGHT JOIN" };
                (
                    format!(
                        "{} JOIN would keep the rows of `{table}` that have no match, and of a static source it is never known which these are: the stream never ends",
                        kind.to_string().to_uppercase()
                    ),
                    format!("use JOIN, or {keep}, which keeps the stream's rows"),
                )
            }
            _ => (
                format!(
                    "a stream is joined with the static source `{table}` by JOIN, or so that its own rows are kept"
                ),
                "use JOIN, with SELECT of the stream's columns only".to_owned(),
            ),
        };
        self.text.refuse(place, message).with_help(help)
    }
}
