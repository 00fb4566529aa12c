//! The functions of windows: `window(time, size [, slide [, offset]])`, `session_window(time, gap)`.
//!
//! They stand in `GROUP BY`; their result is a struct of `start` and `end`. They are never called: grouping by them is
//! what [`crate::operator::aggregate`] does. In place of a time they take a window too, whose event time is the last
//! instant that belongs to it: that is what [`super::window_time`] gives.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{DataFusionError, ScalarValue, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::function::{Example, Function, Implementation};
use crate::format::{shown_type, timestamp};
use crate::job::parse_micros;
use crate::operator::aggregate::window_type;
use crate::time::window::{SessionSpec, WindowSpec};

/// The name of windows of one length.
pub(in crate::sql) const WINDOW: &str = "window";
/// The name of windows that end after a gap.
pub(in crate::sql) const SESSION_WINDOW: &str = "session_window";

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: WINDOW,
        signature: "window(time, size[, slide[, offset]]) → struct",
        gives: "the tumbling or sliding windows that a time lies in, as groups",
        example: Example {
            sql: "window.start FROM events GROUP BY window(ts, '2 minutes') ORDER BY 1",
            answer: "2026-03-01T09:00:00Z, 2026-03-01T09:02:00Z",
        },
        by: Implementation::Scalar(|| window_function(WINDOW)),
    },
    Function {
        name: SESSION_WINDOW,
        signature: "session_window(time, gap) → struct",
        gives: "the session that a time lies in, as a group",
        example: Example {
            sql: "session_window.start FROM events GROUP BY session_window(ts, '1 minute') ORDER BY 1",
            answer: "2026-03-01T09:00:05Z, 2026-03-01T09:02:10Z",
        },
        by: Implementation::Scalar(|| window_function(SESSION_WINDOW)),
    },
];

/// `window` or `session_window` as DataFusion knows it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::sql) struct WindowFunction {
    name: &'static str,
    signature: Signature,
}

fn window_function(name: &'static str) -> ScalarUDF {
    // Volatile, so that no rule of the optimizer moves, folds or shares it: it is grouped by, never computed.
    let signature = Signature::variadic_any(Volatility::Volatile);
    ScalarUDF::new_from_impl(WindowFunction { name, signature })
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion_common::Result<DataType> {
        Ok(window_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> datafusion_common::Result<FieldRef> {
        let (takes, usage) = if self.name == WINDOW {
            (2..=4, "a time, a size and optionally a slide and an offset: window(ts, '10 minutes', '5 minutes')")
        } else {
            (2..=2, "a time and a gap: session_window(ts, '5 minutes')")
        };
        if !takes.contains(&args.arg_fields.len()) {
            return plan_err!("`{}` takes {usage}", self.name);
        }
        let time = &args.arg_fields[0];
        if !matches!(time.data_type(), DataType::Timestamp(..)) && !is_window_type(time.data_type()) {
            return plan_err!(
                "`{}` groups by a timestamp; `{}` is {}: CAST it AS TIMESTAMP",
                self.name,
                time.name(),
                shown_type(time.data_type())
            );
        }
        Ok(Arc::new(Field::new(self.name, window_type(), false)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> datafusion_common::Result<ColumnarValue> {
        Err(DataFusionError::Plan(format!(
            "{}(…) can only stand in GROUP BY, and in SELECT, HAVING and ORDER BY of the same query",
            self.name
        )))
    }
}

/// Whether values of this type are windows.
pub(in crate::sql) fn is_window_type(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else { return false };
    let bounds = fields.iter().map(|f| (f.name().as_str(), f.data_type()));
    bounds.eq([("start", &timestamp()), ("end", &timestamp())])
}

/// Whether `expr` is a call of `window` or `session_window`: its name and its arguments.
pub(in crate::sql) fn as_window_call(expr: &Expr) -> Option<(&'static str, &[Expr])> {
    match expr {
        Expr::ScalarFunction(f) => {
            let function = (f.func.inner().as_ref() as &dyn Any).downcast_ref::<WindowFunction>()?;
            Some((function.name, &f.args))
        }
        Expr::Alias(alias) => as_window_call(&alias.expr),
        _ => None,
    }
}

/// The windows that constant arguments ask for.
pub(in crate::sql) fn window_spec(args: &[Expr]) -> Result<WindowSpec, String> {
    let mut lengths = Vec::new();
    for (what, arg) in ["size", "slide", "offset"].into_iter().zip(&args[1..]) {
        lengths.push(duration(arg).map_err(|e| format!("the window's {what}: {e}"))?);
    }
    let size = lengths[0];
    let slide = lengths.get(1).copied().unwrap_or(size);
    let offset = lengths.get(2).copied().unwrap_or(0);
    WindowSpec::new(size, slide, offset).map_err(|e| e.to_string())
}

/// The sessions that a constant gap asks for.
pub(in crate::sql) fn session_spec(args: &[Expr]) -> Result<SessionSpec, String> {
    let gap = duration(&args[1]).map_err(|e| format!("the session's gap: {e}"))?;
    SessionSpec::new(gap).map_err(|e| e.to_string())
}

/// A constant length of time, microseconds: `'10 minutes'` or `INTERVAL '10 minutes'`.
pub(in crate::sql) fn duration(expr: &Expr) -> Result<i64, String> {
    let value = match expr {
        Expr::Literal(value, _) => value,
        Expr::Cast(cast) => return duration(&cast.expr),
        Expr::Alias(alias) => return duration(&alias.expr),
        _ => return Err("must be a constant, such as '10 minutes'".into()),
    };
    let months = "months differ in length: give days, hours or minutes";
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            let (sign, text) = text.trim().strip_prefix('-').map_or((1, text.trim()), |rest| (-1, rest));
            let length = parse_micros(text);
            length
                .map(|us| us * sign)
                .map_err(|e| format!("`{text}` is not a length of time such as '10 minutes': {e}"))
        }
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.months == 0 => {
            let days = i64::from(i.days).checked_mul(86_400_000_000);
            days.and_then(|d| d.checked_add(i.nanoseconds / 1000)).ok_or_else(|| "too long".into())
        }
        ScalarValue::IntervalDayTime(Some(i)) => {
            Ok(i64::from(i.days) * 86_400_000_000 + i64::from(i.milliseconds) * 1000)
        }
        ScalarValue::IntervalMonthDayNano(Some(_)) | ScalarValue::IntervalYearMonth(_) => Err(months.into()),
        other => Err(format!("{other} is not a length of time such as '10 minutes'")),
    }
}
