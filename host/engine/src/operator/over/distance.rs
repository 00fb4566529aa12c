//! Distances between the values that rows are ordered by, for `RANGE` frames.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, TimeUnit};
use chrono::{DateTime, Months};

use crate::operator::rows::arrow_failed;
use crate::{Error, Result};

const NANOS: i128 = 1_000_000_000;

/// How far rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distance {
    /// A whole number: of rows, of groups, or in the values' own unit, which is that of the last digit of a decimal.
    Whole(i128),
    /// A number.
    Float(f64),
    /// A time.
    Time {
        /// Months of the calendar.
        months: u32,
        /// Days and what is less than one.
        nanos: i128,
    },
}

/// The values that rows are ordered by, in order: as places on a line.
#[derive(Debug)]
pub(super) struct Line {
    values: Values,
    nulls: Option<NullBuffer>,
    descending: bool,
}

#[derive(Debug)]
enum Values {
    /// Numbers, or times in nanoseconds.
    Whole(Vec<i128>),
    /// With one zero and one NaN.
    Float(Vec<f64>),
}

impl Line {
    /// Of numbers or times.
    pub fn new(by: &ArrayRef, descending: bool) -> Result<Self> {
        let numbers = |to: &DataType, unit: i128| -> Result<Values> {
            let numbers = cast(by, to).map_err(arrow_failed)?;
            let numbers = cast(&numbers, &DataType::Int64).map_err(arrow_failed)?;
            Ok(Values::Whole(
                numbers.as_primitive::<Int64Type>().values().iter().map(|v| i128::from(*v) * unit).collect(),
            ))
        };
        let nanos = |unit: &TimeUnit| match unit {
            TimeUnit::Second => NANOS,
            TimeUnit::Millisecond => NANOS / 1_000,
            TimeUnit::Microsecond => NANOS / 1_000_000,
            TimeUnit::Nanosecond => 1,
        };
        let values = match by.data_type() {
            DataType::UInt64 => {
                let wide = cast(by, &DataType::Decimal128(20, 0)).map_err(arrow_failed)?;
                Values::Whole(wide.as_primitive::<Decimal128Type>().values().to_vec())
            }
            whole if whole.is_integer() => numbers(&DataType::Int64, 1)?,
            DataType::Decimal128(..) => Values::Whole(by.as_primitive::<Decimal128Type>().values().to_vec()),
            DataType::Decimal32(digits, scale) | DataType::Decimal64(digits, scale) => {
                let wide = cast(by, &DataType::Decimal128(*digits, *scale)).map_err(arrow_failed)?;
                Values::Whole(wide.as_primitive::<Decimal128Type>().values().to_vec())
            }
            float if float.is_floating() => {
                let floats = cast(by, &DataType::Float64).map_err(arrow_failed)?;
                Values::Float(floats.as_primitive::<Float64Type>().values().to_vec())
            }
            DataType::Date32 => numbers(&DataType::Int32, 86_400 * NANOS)?,
            DataType::Date64 => numbers(&DataType::Int64, NANOS / 1_000)?,
            DataType::Timestamp(unit, _) | DataType::Time64(unit) => numbers(&DataType::Int64, nanos(unit))?,
            DataType::Time32(unit) => numbers(&DataType::Int32, nanos(unit))?,
            other => return Err(Error::internal(format!("no distances between values of {other}"))),
        };
        Ok(Self { values, nulls: by.logical_nulls(), descending })
    }

    /// Whether there is a value at this place.
    pub fn has_value(&self, at: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at))
    }

    /// Among the places `within`, all of which have values: the first one that is no more than `distance` before the value
    /// at `at` in the order, or no less behind it; or the one behind the last such, where it is an end.
    pub fn find(&self, at: usize, distance: Distance, before: bool, is_end: bool, within: Range<usize>) -> usize {
        let minus = before != self.descending;
        match &self.values {
            Values::Whole(values) => {
                let to = moved(values[at], distance, minus);
                self.search(values, within, is_end, |value| value.cmp(&to))
            }
            Values::Float(values) => {
                let to = moved_float(values[at], distance, minus);
                self.search(values, within, is_end, |value| value.total_cmp(&to))
            }
        }
    }

    fn search<T>(&self, values: &[T], within: Range<usize>, is_end: bool, compare: impl Fn(&T) -> Ordering) -> usize {
        let comes_first = |value: &T| {
            let order = compare(value);
            let order = if self.descending { order.reverse() } else { order };
            order == Ordering::Less || (is_end && order == Ordering::Equal)
        };
        within.start + values[within].partition_point(comes_first)
    }
}

/// `value` and so much, or less; what lies beyond all values is behind them all.
fn moved(value: i128, distance: Distance, minus: bool) -> i128 {
    let by = |value: i128, n: i128| if minus { value.saturating_sub(n) } else { value.saturating_add(n) };
    match distance {
        Distance::Whole(n) => by(value, n),
        Distance::Float(_) => value,
        Distance::Time { months: 0, nanos } => by(value, nanos),
        Distance::Time { months, nanos } => {
            let whole = (i64::try_from(value.div_euclid(NANOS)).ok(), value.rem_euclid(NANOS) as u32);
            let time = whole.0.and_then(|seconds| DateTime::from_timestamp(seconds, whole.1));
            let months = Months::new(months);
            let time =
                time.and_then(|t| if minus { t.checked_sub_months(months) } else { t.checked_add_months(months) });
            match time {
                Some(t) => by(i128::from(t.timestamp()) * NANOS + i128::from(t.timestamp_subsec_nanos()), nanos),
                None if minus => i128::MIN,
                None => i128::MAX,
            }
        }
    }
}

fn moved_float(value: f64, distance: Distance, minus: bool) -> f64 {
    let n = match distance {
        Distance::Float(n) => n,
        Distance::Whole(n) => n as f64,
        Distance::Time { .. } => 0.0,
    };
    let to = if minus { value - n } else { value + n };
    match to {
        // Infinity without infinity: as far as there is.
        to if to.is_nan() && !value.is_nan() => {
            if minus {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        // One NaN, one zero.
        to if to.is_nan() => f64::NAN,
        to => to + 0.0,
    }
}
