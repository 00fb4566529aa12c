//! Texts as times and dates: wherever an expression makes one of a text, it reads the text as the decoders read a file's
//! ([`time_of_text`]), and not by a library's rule. So a constant beside a column means what the same text in the column means.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::{Parser, string_to_timestamp_nanos};
use arrow::datatypes::{
    DataType, Date32Type, FieldRef, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::record_batch::RecordBatch;
use datafusion_common::{DataFusionError, Result, ScalarValue, exec_datafusion_err};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{CastExpr, TryCastExpr};

use super::float_text::is_text;
use crate::format::{UTC, time_of_text, time_of_text_in};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Whether a text becomes this type by our rule.
pub fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..))
}

/// The time of a text, which without a zone of its own is one of `zone`.
fn micros_in(zone: Option<&str>) -> Result<impl Fn(&str) -> Option<i64>> {
    let named = zone.filter(|zone| !["+00", "+00:00", UTC].contains(zone)).map(str::parse::<Tz>).transpose()?;
    Ok(move |text: &str| match &named {
        Some(zone) => time_of_text_in(zone, text),
        None => time_of_text(text),
    })
}

/// `texts` as times or dates of this type. Where one is none: null, or if `strict` an error.
fn read(texts: &ArrayRef, to: &DataType, strict: bool) -> Result<ArrayRef> {
    let zone = if let DataType::Timestamp(_, zone) = to { zone.as_deref() } else { None };
    let micros = micros_in(zone)?;
    match to {
        DataType::Date32 => each::<Date32Type>(texts, to, strict, |text| {
            let day = || i32::try_from(time_of_text(text)?.div_euclid(DAY)).ok();
            day().or_else(|| Date32Type::parse(text))
        }),
        DataType::Timestamp(TimeUnit::Second, _) => {
            each::<TimestampSecondType>(texts, to, strict, |text| micros(text).map(|t| t.div_euclid(1_000_000)))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            each::<TimestampMillisecondType>(texts, to, strict, |text| micros(text).map(|t| t.div_euclid(1000)))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => each::<TimestampNanosecondType>(texts, to, strict, |text| {
            // What has nine digits keeps them.
            let nanos = string_to_timestamp_nanos(text).ok().filter(|_| zone.is_none_or(|zone| zone == UTC));
            nanos.or_else(|| micros(text)?.checked_mul(1000))
        }),
        _ => each::<TimestampMicrosecondType>(texts, to, strict, micros),
    }
}

fn each<T: ArrowPrimitiveType>(
    texts: &ArrayRef,
    to: &DataType,
    strict: bool,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8)?;
    let value = |text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => match parse(text) {
            None if strict => Err(no_time(text, to)),
            value => Ok(value),
        },
    };
    let values = texts.as_string::<i32>().iter().map(value).collect::<Result<PrimitiveArray<T>>>()?;
    Ok(Arc::new(values.with_data_type(to.clone())))
}

/// Of a text that is no time.
pub fn no_time(text: &str, to: &DataType) -> DataFusionError {
    let cut = text.floor_char_boundary(60);
    let more = if cut < text.len() { "…" } else { "" };
    let (what, such) = match to {
        DataType::Date32 => ("date", "2026-03-01"),
        _ => ("timestamp", "2026-03-01 09:00:00"),
    };
    exec_datafusion_err!("'{}{more}' is not a {what} such as {such}", &text[..cut])
}

/// The value of a constant text as a time or date of this type; none if it is no such text.
pub fn time_constant(value: &ScalarValue, to: &DataType) -> Option<ScalarValue> {
    let text = value.try_as_str()??;
    let array = ScalarValue::from(text).to_array().ok()?;
    ScalarValue::try_from_array(&read(&array, to, true).ok()?, 0).ok()
}

/// `expr`, if it casts to a time, such that it reads texts by our rule. What is below it is left alone.
pub(super) fn reading(expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let any = expr.as_ref() as &dyn Any;
    let (of, to, strict) = if let Some(cast) = any.downcast_ref::<CastExpr>() {
        (cast.expr(), cast.cast_type(), !cast.cast_options().safe)
    } else if let Some(cast) = any.downcast_ref::<TryCastExpr>() {
        (cast.expr(), cast.cast_type(), false)
    } else {
        return Ok(None);
    };
    if !is_time(to) || of.is::<TimeOfText>() {
        return Ok(None);
    }
    let operand = TimeOfText { of: of.clone(), to: to.clone(), strict };
    expr.clone().with_new_children(vec![Arc::new(operand)]).map(Some)
}

/// The values of an expression, with times in the place of texts. It is told like the expression itself.
#[derive(Debug, Eq)]
struct TimeOfText {
    of: Arc<dyn PhysicalExpr>,
    to: DataType,
    strict: bool,
}

// Deriving it would move out of the trait object: https://github.com/rust-lang/rust/issues/78808
impl PartialEq for TimeOfText {
    fn eq(&self, other: &Self) -> bool {
        self.of.eq(&other.of) && (&self.to, self.strict) == (&other.to, other.strict)
    }
}

impl Hash for TimeOfText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.hash(state);
        (&self.to, self.strict).hash(state);
    }
}

impl TimeOfText {
    fn type_of(&self, of: &DataType) -> DataType {
        if is_text(of) { self.to.clone() } else { of.clone() }
    }
}

impl fmt::Display for TimeOfText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt(f)
    }
}

impl PhysicalExpr for TimeOfText {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        Ok(self.type_of(&self.of.data_type(schema)?))
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(!self.strict || self.of.nullable(schema)?)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        let field = self.of.return_field(schema)?;
        let data_type = self.type_of(field.data_type());
        Ok(Arc::new(field.as_ref().clone().with_data_type(data_type)))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        Ok(match self.of.evaluate(batch)? {
            ColumnarValue::Array(array) if is_text(array.data_type()) => {
                ColumnarValue::Array(read(&array, &self.to, self.strict)?)
            }
            ColumnarValue::Scalar(value) if is_text(&value.data_type()) => {
                let time = read(&value.to_array()?, &self.to, self.strict)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&time, 0)?)
            }
            other => other,
        })
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.of]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let of = children.pop().unwrap_or_else(|| self.of.clone());
        Ok(Arc::new(Self { of, to: self.to.clone(), strict: self.strict }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;
    use crate::format::timestamp;

    #[test]
    fn texts_are_read_as_in_files() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![
            Some("2026-03-01 09:00"),
            Some("2026-03-01T09:00Z"),
            Some("2026-03-01 09:00:00.000"),
            Some("2026-03-01"),
            None,
        ]));
        let nine = 1_772_355_600_000_000;
        let times = read(&texts, &timestamp(), true).unwrap();
        let times: Vec<_> = times.as_primitive::<TimestampMicrosecondType>().iter().collect();
        assert_eq!(times, [Some(nine), Some(nine), Some(nine), Some(nine - 9 * 3_600_000_000), None]);
        let days = read(&texts, &DataType::Date32, true).unwrap();
        assert!(days.as_primitive::<Date32Type>().iter().take(4).all(|day| day == Some(20_513)));
        let nanos = read(&texts, &DataType::Timestamp(TimeUnit::Nanosecond, None), true).unwrap();
        assert_eq!(nanos.as_primitive::<TimestampNanosecondType>().value(0), nine * 1000);

        let berlin = DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Berlin".into()));
        let there = read(&texts, &berlin, true).unwrap();
        let there: Vec<_> = there.as_primitive::<TimestampMicrosecondType>().iter().take(2).collect();
        assert_eq!(there, [Some(nine - 3_600_000_000), Some(nine)]);

        let none: ArrayRef = Arc::new(StringArray::from(vec!["2026-03-01 9h", "12026-03-01 09:00"]));
        assert_eq!(read(&none, &timestamp(), false).unwrap().null_count(), 2);
        let said = read(&none, &timestamp(), true).unwrap_err().to_string();
        assert!(said.contains("'2026-03-01 9h' is not a timestamp such as 2026-03-01 09:00:00"), "{said}");
    }
}
