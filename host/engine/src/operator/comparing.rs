//! Which expressions compare values: their operands are made normal ([`super::floats`]), whatever stands there.

use std::any::Any;
use std::sync::Arc;

use datafusion_common::{Result, ScalarValue};
use datafusion_expr::Operator;
use datafusion_physical_expr::expressions::{BinaryExpr, CaseExpr, InListExpr, Literal};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::floats::{NormalFloats, has_floats};

/// Functions that compare their arguments, or what is in them, as DataFusion names them.
const COMPARING: [&str; 22] = [
    "nullif",
    "greatest",
    "least",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_position",
    "array_positions",
    "array_remove",
    "array_remove_n",
    "array_remove_all",
    "array_replace",
    "array_replace_n",
    "array_replace_all",
    "array_distinct",
    "array_union",
    "array_intersect",
    "array_except",
    "array_sort",
    "array_min",
    "array_max",
    "map_extract",
];

/// Whether the function of this name compares its arguments.
pub fn is_comparing_function(name: &str) -> bool {
    COMPARING.contains(&name)
}

/// Whether this operator compares its operands.
pub fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// `expr` with normal floats where it compares values itself; none if it does not. What is below it is left alone.
pub(super) fn comparing(expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let any = expr.as_ref() as &dyn Any;
    if let Some(binary) = any.downcast_ref::<BinaryExpr>() {
        // Operands have one type; that of a literal can be seen.
        let has_none = |e: &Arc<dyn PhysicalExpr>| {
            e.downcast_ref::<Literal>().is_some_and(|literal| !has_floats(&literal.value().data_type()))
        };
        if !is_comparison(*binary.op()) || has_none(binary.left()) || has_none(binary.right()) {
            return Ok(None);
        }
        return all_normal(expr).map(Some);
    }
    if any.is::<InListExpr>() {
        return all_normal(expr).map(Some);
    }
    if let Some(case) = any.downcast_ref::<CaseExpr>() {
        let Some(base) = case.expr() else { return Ok(None) };
        let branches =
            case.when_then_expr().iter().map(|(when, then)| Ok((NormalFloats::of(when.clone())?, then.clone())));
        let case = CaseExpr::try_new(
            Some(NormalFloats::of(base.clone())?),
            branches.collect::<Result<_>>()?,
            case.else_expr().cloned(),
        )?;
        return Ok(Some(Arc::new(case)));
    }
    let Some(call) = any.downcast_ref::<ScalarFunctionExpr>() else { return Ok(None) };
    match (call.fun().name(), call.args()) {
        // What is not equal comes out as it is.
        ("nullif", [value, other]) => {
            let left = NormalFloats::of(value.clone())?;
            let equal = BinaryExpr::new(left, Operator::Eq, NormalFloats::of(other.clone())?);
            let null = Literal::new(ScalarValue::try_from(call.return_type())?);
            let case = CaseExpr::try_new(None, vec![(Arc::new(equal), Arc::new(null))], Some(value.clone()))?;
            Ok(Some(Arc::new(case)))
        }
        (name, _) if is_comparing_function(name) => all_normal(expr).map(Some),
        _ => Ok(None),
    }
}

fn all_normal(expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let operands = expr.children().into_iter().map(|operand| NormalFloats::of(operand.clone()));
    expr.clone().with_new_children(operands.collect::<Result<_>>()?)
}
