//! Columns on their way out of a guest. Nothing a guest returns is believed: lengths, bitmaps, offsets, UTF-8,
//! precision and nulls are checked, and only then an Arrow array is made of it, without another copy.
//!
//! Errors say which column, which row or offset, and what is wrong, without the prefix that the caller adds.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, PrimitiveArray, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;

use crate::contract::{BytesArrayResult, ColumnResult, ValuesResult};
use crate::types::{UTC, timestamp_type};

/// Checks the columns of one result and makes arrays of them.
///
/// `fields` are those bound, `rows` how many there must be, `counted` the rows that are not rejected (`None`: all):
/// what stands in the others is ignored, so a null there is no fault.
pub(crate) fn columns(
    fields: &Fields,
    given: Vec<ColumnResult>,
    rows: usize,
    counted: Option<&BooleanBuffer>,
) -> Result<Vec<ArrayRef>, String> {
    if given.len() != fields.len() {
        return Err(format!("{} columns, but `bind` promised {}", given.len(), fields.len()));
    }
    let made = fields.iter().zip(given).enumerate();
    made.map(|(index, (field, column))| {
        self::column(field, column, rows, counted).map_err(|e| format!("column {index} `{}`: {e}", field.name()))
    })
    .collect()
}

/// A bitmap over `rows` rows.
pub(crate) fn bitmap(what: &str, bytes: Vec<u8>, rows: usize) -> Result<BooleanBuffer, String> {
    let least = rows.div_ceil(8);
    if bytes.len() < least || bytes.len() > least.next_multiple_of(8) {
        return Err(format!(
            "{what} of {} bytes for {rows} rows; a bitmap has a bit per row, {least} bytes",
            bytes.len()
        ));
    }
    Ok(BooleanBuffer::new(Buffer::from_vec(bytes), 0, rows))
}

fn column(
    field: &Field,
    column: ColumnResult,
    rows: usize,
    counted: Option<&BooleanBuffer>,
) -> Result<ArrayRef, String> {
    let nulls = nulls(field, column.validity, rows, counted)?;
    Ok(match (field.data_type(), column.values) {
        (DataType::Boolean, ValuesResult::Boolean(bits)) => {
            Arc::new(BooleanArray::new(bitmap("values", bits, rows)?, nulls))
        }
        (DataType::Int8, ValuesResult::Int8(v)) => primitive::<Int8Type>(v, rows, nulls)?,
        (DataType::Int16, ValuesResult::Int16(v)) => primitive::<Int16Type>(v, rows, nulls)?,
        (DataType::Int32, ValuesResult::Int32(v)) => primitive::<Int32Type>(v, rows, nulls)?,
        (DataType::Int64, ValuesResult::Int64(v)) => primitive::<Int64Type>(v, rows, nulls)?,
        (DataType::UInt8, ValuesResult::Uint8(v)) => primitive::<UInt8Type>(v, rows, nulls)?,
        (DataType::UInt16, ValuesResult::Uint16(v)) => primitive::<UInt16Type>(v, rows, nulls)?,
        (DataType::UInt32, ValuesResult::Uint32(v)) => primitive::<UInt32Type>(v, rows, nulls)?,
        (DataType::UInt64, ValuesResult::Uint64(v)) => primitive::<UInt64Type>(v, rows, nulls)?,
        (DataType::Float32, ValuesResult::Float32(v)) => primitive::<Float32Type>(v, rows, nulls)?,
        (DataType::Float64, ValuesResult::Float64(v)) => primitive::<Float64Type>(v, rows, nulls)?,
        (DataType::Date32, ValuesResult::Date(v)) => primitive::<Date32Type>(v, rows, nulls)?,
        (DataType::Timestamp(_, _), ValuesResult::Timestamp(v)) => {
            length(v.len(), rows)?;
            Arc::new(TimestampMicrosecondArray::new(v.into(), nulls).with_timezone(UTC))
        }
        (DataType::Decimal128(precision, scale), ValuesResult::Decimal(v)) => {
            decimal(&v.words, rows, nulls, *precision, *scale)?
        }
        (DataType::Utf8, ValuesResult::Utf8(v)) => {
            let (offsets, data) = checked_bytes(v, rows)?;
            let text = StringArray::try_new(offsets.clone(), data.clone(), nulls);
            Arc::new(text.map_err(|_| bad_utf8(&offsets, &data))?)
        }
        (DataType::Binary, ValuesResult::Binary(v)) => {
            let (offsets, data) = checked_bytes(v, rows)?;
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
        (expected, got) => {
            return Err(format!("{} values, but `bind` promised {expected}", name_of(&got)));
        }
    })
}

fn length(got: usize, rows: usize) -> Result<(), String> {
    if got == rows { Ok(()) } else { Err(format!("{got} values for {rows} rows")) }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, String> {
    length(values.len(), rows)?;
    Ok(Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls)))
}

fn decimal(
    words: &[u64],
    rows: usize,
    nulls: Option<NullBuffer>,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef, String> {
    if words.len() != rows * 2 {
        return Err(format!("{} words for {rows} rows; a decimal has two words a row", words.len()));
    }
    // A copy, because decimals need an alignment of 16 bytes, and words come with 8.
    let values: Vec<i128> =
        words.as_chunks::<2>().0.iter().map(|[low, high]| i128::from(*low) | (i128::from(*high) << 64)).collect();
    let least_too_large = 10i128.pow(u32::from(precision)).unsigned_abs();
    let too_large = |value: &i128| value.unsigned_abs() >= least_too_large;
    if values.iter().fold(false, |bad, value| bad | too_large(value)) {
        let counts = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
        if let Some(row) = (0..rows).filter(counts).find(|&row| too_large(&values[row])) {
            return Err(format!("row {row}: the value has more than {precision} digits"));
        }
    }
    // Precision and scale were checked when the plugin was bound.
    let array = Decimal128Array::new(values.into(), nulls);
    Ok(Arc::new(array.with_data_type(DataType::Decimal128(precision, scale))))
}

/// Checks lengths and offsets; the data is cut to what the offsets cover.
fn checked_bytes(given: BytesArrayResult, rows: usize) -> Result<(OffsetBuffer<i32>, Buffer), String> {
    let BytesArrayResult { offsets, mut data } = given;
    // Arrow itself allows an empty column to have no offsets at all.
    if rows == 0 && offsets.is_empty() {
        return Ok((OffsetBuffer::new_empty(), Buffer::from_vec(Vec::<u8>::new())));
    }
    if offsets.len() != rows + 1 {
        return Err(format!("{} offsets for {rows} rows; there is one more offset than rows", offsets.len()));
    }
    if offsets[0] != 0 {
        return Err(format!("offset 0 is {}; offsets start at 0", offsets[0]));
    }
    if offsets.windows(2).fold(false, |bad, pair| bad | (pair[1] < pair[0])) {
        let at = offsets.windows(2).position(|pair| pair[1] < pair[0]).unwrap_or_default();
        return Err(format!("offset {} goes down, from {} to {}", at + 1, offsets[at], offsets[at + 1]));
    }
    let end = offsets[rows] as usize; // not negative: it starts at 0 and never goes down
    if end > data.len() {
        return Err(format!("offset {rows} is {end}, but there are only {} bytes of data", data.len()));
    }
    data.truncate(end);
    Ok((OffsetBuffer::new(offsets.into()), Buffer::from_vec(data)))
}

/// Finds the row that made a text column invalid.
fn bad_utf8(offsets: &[i32], data: &[u8]) -> String {
    for (row, pair) in offsets.windows(2).enumerate() {
        if let Err(error) = std::str::from_utf8(&data[pair[0] as usize..pair[1] as usize]) {
            return format!("row {row}: not UTF-8, at byte {} of the value", error.valid_up_to());
        }
    }
    "not UTF-8".to_owned()
}

fn nulls(
    field: &Field,
    validity: Option<Vec<u8>>,
    rows: usize,
    counted: Option<&BooleanBuffer>,
) -> Result<Option<NullBuffer>, String> {
    let Some(bytes) = validity else { return Ok(None) };
    let nulls = NullBuffer::new(bitmap("validity", bytes, rows)?);
    if nulls.null_count() == 0 {
        return Ok(None);
    }
    if field.is_nullable() {
        return Ok(Some(nulls));
    }
    match (0..rows).find(|&row| nulls.is_null(row) && counted.is_none_or(|c| c.value(row))) {
        Some(row) => Err(format!("row {row}: null in a column that `bind` promised to have none")),
        // Only in rejected rows, whose values are ignored: without nulls the column keeps to its field.
        None => Ok(None),
    }
}

/// The contract's name of what was returned, for an error.
fn name_of(values: &ValuesResult) -> String {
    let arrow = match values {
        ValuesResult::Boolean(_) => DataType::Boolean,
        ValuesResult::Int8(_) => DataType::Int8,
        ValuesResult::Int16(_) => DataType::Int16,
        ValuesResult::Int32(_) => DataType::Int32,
        ValuesResult::Int64(_) => DataType::Int64,
        ValuesResult::Uint8(_) => DataType::UInt8,
        ValuesResult::Uint16(_) => DataType::UInt16,
        ValuesResult::Uint32(_) => DataType::UInt32,
        ValuesResult::Uint64(_) => DataType::UInt64,
        ValuesResult::Float32(_) => DataType::Float32,
        ValuesResult::Float64(_) => DataType::Float64,
        ValuesResult::Utf8(_) => DataType::Utf8,
        ValuesResult::Binary(_) => DataType::Binary,
        ValuesResult::Date(_) => DataType::Date32,
        ValuesResult::Timestamp(_) => timestamp_type(),
        ValuesResult::Decimal(_) => return "decimal".to_owned(),
    };
    arrow.to_string()
}

#[cfg(test)]
mod tests;
