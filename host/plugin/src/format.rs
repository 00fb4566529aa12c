//! Column types as the contract writes them: the format strings of Arrow's C data interface, one level at a time.

use std::sync::Arc;

use arrow::array::types::{Decimal128Type, Decimal256Type, validate_decimal_precision_and_scale};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};

/// The format of `data_type`'s own level, or `None` where the contract has none for it. A dictionary's is that of its
/// indices.
pub(crate) fn of(data_type: &DataType) -> Option<String> {
    use DataType::*;
    Some(match data_type {
        Null => "n".into(),
        Boolean => "b".into(),
        Int8 => "c".into(),
        UInt8 => "C".into(),
        Int16 => "s".into(),
        UInt16 => "S".into(),
        Int32 => "i".into(),
        UInt32 => "I".into(),
        Int64 => "l".into(),
        UInt64 => "L".into(),
        Float16 => "e".into(),
        Float32 => "f".into(),
        Float64 => "g".into(),
        Utf8 => "u".into(),
        Binary => "z".into(),
        FixedSizeBinary(width) => format!("w:{width}"),
        Decimal128(precision, scale) => format!("d:{precision},{scale}"),
        Decimal256(precision, scale) => format!("d:{precision},{scale},256"),
        Date32 => "tdD".into(),
        Time32(TimeUnit::Second) => "tts".into(),
        Time32(TimeUnit::Millisecond) => "ttm".into(),
        Time64(TimeUnit::Microsecond) => "ttu".into(),
        Time64(TimeUnit::Nanosecond) => "ttn".into(),
        Timestamp(unit, zone) => format!("ts{}:{}", letter(*unit), zone.as_deref().unwrap_or_default()),
        Duration(unit) => format!("tD{}", letter(*unit)),
        Interval(IntervalUnit::YearMonth) => "tiM".into(),
        Interval(IntervalUnit::DayTime) => "tiD".into(),
        Interval(IntervalUnit::MonthDayNano) => "tin".into(),
        List(_) => "+l".into(),
        FixedSizeList(_, length) => format!("+w:{length}"),
        Struct(_) => "+s".into(),
        Map(_, _) => "+m".into(),
        Dictionary(indices, _) => return of(indices),
        _ => return None,
    })
}

/// The fields that stand below `data_type`, a dictionary's values aside.
pub(crate) fn children(data_type: &DataType) -> &[FieldRef] {
    match data_type {
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::Map(item, _) => std::slice::from_ref(item),
        DataType::Struct(fields) => fields,
        _ => &[],
    }
}

/// The type of a field whose format is `format` and whose children are `children`, or what is wrong with it.
pub(crate) fn parse(format: &str, children: Vec<FieldRef>) -> Result<DataType, String> {
    use DataType::*;
    if let Some(nested) = nested(format, &children)? {
        return Ok(nested);
    }
    let flat = match format {
        "n" => Null,
        "b" => Boolean,
        "c" => Int8,
        "C" => UInt8,
        "s" => Int16,
        "S" => UInt16,
        "i" => Int32,
        "I" => UInt32,
        "l" => Int64,
        "L" => UInt64,
        "e" => Float16,
        "f" => Float32,
        "g" => Float64,
        "u" => Utf8,
        "z" => Binary,
        "tdD" => Date32,
        "tts" => Time32(TimeUnit::Second),
        "ttm" => Time32(TimeUnit::Millisecond),
        "ttu" => Time64(TimeUnit::Microsecond),
        "ttn" => Time64(TimeUnit::Nanosecond),
        "tiM" => Interval(IntervalUnit::YearMonth),
        "tiD" => Interval(IntervalUnit::DayTime),
        "tin" => Interval(IntervalUnit::MonthDayNano),
        _ => with_parameters(format)?,
    };
    match children.len() {
        0 => Ok(flat),
        given => Err(format!("{given} children, but a column of format `{format}` has none")),
    }
}

fn nested(format: &str, children: &[FieldRef]) -> Result<Option<DataType>, String> {
    if !format.starts_with('+') {
        return Ok(None);
    }
    if format == "+s" {
        return Ok(Some(DataType::Struct(children.into())));
    }
    let only = match children {
        [only] => only.clone(),
        _ => return Err(format!("{} children, but a column of format `{format}` has one", children.len())),
    };
    Ok(Some(match format {
        "+l" => DataType::List(only),
        "+m" => {
            match only.data_type() {
                DataType::Struct(entry) if entry.len() == 2 && !entry[0].is_nullable() && !only.is_nullable() => {}
                _ => {
                    return Err("a map's child is a struct of a key, which is not nullable, and a value, and is not \
                                nullable itself"
                        .to_owned());
                }
            }
            DataType::Map(only, false)
        }
        _ => {
            let length = format.strip_prefix("+w:").and_then(|n| n.parse::<i32>().ok()).filter(|n| *n >= 0);
            DataType::FixedSizeList(only, length.ok_or_else(|| unknown(format))?)
        }
    }))
}

fn with_parameters(format: &str) -> Result<DataType, String> {
    let wrong = || unknown(format);
    if let Some(width) = format.strip_prefix("w:") {
        let width = width.parse::<i32>().ok().filter(|width| *width >= 0).ok_or_else(wrong)?;
        return Ok(DataType::FixedSizeBinary(width));
    }
    if let Some(decimal) = format.strip_prefix("d:") {
        return self::decimal(decimal).ok_or_else(wrong)?;
    }
    if let Some((unit, zone)) = format.strip_prefix("ts").and_then(|rest| rest.split_once(':')) {
        let unit = unit_of(unit).ok_or_else(wrong)?;
        return Ok(DataType::Timestamp(unit, (!zone.is_empty()).then(|| Arc::from(zone))));
    }
    match format.strip_prefix("tD").and_then(unit_of) {
        Some(unit) => Ok(DataType::Duration(unit)),
        None => Err(wrong()),
    }
}

/// `None` where these are no numbers, an error where they are none of a decimal.
fn decimal(parameters: &str) -> Option<Result<DataType, String>> {
    let mut parts = parameters.split(',');
    let (precision, scale) = (parts.next()?.parse::<u8>().ok()?, parts.next()?.parse::<i8>().ok()?);
    let width = parts.next().unwrap_or("128");
    if parts.next().is_some() {
        return None;
    }
    let out_of_range =
        |most| format!("decimal({precision}, {scale}) is no type: precision is 1 to {most}, scale at most precision");
    Some(match width {
        "128" => validate_decimal_precision_and_scale::<Decimal128Type>(precision, scale)
            .map(|()| DataType::Decimal128(precision, scale))
            .map_err(|_| out_of_range(38)),
        "256" => validate_decimal_precision_and_scale::<Decimal256Type>(precision, scale)
            .map(|()| DataType::Decimal256(precision, scale))
            .map_err(|_| out_of_range(76)),
        _ => return None,
    })
}

/// The dictionary type of indices of type `indices` into `values`.
pub(crate) fn dictionary(indices: DataType, values: &Field) -> Result<DataType, String> {
    if !indices.is_dictionary_key_type() {
        return Err(format!("a dictionary's indices are whole numbers, not {indices}"));
    }
    Ok(DataType::Dictionary(Box::new(indices), Box::new(values.data_type().clone())))
}

fn unknown(format: &str) -> String {
    format!("the contract has no format `{format}`")
}

fn letter(unit: TimeUnit) -> char {
    match unit {
        TimeUnit::Second => 's',
        TimeUnit::Millisecond => 'm',
        TimeUnit::Microsecond => 'u',
        TimeUnit::Nanosecond => 'n',
    }
}

fn unit_of(letter: &str) -> Option<TimeUnit> {
    Some(match letter {
        "s" => TimeUnit::Second,
        "m" => TimeUnit::Millisecond,
        "u" => TimeUnit::Microsecond,
        "n" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_come_back_as_the_type_that_they_were_written_of() {
        let flat = [
            "n",
            "b",
            "c",
            "C",
            "s",
            "S",
            "i",
            "I",
            "l",
            "L",
            "e",
            "f",
            "g",
            "u",
            "z",
            "w:16",
            "d:38,10",
            "d:76,-3,256",
            "tdD",
            "tts",
            "ttm",
            "ttu",
            "ttn",
            "tsu:UTC",
            "tsn:",
            "tss:Europe/Berlin",
            "tDs",
            "tDn",
            "tiM",
            "tiD",
            "tin",
        ];
        for format in flat {
            assert_eq!(of(&parse(format, Vec::new()).unwrap()).unwrap(), format);
        }
        let item = || vec![Arc::new(Field::new("item", DataType::Float32, true))];
        for format in ["+l", "+w:3", "+s"] {
            let made = parse(format, item()).unwrap();
            assert_eq!((of(&made).unwrap().as_str(), children(&made)), (format, &item()[..]));
        }
    }

    #[test]
    fn what_is_no_format_is_refused_in_words() {
        for format in ["", "x", "vu", "U", "+vl", "w:", "w:-1", "d:", "d:5", "d:5,2,64", "tsx:UTC", "ts", "tD", "+w:x"]
        {
            let child = if format.starts_with('+') {
                vec![Arc::new(Field::new("item", DataType::Null, true))]
            } else {
                Vec::new()
            };
            assert!(parse(format, child).unwrap_err().contains(&format!("no format `{format}`")), "{format}");
        }
        assert!(parse("d:39,0", Vec::new()).unwrap_err().contains("precision is 1 to 38"));
        let item = Arc::new(Field::new("item", DataType::Null, true));
        assert!(parse("l", vec![item.clone()]).unwrap_err().contains("1 children"));
        assert!(parse("+l", Vec::new()).unwrap_err().contains("0 children"));
        assert!(parse("+m", vec![item]).unwrap_err().contains("a map's child"));
    }
}
