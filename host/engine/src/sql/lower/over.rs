//! Window functions of the logical plan, where a query is asked once.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field};
use datafusion_common::ScalarValue;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::expr::{AggregateFunction, Sort, WindowFunction, WindowFunctionDefinition};
use datafusion_expr::logical_plan::Window;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits};

use super::Lowering;
use crate::format::type_name;
use crate::operator::Expressions;
use crate::operator::aggregate::AggregateCall;
use crate::operator::over::{Bound, Distance, Frame, Order, OverCall, OverFunction, Unit};
use crate::relation::{Relation, build};
use crate::sql::error::SqlText;
use crate::sql::functions::placed::placed;
use crate::sql::plugin::calls::called_in;
use crate::sql::refusals::clause::refuse_node;
use crate::sql::shown::shown_of;
use crate::{Error, Result};

/// How rows are parted and put in order, as the plan has it.
type Planned = (Vec<Expr>, Vec<Sort>);

impl Lowering<'_> {
    pub(super) fn over(&self, window: &Window) -> Result<Relation> {
        if !self.context.asked_once {
            return Err(refuse_node(self.text, &LogicalPlan::Window(window.clone())));
        }
        let input = self.lower(&window.input)?;
        let from = window.input.schema();
        let (mut planned, mut orders, mut calls) = (Vec::<Planned>::new(), Vec::new(), Vec::new());
        for expr in &window.window_expr {
            let call = self.over_call(expr, &window.input, &mut planned)?;
            calls.push(call);
        }
        for (partition, by) in &planned {
            let exprs: Vec<Expr> = by.iter().map(|s| s.expr.clone()).collect();
            let option = |s: &Sort| SortOptions { descending: !s.asc, nulls_first: s.nulls_first };
            orders.push(Order {
                partition: self.expressions(partition, from)?.with_normal_floats()?,
                by: self.expressions(&exprs, from)?.with_normal_floats()?,
                options: by.iter().map(option).collect(),
            });
        }
        let made = window.schema.fields().iter().skip(input.schema().fields().len());
        let made = made.map(|f| Arc::new(Field::new(f.name(), f.data_type().clone(), true)));
        let plugins = called_in(&window.window_expr, from);
        build::over(self.context.node.clone(), input, orders, calls, made, plugins)
    }

    fn over_call(&self, expr: &Expr, input: &LogicalPlan, planned: &mut Vec<Planned>) -> Result<OverCall> {
        let schema = input.schema();
        let WindowFunction { fun, params } = match expr {
            Expr::Alias(alias) => return self.over_call(&alias.expr, input, planned),
            Expr::WindowFunction(call) => call.as_ref(),
            other => return Err(Error::internal(format!("a window function that is none: {other}"))),
        };
        let new = (params.partition_by.clone(), params.order_by.clone());
        let order = planned.iter().position(|known| *known == new).unwrap_or_else(|| {
            planned.push(new);
            planned.len() - 1
        });
        let frame = self.frame(&params.window_frame)?;
        match fun {
            WindowFunctionDefinition::AggregateUDF(of) => {
                let (args, filter) = (params.args.clone(), params.filter.clone());
                let nulls = params.null_treatment;
                let call = AggregateFunction::new_udf(of.clone(), args, params.distinct, filter, Vec::new(), nulls);
                let call = Expr::AggregateFunction(call);
                let shown = shown_of(&call, schema);
                let AggregateCall { function, args, filter } = self.aggregate_call(&call, input)?;
                Ok(OverCall { function: OverFunction::Aggregate(function), args, filter, order, frame, shown })
            }
            WindowFunctionDefinition::WindowUDF(of) => {
                let found = placed(of, &params.args, params.null_treatment);
                let found = found.ok_or_else(|| Error::internal(format!("`{}` is not ours", of.name())))?;
                let function = found.map_err(|why| self.text.refuse_clause(of.name(), why))?;
                let args: Expressions = self.expressions(&params.args, schema)?;
                let args_shown: Vec<String> = params.args.iter().map(|a| shown_of(a, schema)).collect();
                let shown = format!("{}({})", of.name(), args_shown.join(", "));
                Ok(OverCall { function: OverFunction::Placed(function), args, filter: None, order, frame, shown })
            }
        }
    }

    fn frame(&self, frame: &WindowFrame) -> Result<Frame> {
        let unit = match frame.units {
            WindowFrameUnits::Rows => Unit::Rows,
            WindowFrameUnits::Groups => Unit::Groups,
            WindowFrameUnits::Range => Unit::Range,
        };
        let bound = |bound: &WindowFrameBound| {
            Ok::<_, Error>(match bound {
                WindowFrameBound::CurrentRow => Bound::Current,
                // A distance that is more than all that the column's type can hold is null too.
                bound if bound.is_unbounded() => Bound::Unbounded,
                WindowFrameBound::Preceding(n) => Bound::Before(self.distance(n)?),
                WindowFrameBound::Following(n) => Bound::After(self.distance(n)?),
            })
        };
        Ok(Frame { unit, start: bound(&frame.start_bound)?, end: bound(&frame.end_bound)? })
    }

    fn distance(&self, n: &ScalarValue) -> Result<Distance> {
        use ScalarValue as S;
        let whole = match n {
            S::Int8(Some(n)) => Some(i128::from(*n)),
            S::Int16(Some(n)) => Some(i128::from(*n)),
            S::Int32(Some(n)) => Some(i128::from(*n)),
            S::Int64(Some(n)) => Some(i128::from(*n)),
            S::UInt8(Some(n)) => Some(i128::from(*n)),
            S::UInt16(Some(n)) => Some(i128::from(*n)),
            S::UInt32(Some(n)) => Some(i128::from(*n)),
            S::UInt64(Some(n)) => Some(i128::from(*n)),
            S::Decimal32(Some(n), ..) => Some(i128::from(*n)),
            S::Decimal64(Some(n), ..) => Some(i128::from(*n)),
            S::Decimal128(Some(n), ..) => Some(*n),
            _ => None,
        };
        let distance = match (whole, n) {
            (Some(n), _) => (n >= 0).then_some(Distance::Whole(n)),
            (_, S::Float16(Some(n))) => Some(Distance::Float(f64::from(*n))),
            (_, S::Float32(Some(n))) => Some(Distance::Float(f64::from(*n))),
            (_, S::Float64(Some(n))) => Some(Distance::Float(*n)),
            (_, S::IntervalMonthDayNano(Some(interval))) => {
                let nanos = i128::from(interval.days) * 86_400_000_000_000 + i128::from(interval.nanoseconds);
                let months = u32::try_from(interval.months).ok().filter(|_| nanos >= 0);
                months.map(|months| Distance::Time { months, nanos })
            }
            (_, other) => return Err(Error::internal(format!("a frame's distance is {other:?}"))),
        };
        distance.ok_or_else(|| {
            let help = "write 1 FOLLOWING instead of -1 PRECEDING, and intervals alike";
            self.text.refuse_clause("RANGE", "a frame's distance is 0 or more").with_help(help)
        })
    }
}

/// Refuses distances that there are not between values of an order's type, while they are as they were written.
pub(in crate::sql) fn refuse_distances(text: &SqlText, plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    let walked = plan.apply_with_subqueries(|node| {
        let LogicalPlan::Window(window) = node else { return Ok(TreeNodeRecursion::Continue) };
        for expr in &window.window_expr {
            expr.apply(|e| {
                if let Expr::WindowFunction(call) = e
                    && let (WindowFrameUnits::Range, Some(by)) =
                        (call.params.window_frame.units, call.params.order_by.first())
                {
                    let of = by.expr.get_type(window.input.schema())?;
                    let frame = &call.params.window_frame;
                    let why = [&frame.start_bound, &frame.end_bound].into_iter().find_map(|b| wrong(b, &of));
                    refused = refused.take().or(why);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|e| text.error(e))?;
    match refused {
        None => Ok(()),
        Some((message, help)) => Err(text.refuse_clause("RANGE", message).with_help(help)),
    }
}

/// What is wrong with a distance between values of type `of`, and what to write.
fn wrong(bound: &WindowFrameBound, of: &DataType) -> Option<(String, &'static str)> {
    let (WindowFrameBound::Preceding(n) | WindowFrameBound::Following(n)) = bound else { return None };
    let ScalarValue::Utf8(Some(n)) = n else { return None };
    let number = n.parse::<f64>().is_ok();
    let digits = n.split_once('.').map_or(0, |(_, digits)| digits.trim_end_matches('0').len());
    let between = |what: &str| format!("a distance between values of {} is {what}, and this one is {n}", type_name(of));
    match of {
        of if of.is_temporal() && !matches!(of, DataType::Duration(_) | DataType::Interval(_)) => {
            number.then(|| (between("an interval"), "write INTERVAL '1 day' PRECEDING"))
        }
        of if of.is_floating() => (!number).then(|| (between("a number"), "write 0.5 PRECEDING")),
        of if of.is_integer() => n
            .parse::<u64>()
            .is_err()
            .then(|| (between("a whole number"), "write ORDER BY CAST(x AS DOUBLE), and the distance as it is")),
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
            let fits = number && !n.contains(['e', 'E']) && digits <= usize::try_from(*scale).unwrap_or(0);
            (!fits).then(|| {
                (between("a number with no more digits"), "write ORDER BY CAST(x AS DOUBLE), and the distance as it is")
            })
        }
        of => {
            let message = format!(
                "a frame by RANGE with a distance needs an order by numbers or times, and this one is {}",
                type_name(of)
            );
            Some((message, "write ROWS, or GROUPS"))
        }
    }
}
