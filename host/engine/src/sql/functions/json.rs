//! Fields of JSON texts: `json_get_str(value, 'user', 'name')`. Named as in the well-known extension of DataFusion for it.
//!
//! The path's steps are keys of objects, or positions in arrays from 0. What is not there, is of another type or is no
//! JSON at all is null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::{Result, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use serde_json::Value;

use super::function::{Example, Function, Implementation};
use crate::format::shown_type;

/// What is made of the field that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Give {
    /// A string as it is, numbers and booleans as text.
    Text,
    Int,
    Float,
    Bool,
    /// The field as JSON, whatever it is.
    Json,
    /// Elements of an array, or entries of an object.
    Length,
    /// Whether it is there, null or not.
    Contains,
}

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "json_get_str",
        signature: "json_get_str(text, step …) → text",
        gives: "the text, or the number or boolean as text, at the end of a path of keys and of positions from 0",
        example: Example { sql: "json_get_str('{\"os\":\"linux\"}', 'os')", answer: "linux" },
        by: Implementation::Scalar(|| json("json_get_str", Give::Text)),
    },
    Function {
        name: "json_get_int",
        signature: "json_get_int(text, step …) → int64",
        gives: "the integer there",
        example: Example { sql: "json_get_int('{\"v\":[1,2]}', 'v', 1)", answer: "2" },
        by: Implementation::Scalar(|| json("json_get_int", Give::Int)),
    },
    Function {
        name: "json_get_float",
        signature: "json_get_float(text, step …) → float64",
        gives: "the number there",
        example: Example { sql: "json_get_float('{\"ms\":1.5}', 'ms')", answer: "1.5" },
        by: Implementation::Scalar(|| json("json_get_float", Give::Float)),
    },
    Function {
        name: "json_get_bool",
        signature: "json_get_bool(text, step …) → boolean",
        gives: "the boolean there",
        example: Example { sql: "json_get_bool('{\"ok\":true}', 'ok')", answer: "true" },
        by: Implementation::Scalar(|| json("json_get_bool", Give::Bool)),
    },
    Function {
        name: "json_get_json",
        signature: "json_get_json(text, step …) → text",
        gives: "whatever is there, as JSON",
        example: Example { sql: "json_get_json('{\"v\":[1,2]}', 'v')", answer: "[1,2]" },
        by: Implementation::Scalar(|| json("json_get_json", Give::Json)),
    },
    Function {
        name: "json_length",
        signature: "json_length(text, step …) → int64",
        gives: "the number of elements or entries there",
        example: Example { sql: "json_length('{\"v\":[1,2]}', 'v')", answer: "2" },
        by: Implementation::Scalar(|| json("json_length", Give::Length)),
    },
    Function {
        name: "json_contains",
        signature: "json_contains(text, step …) → boolean",
        gives: "whether anything is there, were it `null`",
        example: Example { sql: "json_contains('{\"v\":null}', 'v')", answer: "true" },
        by: Implementation::Scalar(|| json("json_contains", Give::Contains)),
    },
];

fn json(name: &'static str, give: Give) -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::new_from_impl(JsonFunction { name, give, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    name: &'static str,
    give: Give,
    signature: Signature,
}

/// One step of a path, for all rows.
enum Step {
    Keys(StringArray),
    Positions(arrow::array::PrimitiveArray<Int64Type>),
}

impl Step {
    fn follow<'a>(&self, row: usize, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Keys(keys) => keys.is_valid(row).then(|| value.get(keys.value(row)))?,
            Self::Positions(at) => {
                at.is_valid(row).then(|| usize::try_from(at.value(row)).ok().and_then(|at| value.get(at)))?
            }
        }
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name;
        let Some((text, path)) = args.split_first() else {
            return plan_err!("`{name}` takes a JSON text and a path: {name}(value, 'user', 'name')");
        };
        if !matches!(text, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null) {
            return plan_err!("`{name}` reads JSON from a text, and its first argument is {}", shown_type(text));
        }
        let step = |t: &DataType| match t {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(DataType::Utf8),
            t if t.is_integer() => Ok(DataType::Int64),
            other => plan_err!("a step of `{name}`'s path is a key or a position, not {}", shown_type(other)),
        };
        std::iter::once(Ok(DataType::Utf8)).chain(path.iter().map(step)).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.give {
            Give::Text | Give::Json => DataType::Utf8,
            Give::Int | Give::Length => DataType::Int64,
            Give::Float => DataType::Float64,
            Give::Bool | Give::Contains => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = args.args.iter().map(|a| a.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let texts = cast(&arrays[0], &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let steps = arrays[1..].iter().map(|array| match array.data_type() {
            DataType::Int64 => Step::Positions(array.as_primitive::<Int64Type>().clone()),
            _ => Step::Keys(array.as_string::<i32>().clone()),
        });
        let steps: Vec<Step> = steps.collect();
        let found = |row: usize| -> Option<Value> {
            let whole: Value = serde_json::from_str(texts.is_valid(row).then(|| texts.value(row))?).ok()?;
            steps.iter().try_fold(&whole, |value, step| step.follow(row, value)).cloned()
        };
        let rows = 0..texts.len();
        let array: ArrayRef = match self.give {
            Give::Text => Arc::new(rows.map(|row| text(found(row)?)).collect::<StringArray>()),
            Give::Json => Arc::new(rows.map(|row| Some(found(row)?.to_string())).collect::<StringArray>()),
            Give::Int => Arc::new(rows.map(|row| found(row)?.as_i64()).collect::<Int64Array>()),
            Give::Float => Arc::new(rows.map(|row| found(row)?.as_f64()).collect::<Float64Array>()),
            Give::Bool => Arc::new(rows.map(|row| found(row)?.as_bool()).collect::<BooleanArray>()),
            Give::Length => Arc::new(rows.map(|row| length(&found(row)?)).collect::<Int64Array>()),
            Give::Contains => {
                let there = |row: usize| texts.is_valid(row).then(|| found(row).is_some());
                Arc::new(rows.map(there).collect::<BooleanArray>())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn length(value: &Value) -> Option<i64> {
    let len = match value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        _ => return None,
    };
    i64::try_from(len).ok()
}
