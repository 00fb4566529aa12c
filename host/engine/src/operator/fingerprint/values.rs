//! Types and literal values, told in words of our own.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Fields, IntervalUnit, TimeUnit};
use datafusion_common::ScalarValue;
use serde_json::{Value, json};

use crate::format::{UTC, type_name};

/// The name of a type, as a job file has it where it can be said there.
pub fn type_told(data_type: &DataType) -> String {
    let of = |item: &DataType| type_told(item);
    match data_type {
        DataType::Null => "null".into(),
        DataType::LargeUtf8 => "large_utf8".into(),
        DataType::Utf8View => "utf8_view".into(),
        DataType::LargeBinary => "large_binary".into(),
        DataType::BinaryView => "binary_view".into(),
        DataType::FixedSizeBinary(bytes) => format!("binary({bytes})"),
        DataType::Float16 => "float16".into(),
        DataType::Date64 => "date64".into(),
        DataType::Time32(unit) => format!("time32({})", unit_told(unit)),
        DataType::Time64(unit) => format!("time64({})", unit_told(unit)),
        DataType::Duration(unit) => format!("duration({})", unit_told(unit)),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == UTC => "timestamp".into(),
        DataType::Timestamp(unit, zone) => match zone {
            Some(zone) => format!("timestamp({}, {zone})", unit_told(unit)),
            None => format!("timestamp({})", unit_told(unit)),
        },
        DataType::Interval(IntervalUnit::YearMonth) => "interval(months)".into(),
        DataType::Interval(IntervalUnit::DayTime) => "interval(days, ms)".into(),
        DataType::Interval(IntervalUnit::MonthDayNano) => "interval(months, days, ns)".into(),
        DataType::Decimal32(precision, scale) => format!("decimal32({precision}, {scale})"),
        DataType::Decimal64(precision, scale) => format!("decimal64({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        DataType::List(item) => format!("list<{}>", of(item.data_type())),
        DataType::LargeList(item) => format!("large_list<{}>", of(item.data_type())),
        DataType::FixedSizeList(item, n) => format!("list<{}, {n}>", of(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.name(), of(f.data_type()))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => format!("map<{}>", of(entries.data_type())),
        DataType::Dictionary(keys, values) => format!("dictionary<{}, {}>", of(keys), of(values)),
        // What a job file can name has its name there; no column has any other type.
        other => type_name(other),
    }
}

fn unit_told(unit: &TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// Columns with their names and types.
pub fn fields_told(fields: &Fields) -> Value {
    fields.iter().map(|f| json!([f.name(), type_told(f.data_type())])).collect()
}

/// A literal: its value and its type.
pub fn literal_told(value: &ScalarValue) -> Value {
    json!({ "lit": value_told(value), "type": type_told(&value.data_type()) })
}

fn value_told(value: &ScalarValue) -> Value {
    use ScalarValue::*;
    if value.is_null() {
        return Value::Null;
    }
    let hex = |bytes: &[u8]| Value::String(bytes.iter().map(|b| format!("{b:02x}")).collect());
    match value {
        Boolean(Some(b)) => json!(b),
        Int8(Some(n)) => json!(n),
        Int16(Some(n)) => json!(n),
        Int32(Some(n)) | Date32(Some(n)) | Time32Second(Some(n)) | Time32Millisecond(Some(n)) => json!(n),
        IntervalYearMonth(Some(months)) => json!(months),
        Int64(Some(n)) | Date64(Some(n)) | Time64Microsecond(Some(n)) | Time64Nanosecond(Some(n)) => json!(n),
        TimestampSecond(Some(n), _) | TimestampMillisecond(Some(n), _) => json!(n),
        TimestampMicrosecond(Some(n), _) | TimestampNanosecond(Some(n), _) => json!(n),
        DurationSecond(Some(n)) | DurationMillisecond(Some(n)) => json!(n),
        DurationMicrosecond(Some(n)) | DurationNanosecond(Some(n)) => json!(n),
        IntervalDayTime(Some(i)) => json!([i.days, i.milliseconds]),
        IntervalMonthDayNano(Some(i)) => json!([i.months, i.days, i.nanoseconds]),
        UInt8(Some(n)) => json!(n),
        UInt16(Some(n)) => json!(n),
        UInt32(Some(n)) => json!(n),
        UInt64(Some(n)) => json!(n),
        // By their bits: there are two zeros, and many values that are no number.
        Float32(Some(x)) => json!(format!("{x:?} {:08x}", x.to_bits())),
        Float64(Some(x)) => json!(format!("{x:?} {:016x}", x.to_bits())),
        Decimal32(Some(n), ..) => json!(n.to_string()),
        Decimal64(Some(n), ..) => json!(n.to_string()),
        Decimal128(Some(n), ..) => json!(n.to_string()),
        Decimal256(Some(n), ..) => json!(n.to_string()),
        Utf8(Some(text)) | Utf8View(Some(text)) | LargeUtf8(Some(text)) => json!(text),
        Binary(Some(b)) | BinaryView(Some(b)) | LargeBinary(Some(b)) | FixedSizeBinary(_, Some(b)) => hex(b),
        List(lists) => elements(&lists.value(0)),
        LargeList(lists) => elements(&lists.value(0)),
        FixedSizeList(lists) => elements(&lists.value(0)),
        Struct(row) => row.columns().iter().map(elements).collect(),
        Map(maps) => maps.entries().columns().iter().map(elements).collect(),
        Dictionary(_, value) => value_told(value),
        other => json!(other.to_string()),
    }
}

fn elements(array: &ArrayRef) -> Value {
    let element = |i: usize| ScalarValue::try_from_array(array, i).map_or(Value::Null, |value| value_told(&value));
    (0..array.len()).map(element).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn literals_are_told_apart_by_type_and_by_value() {
        let all = [
            ScalarValue::Null,
            ScalarValue::Int64(None),
            ScalarValue::Int64(Some(1)),
            ScalarValue::Int32(Some(1)),
            ScalarValue::UInt64(Some(u64::MAX)),
            ScalarValue::Float64(Some(0.0)),
            ScalarValue::Float64(Some(-0.0)),
            ScalarValue::Float64(Some(f64::NAN)),
            ScalarValue::Utf8(Some("1".into())),
            ScalarValue::Utf8(Some("1\"".into())),
            ScalarValue::Binary(Some(b"1".to_vec())),
            ScalarValue::Boolean(Some(true)),
            ScalarValue::Date32(Some(1)),
            ScalarValue::Decimal128(Some(1), 10, 2),
            ScalarValue::Decimal128(Some(1), 10, 3),
            ScalarValue::TimestampMicrosecond(Some(1), None),
            ScalarValue::TimestampMicrosecond(Some(1), Some(UTC.into())),
            ScalarValue::TimestampNanosecond(Some(1), None),
            ScalarValue::new_interval_mdn(1, 2, 3),
            ScalarValue::new_interval_dt(1, 2),
            ScalarValue::List(ScalarValue::new_list_nullable(&[ScalarValue::Int64(Some(1))], &DataType::Int64)),
            ScalarValue::List(ScalarValue::new_list_nullable(&[ScalarValue::Int64(None)], &DataType::Int64)),
        ];
        let told: Vec<String> = all.iter().map(|v| literal_told(v).to_string()).collect();
        for (i, one) in told.iter().enumerate() {
            assert!(!told[..i].contains(one), "{one} twice");
        }
        assert_eq!(told[2], r#"{"lit":1,"type":"int64"}"#);
        assert_eq!(told[13], r#"{"lit":"1","type":"decimal(10, 2)"}"#);
        assert_eq!(told[20], r#"{"lit":[1],"type":"list<int64>"}"#);
    }

    #[test]
    fn types_that_a_job_file_knows_have_the_names_that_it_has_for_them() {
        let list = DataType::List(Arc::new(arrow::datatypes::Field::new_list_field(DataType::Utf8, true)));
        for data_type in
            [DataType::Int64, DataType::Utf8, DataType::Decimal128(20, 3), crate::format::timestamp(), list]
        {
            let told = type_told(&data_type);
            assert_eq!(crate::format::parse_type(&told).unwrap(), data_type, "{told}");
        }
        assert_ne!(type_told(&DataType::Utf8), type_told(&DataType::LargeUtf8));
    }
}
