//! Rows by chance, as input may be: usual values that come again and again, and strange ones among them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Decimal128Array, ListArray, NullArray, PrimitiveArray,
    RecordBatch, RecordBatchOptions, StringArray, StructArray, UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::*;

use super::random::Random;
use crate::error::{PluginError, Result};

/// How many different values there are in a column that keys are made of.
const KEYS: usize = 24;
/// One in so many is null, one in so many is strange.
const NULLS: usize = 16;
const STRANGE: usize = 12;
/// Microseconds from 1970 to 2026, where times begin.
const START: i64 = 1_767_225_600_000_000;
/// The first and the last day that a calendar has, as days and as microseconds since 1970.
const YEARS: (i64, i64) = (-719_162, 2_932_896);
const DAY: i64 = 86_400_000_000;

/// `rows` rows of these columns; other seeds give others. Columns that are named in `keys` have few values, so that keys
/// come again.
///
/// # Errors
/// If two columns have one name.
pub fn rows_of(fields: &[FieldRef], keys: &[&str], rows: usize, seed: u64) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        // A stream of its own for each: another column leaves the others as they are.
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(at as u64));
        let is_key = keys.contains(&field.name().as_str());
        let few = if is_key { rows.min(KEYS) } else { rows };
        let mut array = column(field.data_type(), field.is_nullable(), few, &mut random);
        if is_key && few > 0 {
            let places = UInt32Array::from_iter_values((0..rows).map(|_| random.below(few) as u32));
            array = take(&array, &places, None).map_err(failed)?;
        }
        columns.push(array);
    }
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(failed)
}

fn failed(error: arrow::error::ArrowError) -> PluginError {
    PluginError::Unsupported(format!("rows of these columns cannot be made: {error}"))
}

/// Which rows have a value.
fn present(is_nullable: bool, rows: usize, random: &mut Random) -> Vec<bool> {
    (0..rows).map(|_| !(random.once_in(NULLS) && is_nullable)).collect()
}

fn column(data_type: &DataType, is_nullable: bool, rows: usize, random: &mut Random) -> ArrayRef {
    let there = present(is_nullable, rows, random);
    match data_type {
        DataType::Int8 => numbers::<Int8Type>(&there, random, |n| n as i8, &[i8::MIN, i8::MAX]),
        DataType::Int16 => numbers::<Int16Type>(&there, random, |n| n as i16, &[i16::MIN, i16::MAX]),
        DataType::Int32 => numbers::<Int32Type>(&there, random, |n| n as i32, &[i32::MIN, i32::MAX]),
        DataType::Int64 => numbers::<Int64Type>(&there, random, |n| n, &[i64::MIN, i64::MAX]),
        DataType::UInt8 => numbers::<UInt8Type>(&there, random, |n| n.unsigned_abs() as u8, &[u8::MAX]),
        DataType::UInt16 => numbers::<UInt16Type>(&there, random, |n| n.unsigned_abs() as u16, &[u16::MAX]),
        DataType::UInt32 => numbers::<UInt32Type>(&there, random, |n| n.unsigned_abs() as u32, &[u32::MAX]),
        DataType::UInt64 => numbers::<UInt64Type>(&there, random, |n| n.unsigned_abs(), &[u64::MAX]),
        DataType::Float32 => {
            let strange = [f32::NAN, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-40];
            numbers::<Float32Type>(&there, random, |n| n as f32 / 10.0, &strange)
        }
        DataType::Float64 => {
            let strange = [f64::NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324];
            numbers::<Float64Type>(&there, random, |n| n as f64 / 10.0, &strange)
        }
        DataType::Boolean => Arc::new(BooleanArray::from_iter(there.iter().map(|is| is.then(|| random.once_in(2))))),
        DataType::Utf8 => Arc::new(StringArray::from_iter(there.iter().map(|is| is.then(|| text(random))))),
        DataType::Binary => Arc::new(BinaryArray::from_iter(there.iter().map(|is| is.then(|| bytes(random))))),
        DataType::Date32 => {
            Arc::new(PrimitiveArray::<Date32Type>::from_iter(there.iter().enumerate().map(|(row, is)| {
                let usual = START / DAY + (row / 50) as i64;
                is.then(|| time(random, usual, 30, YEARS) as i32)
            })))
        }
        DataType::Timestamp(..) => {
            let times = there.iter().enumerate().map(|(row, is)| {
                let usual = START + 1_000_000 * row as i64;
                is.then(|| time(random, usual, 20_000_000, (YEARS.0 * DAY, YEARS.1 * DAY)))
            });
            let times: ArrayRef =
                Arc::new(PrimitiveArray::<TimestampMicrosecondType>::from_iter(times).with_timezone("UTC"));
            or_nulls(cast(&times, data_type), data_type, rows)
        }
        DataType::Decimal128(precision, scale) => {
            let most = 10i128.pow(u32::from(*precision).min(38)) - 1;
            let values = there.iter().map(|is| {
                is.then(|| match random.once_in(STRANGE) {
                    true => *random.one_of(&[most, -most, 0]),
                    false => i128::from(small(random)).clamp(-most, most),
                })
            });
            let values = Decimal128Array::from_iter(values).with_precision_and_scale(*precision, *scale);
            values.map_or_else(|_| new_null_array(data_type, rows), |values| Arc::new(values) as ArrayRef)
        }
        DataType::List(item) => {
            let lengths: Vec<usize> = there.iter().map(|is| if *is { random.below(5) } else { 0 }).collect();
            let items = column(item.data_type(), item.is_nullable(), lengths.iter().sum(), random);
            let offsets = OffsetBuffer::from_lengths(lengths);
            let list = ListArray::try_new(item.clone(), offsets, items, Some(NullBuffer::from(there)));
            or_nulls(list.map(|list| Arc::new(list) as ArrayRef), data_type, rows)
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            let columns =
                fields.iter().map(|field| column(field.data_type(), field.is_nullable(), rows, random)).collect();
            let made = StructArray::try_new(fields.clone(), columns, Some(NullBuffer::from(there)));
            or_nulls(made.map(|made| Arc::new(made) as ArrayRef), data_type, rows)
        }
        DataType::Null => Arc::new(NullArray::new(rows)),
        // What a text becomes of others, where it becomes one; nulls where it does not.
        other => {
            let texts: ArrayRef = Arc::new(StringArray::from_iter(there.iter().map(|is| is.then(|| text(random)))));
            or_nulls(cast(&texts, other), other, rows)
        }
    }
}

fn or_nulls(made: Result<ArrayRef, arrow::error::ArrowError>, data_type: &DataType, rows: usize) -> ArrayRef {
    made.unwrap_or_else(|_| new_null_array(data_type, rows))
}

/// A number that comes again.
fn small(random: &mut Random) -> i64 {
    match random.below(3) {
        0 => random.below(10) as i64,
        1 => random.below(2000) as i64 - 1000,
        _ => random.below(100_000) as i64,
    }
}

fn numbers<T: ArrowPrimitiveType>(
    there: &[bool],
    random: &mut Random,
    of: impl Fn(i64) -> T::Native,
    strange: &[T::Native],
) -> ArrayRef {
    let mut number = || match random.once_in(STRANGE) {
        true => *random.one_of(strange),
        false => of(small(random)),
    };
    Arc::new(PrimitiveArray::<T>::from_iter(there.iter().map(|is| is.then(&mut number))))
}

/// A time near the usual one, seldom far from it.
fn time(random: &mut Random, usual: i64, around: usize, (first, last): (i64, i64)) -> i64 {
    match random.once_in(4 * STRANGE) {
        true => *random.one_of(&[first, last, 0, -1]),
        false => usual + random.below(around) as i64 - around as i64 / 2,
    }
}

/// Texts as they come, and as they should not.
fn text(random: &mut Random) -> String {
    const USUAL: [&str; 12] = [
        "a",
        "b",
        "ann",
        "bob",
        "to be or not to be",
        "GET /index.html",
        "a=1&b=2&c=",
        "/a/b/c.png",
        "42",
        "-0.5",
        "true",
        "a,b,,c",
    ];
    const STRANGE_ONES: [&str; 12] = [
        "",
        " ",
        "  two  spaces ",
        "straße",
        "日本語",
        "e\u{301}",
        "🦀🦀",
        "\u{feff}bom",
        "\0",
        "a\nb\r\n",
        "\"quotes\"",
        "NaN",
    ];
    if random.once_in(4) {
        let (host, size) = (random.below(256), random.below(100_000));
        let (day, second) = (1 + random.below(28), random.below(60));
        return format!(
            "10.0.0.{host} - - [{day:02}/May/2026:10:05:{second:02} +0000] \"GET /p{} HTTP/1.1\" 200 {size} \"-\" \"agent\"",
            random.below(20)
        );
    }
    match random.below(STRANGE) {
        0 => (*random.one_of(&STRANGE_ONES)).to_owned(),
        1 => (*random.one_of(&USUAL)).repeat(1 + random.below(100)),
        2..=4 => format!("item-{}", random.below(300)),
        _ => (*random.one_of(&USUAL)).to_owned(),
    }
}

fn bytes(random: &mut Random) -> Vec<u8> {
    let length = random.below(12);
    (0..length).map(|_| random.next() as u8).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;
    use crate::fields::timestamp_type;

    #[test]
    fn a_seed_gives_the_same_rows_with_strange_ones_among_them() {
        let item = Arc::new(Field::new_list_field(DataType::Int16, true));
        let types = [DataType::Utf8, DataType::Float64, timestamp_type(), DataType::List(item), DataType::Date32];
        let named = |(at, data_type)| Arc::new(Field::new(format!("c{at}"), data_type, true));
        let fields: Vec<FieldRef> = types.into_iter().enumerate().map(named).collect();
        let rows = |seed| rows_of(&fields, &["c0"], 1000, seed).unwrap();
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
        let rows = rows(1);
        assert!(rows.columns().iter().skip(1).all(|column| column.null_count() > 0));
        let keys: std::collections::BTreeSet<_> = rows.column(0).as_string::<i32>().iter().collect();
        assert!((2..=KEYS).contains(&keys.len()), "{keys:?}");
        let floats = rows.column(1).as_primitive::<Float64Type>();
        assert!(floats.iter().flatten().any(f64::is_nan));
        assert!(floats.iter().flatten().any(|x| x.to_bits() == (-0.0f64).to_bits()));
    }
}
