//! Mistakes among constants, found when a query is checked: `date_trunc('foo', ts)`, a pattern that is none, `12 / 0`. Each
//! would fail for every row, and make a dead letter of it.
//!
//! What has no column in it is computed once, here. Where only some arguments of a call are constant, the others being rows
//! to come, it is tried with values that can do no wrong: nulls, and for functions whose patterns, units and formats are
//! read with a value ([`TRIED`]) a value too.
//!
//! What may never be computed is no mistake: the branches of `CASE`, all but the first argument of `COALESCE` and its like. There a
//! constant that fails is left for the rows that come to it, as in Spark.

pub(super) mod formats;
mod help;

use std::any::Any;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, Result, ScalarValue};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::{Case, Cast, TryCast};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion_physical_expr::create_physical_expr;

use self::help::is_pattern;
use super::functions::date_bin::wrong_length;
use super::functions::window::WindowFunction;
use super::plugin::PluginScalar;
use super::shown::{shown, shown_of};
use crate::format::shown_type;
use crate::operator::Expressions;

/// A constant that nothing can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The text among the constants that is to blame.
    pub literal: Option<String>,
}

/// Functions that look at their patterns, units and formats only when there is a value.
const TRIED: [&str; 12] = [
    "date_bin",
    "date_part",
    "date_trunc",
    "decode",
    "encode",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "split_part",
    "to_char",
];

/// Looks at the constants of `plan`, whose types are coerced. Those that fail where they may never be computed are kept from
/// being computed before there are rows.
pub(super) fn check(plan: LogicalPlan) -> Result<Result<LogicalPlan, Mistake>> {
    let (mut mistake, mut kept) = (None, false);
    let checked = plan.clone().transform_up(|node| {
        if mistake.is_some() {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Stop));
        }
        let names = NamePreserver::new(&node);
        let schema = inputs(&node)?;
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let mut walk = Walk { schema: &schema, mistake: None, kept: false };
            let (expr, _) = walk.look_at(expr, false)?;
            mistake = mistake.take().or(walk.mistake);
            kept |= walk.kept;
            let expr = name.restore(expr);
            Ok(Transformed::new(expr, walk.kept, TreeNodeRecursion::Continue))
        })
    })?;
    Ok(match mistake {
        Some(mistake) => Err(mistake),
        None if kept => Ok(checked.data),
        None => Ok(plan),
    })
}

/// The columns that expressions of `node` are over.
fn inputs(node: &LogicalPlan) -> Result<DFSchema> {
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    Ok(schema)
}

struct Walk<'a> {
    schema: &'a DFSchema,
    mistake: Option<Mistake>,
    /// A constant was kept from being computed.
    kept: bool,
}

impl Walk<'_> {
    /// `expr`, and its value if it is constant. `guarded`: it may never be computed.
    fn look_at(&mut self, expr: Expr, guarded: bool) -> Result<(Expr, Option<ScalarValue>)> {
        match &expr {
            Expr::Literal(value, _) => {
                let value = value.clone();
                return Ok((expr, Some(value)));
            }
            Expr::ScalarFunction(f) if (f.func.inner().as_ref() as &dyn Any).is::<WindowFunction>() => {
                return Ok((expr, None));
            }
            _ => {}
        }
        let lazy = lazy_parts(&expr);
        let (mut values, mut at) = (Vec::new(), 0);
        let walked = expr.map_children(|child| {
            let guarded = guarded || lazy(at);
            at += 1;
            let (child, value) = self.look_at(child, guarded)?;
            values.push(value);
            Ok(Transformed::yes(child))
        })?;
        let expr = walked.data;
        if let Some((message, help)) = self.of_type(&expr)
            && self.mistake.is_none()
        {
            self.mistake = Some(Mistake { message, help: Some(help.to_owned()), literal: None });
        }
        if values.is_empty() || self.mistake.is_some() || !computable(&expr) {
            return Ok((expr, None));
        }
        let failed = if let Some(values) = values.iter().cloned().collect::<Option<Vec<_>>>() {
            match self.value(&expr, &values) {
                Some(Ok(value)) => return Ok((expr, Some(value))),
                Some(Err(message)) => Some(message),
                None => None,
            }
        } else {
            self.tried(&expr, &values)
        };
        match failed {
            None => Ok((expr, None)),
            Some(_) if guarded => Ok((self.keep(expr)?, None)),
            Some(message) => {
                let help = Some(formats::help(&expr).unwrap_or_else(|| help::help(&expr)));
                let literal = suspect(&expr, &values, &message);
                self.mistake = Some(Mistake { message, help, literal });
                Ok((expr, None))
            }
        }
    }

    /// What is wrong with the type that `expr` makes of something, whatever that is.
    fn of_type(&self, expr: &Expr) -> Option<(String, &'static str)> {
        let (Expr::Cast(Cast { expr: from, field }) | Expr::TryCast(TryCast { expr: from, field })) = expr else {
            return None;
        };
        let (from, to) = (from.get_type(self.schema).ok()?, field.data_type());
        if let DataType::Timestamp(_, Some(zone)) = to
            && zone.parse::<Tz>().is_err()
        {
            return Some((format!("`{zone}` is no time zone"), "write it as in 'Europe/Berlin', or '+02:00'"));
        }
        let message = format!("there is no CAST of {} to {}", shown_type(&from), shown_type(to));
        (!can_cast_types(&from, to)).then_some((message, "CAST a part of it, or go by way of VARCHAR"))
    }

    /// What `expr` is, of constant parts; none where nothing here can compute it.
    fn value(&self, expr: &Expr, parts: &[ScalarValue]) -> Option<Result<ScalarValue, String>> {
        if let Some(wrong) = formats::wrong(expr) {
            return Some(Err(wrong));
        }
        let mut parts = parts.iter();
        let literal = |_| Ok(Transformed::yes(Expr::Literal(parts.next().cloned().unwrap_or(ScalarValue::Null), None)));
        let expr = expr.clone().map_children(literal).ok()?.data;
        let computed = compute(&expr, &shown(&expr), &Schema::empty(), Vec::new())?;
        Some(computed.and_then(|array| ScalarValue::try_from_array(&array, 0).map_err(|e| e.to_string())))
    }

    /// Why `expr` fails whatever its parts that are no constants will be.
    fn tried(&self, expr: &Expr, parts: &[Option<ScalarValue>]) -> Option<String> {
        let named = match expr {
            Expr::ScalarFunction(f) => TRIED.contains(&f.func.name()),
            Expr::BinaryExpr(b) => is_pattern(b.op),
            Expr::SimilarTo(_) => true,
            _ => false,
        };
        if let Some(wrong) = formats::wrong(expr) {
            return Some(wrong);
        }
        if let (Expr::ScalarFunction(f), Some(Some(length))) = (expr, parts.first())
            && f.func.name() == "date_bin"
            && let Some(wrong) = wrong_length(length)
        {
            return Some(wrong.to_owned());
        }
        if !named {
            return None;
        }
        if let Expr::ScalarFunction(f) = expr
            && ["date_trunc", "date_part"].contains(&f.func.name())
            && parts.first().is_some_and(Option::is_none)
        {
            return Some(format!("`{}` takes its unit as a constant", f.func.name()));
        }
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let mut fields = Vec::new();
        let mut at = 0;
        let column = |child: Expr| {
            let constant = parts.get(at).cloned().flatten();
            at += 1;
            Ok(Transformed::yes(match constant {
                Some(value) => Expr::Literal(value, None),
                None => {
                    let name = format!("part{at}");
                    fields.push(Field::new(&name, child.get_type(self.schema)?, true));
                    Expr::Column(Column::new_unqualified(name))
                }
            }))
        };
        let words = shown_of(expr, self.schema);
        let expr = expr.clone().map_children(column).ok()?.data;
        let schema = Schema::new(fields);
        let of = |value: &dyn Fn(&DataType) -> Option<ScalarValue>| {
            schema.fields().iter().map(|f| value(f.data_type())?.to_array().ok()).collect::<Option<Vec<ArrayRef>>>()
        };
        let nulls = of(&|t| ScalarValue::try_from(t).ok())?;
        let failed = |values| compute(&expr, &words, &schema, values).and_then(|computed| computed.err());
        failed(nulls).or_else(|| failed(of(&harmless)?))
    }

    /// `expr` with its constants hidden from who would compute them now.
    fn keep(&mut self, expr: Expr) -> Result<Expr> {
        self.kept = true;
        let hidden =
            Arc::new(ScalarUDF::new_from_impl(AsWritten { signature: Signature::any(1, Volatility::Volatile) }));
        let hide = |child: Expr| {
            let is_constant = matches!(child, Expr::Literal(..));
            Ok(if is_constant { Transformed::yes(hidden.call(vec![child])) } else { Transformed::no(child) })
        };
        // Units and formats must be constant where they stand; nobody computes a call over rows before there are any.
        let over_rows = matches!(expr, Expr::ScalarFunction(_) | Expr::SimilarTo(_)) && expr.any_column_refs();
        if over_rows { Ok(expr) } else { Ok(expr.map_children(hide)?.data) }
    }
}

/// The text among constant parts that is to blame: the one that the message speaks of, a pattern, or the only one.
fn suspect(expr: &Expr, parts: &[Option<ScalarValue>], message: &str) -> Option<String> {
    let reason = message.rsplit_once("` failed: ").map_or(message, |(_, reason)| reason);
    let texts: Vec<&str> = parts.iter().flatten().filter_map(|v| v.try_as_str().flatten()).collect();
    let is_pattern = match expr {
        Expr::ScalarFunction(f) => f.func.name().starts_with("regexp"),
        Expr::BinaryExpr(b) => is_pattern(b.op),
        other => matches!(other, Expr::SimilarTo(_)),
    };
    let named = texts.iter().find(|text| !text.is_empty() && reason.contains(**text));
    let first = texts.first().filter(|_| is_pattern || parts.iter().flatten().count() == 1);
    named.or(first).map(|text| (*text).to_owned())
}

/// Which of its parts, by number, an expression may leave uncomputed.
fn lazy_parts(expr: &Expr) -> Box<dyn Fn(usize) -> bool> {
    match expr {
        // The operand, if there is one, and the first condition are computed for every row.
        Expr::Case(Case { expr, .. }) => {
            let eager = 1 + usize::from(expr.is_some());
            Box::new(move |at| at >= eager)
        }
        Expr::ScalarFunction(f) if f.func.short_circuits() => {
            let eager = f.func.conditional_arguments(&f.args).map_or(0, |(eager, _)| eager.len());
            Box::new(move |at| at >= eager)
        }
        _ => Box::new(|_| false),
    }
}

/// Whether `expr` is computed of its parts alone, and the same each time.
fn computable(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(f) => {
            let plugin = (f.func.inner().as_ref() as &dyn Any).is::<PluginScalar>();
            !plugin && f.func.signature().volatility == Volatility::Immutable
        }
        Expr::BinaryExpr(_)
        | Expr::Not(_)
        | Expr::Negative(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::Between(_)
        | Expr::Like(_)
        | Expr::SimilarTo(_)
        | Expr::Cast(_)
        | Expr::TryCast(_)
        | Expr::Alias(_) => true,
        _ => false,
    }
}

/// `expr` over one row; none where nothing can compute it.
fn compute(expr: &Expr, words: &str, schema: &Schema, columns: Vec<ArrayRef>) -> Option<Result<ArrayRef, String>> {
    let schema = Arc::new(schema.clone());
    let named = DFSchema::try_from(schema.clone()).ok()?;
    let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let physical = create_physical_expr(expr, &named, &props, &planning).ok()?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(schema, columns, &options).ok()?;
    // With the checks that rows will meet, and in the same words.
    let computed = Expressions::named(vec![physical], vec![words.to_owned()], false).evaluate(&row);
    let failed = match computed {
        Ok((mut arrays, rejected)) => match rejected.into_iter().next() {
            Some(rejected) => rejected.reason,
            None => return Some(Ok(arrays.pop()?)),
        },
        Err(e) => e.message().to_owned(),
    };
    // What only works when the planner has put it in other words says nothing about constants.
    let theirs = ["Internal error", "not implemented", "the engine failed"].iter().any(|word| failed.contains(word));
    (!theirs).then_some(Err(failed))
}

/// A value that is right for any pattern, unit or format.
fn harmless(data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Utf8 => Ok(ScalarValue::Utf8(Some(String::new()))),
        DataType::LargeUtf8 => Ok(ScalarValue::LargeUtf8(Some(String::new()))),
        DataType::Utf8View => Ok(ScalarValue::Utf8View(Some(String::new()))),
        DataType::Binary => Ok(ScalarValue::Binary(Some(Vec::new()))),
        t if t.is_temporal() || t.is_numeric() => ScalarValue::new_one(t).or_else(|_| ScalarValue::new_zero(t)),
        other => ScalarValue::try_from(other),
    }
    .ok()
}

/// A constant that is not looked at before there are rows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AsWritten {
    signature: Signature,
}

impl ScalarUDFImpl for AsWritten {
    fn name(&self) -> &str {
        "as_written"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        Ok(args.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args.pop().unwrap_or(ColumnarValue::Scalar(ScalarValue::Null)))
    }
}
