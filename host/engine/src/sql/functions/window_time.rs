//! `window_time(window)`: the event time of a window, the last instant that belongs to it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion_common::{exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::function::{Example, Function, Implementation};
use super::window::is_window_type;
use crate::format::{UTC, shown_type, timestamp};

const NAME: &str = "window_time";

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: NAME,
    signature: "window_time(window) → timestamp",
    gives: "the event time of a window, the last instant in it",
    example: Example {
        sql: "window_time(window) FROM (SELECT window FROM events GROUP BY window(ts, '10 minutes'))",
        answer: "2026-03-01T09:09:59.999999Z",
    },
    by: Implementation::Scalar(window_time),
}];

/// `window_time` as DataFusion knows it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(in crate::sql) struct WindowTime {
    signature: Signature,
}

/// The function.
pub(in crate::sql) fn window_time() -> ScalarUDF {
    ScalarUDF::new_from_impl(WindowTime { signature: Signature::any(1, Volatility::Immutable) })
}

impl ScalarUDFImpl for WindowTime {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> datafusion_common::Result<DataType> {
        match args {
            [window] if is_window_type(window) => Ok(timestamp()),
            [other] => plan_err!("`window_time` takes a window, not {}", shown_type(other)),
            _ => plan_err!("`window_time` takes a window"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion_common::Result<ColumnarValue> {
        let windows = args.args[0].to_array(args.number_rows)?;
        let Some(windows) = windows.as_struct_opt() else { return exec_err!("a window is {}", windows.data_type()) };
        let Some(ends) = windows.column(1).as_primitive_opt::<TimestampMicrosecondType>() else {
            return exec_err!("a window's end is {}", windows.column(1).data_type());
        };
        let last: TimestampMicrosecondArray = ends.unary(|end| end.saturating_sub(1));
        let nulls = NullBuffer::union(last.nulls(), windows.nulls());
        let (_, values, _) = last.into_parts();
        let last = TimestampMicrosecondArray::new(values, nulls).with_timezone(UTC);
        Ok(ColumnarValue::Array(Arc::new(last)))
    }
}
