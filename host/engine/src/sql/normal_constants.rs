//! Constants that are compared have normal floats before anything is folded: the planner compares two constants itself,
//! by a library's rule and not by ours ([`crate::operator::is_comparison`]).

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::operator::{has_floats, is_comparing_function, is_comparison, normal_scalar, normal_value};

/// `plan` whose comparisons have normal constants.
pub(super) fn normal_constants(plan: LogicalPlan) -> Result<LogicalPlan> {
    let normal = plan.transform_up(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(with_normal_operands)?;
            // A column goes on under its name.
            Ok(if rewritten.transformed { rewritten.update_data(|expr| name.restore(expr)) } else { rewritten })
        })
    });
    normal.map(|t| t.data)
}

fn with_normal_operands(mut expr: Expr) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut normal = |operand: &mut Expr| -> Result<()> {
        if let Some(normal) = normal_constant(operand)? {
            *operand = normal;
            changed = true;
        }
        Ok(())
    };
    match &mut expr {
        Expr::BinaryExpr(binary) if is_comparison(binary.op) => {
            normal(&mut binary.left)?;
            normal(&mut binary.right)?;
        }
        Expr::Between(between) => {
            for operand in [&mut between.expr, &mut between.low, &mut between.high] {
                normal(operand)?;
            }
        }
        Expr::InList(list) => {
            normal(&mut list.expr)?;
            list.list.iter_mut().try_for_each(normal)?;
        }
        Expr::Case(case) => {
            if let Some(base) = &mut case.expr {
                normal(base)?;
                case.when_then_expr.iter_mut().try_for_each(|(when, _)| normal(when))?;
            }
        }
        Expr::ScalarFunction(f) if is_comparing_function(f.func.name()) => {
            f.args.iter_mut().try_for_each(normal)?;
        }
        _ => {}
    }
    Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
}

/// What stands for `expr` in a comparison, where it is a constant with floats that may be another one.
fn normal_constant(expr: &Expr) -> Result<Option<Expr>> {
    if let Expr::Literal(value, metadata) = expr {
        let normal = normal_scalar(value.clone())?;
        return Ok((!same(&normal, value)).then(|| Expr::Literal(normal, metadata.clone())));
    }
    let is_ours = matches!(expr, Expr::ScalarFunction(f) if f.func.name() == NAME);
    if is_ours || !is_constant(expr)? || !has_floats(&expr.get_type(&DFSchema::empty())?) {
        return Ok(None);
    }
    // It is folded with what is in it.
    let signature = Signature::any(1, Volatility::Immutable);
    Ok(Some(ScalarUDF::new_from_impl(NormalFloat { signature }).call(vec![expr.clone()])))
}

/// Also the sign of a zero counts.
fn same(a: &datafusion_common::ScalarValue, b: &datafusion_common::ScalarValue) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// Whether it is made of literals alone.
fn is_constant(expr: &Expr) -> Result<bool> {
    let mut constant = true;
    expr.apply(|e| {
        constant &= match e {
            Expr::Literal(..) | Expr::Cast(_) | Expr::TryCast(_) | Expr::Negative(_) | Expr::BinaryExpr(_) => true,
            Expr::Alias(_) | Expr::Case(_) => true,
            Expr::ScalarFunction(f) => f.func.signature().volatility == Volatility::Immutable,
            _ => false,
        };
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(constant)
}

const NAME: &str = "normal float";

/// A value with normal floats.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NormalFloat {
    signature: Signature,
}

impl ScalarUDFImpl for NormalFloat {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        normal_value(args.args.swap_remove(0))
    }
}
