//! A date that is compared with a time is its midnight, in the time's own unit. The planner would have both in
//! nanoseconds, which reach from 1677 to 2262 only: each row with `9999-12-31`, for ever, would fail. A constant text with a
//! time of day is a time here too; the planner would cut it to its date.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, cast};

use crate::format::{time_of_text, timestamp};
use crate::operator::is_comparison;

/// `plan`, not yet analyzed, whose dates beside times are times.
pub(in crate::sql) fn dates_beside_times(plan: LogicalPlan) -> Result<LogicalPlan> {
    let done = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|e| Ok(at_midnight(e, &schema)))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    });
    done.map(|t| t.data)
}

fn at_midnight(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let operands: Vec<&mut Expr> = match &mut expr {
        Expr::BinaryExpr(binary) if is_comparison(binary.op) => vec![&mut binary.left, &mut binary.right],
        Expr::Between(between) => vec![&mut between.expr, &mut between.low, &mut between.high],
        Expr::InList(list) => std::iter::once(&mut *list.expr).chain(&mut list.list).collect(),
        _ => return Transformed::no(expr),
    };
    // A type that is not known yet is none of these.
    let types: Vec<Option<DataType>> = operands.iter().map(|operand| operand.get_type(schema).ok()).collect();
    let is_date = |of: &Option<DataType>| *of == Some(DataType::Date32);
    let is_time = |t: &&DataType| matches!(t, DataType::Timestamp(unit, _) if *unit != TimeUnit::Nanosecond);
    let written = types.iter().any(is_date) && operands.iter().any(|operand| time_of_day(operand));
    let time = types.iter().flatten().find(is_time).cloned().or_else(|| written.then(timestamp));
    let Some(time) = time else { return Transformed::no(expr) };
    let mut changed = false;
    for (operand, of) in operands.into_iter().zip(&types) {
        if is_date(of) || (written && time_of_day(operand)) {
            *operand = cast(std::mem::take(operand), time.clone());
            changed = true;
        }
    }
    if changed { Transformed::yes(expr) } else { Transformed::no(expr) }
}

/// Whether it is a constant text of a time that is no midnight.
fn time_of_day(expr: &Expr) -> bool {
    const DAY: i64 = 86_400_000_000;
    let text = if let Expr::Literal(value, _) = expr { value.try_as_str().flatten() } else { None };
    text.and_then(time_of_text).is_some_and(|time| time.rem_euclid(DAY) != 0)
}
