//! The value of a sub-query that stands for one: what it has in its only row. That it has no more is seen when it is asked.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::{exec_err, plan_err};
use datafusion_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// The function that gives it, by a name that nobody calls.
pub(in crate::sql) const SUB_QUERY: &str = "value of a sub-query";

/// The fields that a sub-query's rows are made: how many there are, and the value of one.
pub(in crate::sql) const FIELDS: [&str; 2] = ["rows", "value"];

/// The value in `of`, a struct of [`FIELDS`].
pub(in crate::sql) fn only_value(of: Expr) -> Expr {
    ScalarUDF::new_from_impl(OnlyValue { signature: Signature::any(1, Volatility::Immutable) }).call(vec![of])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OnlyValue {
    signature: Signature,
}

impl ScalarUDFImpl for OnlyValue {
    fn name(&self) -> &str {
        SUB_QUERY
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> datafusion_common::Result<DataType> {
        match args {
            [DataType::Struct(fields)] if fields.len() == FIELDS.len() => Ok(fields[1].data_type().clone()),
            _ => plan_err!("a sub-query has one column"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion_common::Result<ColumnarValue> {
        let of = args.args[0].to_array(args.number_rows)?;
        let Some(of) = of.as_struct_opt() else { return exec_err!("a sub-query's value is {}", of.data_type()) };
        let Some(rows) = of.column(0).as_primitive_opt::<Int64Type>() else {
            return exec_err!("a sub-query's number of rows is {}", of.column(0).data_type());
        };
        let several = (0..of.len()).filter(|at| of.is_valid(*at) && rows.is_valid(*at)).map(|at| rows.value(at));
        if let Some(rows) = several.max().filter(|rows| *rows > 1) {
            return exec_err!(
                "a sub-query that stands for a value has {rows} rows: aggregate it, as in (SELECT max(x) FROM …), or add LIMIT 1"
            );
        }
        let values = arrow::compute::nullif(of.column(1), &arrow::compute::is_null(of)?)?;
        Ok(ColumnarValue::Array(values))
    }
}
