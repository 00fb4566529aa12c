//! What columns make of a line, by the rules of docs/sql.md, the same at every depth.

use arrow::datatypes::DataType;

use super::json_schema;
use super::reader::{Reader, Shape, Value};
use crate::format::decode::times;

/// A number times `10^scale`, as the digits before the point and those behind it; none if that is very large.
fn digits(text: &str, scale: i64) -> Option<(bool, String, String)> {
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['-', '+']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    if all.chars().all(|c| c == '0') {
        return Some((negative, "0".into(), String::new()));
    }
    let point = whole.len() as i64 + exponent.parse::<i32>().ok().map(i64::from)? + scale;
    if point > 300 {
        return None;
    }
    let zeros = "0".repeat(usize::try_from(-point.clamp(-300, 0)).unwrap());
    let all = format!("{zeros}{all}{}", "0".repeat(300));
    let (whole, fraction) = all.split_at(usize::try_from(point.max(0)).unwrap());
    Some((negative, format!("0{whole}"), fraction.into()))
}

fn seconds(text: &str) -> Option<String> {
    let (negative, whole, fraction) = digits(text, 6)?;
    let micros = whole.parse::<i128>().ok()?;
    let is_more = fraction.chars().any(|c| c != '0');
    let micros = if negative { -micros - i128::from(is_more) } else { micros };
    // 0001-01-01T00:00:00 and 9999-12-31T23:59:59.999999.
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&micros).then(|| micros.to_string())
}

fn decimal(text: &str, precision: u8, scale: u8) -> Option<String> {
    let (negative, whole, fraction) = digits(text, i64::from(scale))?;
    let value = whole.parse::<i128>().ok()? + i128::from(fraction.starts_with(['5', '6', '7', '8', '9']));
    (value < 10i128.pow(precision.into())).then(|| if negative { (-value).to_string() } else { value.to_string() })
}

/// What a column of type `of` makes of a value, as `shown` shows it: `None` = it is no such value.
fn convert(value: &Value<'_>, of: &DataType) -> Option<String> {
    let nothing = Some("null".to_owned());
    match (of, &value.shape) {
        (_, Shape::Null) => nothing,
        (DataType::Utf8, Shape::Text(text)) => Some(text.clone()),
        (DataType::Utf8, _) => Some(value.written.to_owned()),
        (DataType::Int8, Shape::Number) => value.written.parse::<i8>().ok().map(|n| n.to_string()),
        (DataType::Int64, Shape::Number) => value.written.parse::<i64>().ok().map(|n| n.to_string()),
        (DataType::Float64, Shape::Number) => {
            value.written.parse::<f64>().ok().filter(|x| x.is_finite()).map(|x| format!("{x:?}"))
        }
        (DataType::Float64, Shape::Text(text)) => match text.as_str() {
            "NaN" => Some("NaN".into()),
            "+INF" | "INF" | "+Infinity" | "Infinity" => Some("inf".into()),
            "-INF" | "-Infinity" => Some("-inf".into()),
            _ => None,
        },
        (DataType::Boolean, Shape::Bool) => Some(value.written.to_owned()),
        (DataType::Timestamp(..), Shape::Number) => seconds(value.written),
        // What texts are times and dates has tests of its own; one with escapes is none.
        (DataType::Timestamp(..), Shape::Text(_)) => {
            times::timestamp(&value.written[1..value.written.len() - 1]).map(|t| t.to_string())
        }
        (DataType::Date32, Shape::Text(_)) => {
            times::date(&value.written[1..value.written.len() - 1]).map(|d| d.to_string())
        }
        (DataType::Decimal128(p, s), Shape::Number) => decimal(value.written, *p, *s as u8),
        (DataType::Decimal128(p, s), Shape::Text(_)) => {
            decimal(&value.written[1..value.written.len() - 1], *p, *s as u8)
        }
        (DataType::Binary, Shape::Text(_)) => {
            let text = &value.written[1..value.written.len() - 1];
            let is_hex = text.len().is_multiple_of(2) && text.chars().all(|c| c.is_ascii_hexdigit());
            is_hex.then(|| text.to_ascii_lowercase())
        }
        (DataType::List(item), Shape::List(items)) => {
            let items: Option<Vec<String>> = items.iter().map(|value| convert(value, item.data_type())).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        (DataType::Struct(fields), Shape::Object(found)) => {
            let field = |name: &str, of: &DataType| match found.iter().rfind(|(key, _)| key == name) {
                Some((_, value)) => convert(value, of),
                None => nothing.clone(),
            };
            let fields: Option<Vec<String>> = fields.iter().map(|f| field(f.name(), f.data_type())).collect();
            Some(format!("{{{}}}", fields?.join(",")))
        }
        _ => None,
    }
}

/// The cells of a line: none if it is blank, none within if it is no row.
pub fn json_row(line: &str) -> Option<Option<Vec<Option<String>>>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    let Some(Value { shape: Shape::Object(found), .. }) = Reader::whole(line) else { return Some(None) };
    let schema = json_schema();
    let cells = schema.fields().iter().map(|field| match found.iter().rfind(|(key, _)| key == field.name()) {
        Some((_, value)) if !matches!(value.shape, Shape::Null) => convert(value, field.data_type()).map(Some),
        _ => Some(None),
    });
    Some(cells.collect())
}
