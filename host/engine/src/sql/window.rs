//! `window(time, size [, slide [, offset]])` in a query.
//!
//! The function stands in `GROUP BY`; its result is a struct of `start` and `end`. In SQL one writes `window.start`,
//! which names no table and no column, so before planning such names are replaced by what they mean: a field of the
//! grouping expression. The function itself is never called: grouping by it is what [`crate::operator::aggregate`] does.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{DataFusionError, ScalarValue, plan_err};
use datafusion_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_sql::sqlparser::ast::{
    Expr as Ast, GroupByExpr, Ident, OrderBy, Query, Select, SelectItem, SetExpr, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use super::error::SqlText;
use crate::Result;
use crate::operator::aggregate::window_type;
use crate::time::window::WindowSpec;

/// The function's name.
pub(super) const WINDOW: &str = "window";

/// Replaces `window`, `window.start` and `window.end` in each query that groups by a window.
pub(super) fn rewrite_windows(text: &SqlText, query: &mut Query) -> Result<()> {
    let mut rewriter = Rewriter { error: None, text };
    let _ = query.visit(&mut rewriter);
    rewriter.error.map_or(Ok(()), Err)
}

struct Rewriter<'a> {
    error: Option<crate::Error>,
    text: &'a SqlText,
}

impl VisitorMut for Rewriter<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        self.select(body, order_by)
    }
}

impl Rewriter<'_> {
    fn select(&mut self, body: &mut SetExpr, order_by: &mut Option<OrderBy>) -> ControlFlow<()> {
        // Of several that are put together each has its own window; only one by itself can be ordered by it.
        if let SetExpr::SetOperation { left, right, .. } = body {
            self.select(left, &mut None)?;
            return self.select(right, &mut None);
        }
        let SetExpr::Select(select) = body else { return ControlFlow::Continue(()) };
        let call = match window_call(select) {
            Ok(None) => return ControlFlow::Continue(()),
            Ok(Some(call)) => call,
            Err(message) => {
                self.error = Some(self.text.refuse_clause("window", message));
                return ControlFlow::Break(());
            }
        };
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some(name) = window_name(expr)
            {
                let alias = Ident::new(name);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        let mut unknown = None;
        let mut replace = |expr: &mut Ast| {
            if let Ast::CompoundIdentifier(parts) = &*expr
                && parts.len() == 2
                && is_window(&parts[0])
                && !["start", "end"].contains(&parts[1].value.to_lowercase().as_str())
            {
                unknown.get_or_insert(format!("{}.{}", parts[0].value, parts[1].value));
            }
            if let Some(meant) = meaning(expr, &call) {
                *expr = meant;
            }
            ControlFlow::<()>::Continue(())
        };
        let _ = visit_expressions_mut(&mut select.projection, &mut replace);
        let _ = visit_expressions_mut(&mut select.having, &mut replace);
        let _ = visit_expressions_mut(order_by, &mut replace);
        if let Some(name) = unknown {
            let refused = self.text.refuse_clause(&name, format!("a window has no `{name}`"));
            self.error = Some(refused.with_help("it has window.start and window.end"));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// The window that a `SELECT` groups by.
fn window_call(select: &Select) -> Result<Option<Ast>, &'static str> {
    let GroupByExpr::Expressions(exprs, _) = &select.group_by else { return Ok(None) };
    let mut calls = exprs.iter().filter(|e| is_window_call(e));
    match (calls.next(), calls.next()) {
        (None, _) => Ok(None),
        (Some(call), None) => Ok(Some(call.clone())),
        _ => Err("a query groups by one window only: group by the other one in a second query over the first"),
    }
}

fn is_window_call(expr: &Ast) -> bool {
    matches!(expr, Ast::Function(f) if f.name.to_string().eq_ignore_ascii_case(WINDOW))
}

fn is_window(ident: &Ident) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(WINDOW)
}

/// What a select item that is just a window, or a bound of it, is called.
fn window_name(expr: &Ast) -> Option<String> {
    match expr {
        Ast::Identifier(ident) if is_window(ident) => Some(WINDOW.to_owned()),
        Ast::CompoundIdentifier(parts) if parts.len() == 2 && is_window(&parts[0]) => {
            Some(parts[1].value.to_lowercase())
        }
        expr if is_window_call(expr) => Some(WINDOW.to_owned()),
        _ => None,
    }
}

/// The expression that a window's name stands for.
fn meaning(expr: &Ast, call: &Ast) -> Option<Ast> {
    match expr {
        Ast::Identifier(ident) if is_window(ident) => Some(call.clone()),
        Ast::CompoundIdentifier(parts) if parts.len() == 2 && is_window(&parts[0]) => {
            let field = parts[1].value.to_lowercase().replace('\'', "''");
            let text = format!("get_field({call}, '{field}')");
            Parser::new(&GenericDialect).try_with_sql(&text).and_then(|mut p| p.parse_expr()).ok()
        }
        _ => None,
    }
}

/// The function as DataFusion knows it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct WindowFunction {
    signature: Signature,
}

impl WindowFunction {
    /// The function, ready to be registered.
    pub fn udf() -> Arc<ScalarUDF> {
        // Volatile, so that no rule of the optimizer moves, folds or shares it: it is grouped by, never computed.
        Arc::new(ScalarUDF::new_from_impl(Self { signature: Signature::variadic_any(Volatility::Volatile) }))
    }
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        WINDOW
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> datafusion_common::Result<DataType> {
        Ok(window_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> datafusion_common::Result<FieldRef> {
        if !(2..=4).contains(&args.arg_fields.len()) {
            return plan_err!(
                "`window` takes a time, a size and optionally a slide and an offset: window(ts, '10 minutes', '5 minutes')"
            );
        }
        if !matches!(args.arg_fields[0].data_type(), DataType::Timestamp(..)) {
            return plan_err!(
                "`window` groups by a timestamp; `{}` is {}: CAST it AS TIMESTAMP, or declare its type on the source",
                args.arg_fields[0].name(),
                crate::format::type_name(args.arg_fields[0].data_type())
            );
        }
        Ok(Arc::new(Field::new(WINDOW, window_type(), false)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> datafusion_common::Result<ColumnarValue> {
        Err(DataFusionError::Plan(
            "window(…) can only stand in GROUP BY, and in SELECT, HAVING and ORDER BY of the same query".into(),
        ))
    }
}

/// Whether `expr` is a call of the function, and with which arguments.
pub(super) fn as_window_call(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::ScalarFunction(f) if (f.func.inner().as_ref() as &dyn Any).is::<WindowFunction>() => Some(&f.args),
        Expr::Alias(alias) => as_window_call(&alias.expr),
        _ => None,
    }
}

/// The windows that constant arguments ask for.
pub(super) fn window_spec(args: &[Expr]) -> Result<WindowSpec, String> {
    let mut lengths = Vec::new();
    for (what, arg) in ["size", "slide", "offset"].into_iter().zip(&args[1..]) {
        lengths.push(duration(arg).map_err(|e| format!("the window's {what}: {e}"))?);
    }
    let size = lengths[0];
    let slide = lengths.get(1).copied().unwrap_or(size);
    let offset = lengths.get(2).copied().unwrap_or(0);
    WindowSpec::new(size, slide, offset).map_err(|e| e.to_string())
}

/// A constant length of time, microseconds: `'10 minutes'` or `INTERVAL '10 minutes'`.
pub(super) fn duration(expr: &Expr) -> Result<i64, String> {
    let value = match expr {
        Expr::Literal(value, _) => value,
        Expr::Cast(cast) => return duration(&cast.expr),
        _ => return Err("must be a constant, such as '10 minutes'".into()),
    };
    let months = "months differ in length: give days, hours or minutes";
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            let (sign, text) = text.trim().strip_prefix('-').map_or((1, text.trim()), |rest| (-1, rest));
            let length = humantime::parse_duration(text)
                .map_err(|e| format!("`{text}` is not a length of time such as '10 minutes' ({e})"))?;
            i64::try_from(length.as_micros()).map(|us| us * sign).map_err(|_| format!("`{text}` is too long"))
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
