//! `date_trunc('hour', ts)` and `date_bin('10 minutes', ts)` in GROUP BY: where `ts` is event time they are tumbling
//! windows by another name, that come out as their start.
//!
//! Before the optimizer may take a grouping apart, such calls are replaced by a function of our own that knows its
//! windows and is left alone. Where it is no window, over another time or in complete mode, it is computed like any
//! expression.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue, exec_err};
use datafusion_expr::logical_plan::Aggregate;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::format::{UTC, timestamp};
use crate::operator::readable;
use crate::sql::functions::date_trunc::{length_of, unit_of};
use crate::sql::functions::window::duration;
use crate::sql::lower::event_time::EventTimes;
use crate::sql::shown::shown_of;
use crate::time::window::WindowSpec;

const SECOND: i64 = 1_000_000;

/// The start of the tumbling window that a time lies in.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bin {
    spec: WindowSpec,
    signature: Signature,
}

impl ScalarUDFImpl for Bin {
    fn name(&self) -> &str {
        "start_of_window"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let times = args.args[0].to_array(args.number_rows)?;
        let Some(times) = times.as_primitive_opt::<TimestampMicrosecondType>() else {
            return exec_err!("a time is {}", times.data_type());
        };
        let starts: TimestampMicrosecondArray = times.unary(|t| self.spec.last_start(t));
        Ok(ColumnarValue::Array(Arc::new(starts.with_timezone(UTC))))
    }
}

/// `plan` with the function in the place of calls that are grouped by.
pub(in crate::sql) fn recognise_bins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let recognised = plan.transform_up(|node| {
        let LogicalPlan::Aggregate(aggregate) = &node else { return Ok(Transformed::no(node)) };
        let mut any = false;
        let mut by = Vec::new();
        for expr in &aggregate.group_expr {
            let bin = recognised(expr, aggregate.input.schema())?;
            any |= bin.is_some();
            by.push(bin.unwrap_or_else(|| expr.clone()));
        }
        if !any {
            return Ok(Transformed::no(node));
        }
        let Aggregate { input, aggr_expr, schema, .. } = aggregate.clone();
        Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new_with_schema(input, by, aggr_expr, schema)?)))
    });
    recognised.map(|t| t.data)
}

/// The function for `expr`, under its name.
fn recognised(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let Some((spec, time)) = cut(expr) else { return Ok(None) };
    if time.get_type(schema)? != timestamp() {
        return Ok(None);
    }
    // Volatile, so that no rule of the optimizer takes it for a common expression and computes it elsewhere.
    let bin = Bin { spec, signature: Signature::any(1, Volatility::Volatile) };
    let call = Arc::new(ScalarUDF::new_from_impl(bin)).call(vec![time.clone()]);
    let (qualifier, name) = expr.qualified_name();
    Ok(Some(call.cast_to(&expr.get_type(schema)?, schema)?.alias_qualified(qualifier, name)))
}

/// `time` without the finer unit that the planner gives it beside a length that is a text: the same instants.
fn in_its_own_unit(time: &Expr) -> &Expr {
    let same = |zone: &Option<Arc<str>>| zone.as_deref().is_none_or(|zone| zone == UTC);
    match time {
        Expr::Cast(cast) => match cast.field.data_type() {
            DataType::Timestamp(TimeUnit::Nanosecond, zone) if same(zone) => &cast.expr,
            _ => time,
        },
        _ => time,
    }
}

/// The windows that a call of `date_bin` or `date_trunc` cuts time into, and the time that is cut.
pub(in crate::sql) fn cut(expr: &Expr) -> Option<(WindowSpec, &Expr)> {
    let (name, args) = called(expr)?;
    let time = in_its_own_unit(args.get(1)?);
    let spec = if name == "date_trunc" { truncation(&args[0]) } else { bins(&args[0], args.get(2)) };
    Some((spec?, time))
}

fn called(expr: &Expr) -> Option<(&str, &[Expr])> {
    match expr {
        Expr::Alias(alias) => called(&alias.expr),
        Expr::ScalarFunction(f) if ["date_trunc", "date_bin"].contains(&f.func.name()) => {
            Some((f.func.name(), &f.args))
        }
        _ => None,
    }
}

/// The windows that `date_trunc` cuts time into; none where they differ in length.
fn truncation(unit: &Expr) -> Option<WindowSpec> {
    let Expr::Literal(unit, _) = unit else { return None };
    let (size, offset) = length_of(unit_of(unit.try_as_str()??)?)?;
    WindowSpec::new(size, size, offset).ok()
}

/// The windows that `date_bin` cuts time into; none where they differ in length or are no whole microseconds.
fn bins(size: &Expr, origin: Option<&Expr>) -> Option<WindowSpec> {
    if matches!(size, Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(i)), _) if i.nanoseconds % 1000 != 0) {
        return None;
    }
    let size = duration(size).ok()?;
    let offset = match origin {
        None => 0,
        Some(Expr::Literal(ScalarValue::TimestampMicrosecond(Some(t), _), _)) => *t,
        Some(Expr::Literal(ScalarValue::TimestampNanosecond(Some(t), _), _)) if t % 1000 == 0 => t / 1000,
        Some(Expr::Literal(ScalarValue::TimestampMillisecond(Some(t), _), _)) => t.checked_mul(1000)?,
        Some(Expr::Literal(ScalarValue::TimestampSecond(Some(t), _), _)) => t.checked_mul(SECOND)?,
        Some(_) => return None,
    };
    WindowSpec::new(size, size, offset.checked_rem(size)?).ok()
}

/// The windows that a grouping expression is the start of, and the time that lies in them.
pub(in crate::sql) fn as_bin(expr: &Expr) -> Option<(WindowSpec, &Expr)> {
    match expr {
        Expr::Alias(alias) => as_bin(&alias.expr),
        Expr::Cast(cast) => as_bin(&cast.expr),
        Expr::ScalarFunction(f) => {
            let bin = (f.func.inner().as_ref() as &dyn Any).downcast_ref::<Bin>()?;
            Some((bin.spec, f.args.first()?))
        }
        _ => None,
    }
}

/// A call that cuts event time into pieces of no fixed length: its name, and what differs.
pub(in crate::sql) fn uneven_bin<'e>(expr: &'e Expr, times: &EventTimes<'_>) -> Option<(&'e str, &'static str)> {
    let (name, args) = called(expr)?;
    times.mark(in_its_own_unit(args.get(1)?))?;
    let Expr::Literal(length, _) = &args[0] else { return None };
    let unit = length
        .try_as_str()
        .flatten()
        .map(|text| unit_of(text).map_or_else(|| text.to_ascii_lowercase(), str::to_owned));
    let year = unit.as_deref() == Some("year");
    let months = match length {
        ScalarValue::IntervalMonthDayNano(Some(i)) => i.months != 0,
        ScalarValue::IntervalYearMonth(_) => true,
        _ => unit.is_some_and(|unit| ["month", "quarter"].iter().any(|m| unit.contains(m))),
    };
    if !year && !months {
        return None;
    }
    Some((name, if year { "years" } else { "months" }))
}

/// A grouping expression as a person would write it.
pub(in crate::sql) fn shown_group(expr: &Expr, schema: &DFSchema) -> String {
    match (as_bin(expr), expr) {
        (Some(_), Expr::Alias(alias)) => readable(&alias.name),
        _ => shown_of(expr, schema),
    }
}
