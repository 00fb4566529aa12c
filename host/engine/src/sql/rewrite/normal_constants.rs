//! Constants that are compared have normal floats before anything is folded: the planner compares two constants itself,
//! by a library's rule and not by ours ([`crate::operator::is_comparison`]). Those that become texts are written by our
//! rule for the same reason.

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use crate::operator::{
    has_floats, is_comparing_function, is_comparison, is_text, normal_scalar, normal_value, text_value, with_texts,
    writes_texts,
};

/// `plan` whose comparisons have normal constants.
pub(in crate::sql) fn normal_constants(plan: LogicalPlan) -> Result<LogicalPlan> {
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
    if let Some(written) = with_written_constants(&expr)? {
        return Ok(Transformed::yes(written));
    }
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

/// `expr` with texts of the floats that it makes a text of, where these are constants.
fn with_written_constants(expr: &Expr) -> Result<Option<Expr>> {
    let written = |operand: &Expr| -> Result<Option<Expr>> {
        let is_ours = matches!(operand, Expr::ScalarFunction(f) if f.func.name() == WRITTEN);
        if is_ours || !is_constant(operand)? || !has_floats(&operand.get_type(&DFSchema::empty())?) {
            return Ok(None);
        }
        let signature = Signature::any(1, Volatility::Immutable);
        Ok(Some(ScalarUDF::new_from_impl(FloatText { signature }).call(vec![operand.clone()])))
    };
    let writes = match expr {
        Expr::Cast(cast) => is_text(cast.field.data_type()),
        Expr::TryCast(cast) => is_text(cast.field.data_type()),
        Expr::ScalarFunction(f) => writes_texts(f.func.name()),
        _ => false,
    };
    if !writes {
        return Ok(None);
    }
    let (mut expr, mut changed) = (expr.clone(), false);
    let mut write = |operand: &mut Expr| -> Result<()> {
        if let Some(written) = written(operand)? {
            *operand = written;
            changed = true;
        }
        Ok(())
    };
    match &mut expr {
        Expr::Cast(cast) => write(&mut cast.expr)?,
        Expr::TryCast(cast) => write(&mut cast.expr)?,
        Expr::ScalarFunction(f) => f.args.iter_mut().try_for_each(write)?,
        _ => {}
    }
    Ok(changed.then_some(expr))
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

const WRITTEN: &str = "text of floats";

/// A value with texts in the place of floats.
#[derive(Debug, PartialEq, Eq, Hash)]
struct FloatText {
    signature: Signature,
}

impl ScalarUDFImpl for FloatText {
    fn name(&self) -> &str {
        WRITTEN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(with_texts(&types[0]))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        text_value(args.args.swap_remove(0))
    }
}
