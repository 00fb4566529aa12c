//! `round(x, n)` and `trunc(x, n)` of floats, whatever `n` is: where the library's shift the point beyond what a float can
//! be, and so make NaN or infinity of a number, these give the number, or zero.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion_common::Result;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_functions::utils::make_scalar_function;

use super::function::{Example, Function, Implementation};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "round",
        signature: "round(x[, places])",
        gives: "the nearest number of so many places behind the point, or before it where they are negative; of two as near the one further from zero",
        example: Example { sql: "round(1234.567, -2)", answer: "1200.0" },
        by: Implementation::Around(|theirs| ScalarUDF::new_from_impl(Rounding { theirs, truncates: false })),
    },
    Function {
        name: "trunc",
        signature: "trunc(x[, places])",
        gives: "the number without the digits behind so many places",
        example: Example { sql: "trunc(-1.29, 1)", answer: "-1.2" },
        by: Implementation::Around(|theirs| ScalarUDF::new_from_impl(Rounding { theirs, truncates: true })),
    },
];

/// One of DataFusion's functions. All but what it makes of floats is its own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounding {
    theirs: Arc<ScalarUDF>,
    truncates: bool,
}

/// From here on a float has no digits behind the point.
const WHOLE: f64 = 9_007_199_254_740_992.0;

impl Rounding {
    fn of(&self, x: f64, places: i64) -> f64 {
        let cut = |x: f64| if self.truncates { x.trunc() } else { x.round() };
        let scale = 10f64.powi(places.unsigned_abs().min(400) as i32);
        if !x.is_finite() {
            x
        } else if places < 0 {
            let cut = cut(x / scale);
            if cut == 0.0 { cut } else { cut * scale }
        } else if scale.is_finite() && (x * scale).abs() < WHOLE {
            cut(x * scale) / scale
        } else {
            x
        }
    }
}

impl ScalarUDFImpl for Rounding {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [x, _] = args.args.as_slice() else { return self.theirs.invoke_with_args(args) };
        let data_type = x.data_type();
        if !matches!(data_type, DataType::Float32 | DataType::Float64) {
            return self.theirs.invoke_with_args(args);
        }
        let rounded = |args: &[ArrayRef]| -> Result<ArrayRef> {
            let (x, places) = (cast(&args[0], &DataType::Float64)?, cast(&args[1], &DataType::Int64)?);
            let pairs = x.as_primitive::<Float64Type>().iter().zip(places.as_primitive::<Int64Type>());
            let rounded: Float64Array = pairs.map(|(x, places)| Some(self.of(x?, places?))).collect();
            Ok(cast(&rounded, &data_type)?)
        };
        make_scalar_function(rounded, Vec::new())(&args.args)
    }

    fn name(&self) -> &str {
        self.theirs.name()
    }

    fn aliases(&self) -> &[String] {
        self.theirs.aliases()
    }

    fn signature(&self) -> &Signature {
        self.theirs.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.theirs.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.theirs.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.theirs.coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.theirs.simplify(args, info)
    }

    fn output_ordering(&self, input: &[ExprProperties]) -> Result<SortProperties> {
        self.theirs.output_ordering(input)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.theirs.documentation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stays_one_however_many_places_are_asked_for() {
        let theirs: Vec<Arc<ScalarUDF>> = datafusion_functions::all_default_functions();
        let of = |name: &str| theirs.iter().find(|f| f.name() == name).unwrap().clone();
        let round = Rounding { theirs: of("round"), truncates: false };
        let trunc = Rounding { theirs: of("trunc"), truncates: true };
        for (x, places, rounded, truncated) in [
            (1.255, 1, 1.3, 1.2),
            (-2.5, 0, -3.0, -2.0),
            (1234.5, -2, 1200.0, 1200.0),
            (1250.0, -2, 1300.0, 1200.0),
            (1.5, 400, 1.5, 1.5),
            (1.5, i64::MAX, 1.5, 1.5),
            (1.5, -400, 0.0, 0.0),
            (1.5, i64::MIN, 0.0, 0.0),
            (1e308, 2, 1e308, 1e308),
            (1e308, -310, 0.0, 0.0),
            (0.1, 17, 0.1, 0.1),
            (f64::INFINITY, 2, f64::INFINITY, f64::INFINITY),
        ] {
            assert_eq!((round.of(x, places), trunc.of(x, places)), (rounded, truncated), "{x} {places}");
        }
        assert!(round.of(f64::NAN, 2).is_nan());
    }
}
