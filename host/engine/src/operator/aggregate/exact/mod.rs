//! `sum` and `avg` of integers, decimals and durations, and `sum` of intervals ([`IntervalSum`]), exact whatever is added:
//! state never overflows, and of a result that does not fit its column it is said that it does not, by what it is.
//!
//! A state is the sum, how often it went round the range of its type (null as long as it never did, which takes no
//! bytes), and, of an average, the number of values. So sums within the range cost what they did when sums wrapped around, and
//! the order in which values and states are put together changes nothing.

mod intervals;
mod sums;
mod whole;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Field, Fields,
    Int64Type, TimeUnit, UInt64Type, i256,
};

use serde_json::{Map, Value};

use super::function::{AggregateFunction, Finished, FunctionError, told_by};
use crate::Error;
use crate::format::type_name;
use crate::operator::isolate::Attempt;
pub use intervals::IntervalSum;
use sums::{State, Sums};
use whole::{Whole, decimal_mean, float_mean, in_digits, ten_to, whole_mean};

/// To be raised when what the columns of a state mean changes.
const STATE_VERSION: u32 = 1;

/// What is made of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exact {
    /// The sum itself.
    Sum,
    /// Divided by the number of values.
    Average,
}

/// The exact sum or average of one argument.
#[derive(Debug)]
pub struct ExactSum {
    what: Exact,
    /// The call as a person would write it.
    shown: String,
    describe: String,
    values: DataType,
    result: DataType,
    /// Of a decimal result: the least number that has too many digits.
    bound: Option<i256>,
    /// Of a decimal average: from the sum's scale to the result's.
    factor: i256,
    fields: Fields,
}

/// Calls `$call::<T>` with the arrow type of the values.
macro_rules! of_type {
    ($self:ident, |$t:ident| $call:expr) => {
        match &$self.values {
            DataType::Int64 => of_type!(@ Int64Type, $t, $call),
            DataType::UInt64 => of_type!(@ UInt64Type, $t, $call),
            DataType::Decimal32(..) => of_type!(@ Decimal32Type, $t, $call),
            DataType::Decimal64(..) => of_type!(@ Decimal64Type, $t, $call),
            DataType::Decimal128(..) => of_type!(@ Decimal128Type, $t, $call),
            DataType::Decimal256(..) => of_type!(@ Decimal256Type, $t, $call),
            DataType::Duration(TimeUnit::Second) => of_type!(@ DurationSecondType, $t, $call),
            DataType::Duration(TimeUnit::Millisecond) => of_type!(@ DurationMillisecondType, $t, $call),
            DataType::Duration(TimeUnit::Microsecond) => of_type!(@ DurationMicrosecondType, $t, $call),
            DataType::Duration(TimeUnit::Nanosecond) => of_type!(@ DurationNanosecondType, $t, $call),
            other => return Err(Error::internal(format!("no exact sum of {other}")).into()),
        }
    };
    (@ $type:ident, $t:ident, $call:expr) => {{
        type $t = $type;
        $call
    }};
}

impl ExactSum {
    /// `what` of values of this type as a column of type `result`; none where sums of them are not exact by nature
    /// (floats), or not numbers. `shown`: the call for people; `describe`: what it computes, for the fingerprint.
    pub fn new(what: Exact, values: DataType, result: DataType, shown: String, describe: String) -> Option<Self> {
        use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Duration, Float64, Int64, UInt64};
        let fits = match (what, &values, &result) {
            (Exact::Sum, Int64, Int64) | (Exact::Sum, UInt64, UInt64) => true,
            (Exact::Average, Int64 | UInt64, Float64) => true,
            (_, Decimal32(..), Decimal32(..))
            | (_, Decimal64(..), Decimal64(..))
            | (_, Decimal128(..), Decimal128(..))
            | (_, Decimal256(..), Decimal256(..)) => true,
            (_, Duration(values), Duration(result)) => values == result,
            _ => false,
        };
        if !fits {
            return None;
        }
        let mut fields = vec![Field::new("sum", values.clone(), true), Field::new("turns", DataType::Int64, true)];
        if what == Exact::Average {
            fields.push(Field::new("count", DataType::UInt64, false));
        }
        let bound = precision(&result).and_then(ten_to);
        let more_places = scale(&result).unwrap_or(0) - scale(&values).unwrap_or(0);
        let factor = ten_to(u8::try_from(more_places).ok()?)?;
        Some(Self { what, shown, describe, values, result, bound, factor, fields: fields.into() })
    }

    fn state<T: ArrowPrimitiveType>(&self, sums: Sums<T::Native>) -> Vec<ArrayRef> {
        sums.state::<T>(&self.values, self.what == Exact::Average)
    }

    /// The results of sums that are columns of the values' own type.
    fn finished<T: ArrowPrimitiveType>(&self, states: &[ArrayRef]) -> Finished
    where
        T::Native: Whole + Default,
    {
        let state = State::<T>::of(states);
        let n = state.sums.len();
        if self.what == Exact::Sum && self.bound.is_none() && state.never_turned() {
            return vec![states[0].clone()].into();
        }
        let (mut values, mut refused) = (Vec::with_capacity(n), Vec::new());
        for i in 0..n {
            let (sum, turns) = (state.sums.value(i), state.turns(i));
            if state.sums.is_null(i) {
                values.push(T::Native::default());
                continue;
            }
            let count = state.counts.map_or(1, |c| c.value(i));
            let result = sum.whole(turns).and_then(|whole| self.of_whole(whole, count));
            match result.filter(|r| self.fits(*r)).and_then(T::Native::of) {
                Some(value) => values.push(value),
                None => {
                    values.push(T::Native::default());
                    refused.push((i, self.too_large(result)));
                }
            }
        }
        let column = PrimitiveArray::<T>::new(values.into(), state.sums.nulls().cloned());
        Finished { columns: vec![Arc::new(column.with_data_type(self.result.clone()))], refused }
    }

    /// The averages of integers.
    fn floats<T: ArrowPrimitiveType>(&self, states: &[ArrayRef]) -> Finished
    where
        T::Native: Whole,
    {
        let state = State::<T>::of(states);
        let mean = |i: usize| {
            let sum = state.sums.is_valid(i).then(|| state.sums.value(i))?;
            Some(float_mean(sum.whole(state.turns(i))?, state.counts.map_or(1, |c| c.value(i))))
        };
        let column: Float64Array = (0..state.sums.len()).map(mean).collect();
        vec![Arc::new(column) as ArrayRef].into()
    }

    fn of_whole(&self, sum: i256, count: u64) -> Option<i256> {
        match (self.what, self.bound) {
            (Exact::Sum, _) => Some(sum),
            (Exact::Average, Some(_)) => decimal_mean(sum, self.factor, count),
            (Exact::Average, None) => whole_mean(sum, count),
        }
    }

    /// Whether the result's type has room for so many digits; how many bits it has is seen elsewhere.
    fn fits(&self, value: i256) -> bool {
        self.bound.is_none_or(|bound| value < bound && value > bound.wrapping_neg())
    }

    fn too_large(&self, result: Option<i256>) -> String {
        let (shown, to) = (&self.shown, type_name(&self.result));
        match result {
            Some(value) => {
                format!("{shown} = {} does not fit {to}", in_digits(value, scale(&self.result).unwrap_or(0)))
            }
            None => format!("{shown} has more than 76 digits and does not fit {to}"),
        }
    }
}

/// Of a decimal type: its digits, and how many of them are behind the point.
fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => Some((*digits, *scale)),
        _ => None,
    }
}

fn precision(data_type: &DataType) -> Option<u8> {
    digits(data_type).map(|d| d.0)
}

fn scale(data_type: &DataType) -> Option<i8> {
    digits(data_type).map(|d| d.1)
}

impl AggregateFunction for ExactSum {
    fn state_fields(&self) -> &Fields {
        &self.fields
    }

    fn identity(&self) -> Map<String, Value> {
        let name = if self.what == Exact::Sum { "sum" } else { "avg" };
        told_by(name, STATE_VERSION, &self.fields)
    }

    fn describe(&self) -> String {
        format!("exact {}", self.describe)
    }

    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        _: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        of_type!(self, |T| {
            let mut sums = Sums::new(n);
            sums.add_rows::<T>(groups, args[0].as_primitive(), filter);
            Ok(self.state::<T>(sums))
        })
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        of_type!(self, |T| {
            let mut sums = Sums::new(n);
            sums.add_states::<T>(groups, states);
            Ok(self.state::<T>(sums))
        })
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        match (&self.result, &self.values) {
            (DataType::Float64, DataType::Int64) => Ok(self.floats::<Int64Type>(states)),
            (DataType::Float64, _) => Ok(self.floats::<UInt64Type>(states)),
            _ => of_type!(self, |T| Ok(self.finished::<T>(states))),
        }
    }
}

#[cfg(test)]
mod tests;
