//! `date_bin(length, time[, origin])`: the start of the piece that a time lies in, where time is cut into pieces of one length
//! from `origin` on, 1970 unless it says another. In microseconds, as all times here are: the library's counts nanoseconds,
//! which have no year 1 and no 9999.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike, Months, NaiveDateTime};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion_functions::utils::make_scalar_function;

use super::function::{Example, Function, Implementation};
use crate::format::{UTC, shown_type, timestamp};
use crate::operator::is_text;

const NAME: &str = "date_bin";

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: NAME,
    signature: "date_bin(length, time[, origin]) → timestamp",
    gives: "the start of the piece that a time lies in, where time is cut into pieces of one length from `origin` on, 1970 if there is none",
    example: Example { sql: "date_bin('10 minutes', '2026-03-01 09:07')", answer: "2026-03-01T09:00:00Z" },
    by: Implementation::Scalar(date_bin),
}];

fn date_bin() -> ScalarUDF {
    ScalarUDF::new_from_impl(DateBin { signature: Signature::user_defined(Volatility::Immutable) })
}

/// What is wrong with a length, if it is none that time can be cut by.
pub(in crate::sql) fn wrong_length(length: &ScalarValue) -> Option<&'static str> {
    match length {
        ScalarValue::IntervalMonthDayNano(Some(length)) => wrong(*length),
        _ => None,
    }
}

fn wrong(length: IntervalMonthDayNano) -> Option<&'static str> {
    let (months, rest) = (length.months, nanoseconds(length));
    match (months, rest) {
        (0, 1..) | (1.., 0) if length.days >= 0 => None,
        (0, ..=0) | (..=0, 0) => Some("a length that time is cut by is longer than nothing"),
        _ => Some(
            "months, which differ in length, and days or less do not go together in the length that time is cut by",
        ),
    }
}

/// Of what a length has beside months.
fn nanoseconds(length: IntervalMonthDayNano) -> i128 {
    i128::from(length.days) * 86_400_000_000_000 + i128::from(length.nanoseconds)
}

/// Microseconds at which the piece begins that `time` lies in; none if it lies too far from today.
fn start(length: IntervalMonthDayNano, time: i64, origin: i64) -> Option<i64> {
    if length.months == 0 {
        let (length, origin) = (nanoseconds(length), i128::from(origin) * 1000);
        let pieces = (i128::from(time) * 1000 - origin).div_euclid(length);
        return i64::try_from((origin + pieces * length).div_euclid(1000)).ok();
    }
    let date = |micros: i64| DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc());
    let (at, from) = (date(time)?, date(origin)?);
    let months = |of: NaiveDateTime| i64::from(of.year()) * 12 + i64::from(of.month0());
    let length = i64::from(length.months);
    let begin = |piece: i64| {
        let months = piece.checked_mul(length)?;
        let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
        if months < 0 { from.checked_sub_months(by) } else { from.checked_add_months(by) }
    };
    let piece = (months(at) - months(from)).div_euclid(length);
    let begins = match begin(piece)? {
        begins if begins <= at => begins,
        // It begins later in the month.
        _ => begin(piece - 1)?,
    };
    Some(begins.and_utc().timestamp_micros())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DateBin {
    signature: Signature,
}

impl ScalarUDFImpl for DateBin {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([length, times @ ..], 2..=3) = (types, types.len()) else {
            return plan_err!(
                "`{NAME}` takes a length and a time, as in {NAME}('10 minutes', ts), and an origin behind them"
            );
        };
        if !matches!(length, DataType::Interval(_) | DataType::Duration(_) | DataType::Null) && !is_text(length) {
            return plan_err!(
                "`{NAME}` takes a length first, as in {NAME}('10 minutes', ts), and this is {}",
                shown_type(length)
            );
        }
        let is_time = |t: &DataType| {
            matches!(t, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null) || is_text(t)
        };
        if let Some(other) = times.iter().find(|t| !is_time(t)) {
            return plan_err!(
                "`{NAME}` takes a time behind the length, as in {NAME}('10 minutes', ts), and this is {}",
                shown_type(other)
            );
        }
        let length = DataType::Interval(IntervalUnit::MonthDayNano);
        Ok(std::iter::once(length).chain(times.iter().map(|_| timestamp())).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(starts, Vec::new())(&args.args)
    }
}

/// The starts of the pieces that times lie in; the arrays are lengths, times and, if there is a third, origins.
fn starts(args: &[ArrayRef]) -> Result<ArrayRef> {
    let [lengths, times, origin @ ..] = args else {
        return exec_err!("a length and a time are needed");
    };
    let (lengths, times) =
        (lengths.as_primitive::<IntervalMonthDayNanoType>(), times.as_primitive::<TimestampMicrosecondType>());
    let origins = origin.first().map(|origin| origin.as_primitive::<TimestampMicrosecondType>());
    let value = |row: usize| {
        if lengths.is_null(row) || times.is_null(row) || origins.is_some_and(|origins| origins.is_null(row)) {
            return Ok(None);
        }
        if let Some(wrong) = wrong(lengths.value(row)) {
            return exec_err!("{wrong}");
        }
        match start(lengths.value(row), times.value(row), origins.map_or(0, |origins| origins.value(row))) {
            Some(start) => Ok(Some(start)),
            None => exec_err!("timestamp out of range"),
        }
    };
    let starts = (0..times.len()).map(value).collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(starts.with_timezone(UTC)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::time_of_text;

    #[test]
    fn pieces_of_time_from_the_first_year_to_the_last() {
        let length = IntervalMonthDayNano::new;
        let (hour, week) = (length(0, 0, 3_600_000_000_000), length(0, 7, 0));
        for (length, time, origin, start) in [
            (hour, "2026-03-01 09:59", "1970-01-01", "2026-03-01 09:00"),
            (hour, "2026-03-01 09:29", "2026-03-01 00:30", "2026-03-01 08:30"),
            (hour, "0001-01-01 00:30", "1970-01-01", "0001-01-01 00:00"),
            (hour, "9999-12-31 23:59", "1970-01-01", "9999-12-31 23:00"),
            (week, "2026-03-01 09:59", "1970-01-05", "2026-02-23"),
            (length(1, 0, 0), "2026-03-31 09:59", "1970-01-01", "2026-03-01"),
            (length(3, 0, 0), "0001-05-01", "1970-01-01", "0001-04-01"),
            (length(1, 0, 0), "2026-03-14", "1970-01-15", "2026-02-15"),
            (length(12, 0, 0), "9999-12-31", "1970-07-01", "9999-07-01"),
        ] {
            let at = |text: &str| time_of_text(text).unwrap();
            assert_eq!(super::start(length, at(time), at(origin)), Some(at(start)), "{time} {origin}");
        }
        for (months, days, nanoseconds) in
            [(0, 0, 0), (0, 0, -1), (0, -1, 0), (-1, 0, 0), (1, 1, 0), (1, 0, 1), (-1, 0, 1)]
        {
            assert!(wrong(length(months, days, nanoseconds)).is_some(), "{months} {days} {nanoseconds}");
        }
        assert_eq!((wrong(hour), wrong(week), wrong(length(1, 0, 0))), (None, None, None));
    }
}
