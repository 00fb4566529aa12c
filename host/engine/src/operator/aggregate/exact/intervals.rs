//! `sum` of intervals, exact as that of whole numbers is: months, days and the rest of a day are summed each for itself, in
//! 128 bits, which no number of rows fills.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Field, Fields, IntervalDayTime, IntervalDayTimeType,
    IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
};
use serde_json::{Map, Value};

use crate::Error;
use crate::format::shown_type;
use crate::operator::aggregate::function::{AggregateFunction, Finished, FunctionError, told_by};
use crate::operator::isolate::Attempt;

/// To be raised when what the columns of a state mean changes.
const STATE_VERSION: u32 = 1;

const PART: DataType = DataType::Decimal128(38, 0);

/// Months, days, and parts of a day as the type counts them.
type Parts = [i128; 3];

/// An interval as its parts.
trait Interval: ArrowPrimitiveType {
    /// What the last part counts.
    const REST: &'static str;

    fn parts(value: Self::Native) -> Parts;

    /// None where a part does not fit.
    fn whole(parts: Parts) -> Option<Self::Native>;
}

impl Interval for IntervalMonthDayNanoType {
    const REST: &'static str = "nanoseconds";

    fn parts(value: IntervalMonthDayNano) -> Parts {
        [value.months.into(), value.days.into(), value.nanoseconds.into()]
    }

    fn whole([months, days, rest]: Parts) -> Option<IntervalMonthDayNano> {
        Some(IntervalMonthDayNano::new(months.try_into().ok()?, days.try_into().ok()?, rest.try_into().ok()?))
    }
}

impl Interval for IntervalDayTimeType {
    const REST: &'static str = "milliseconds";

    fn parts(value: IntervalDayTime) -> Parts {
        [0, value.days.into(), value.milliseconds.into()]
    }

    fn whole([_, days, rest]: Parts) -> Option<IntervalDayTime> {
        Some(IntervalDayTime::new(days.try_into().ok()?, rest.try_into().ok()?))
    }
}

impl Interval for IntervalYearMonthType {
    const REST: &'static str = "";

    fn parts(value: i32) -> Parts {
        [value.into(), 0, 0]
    }

    fn whole([months, ..]: Parts) -> Option<i32> {
        months.try_into().ok()
    }
}

/// Calls with the arrow type of the intervals.
macro_rules! of_unit {
    ($unit:expr, |$t:ident| $call:expr) => {
        match $unit {
            IntervalUnit::YearMonth => of_unit!(@ IntervalYearMonthType, $t, $call),
            IntervalUnit::DayTime => of_unit!(@ IntervalDayTimeType, $t, $call),
            IntervalUnit::MonthDayNano => of_unit!(@ IntervalMonthDayNanoType, $t, $call),
        }
    };
    (@ $type:ident, $t:ident, $call:expr) => {{
        type $t = $type;
        $call
    }};
}

/// The exact sum of one argument.
#[derive(Debug)]
pub struct IntervalSum {
    unit: IntervalUnit,
    /// The call as a person would write it.
    shown: String,
    describe: String,
    fields: Fields,
}

impl IntervalSum {
    /// The sum of values of this type; none if they are no intervals. `shown`: the call for people; `describe`: what it
    /// computes, for the fingerprint.
    pub fn new(values: &DataType, shown: String, describe: String) -> Option<Self> {
        let DataType::Interval(unit) = values else { return None };
        let fields = ["months", "days", "rest"].map(|part| Field::new(part, PART, true));
        Some(Self { unit: *unit, shown, describe, fields: fields.to_vec().into() })
    }

    fn finished<T: Interval>(&self, states: &[ArrayRef]) -> Finished
    where
        T::Native: Default,
    {
        let parts: Vec<&Decimal128Array> = states.iter().map(|part| part.as_primitive::<Decimal128Type>()).collect();
        let (mut values, mut refused) = (Vec::with_capacity(parts[0].len()), Vec::new());
        for i in 0..parts[0].len() {
            let sum = if parts[0].is_null(i) { [0; 3] } else { [0, 1, 2].map(|p| parts[p].value(i)) };
            values.push(T::whole(sum).unwrap_or_else(|| {
                refused.push((i, self.too_large(sum, T::REST)));
                T::Native::default()
            }));
        }
        let column = PrimitiveArray::<T>::new(values.into(), parts[0].nulls().cloned());
        Finished { columns: vec![Arc::new(column)], refused }
    }

    fn too_large(&self, sum: Parts, rest: &str) -> String {
        let parts = sum.iter().zip(["months", "days", rest]).filter(|(n, _)| **n != 0);
        let parts: Vec<String> = parts.map(|(n, of)| format!("{n} {of}")).collect();
        format!("{} = {} does not fit {}", self.shown, parts.join(" "), shown_type(&DataType::Interval(self.unit)))
    }
}

/// The sums of some groups.
struct Sums {
    parts: [Vec<i128>; 3],
    seen: Vec<bool>,
}

impl Sums {
    fn new(n: usize) -> Self {
        Self { parts: std::array::from_fn(|_| vec![0; n]), seen: vec![false; n] }
    }

    fn add(&mut self, group: u32, parts: Parts) {
        let group = group as usize;
        self.seen[group] = true;
        self.parts.iter_mut().zip(parts).for_each(|(sums, part)| sums[group] = sums[group].wrapping_add(part));
    }

    fn add_rows<T: Interval>(&mut self, groups: &[u32], values: &PrimitiveArray<T>, filter: Option<&BooleanArray>) {
        let counted = |i: usize| filter.is_none_or(|f| f.is_valid(i) && f.value(i));
        for (i, group) in groups.iter().enumerate().filter(|(i, _)| values.is_valid(*i) && counted(*i)) {
            self.add(*group, T::parts(values.value(i)));
        }
    }

    fn state(self) -> Vec<ArrayRef> {
        let seen = NullBuffer::from(self.seen);
        let column = |part: Vec<i128>| {
            let column = Decimal128Array::new(part.into(), Some(seen.clone()));
            Arc::new(column.with_data_type(PART)) as ArrayRef
        };
        self.parts.into_iter().map(column).collect()
    }
}

impl AggregateFunction for IntervalSum {
    fn state_fields(&self) -> &Fields {
        &self.fields
    }

    fn identity(&self) -> Map<String, Value> {
        told_by("sum of intervals", STATE_VERSION, &self.fields)
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
        let mut sums = Sums::new(n);
        let unfit = || Error::internal(format!("no intervals: {}", args[0].data_type()));
        of_unit!(self.unit, |T| sums.add_rows::<T>(groups, args[0].as_primitive_opt().ok_or_else(unfit)?, filter));
        Ok(sums.state())
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        let mut sums = Sums::new(n);
        let parts: Vec<&Decimal128Array> = states.iter().map(|part| part.as_primitive::<Decimal128Type>()).collect();
        for (i, group) in groups.iter().enumerate().filter(|(i, _)| parts[0].is_valid(*i)) {
            sums.add(*group, [0, 1, 2].map(|p| parts[p].value(i)));
        }
        Ok(sums.state())
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        Ok(of_unit!(self.unit, |T| self.finished::<T>(states)))
    }
}
