//! Columns as they were asked for, as the host casts them before it hands them over. A value that does not fit makes its
//! row a dead letter there; here it fails the test, so that the test says what it is about.

use crate::{
    builder::{ColumnBuilder, Utf8Builder},
    cast,
    column::Column,
    data_type::DataType,
    value::Value,
};

/// The column as one of this type.
///
/// # Errors
/// If a value does not fit, or if there is no such cast.
pub(super) fn cast(column: &Column, to: &DataType) -> Result<Column, String> {
    match (&column.data_type, to) {
        (from, to) if from == to => Ok(column.clone()),
        (from, to) if from.is_number() && to.is_number() && !matches!(to, DataType::Decimal(..)) => {
            cast::numbers(column, to)
                .map_err(|(row, what)| format!("row {row}: {what}; the engine makes such a row a dead letter"))
        }
        (DataType::Timestamp, DataType::Int64) => Ok(Column { data_type: DataType::Int64, ..column.clone() }),
        (_, DataType::Utf8) => {
            let mut texts = Utf8Builder::default();
            (0..column.len())
                .for_each(|row| texts.push_option(text(&column.data_type, Value::of(column, row)).as_deref()));
            Ok(texts.finish())
        }
        (DataType::List(_), DataType::List(item)) | (DataType::FixedList(..), DataType::FixedList(item, _)) => {
            parts(column, to, &[&item.data_type])
        }
        (DataType::FixedList(_, size), DataType::List(item)) => {
            let ends: Vec<i32> = (0..=column.len()).map(|row| (row * *size as usize) as i32).collect();
            let list = parts(column, to, &[&item.data_type])?;
            Ok(Column { buffers: vec![ends.as_slice().into()], ..list })
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            parts(column, to, &fields.iter().map(|field| &field.data_type).collect::<Vec<_>>())
        }
        (DataType::Map(..), DataType::Map(key, value)) => {
            let entries = DataType::structure([(**key).clone(), (**value).clone()]);
            parts(column, to, &[&entries])
        }
        (from, to) => Err(format!("tests cannot cast {from} to {to}")),
    }
}

/// The column with its children as these types.
fn parts(column: &Column, to: &DataType, types: &[&DataType]) -> Result<Column, String> {
    let children = column.children.iter().zip(types).map(|(child, to)| cast(child, to)).collect::<Result<_, _>>()?;
    Ok(Column { data_type: to.clone(), children, ..column.clone() })
}

/// A value as the engine writes it as text.
fn text(data_type: &DataType, value: Value) -> Option<String> {
    Some(match (data_type, value) {
        (_, Value::Null) => return None,
        (_, Value::Bool(value)) => value.to_string(),
        (_, Value::Text(text)) => text,
        (_, Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        (_, Value::Float(value)) => format!("{value:?}"),
        (DataType::Date, Value::Int(days)) => date(days as i64),
        (DataType::Timestamp, Value::Int(micros)) => timestamp(micros as i64),
        (DataType::Decimal(_, scale), Value::Int(value)) if *scale > 0 => {
            let digits = format!("{:0>width$}", value.unsigned_abs(), width = *scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - *scale as usize);
            format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
        }
        (_, Value::Int(value)) => value.to_string(),
        (_, nested) => nested.to_string(),
    })
}

fn timestamp(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let fraction = match fraction {
        0 => String::new(),
        micros if micros % 1000 == 0 => format!(".{:03}", micros / 1000),
        micros => format!(".{micros:06}"),
    };
    format!("{}T{:02}:{:02}:{:02}{fraction}Z", date(day), second / 3600, second / 60 % 60, second % 60)
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's `civil_from_days`): years begin in March.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + i64::from(month <= 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Kind, Utf8};

    #[test]
    fn values_are_written_as_the_engine_writes_them() {
        let texts = |column: Column| -> Vec<Option<String>> {
            let texts = cast(&column, &DataType::Utf8).unwrap();
            Utf8::view(&texts).unwrap().iter().map(|text| text.map(String::from)).collect()
        };
        let some = |texts: &[&str]| -> Vec<Option<String>> { texts.iter().map(|text| Some((*text).into())).collect() };
        assert_eq!(texts(Column::int64(vec![i64::MIN, 7])), some(&["-9223372036854775808", "7"]));
        assert_eq!(texts(Column::float64(vec![1.0, 0.1])), some(&["1.0", "0.1"]));
        assert_eq!(texts(Column::date(vec![0, -1, 19_782])), some(&["1970-01-01", "1969-12-31", "2024-02-29"]));
        let times = Column::timestamp(vec![1_431_857_103_000_000, -1]);
        assert_eq!(texts(times), some(&["2015-05-17T10:05:03Z", "1969-12-31T23:59:59.999999Z"]));
        let mut decimals = crate::builder::DecimalBuilder::default();
        [5, -1234].into_iter().for_each(|value| decimals.push(value));
        let decimals = Column { data_type: DataType::Decimal(9, 2), ..decimals.finish() };
        assert_eq!(texts(decimals), some(&["0.05", "-12.34"]));
    }
}
