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

use super::function::{Example, Function, Implementation};
use crate::operator::over::Placed;

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "row_number",
        signature: "row_number() OVER (…) → int64",
        gives: "the number of the row in its partition",
        example: Example { sql: "row_number() OVER (ORDER BY amount) FROM purchases", answer: "2, 3, 1" },
        by: Implementation::Over(|| placed_function("row_number", "row_number()")),
    },
    Function {
        name: "rank",
        signature: "rank() OVER (…) → int64",
        gives: "the number of the first of its peers, the rows that the order does not tell apart",
        example: Example { sql: "rank() OVER (ORDER BY url) FROM events", answer: "1, 1, 4, 1, 5, 5" },
        by: Implementation::Over(|| placed_function("rank", "rank()")),
    },
    Function {
        name: "dense_rank",
        signature: "dense_rank() OVER (…) → int64",
        gives: "how many different places there are up to its own",
        example: Example { sql: "dense_rank() OVER (ORDER BY url) FROM events", answer: "1, 1, 2, 1, 3, 3" },
        by: Implementation::Over(|| placed_function("dense_rank", "dense_rank()")),
    },
    Function {
        name: "percent_rank",
        signature: "percent_rank() OVER (…) → float64",
        gives: "the share of the other rows that come before its peers",
        example: Example {
            sql: "percent_rank() OVER (ORDER BY url) FROM events",
            answer: "0.0, 0.0, 0.6, 0.0, 0.8, 0.8",
        },
        by: Implementation::Over(|| placed_function("percent_rank", "percent_rank()")),
    },
    Function {
        name: "cume_dist",
        signature: "cume_dist() OVER (…) → float64",
        gives: "the share of rows up to its last peer",
        example: Example {
            sql: "cume_dist() OVER (ORDER BY id > 3) FROM events",
            answer: "0.5, 0.5, 0.5, 1.0, 1.0, 1.0",
        },
        by: Implementation::Over(|| placed_function("cume_dist", "cume_dist()")),
    },
    Function {
        name: "ntile",
        signature: "ntile(parts) OVER (…) → int64",
        gives: "which of so many parts of its partition it is in",
        example: Example { sql: "ntile(2) OVER (ORDER BY id) FROM events", answer: "1, 1, 1, 2, 2, 2" },
        by: Implementation::Over(|| placed_function("ntile", "ntile(4)")),
    },
    Function {
        name: "lag",
        signature: "lag(x[, rows[, default]]) OVER (…)",
        gives: "the value of the row before, or so many before",
        example: Example { sql: "lag(buyer) OVER (ORDER BY at) FROM purchases", answer: "dan, ann, null" },
        by: Implementation::Over(|| placed_function("lag", "lag(value), lag(value, 2) or lag(value, 2, default)")),
    },
    Function {
        name: "lead",
        signature: "lead(x[, rows[, default]]) OVER (…)",
        gives: "the value of the row behind, or so many behind",
        example: Example { sql: "lead(buyer) OVER (ORDER BY at) FROM purchases", answer: "bob, null, ann" },
        by: Implementation::Over(|| placed_function("lead", "lead(value), lead(value, 2) or lead(value, 2, default)")),
    },
    Function {
        name: "first_value",
        signature: "first_value(x) OVER (…)",
        gives: "the value of the first row of the frame",
        example: Example { sql: "first_value(buyer) OVER (ORDER BY at) FROM purchases", answer: "dan, dan, dan" },
        by: Implementation::Over(|| placed_function("first_value", "first_value(value)")),
    },
    Function {
        name: "last_value",
        signature: "last_value(x) OVER (…)",
        gives: "the value of the last row of the frame",
        example: Example { sql: "last_value(buyer) OVER () FROM purchases", answer: "dan, dan, dan" },
        by: Implementation::Over(|| placed_function("last_value", "last_value(value)")),
    },
    Function {
        name: "nth_value",
        signature: "nth_value(x, n) OVER (…)",
        gives: "the value of the nth row of the frame, from 1",
        example: Example { sql: "nth_value(buyer, 2) OVER () FROM purchases", answer: "bob, bob, bob" },
        by: Implementation::Over(|| placed_function("nth_value", "nth_value(value, 2)")),
    },
];

fn placed_function(name: &'static str, called: &'static str) -> WindowUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    WindowUDF::new_from_impl(PlacedFunction { name, called, signature })
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
