//! The functions that stand before `OVER` and nowhere else, as the planner wants to know them. What they compute is in
//! [`crate::operator::over`].

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::{Result, ScalarValue, not_impl_err, plan_err};
use datafusion_expr::expr::NullTreatment;
use datafusion_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion_expr::type_coercion::binary::type_union_resolution;
use datafusion_expr::{Expr, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl};

use crate::operator::over::Placed;

/// Their names, and how they are called.
const CALLED: [(&str, &str); 11] = [
    ("row_number", "row_number()"),
    ("rank", "rank()"),
    ("dense_rank", "dense_rank()"),
    ("percent_rank", "percent_rank()"),
    ("cume_dist", "cume_dist()"),
    ("ntile", "ntile(4)"),
    ("lag", "lag(value), lag(value, 2) or lag(value, 2, default)"),
    ("lead", "lead(value), lead(value, 2) or lead(value, 2, default)"),
    ("first_value", "first_value(value)"),
    ("last_value", "last_value(value)"),
    ("nth_value", "nth_value(value, 2)"),
];

/// Whether there is such a function.
pub(in crate::sql) fn is_placed(name: &str) -> bool {
    CALLED.iter().any(|(known, _)| *known == name)
}

/// The names of all.
pub(in crate::sql) fn names() -> impl Iterator<Item = &'static str> {
    CALLED.iter().map(|(name, _)| *name)
}

/// The function of this name.
pub(in crate::sql) fn function(name: &str) -> Option<Arc<WindowUDF>> {
    let (name, called) = CALLED.iter().find(|(known, _)| *known == name)?;
    let signature = Signature::user_defined(Volatility::Immutable);
    Some(Arc::new(WindowUDF::new_from_impl(PlacedFunction { name, called, signature })))
}

/// What `function` computes with these arguments, where it is one of ours; or what is wrong with them.
pub(in crate::sql) fn placed(
    function: &WindowUDF,
    args: &[Expr],
    nulls: Option<NullTreatment>,
) -> Option<std::result::Result<Placed, String>> {
    let inner = function.inner().as_ref() as &dyn Any;
    let PlacedFunction { name, .. } = inner.downcast_ref::<PlacedFunction>()?;
    let ignores_nulls = nulls == Some(NullTreatment::IgnoreNulls);
    let number = |at: usize| match args.get(at) {
        Some(Expr::Literal(ScalarValue::Int64(Some(n)), _)) => u64::try_from(*n).ok().filter(|n| *n > 0),
        _ => None,
    };
    let needed = || format!("`{name}` takes a number from 1 on, written out");
    let placed = match *name {
        "row_number" => Ok(Placed::RowNumber),
        "rank" => Ok(Placed::Rank),
        "dense_rank" => Ok(Placed::DenseRank),
        "percent_rank" => Ok(Placed::PercentRank),
        "cume_dist" => Ok(Placed::CumeDist),
        "ntile" => number(0).map(Placed::Ntile).ok_or_else(needed),
        "lag" => Ok(Placed::Lag { ignores_nulls }),
        "lead" => Ok(Placed::Lead { ignores_nulls }),
        "first_value" => Ok(Placed::First { ignores_nulls }),
        "last_value" => Ok(Placed::Last { ignores_nulls }),
        _ => number(1).map(|n| Placed::Nth { n, ignores_nulls }).ok_or_else(needed),
    };
    let of_values = matches!(*name, "lag" | "lead" | "first_value" | "last_value" | "nth_value");
    Some(match nulls {
        Some(_) if !of_values => Err(format!("`{name}` looks at no value: it has no nulls to ignore or respect")),
        _ => placed,
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct PlacedFunction {
    name: &'static str,
    called: &'static str,
    signature: Signature,
}

impl WindowUDFImpl for PlacedFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(&self, _: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        not_impl_err!("`{}` is computed by the engine", self.name)
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let data_type = match self.name {
            "percent_rank" | "cume_dist" => DataType::Float64,
            "row_number" | "rank" | "dense_rank" | "ntile" => DataType::Int64,
            _ => args.get_input_field(0).map_or(DataType::Null, |field| field.data_type().clone()),
        };
        Ok(Arc::new(Field::new(args.name(), data_type, true)))
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let whole = |of: &DataType| of.is_integer() || of.is_null();
        let fits = match (self.name, given) {
            ("row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist", []) => Some(Vec::new()),
            ("ntile", [parts]) if whole(parts) => Some(vec![DataType::Int64]),
            ("first_value" | "last_value", [value]) => Some(vec![value.clone()]),
            ("nth_value", [value, n]) if whole(n) => Some(vec![value.clone(), DataType::Int64]),
            ("lag" | "lead", [value]) => Some(vec![value.clone()]),
            ("lag" | "lead", [value, steps]) if whole(steps) => Some(vec![value.clone(), DataType::Int64]),
            ("lag" | "lead", [value, steps, default]) if whole(steps) => {
                let both = if default.is_null() { Some(value.clone()) } else { None };
                let both = both.or_else(|| type_union_resolution(&[value.clone(), default.clone()]));
                both.map(|both| vec![both.clone(), DataType::Int64, both])
            }
            _ => None,
        };
        match fits {
            Some(types) => Ok(types),
            None => plan_err!("`{}` does not take these arguments: it is called as {}", self.name, self.called),
        }
    }
}
