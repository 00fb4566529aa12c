//! A join of the logical plan to a join of streams: which parts of its condition are keys, which bound the event times,
//! which look at one side only. What cannot be joined is refused in [`super::join_refusals`].

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, JoinType, NullEquality};
use datafusion_expr::logical_plan::{Filter as LogicalFilter, Join, Projection};
use datafusion_expr::utils::{conjunction, find_valid_equijoin_key_pair, split_conjunction_owned};
use datafusion_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion_functions::core::expr_fn::get_field;

use super::identity::{Over, rows_told};
use super::join_bounds::{Bounds, TimeColumn, TimeOf, bounds};
use super::{Lowering, is_plugin_call};
use crate::Result;
use crate::operator::Expressions;
use crate::operator::join::{JoinInput, JoinKind, StreamJoinParts};
use crate::relation::event_time::{EVENT_TIME, as_event_time, has_watermark};
use crate::relation::{Emits, Relation, build};
use crate::sql::shown::shown_of;
use crate::time::reach::{Reach, Side};

/// A join's condition, taken apart.
pub(super) struct Condition {
    /// Pairs of keys.
    pub keys: Vec<(Expr, Expr)>,
    /// What looks at one side only, and may be asked before the join.
    pub left_only: Vec<Expr>,
    pub right_only: Vec<Expr>,
    /// All else, and the equalities that are keys.
    pub parts: Vec<Expr>,
}

impl Lowering<'_> {
    /// `WHERE` over an inner join is a further condition of it.
    pub(super) fn join_where(&self, join: &Join, filter: &LogicalFilter) -> Result<Relation> {
        let all = join.filter.iter().chain([&filter.predicate]).cloned();
        self.join(&Join { filter: conjunction(all), ..join.clone() })
    }

    /// `filter` on the other side of the columns that the planner puts between it and an inner join, where what nobody
    /// reads is left out and what is computed twice becomes a column.
    pub(super) fn below_projection(&self, filter: &LogicalFilter) -> Result<Option<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = filter.input.as_ref() else { return Ok(None) };
        let inner = matches!(&*projection.input, LogicalPlan::Join(join) if join.join_type == JoinType::Inner);
        if !inner || projection.expr.iter().any(calls_plugin) {
            return Ok(None);
        }
        let named = projection.schema.columns().into_iter().map(|c| c.flat_name());
        let computed: BTreeMap<String, &Expr> = named.zip(&projection.expr).collect();
        let in_its_place = |e: Expr| match &e {
            Expr::Column(c) => match computed.get(&c.flat_name()) {
                Some(of) => Ok(Transformed::yes((*of).clone().unalias())),
                None => Ok(Transformed::no(e)),
            },
            _ => Ok(Transformed::no(e)),
        };
        let predicate = filter.predicate.clone().transform_up(in_its_place);
        let swapped = predicate
            .and_then(|predicate| LogicalFilter::try_new(predicate.data, projection.input.clone()))
            .and_then(|filter| {
                let filter = Arc::new(LogicalPlan::Filter(filter));
                Projection::try_new_with_schema(projection.expr.clone(), filter, projection.schema.clone())
            });
        swapped.map(|swapped| Some(LogicalPlan::Projection(swapped))).map_err(|e| self.text.error(e))
    }

    /// Of an inner join a plugin in the condition is as well asked behind it, where a row that it refuses is one row.
    pub(super) fn join(&self, join: &Join) -> Result<Relation> {
        if join.join_type != JoinType::Inner {
            return self.join_sides(join);
        }
        let parts = join.filter.iter().flat_map(|f| split_conjunction_owned(f.clone()));
        let (within, behind): (Vec<Expr>, Vec<Expr>) = parts.partition(|e| !calls_plugin(e));
        let joined = self.join_sides(&Join { filter: conjunction(within), ..join.clone() })?;
        self.filtered(joined, behind, &join.schema)
    }

    fn join_sides(&self, join: &Join) -> Result<Relation> {
        match (self.static_table(&join.left), self.static_table(&join.right)) {
            (Some(left), Some(_)) => return Err(self.refuse_static_alone(left.name())),
            (None, Some(table)) => return self.join_static(join, Side::Left, table),
            (Some(table), None) => return self.join_static(join, Side::Right, table),
            (None, None) => {}
        }
        if self.context.asked_once
            && let Some(plan) = self.as_known_joins(join)?
        {
            return self.lower(&plan);
        }
        let kind = match join.join_type {
            JoinType::Inner => JoinKind::Inner,
            JoinType::Left => JoinKind::Left,
            JoinType::Right => JoinKind::Right,
            JoinType::Full => JoinKind::Full,
            JoinType::LeftSemi => JoinKind::LeftSemi,
            other => return Err(self.refuse_kind(other)),
        };
        let condition = self.take_apart(join, kind)?;
        self.join_streams(join, kind, condition)
    }

    /// The parts of a join's condition.
    pub(super) fn take_apart(&self, join: &Join, kind: JoinKind) -> Result<Condition> {
        let (left, right) = (join.left.schema(), join.right.schema());
        let equal = |(a, b): &(Expr, Expr)| {
            let equality = BinaryExpr::new(Box::new(a.clone()), Operator::Eq, Box::new(b.clone()));
            Expr::BinaryExpr(equality)
        };
        let mut all: Vec<Expr> = join.on.iter().map(equal).collect();
        all.extend(join.filter.iter().flat_map(|f| split_conjunction_owned(f.clone())));
        if join.null_equality == NullEquality::NullEqualsNull {
            return Err(self.refuse_null_safe());
        }
        let mut condition =
            Condition { keys: Vec::new(), left_only: Vec::new(), right_only: Vec::new(), parts: Vec::new() };
        for part in all {
            if calls_plugin(&part) {
                let message = "a plugin cannot be called here in ON: it would decide which rows have no match";
                let help =
                    "call it in a query before the join: FROM (SELECT *, my_plugin(x) AS y FROM a) a JOIN b ON a.y = …";
                return Err(self.text.refuse(self.join_place(), message).with_help(help));
            }
            if let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = &part
                && let Some(pair) = find_valid_equijoin_key_pair(a, b, left, right).map_err(|e| self.text.error(e))?
            {
                condition.keys.push(pair);
                condition.parts.push(part);
                continue;
            }
            let of = |schema: &DFSchema| part.column_refs().iter().all(|c| schema.is_column_from_schema(c));
            if of(left) && !kind.is_outer(Side::Left) {
                condition.left_only.push(part);
            } else if of(right) && !kind.is_outer(Side::Right) {
                condition.right_only.push(part);
            } else {
                condition.parts.push(part);
            }
        }
        Ok(condition)
    }

    fn join_streams(&self, join: &Join, kind: JoinKind, condition: Condition) -> Result<Relation> {
        self.refuse_mode()?;
        let (left, right) = (join.left.schema(), join.right.schema());
        let inputs = [self.join_input(&join.left)?, self.join_input(&join.right)?];
        let Condition { mut keys, left_only, right_only, parts } = condition;
        if keys.is_empty() {
            if !self.context.asked_once {
                return Err(self.refuse_keyless(&parts));
            }
            // Every row with every row: all have one key.
            keys.push((lit(0i64), lit(0i64)));
        }
        let [left_rows, right_rows] = inputs;
        let times = [time_columns(&left_rows.schema()), time_columns(&right_rows.schema())];
        let chosen = choose(&parts, (left, &times[0]), (right, &times[1]));
        self.refuse_unbounded(chosen.as_ref(), join)?;

        // What the reach says need not be asked again; a window that both lie in is no key either, if there is another.
        let (said, reach) = match &chosen {
            Some(chosen) => (chosen.bounds.said.clone(), chosen.bounds.reach),
            None => (vec![false; parts.len()], Reach::between(None, None)),
        };
        let said_by_reach =
            |pair: &(Expr, Expr)| parts.iter().zip(&said).any(|(part, said)| *said && equates(part, pair));
        let narrowed: Vec<&(Expr, Expr)> = keys.iter().filter(|pair| !said_by_reach(pair)).collect();
        let by: Vec<(Expr, Expr)> =
            if narrowed.is_empty() { keys.clone() } else { narrowed.into_iter().cloned().collect() };
        let is_key = |part: &Expr| keys.iter().any(|pair| equates(part, pair));
        let rest =
            parts.iter().zip(&said).filter(|(part, said)| !**said && !is_key(part)).map(|(part, _)| part.clone());
        // Of an inner join all else may be asked behind it, where a pair for which it fails is a row that is set aside.
        let (behind, rest) = if kind == JoinKind::Inner { (rest.collect(), None) } else { (vec![], conjunction(rest)) };

        let pair = left.join(right).map_err(|e| self.text.error(e))?;
        let shown = shown_join(kind, &by, chosen.as_ref(), rest.as_ref(), (&pair, left.fields().len()));
        let rest = rest.map(|rest| {
            let told = Over::Pairs(&join.left, &join.right).one(&rest);
            self.expressions(&[rest], &pair).map(|rest| rest.told_as(vec![told]))
        });
        let rest = rest.transpose()?;
        let left_rows = self.filtered(left_rows, left_only, left)?;
        let right_rows = self.filtered(right_rows, right_only, right)?;
        let input = |rows: &Relation, keys: Vec<Expr>, plan: &LogicalPlan, time: Option<TimeColumn>| -> Result<_> {
            let time = time.map(|t| self.join_time(t, plan)).transpose()?;
            let from = Over::Rows(plan);
            let keys = self.expressions(&keys, plan.schema())?.told_as(from.all(&keys));
            Ok(JoinInput { schema: rows.schema(), keys, time, told: from.columns(), from: rows_told(plan) })
        };
        let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = by.into_iter().unzip();
        // Without bounds on both sides nothing can be said of when rows come out.
        let marks = chosen.as_ref().filter(|_| reach.longest_wait().is_some()).map(|c| (c.left.at, c.right.at));
        let schema = join_schema(join, kind, &left_rows.schema(), &right_rows.schema(), marks);
        let pair_schema: SchemaRef = Arc::new(Schema::new(
            left_rows.schema().fields().iter().chain(right_rows.schema().fields()).cloned().collect::<Vec<_>>(),
        ));
        let parts = StreamJoinParts {
            name: self.context.node.clone(),
            kind,
            left: input(&left_rows, left_keys, &join.left, chosen.as_ref().map(|c| c.left))?,
            right: input(&right_rows, right_keys, &join.right, chosen.as_ref().map(|c| c.right))?,
            reach,
            condition: rest,
            pair: pair_schema,
            schema,
            partitions: self.context.partitions,
        };
        let joined = build::join(left_rows, right_rows, parts, shown)?;
        self.filtered(joined, behind, &pair)
    }

    fn join_input(&self, plan: &LogicalPlan) -> Result<Relation> {
        let input = self.lower(plan)?;
        let mode = match input.emits() {
            _ if self.context.asked_once => return Ok(input),
            Emits::Rows => return Ok(input),
            Emits::Updates => "update",
            Emits::Snapshot => "complete",
        };
        let message = format!("a join cannot follow a node in {mode} mode, whose rows replace earlier ones");
        Err(self.text.refuse(self.join_place(), message).with_help("use append mode for the aggregation"))
    }

    /// The event time of a side's rows.
    fn join_time(&self, time: TimeColumn, input: &LogicalPlan) -> Result<Expressions> {
        let schema = input.schema();
        let column = Expr::Column(Column::from(schema.qualified_field(time.at)));
        // A window is passed by the watermark at its end.
        let expr = if time.is_window { get_field(column, "end") } else { column };
        as_event_time(&expr, schema, Over::Rows(input).one(&expr)).map_err(|e| self.text.error(e))
    }
}

/// Whether `part` is the equality of the two.
pub(super) fn equates(part: &Expr, (x, y): &(Expr, Expr)) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = part else { return false };
    (x == &**a && y == &**b) || (x == &**b && y == &**a)
}

/// The event times by which rows match.
pub(super) struct Chosen {
    pub left: TimeColumn,
    pub right: TimeColumn,
    pub bounds: Bounds,
}

/// The columns of event time that are bounded best.
fn choose(parts: &[Expr], left: (&DFSchema, &[TimeColumn]), right: (&DFSchema, &[TimeColumn])) -> Option<Chosen> {
    let mut best: Option<(usize, Chosen)> = None;
    for l in left.1 {
        for r in right.1 {
            let of = |schema, column| TimeOf { schema, column };
            let bounds = bounds(parts, of(left.0, *l), of(right.0, *r));
            let bounded = usize::from(bounds.reach.least().is_some()) + usize::from(bounds.reach.most().is_some());
            if best.as_ref().is_none_or(|(n, _)| bounded > *n) {
                best = Some((bounded, Chosen { left: *l, right: *r, bounds }));
            }
        }
    }
    best.map(|(_, chosen)| chosen)
}

/// The columns that are event time with a watermark.
pub(super) fn time_columns(schema: &SchemaRef) -> Vec<TimeColumn> {
    let columns = schema.fields().iter().enumerate().filter(|(_, f)| has_watermark(f));
    columns.map(|(at, f)| TimeColumn { at, is_window: matches!(f.data_type(), DataType::Struct(_)) }).collect()
}

/// What comes out. `marks` are the columns by which rows matched: only of these it can be said how late they come out.
fn join_schema(
    join: &Join,
    kind: JoinKind,
    left: &SchemaRef,
    right: &SchemaRef,
    marks: Option<(usize, usize)>,
) -> SchemaRef {
    let right = if kind == JoinKind::LeftSemi { &[][..] } else { right.fields() };
    let fields = left.fields().iter().chain(right).enumerate().map(|(at, field)| {
        let keep = marks.is_some_and(|(l, r)| at == l || at == left.fields().len() + r);
        let mut metadata = field.metadata().clone();
        if !keep {
            metadata.remove(EVENT_TIME);
        }
        let nullable = join.schema.field(at).is_nullable();
        Arc::new(Field::clone(field).with_nullable(nullable).with_metadata(metadata))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// What the join does: its kind, keys, reach in time, and what else it asks.
fn shown_join(
    kind: JoinKind,
    keys: &[(Expr, Expr)],
    chosen: Option<&Chosen>,
    rest: Option<&Expr>,
    (pair, left_columns): (&DFSchema, usize),
) -> Vec<String> {
    let mut with = vec![kind.name().to_owned()];
    with.extend(on(keys, pair));
    if let Some(Chosen { left, right, bounds }) = chosen {
        // The left side's columns come first in a pair.
        let right = TimeColumn { at: left_columns + right.at, ..*right };
        let name = |time: &TimeColumn| {
            let end = if time.is_window { ".end" } else { "" };
            format!("{}{end}", shown_of(&Expr::Column(Column::from(pair.qualified_field(time.at))), pair))
        };
        with.extend(bounds.reach.shown(&name(left), &name(&right)));
    }
    with.extend(rest.map(|rest| format!("and {}", shown_of(rest, pair))));
    with
}

/// The keys of a join.
pub(super) fn on(keys: &[(Expr, Expr)], pair: &DFSchema) -> Vec<String> {
    let equal = |(a, b): &(Expr, Expr)| format!("{} = {}", shown_of(a, pair), shown_of(b, pair));
    vec![format!("on {}", keys.iter().map(equal).collect::<Vec<_>>().join(" and "))]
}

fn calls_plugin(expr: &Expr) -> bool {
    let mut found = false;
    let walked = expr.apply(|e| {
        found |= is_plugin_call(e);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_err() || found
}
