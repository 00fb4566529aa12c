//! `date_trunc(unit, time)`: the start of the second, hour, month … that a time lies in, by the calendar of UTC from the year 1
//! to 9999. The library's counts nanoseconds, which end in 2262.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};
use datafusion_common::{Result, ScalarValue, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions::utils::make_scalar_function;

use super::function::{Example, Function, Implementation};
use crate::format::{UTC, shown_type, timestamp};
use crate::operator::is_text;

const NAME: &str = "date_trunc";

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: NAME,
    signature: "date_trunc(unit, time) → timestamp",
    gives: "the start of the second, hour, week, month … that a time lies in",
    example: Example { sql: "date_trunc('week', '2026-03-01 09:07')", answer: "2026-02-23T00:00:00Z" },
    by: Implementation::Around(date_trunc),
}];

const UNITS: [&str; 10] =
    ["microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// The unit that a text names, whatever its case and number.
pub(in crate::sql) fn unit_of(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    UNITS.into_iter().find(|unit| *unit == lower || lower.strip_suffix('s') == Some(unit))
}

fn date_trunc(theirs: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::new_from_impl(DateTrunc { theirs, signature: Signature::user_defined(Volatility::Immutable) })
}

/// DataFusion's, for times of a day and of other zones than UTC.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DateTrunc {
    theirs: Arc<ScalarUDF>,
    signature: Signature,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The length of a unit that is always as long, and where one of them begins: microseconds, and those since 1970.
pub(in crate::sql) fn length_of(unit: &str) -> Option<(i64, i64)> {
    Some(match unit {
        "microsecond" => (1, 0),
        "millisecond" => (1000, 0),
        "second" => (SECOND, 0),
        "minute" => (60 * SECOND, 0),
        "hour" => (3600 * SECOND, 0),
        "day" => (DAY, 0),
        // Weeks begin on Mondays; 1970 began on a Thursday.
        "week" => (7 * DAY, 4 * DAY),
        _ => return None,
    })
}

/// Microseconds at which the unit begins that `time` lies in; none where no calendar has it.
fn start(unit: &str, time: i64) -> Option<i64> {
    if let Some((length, from)) = length_of(unit) {
        return (time - from).div_euclid(length).checked_mul(length)?.checked_add(from);
    }
    let date = DateTime::from_timestamp_micros(time)?.date_naive();
    let month = match unit {
        "month" => date.month(),
        "quarter" => date.month0() / 3 * 3 + 1,
        _ => 1,
    };
    let first = NaiveDate::from_ymd_opt(date.year(), month, 1)?;
    Some(first.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [unit, time] = types else {
            return plan_err!("`{NAME}` takes a unit and a time, as in {NAME}('hour', ts)");
        };
        if !is_text(unit) && *unit != DataType::Null {
            return plan_err!(
                "`{NAME}` takes its unit first, as in {NAME}('hour', ts), and this is {}",
                shown_type(unit)
            );
        }
        let time = match time {
            DataType::Timestamp(_, Some(zone)) if &**zone != UTC => time.clone(),
            DataType::Time32(_) | DataType::Time64(_) => time.clone(),
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => timestamp(),
            text if is_text(text) => timestamp(),
            other => {
                let other = shown_type(other);
                return plan_err!(
                    "`{NAME}` takes a time behind its unit, as in {NAME}('hour', ts), and this is {other}"
                );
            }
        };
        Ok(vec![DataType::Utf8, time])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.get(1).cloned().unwrap_or_else(timestamp))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let Some(time) = args.arg_fields.get(1) else { return plan_err!("`{NAME}` takes a unit and a time") };
        Ok(Arc::new(Field::new(NAME, time.data_type().clone(), time.is_nullable())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [unit, time] = args.args.as_slice() else { return exec_err!("`{NAME}` takes a unit and a time") };
        let ColumnarValue::Scalar(unit) = unit else { return exec_err!("its unit is no constant") };
        let Some(unit) = unit.try_as_str().flatten() else { return exec_err!("its unit is null") };
        let Some(named) = unit_of(unit) else { return exec_err!("'{unit}' is no unit of time") };
        if time.data_type() != timestamp() {
            let mut args = args.clone();
            args.args[0] = ColumnarValue::Scalar(ScalarValue::from(named));
            return self.theirs.invoke_with_args(args);
        }
        let starts = |args: &[ArrayRef]| -> Result<ArrayRef> {
            let starts = args[0].as_primitive::<TimestampMicrosecondType>().iter().map(|time| match time {
                None => Ok(None),
                Some(time) => {
                    start(named, time).map_or_else(|| exec_err!("timestamp out of range"), |time| Ok(Some(time)))
                }
            });
            Ok(Arc::new(starts.collect::<Result<TimestampMicrosecondArray>>()?.with_timezone(UTC)))
        };
        make_scalar_function(starts, Vec::new())(std::slice::from_ref(time))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.theirs.documentation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::time_of_text;

    #[test]
    fn units_begin_from_the_first_year_to_the_last() {
        let at = |text: &str| time_of_text(text).unwrap();
        for (unit, time, start) in [
            ("millisecond", "1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999"),
            ("second", "0001-01-01 00:00:00.5", "0001-01-01"),
            ("HOURS", "2026-03-01 09:59", "2026-03-01 09:00"),
            ("day", "9999-12-31 23:59:59.999999", "9999-12-31"),
            ("Week", "2026-03-01 09:59", "2026-02-23"),
            ("week", "0001-01-03", "0001-01-01"),
            ("month", "9999-12-31 23:59", "9999-12-01"),
            ("quarter", "2026-08-31", "2026-07-01"),
            ("year", "0001-12-31", "0001-01-01"),
        ] {
            assert_eq!(super::start(unit_of(unit).unwrap(), at(time)), Some(at(start)), "{unit} {time}");
        }
        assert_eq!((unit_of("fortnight"), unit_of(""), unit_of("s")), (None, None, None));
    }
}
