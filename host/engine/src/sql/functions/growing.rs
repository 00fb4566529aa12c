//! Functions whose results can be far larger than what they are given: what a call would make is counted before it is
//! made.
//!
//! `lpad(value, 200000, ' ')` over ten thousand rows is 2 GiB, more than a column holds and more than anybody has asked
//! for at once; `repeat` and `array_repeat` reserve what they are told to, however much that is. A call that would make
//! more than [`AT_ONCE`] fails with [`ErrorKind::Quota`], and whoever evaluates it takes fewer rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DataFusionError, Result, ScalarValue};
use datafusion_expr::interval_arithmetic::Interval;
use datafusion_expr::preimage::PreimageResult;
use datafusion_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::function::{Example, Function, Implementation};
use crate::{Error, ErrorKind};

/// Bytes that one call may make.
const AT_ONCE: u64 = 256 << 20;

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "lpad",
        signature: "lpad(text, length[, fill]) → text",
        gives: "the text filled up to so many letters on the left, or cut to them",
        example: Example { sql: "lpad('7', 3, '0')", answer: "007" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::To)),
    },
    Function {
        name: "rpad",
        signature: "rpad(text, length[, fill]) → text",
        gives: "the same as `lpad`, on the right",
        example: Example { sql: "rpad('ab', 4, '.')", answer: "ab.." },
        by: Implementation::Around(|theirs| counted(theirs, Growth::To)),
    },
    Function {
        name: "repeat",
        signature: "repeat(text, times) → text",
        gives: "the text so many times",
        example: Example { sql: "repeat('ab', 3)", answer: "ababab" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Times)),
    },
    Function {
        name: "replace",
        signature: "replace(text, part, by) → text",
        gives: "the text with another in each place where a part is",
        example: Example { sql: "replace('10.5', '.', ',')", answer: "10,5" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Replaced)),
    },
    Function {
        name: "regexp_replace",
        signature: "regexp_replace(text, pattern, by[, flags]) → text",
        gives: "the text with another where a pattern matches first, everywhere with the flag `'g'`",
        example: Example { sql: "regexp_replace('/user/17/cart', '[0-9]+', 'N')", answer: "/user/N/cart" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Replaced)),
    },
    Function {
        name: "array_repeat",
        signature: "array_repeat(x, times) → list",
        gives: "a list of a value so many times",
        example: Example { sql: "array_repeat('a', 2)", answer: "[a, a]" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Elements)),
    },
    Function {
        name: "array_resize",
        signature: "array_resize(list, length[, fill]) → list",
        gives: "the list with so many elements",
        example: Example { sql: "array_resize(ARRAY[1, 2], 3, 0)", answer: "[1, 2, 0]" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Length)),
    },
    Function {
        name: "range",
        signature: "range([from, ]to[, step]) → list",
        gives: "the numbers, dates or times from one to before the other",
        example: Example { sql: "range(1, 4)", answer: "[1, 2, 3]" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Between)),
    },
    Function {
        name: "generate_series",
        signature: "generate_series([from, ]to[, step]) → list",
        gives: "the same as `range`, with the last one",
        example: Example { sql: "generate_series(1, 3)", answer: "[1, 2, 3]" },
        by: Implementation::Around(|theirs| counted(theirs, Growth::Between)),
    },
];

/// How a function's arguments say what it makes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// As many characters as argument 1 says.
    To,
    /// Argument 0, as often as argument 1 says.
    Times,
    /// A list of as many elements as argument 1 says, each argument 0.
    Elements,
    /// A list of as many elements as argument 1 says.
    Length,
    /// A list of the numbers from one argument to the next.
    Between,
    /// Argument 0 with argument 2 in each place where argument 1 is, at most between any two characters.
    Replaced,
}

impl Growth {
    /// The most bytes that `rows` rows of `args` can become.
    fn bytes(self, args: &[ColumnarValue], rows: usize) -> u64 {
        let values = args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if values { 1 } else { rows };
        let number = |at: usize| Numbers::of(args.get(at));
        let length = |at: usize| Lengths::of(args.get(at));
        let sum = |of: &dyn Fn(usize) -> u64| (0..rows).map(of).fold(0, u64::saturating_add);
        match self {
            Self::To => match number(1) {
                Numbers::All(n) => n.saturating_mul(rows as u64),
                numbers => sum(&|row| numbers.at(row)),
            },
            Self::Times => {
                let (lengths, times) = (length(0), number(1));
                sum(&|row| lengths.at(row).saturating_mul(times.at(row)))
            }
            Self::Elements => {
                let (lengths, times) = (length(0), number(1));
                sum(&|row| (8 + lengths.at(row)).saturating_mul(times.at(row)))
            }
            Self::Length => {
                let numbers = number(1);
                sum(&|row| 8u64.saturating_mul(numbers.at(row)))
            }
            Self::Between => {
                let (one, two, by) = (integers(args.first()), integers(args.get(1)), integers(args.get(2)));
                sum(&|row| match (one.at(row), two.at(row)) {
                    (Some(from), Some(to)) => 8 * (to.abs_diff(from) / by.at(row).map_or(1, i64::unsigned_abs).max(1)),
                    // One argument: from 0 on.
                    (Some(to), None) if args.len() == 1 => 8 * to.unsigned_abs(),
                    _ => 0,
                })
            }
            Self::Replaced => {
                let (text, by) = (length(0), length(2));
                let short = by.most() <= 1;
                if short { 0 } else { sum(&|row| text.at(row).saturating_add(1).saturating_mul(by.at(row))) }
            }
        }
    }
}

/// Whole numbers of the rows.
enum Integers {
    None,
    All(Option<i64>),
    Each(ArrayRef),
}

impl Integers {
    fn at(&self, row: usize) -> Option<i64> {
        match self {
            Self::None => None,
            Self::All(n) => *n,
            Self::Each(array) => array.is_valid(row).then(|| array.as_primitive::<Int64Type>().value(row)),
        }
    }
}

fn integers(of: Option<&ColumnarValue>) -> Integers {
    let as_int64 = |array: &ArrayRef| {
        let readable = array.data_type().is_integer() || array.data_type().is_floating();
        if readable { cast(array, &DataType::Int64).ok() } else { None }
    };
    match of {
        Some(ColumnarValue::Array(array)) => as_int64(array).map_or(Integers::None, Integers::Each),
        Some(ColumnarValue::Scalar(value)) => {
            let one = value.to_array().ok().and_then(|array| as_int64(&array));
            Integers::All(one.and_then(|one| Integers::Each(one).at(0)))
        }
        None => Integers::None,
    }
}

/// Numbers of which those below zero are zero.
enum Numbers {
    All(u64),
    Each(Integers),
}

impl Numbers {
    fn of(of: Option<&ColumnarValue>) -> Self {
        match integers(of) {
            Integers::All(n) => Self::All(n.map_or(0, |n| n.max(0) as u64)),
            each => Self::Each(each),
        }
    }

    fn at(&self, row: usize) -> u64 {
        match self {
            Self::All(n) => *n,
            Self::Each(each) => each.at(row).map_or(0, |n| n.max(0) as u64),
        }
    }
}

/// Bytes of the rows' values.
enum Lengths {
    All(u64),
    Each(Vec<u64>),
}

impl Lengths {
    fn of(of: Option<&ColumnarValue>) -> Self {
        let texts = |array: &ArrayRef| -> Vec<u64> {
            match array.data_type() {
                DataType::Utf8 => array.as_string::<i32>().offsets().lengths().map(|n| n as u64).collect(),
                DataType::LargeUtf8 => array.as_string::<i64>().offsets().lengths().map(|n| n as u64).collect(),
                _ => {
                    let average = array.get_buffer_memory_size() as u64 / array.len().max(1) as u64;
                    vec![average; array.len()]
                }
            }
        };
        match of {
            Some(ColumnarValue::Array(array)) => Self::Each(texts(array)),
            Some(ColumnarValue::Scalar(ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text))) => {
                Self::All(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Some(ColumnarValue::Scalar(value)) => {
                Self::All(value.to_array().map_or(8, |array| array.get_buffer_memory_size() as u64))
            }
            None => Self::All(0),
        }
    }

    fn at(&self, row: usize) -> u64 {
        match self {
            Self::All(n) => *n,
            Self::Each(all) => all[row],
        }
    }

    fn most(&self) -> u64 {
        match self {
            Self::All(n) => *n,
            Self::Each(all) => all.iter().max().copied().unwrap_or(0),
        }
    }
}

fn counted(function: Arc<ScalarUDF>, growth: Growth) -> ScalarUDF {
    ScalarUDF::new_from_impl(Growing { function, growth })
}

/// One of DataFusion's functions. All but the call is its own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Growing {
    function: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Growing {
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = self.growth.bytes(&args.args, args.number_rows);
        if bytes > AT_ONCE {
            let (makes, most) = (bytes.div_ceil(1 << 20), AT_ONCE >> 20);
            let message = format!("{makes} MiB of {} rows, and one value has at most {most} MiB", args.number_rows);
            let message = message.replace(" of 1 rows", "");
            return Err(DataFusionError::External(Box::new(Error::new(ErrorKind::Quota, message))));
        }
        self.function.invoke_with_args(args)
    }

    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.function.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.function.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let function = self.function.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Self { function: Arc::new(function), growth: self.growth }))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.function.simplify(args, info)
    }

    fn preimage(&self, args: &[Expr], literal: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        self.function.preimage(args, literal, info)
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.function.conditional_arguments(args)
    }

    fn short_circuits(&self) -> bool {
        self.function.short_circuits()
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        self.function.evaluate_bounds(input)
    }

    fn propagate_constraints(&self, interval: &Interval, inputs: &[&Interval]) -> Result<Option<Vec<Interval>>> {
        self.function.propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.function.output_ordering(inputs)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn what_a_call_makes_is_known_before() {
        let texts = ColumnarValue::Array(Arc::new(StringArray::from(vec![Some("ab"), None, Some("abcdefgh")])));
        let numbers = ColumnarValue::Array(Arc::new(Int64Array::from(vec![Some(1000), Some(5), Some(-3)])));
        let all = |n: i64| ColumnarValue::Scalar(ScalarValue::Int64(Some(n)));
        let word = |w: &str| ColumnarValue::Scalar(ScalarValue::Utf8(Some(w.to_owned())));
        let bytes = |growth: Growth, args: &[&ColumnarValue]| {
            let args: Vec<ColumnarValue> = args.iter().map(|a| (*a).clone()).collect();
            growth.bytes(&args, 3)
        };
        assert_eq!(bytes(Growth::To, &[&texts, &all(200_000), &word(" ")]), 600_000);
        assert_eq!(bytes(Growth::To, &[&texts, &numbers]), 1005);
        assert_eq!(bytes(Growth::Times, &[&texts, &numbers]), 2000);
        assert_eq!(bytes(Growth::Times, &[&word("abc"), &all(i64::MAX)]), u64::MAX);
        assert_eq!(bytes(Growth::Elements, &[&word("abc"), &numbers]), 11 * 1005);
        assert_eq!(bytes(Growth::Between, &[&all(0), &all(1 << 40)]), 8 << 40);
        assert_eq!(bytes(Growth::Between, &[&all(1), &numbers, &all(10)]), 8 * 99);
        assert_eq!(bytes(Growth::Replaced, &[&texts, &word("a"), &word("xyz")]), 3 * 3 + 3 + 9 * 3);
        assert_eq!(bytes(Growth::Replaced, &[&texts, &word("a"), &word("x")]), 0);
    }
}
