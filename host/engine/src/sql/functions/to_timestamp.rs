//! `to_timestamp(…)` and its sisters for seconds, milliseconds, microseconds and nanoseconds: times of texts and of numbers, as
//! columns have them, in microseconds UTC and in the years 1 to 9999. The library's count nanoseconds, which end in 2262, make
//! 1970 of what is no number, and round towards it.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Int64Type};
use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{NaiveDateTime, NaiveTime, TimeZone};
use datafusion_common::{Result, exec_err, plan_err};
use datafusion_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_functions::utils::make_scalar_function;

use super::function::{Example, Function, Implementation};
use crate::format::{InstantUnit, UTC, cast, shown_type, time_of_number, time_of_text, timestamp};
use crate::operator::{is_text, no_time};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "to_timestamp",
        signature: "to_timestamp(x[, format …]) → timestamp",
        gives: "the time of a text, by the first of the formats that fits, or of a number of seconds since 1970",
        example: Example { sql: "to_timestamp('01.03.2026 09:00', '%d.%m.%Y %H:%M')", answer: "2026-03-01T09:00:00Z" },
        by: Implementation::Around(|theirs| to_timestamp(theirs, InstantUnit::Seconds)),
    },
    Function {
        name: "to_timestamp_seconds",
        signature: "to_timestamp_seconds(x[, format …]) → timestamp",
        gives: "the same as `to_timestamp`",
        example: Example { sql: "to_timestamp_seconds(1772355600)", answer: "2026-03-01T09:00:00Z" },
        by: Implementation::Around(|theirs| to_timestamp(theirs, InstantUnit::Seconds)),
    },
    Function {
        name: "to_timestamp_millis",
        signature: "to_timestamp_millis(x[, format …]) → timestamp",
        gives: "the same of a number of milliseconds",
        example: Example { sql: "to_timestamp_millis(1772355600250)", answer: "2026-03-01T09:00:00.250Z" },
        by: Implementation::Around(|theirs| to_timestamp(theirs, InstantUnit::Milliseconds)),
    },
    Function {
        name: "to_timestamp_micros",
        signature: "to_timestamp_micros(x[, format …]) → timestamp",
        gives: "the same of a number of microseconds",
        example: Example { sql: "to_timestamp_micros(1772355600000250)", answer: "2026-03-01T09:00:00.000250Z" },
        by: Implementation::Around(|theirs| to_timestamp(theirs, InstantUnit::Microseconds)),
    },
    Function {
        name: "to_timestamp_nanos",
        signature: "to_timestamp_nanos(x[, format …]) → timestamp",
        gives: "the same of a number of nanoseconds, rounded down to microseconds",
        example: Example { sql: "to_timestamp_nanos(1772355600000250999)", answer: "2026-03-01T09:00:00.000250Z" },
        by: Implementation::Around(|theirs| to_timestamp(theirs, InstantUnit::Nanoseconds)),
    },
];

fn to_timestamp(theirs: Arc<ScalarUDF>, unit: InstantUnit) -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::new_from_impl(ToTimestamp { theirs, unit, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToTimestamp {
    /// For what is said of it.
    theirs: Arc<ScalarUDF>,
    unit: InstantUnit,
    signature: Signature,
}

impl ScalarUDFImpl for ToTimestamp {
    fn name(&self) -> &str {
        self.theirs.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let Some(first) = types.first() else {
            return plan_err!("`{name}` takes a text or a number: {name}(x), or {name}(text, '%Y-%m-%d')");
        };
        let first = match first {
            DataType::Null => timestamp(),
            // A time stays the instant that it is.
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => timestamp(),
            text if is_text(text) => DataType::Utf8,
            whole if whole.is_integer() && *whole != DataType::UInt64 => DataType::Int64,
            number if number.is_numeric() => number.clone(),
            other => return plan_err!("`{name}` takes a text or a number, and this is {}", shown_type(other)),
        };
        if let Some(other) = types[1..].iter().find(|t| !is_text(t) && **t != DataType::Null) {
            return plan_err!(
                "`{name}` takes formats such as '%Y-%m-%d' behind its text, and this is {}",
                shown_type(other)
            );
        }
        if types.len() > 1 && first != DataType::Utf8 && types[0] != DataType::Null {
            return plan_err!("`{name}` takes a format for a text only, and this is {}", shown_type(&types[0]));
        }
        Ok(std::iter::once(first).chain(types[1..].iter().map(|_| DataType::Utf8)).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(|args: &[ArrayRef]| self.times(args), Vec::new())(&args.args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.theirs.documentation()
    }
}

impl ToTimestamp {
    /// The times that values are; formats stand behind them.
    fn times(&self, args: &[ArrayRef]) -> Result<ArrayRef> {
        let Some((of, formats)) = args.split_first() else { return exec_err!("`{}` takes a value", self.name()) };
        match of.data_type() {
            DataType::Timestamp(..) => Ok(cast(of, &timestamp())?),
            text if is_text(text) => times(of.as_string::<i32>().iter().enumerate().map(|(row, text)| match text {
                Some(text) => of_text(text, row, formats),
                None => Ok(None),
            })),
            DataType::Int64 => times(of.as_primitive::<Int64Type>().iter().map(|n| {
                let Some(n) = n else { return Ok(None) };
                let time = self.unit.micros(n);
                time.map_or_else(|| self.far(&n.to_string()), |time| Ok(Some(time)))
            })),
            _ => {
                let texts = cast(of, &DataType::Utf8)?;
                times(texts.as_string::<i32>().iter().map(|text| {
                    let Some(text) = text else { return Ok(None) };
                    time_of_number(text, self.unit).map_or_else(|| self.far(text), |time| Ok(Some(time)))
                }))
            }
        }
    }

    /// Of a number that is no time.
    fn far<T>(&self, number: &str) -> Result<T> {
        exec_err!("{}", self.unit.far_off(number))
    }
}

fn times(values: impl Iterator<Item = Result<Option<i64>>>) -> Result<ArrayRef> {
    let times = values.collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(times.with_timezone(UTC)))
}

/// The time that a text is by the first of the formats that fits; null where one of them is.
fn of_text(text: &str, row: usize, formats: &[ArrayRef]) -> Result<Option<i64>> {
    if formats.is_empty() {
        return time_of_text(text).map_or_else(|| Err(no_time(text, &timestamp())), |time| Ok(Some(time)));
    }
    if formats.iter().any(|format| format.is_null(row)) {
        return Ok(None);
    }
    let mut formats = formats.iter().map(|format| format.as_string::<i32>().value(row));
    if let Some(time) = formats.clone().find_map(|format| by_format(text, format)) {
        return Ok(Some(time));
    }
    let written = formats.next().unwrap_or_default();
    let others = if formats.next().is_some() { ", nor in any of the others" } else { "" };
    exec_err!("'{text}' is not written as in '{written}'{others}")
}

/// Microseconds of a text that is written as `format` says: what it has no letter for is midnight, and UTC.
fn by_format(text: &str, format: &str) -> Option<i64> {
    // A zone's name is not read by the library: it is the last word.
    let (text, format, zone) = match format.strip_suffix(" %Z") {
        Some(format) => {
            let (text, zone) = text.rsplit_once(' ')?;
            (text, format, Some(zone.parse::<Tz>().ok()?))
        }
        None => (text, format, None),
    };
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    let has_hour = parsed.hour_mod_12().is_some();
    if has_hour && parsed.minute().is_none() {
        parsed.set_minute(0).ok()?;
    }
    let offset = parsed.offset();
    let local = if has_hour || parsed.timestamp().is_some() {
        parsed.to_naive_datetime_with_offset(offset.unwrap_or(0)).ok()?
    } else {
        NaiveDateTime::new(parsed.to_naive_date().ok()?, NaiveTime::MIN)
    };
    let instant = match (offset, zone) {
        (None, Some(zone)) => zone.from_local_datetime(&local).single()?.naive_utc(),
        _ => local.checked_sub_signed(chrono::TimeDelta::seconds(i64::from(offset.unwrap_or(0))))?,
    };
    let micros = instant.and_utc().timestamp_micros();
    crate::format::is_in_range(micros).then_some(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_their_formats() {
        let nine = 1_772_355_600_000_000;
        for (text, format, time) in [
            ("01.03.2026 09:00", "%d.%m.%Y %H:%M", Some(nine)),
            ("01.03.2026 09", "%d.%m.%Y %H", Some(nine)),
            ("01.03.26 09:00:00 AM", "%d.%m.%y %I:%M:%S %p", Some(nine)),
            ("2026-03-01T10:00:00+01:00", "%Y-%m-%dT%H:%M:%S%:z", Some(nine)),
            ("2026-03-01 10:00:00 Europe/Berlin", "%Y-%m-%d %H:%M:%S %Z", Some(nine)),
            ("1772355600", "%s", Some(nine)),
            ("20260301", "%Y%m%d", Some(nine - 9 * 3_600_000_000)),
            ("9999-12-31 23:59:59.999999", "%Y-%m-%d %H:%M:%S%.f", Some(253_402_300_799_999_999)),
            ("1969-12-31 23:59:59.9999995", "%Y-%m-%d %H:%M:%S%.f", Some(-1)),
            ("+12026-03-01", "%Y-%m-%d", None),
            ("01.03.2026", "%d.%m", None),
            ("1.3.2026 x", "%d.%m.%Y", None),
        ] {
            assert_eq!(by_format(text, format), time, "{text} {format}");
        }
    }
}
