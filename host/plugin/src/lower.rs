//! Arrow columns on their way into a guest: brought to the contract's types and layout, and borrowed from there, so
//! that what is copied is copied once, by the engine, into the guest's memory.
//!
//! A column that already has the contract's layout is borrowed as it stands. Others are converted first: bitmaps that
//! do not start at a byte, offsets that do not start at 0 (slices), other units and string layouts.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::*;

use crate::contract::{BytesArrayParam, ColumnParam, DecimalArrayParam, ValuesParam};
use crate::types::{UTC, normal_type};

/// A column in the contract's layout.
#[derive(Debug, Clone)]
pub(crate) struct Lowered {
    values: Values,
    validity: Option<Buffer>,
}

#[derive(Debug, Clone)]
enum Values {
    Boolean(Buffer),
    Int8(ScalarBuffer<i8>),
    Int16(ScalarBuffer<i16>),
    Int32(ScalarBuffer<i32>),
    Int64(ScalarBuffer<i64>),
    UInt8(ScalarBuffer<u8>),
    UInt16(ScalarBuffer<u16>),
    UInt32(ScalarBuffer<u32>),
    UInt64(ScalarBuffer<u64>),
    Float32(ScalarBuffer<f32>),
    Float64(ScalarBuffer<f64>),
    Utf8(Bytes),
    Binary(Bytes),
    Date(ScalarBuffer<i32>),
    Timestamp(ScalarBuffer<i64>),
    Decimal(ScalarBuffer<u64>),
}

#[derive(Debug, Clone)]
struct Bytes {
    offsets: ScalarBuffer<i32>,
    data: Buffer,
}

impl Lowered {
    /// Converts `array`; an error where its type has no place in the contract or a value none in its type (a
    /// timestamp in seconds that overflows microseconds).
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, String> {
        let array = normalise(array)?;
        let values = match array.data_type() {
            DataType::Boolean => Values::Boolean(bitmap(array.as_boolean().values())),
            DataType::Int8 => Values::Int8(array.as_primitive::<Int8Type>().values().clone()),
            DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>().values().clone()),
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().values().clone()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().values().clone()),
            DataType::UInt8 => Values::UInt8(array.as_primitive::<UInt8Type>().values().clone()),
            DataType::UInt16 => Values::UInt16(array.as_primitive::<UInt16Type>().values().clone()),
            DataType::UInt32 => Values::UInt32(array.as_primitive::<UInt32Type>().values().clone()),
            DataType::UInt64 => Values::UInt64(array.as_primitive::<UInt64Type>().values().clone()),
            DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>().values().clone()),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().values().clone()),
            DataType::Utf8 => {
                let array: &StringArray = array.as_string();
                Values::Utf8(bytes(array.offsets(), array.values()))
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                Values::Binary(bytes(array.offsets(), array.values()))
            }
            DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().values().clone()),
            DataType::Timestamp(_, _) => {
                Values::Timestamp(array.as_primitive::<TimestampMicrosecondType>().values().clone())
            }
            // The contract's words, low and high, are how a little-endian machine stores the value anyway.
            DataType::Decimal128(_, _) => {
                Values::Decimal(array.as_primitive::<Decimal128Type>().values().inner().clone().into())
            }
            other => return Err(format!("no values of type {other} in the contract")),
        };
        let validity = array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| bitmap(nulls.inner()));
        Ok(Self { values, validity })
    }

    /// The column as the engine takes it.
    pub(crate) fn param(&self) -> ColumnParam<'_> {
        let values = match &self.values {
            Values::Boolean(v) => ValuesParam::Boolean(v),
            Values::Int8(v) => ValuesParam::Int8(v),
            Values::Int16(v) => ValuesParam::Int16(v),
            Values::Int32(v) => ValuesParam::Int32(v),
            Values::Int64(v) => ValuesParam::Int64(v),
            Values::UInt8(v) => ValuesParam::Uint8(v),
            Values::UInt16(v) => ValuesParam::Uint16(v),
            Values::UInt32(v) => ValuesParam::Uint32(v),
            Values::UInt64(v) => ValuesParam::Uint64(v),
            Values::Float32(v) => ValuesParam::Float32(v),
            Values::Float64(v) => ValuesParam::Float64(v),
            Values::Utf8(v) => ValuesParam::Utf8(v.param()),
            Values::Binary(v) => ValuesParam::Binary(v.param()),
            Values::Date(v) => ValuesParam::Date(v),
            Values::Timestamp(v) => ValuesParam::Timestamp(v),
            Values::Decimal(v) => ValuesParam::Decimal(DecimalArrayParam { words: v }),
        };
        ColumnParam { values, validity: self.validity.as_deref() }
    }
}

impl Bytes {
    fn param(&self) -> BytesArrayParam<'_> {
        BytesArrayParam { offsets: &self.offsets, data: &self.data }
    }
}

/// The array with its type brought to the contract's: shared where it has it already.
fn normalise(array: &ArrayRef) -> Result<ArrayRef, String> {
    let data_type = array.data_type();
    let Some(normal) = normal_type(data_type) else {
        return Err(format!("plugins cannot read columns of type {data_type}"));
    };
    if &normal == data_type {
        return Ok(array.clone());
    }
    Ok(match data_type {
        DataType::Timestamp(unit, _) => Arc::new(microseconds(array, *unit)?.with_timezone(UTC)),
        // Down, also before 1970: 1 ms before midnight belongs to the day before.
        DataType::Date64 => {
            let days: PrimitiveArray<Date32Type> = array
                .as_primitive::<Date64Type>()
                .try_unary(|ms| i32::try_from(ms.div_euclid(86_400_000)).map_err(|_| out_of_range("date")))
                .map_err(told)?;
            Arc::new(days)
        }
        DataType::Dictionary(_, values) => normalise(&cast(array, values)?)?,
        _ => cast(array, &normal)?,
    })
}

fn microseconds(array: &ArrayRef, unit: TimeUnit) -> Result<PrimitiveArray<TimestampMicrosecondType>, String> {
    fn up<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        factor: i64,
    ) -> Result<PrimitiveArray<TimestampMicrosecondType>, String> {
        array
            .as_primitive::<T>()
            .try_unary(|t| t.checked_mul(factor).ok_or_else(|| out_of_range("timestamp")))
            .map_err(told)
    }
    match unit {
        TimeUnit::Second => up::<TimestampSecondType>(array, 1_000_000),
        TimeUnit::Millisecond => up::<TimestampMillisecondType>(array, 1_000),
        TimeUnit::Microsecond => Ok(array.as_primitive::<TimestampMicrosecondType>().clone()),
        // Down, also before 1970, so that the order of times is kept.
        TimeUnit::Nanosecond => Ok(array.as_primitive::<TimestampNanosecondType>().unary(|t| t.div_euclid(1_000))),
    }
}

fn out_of_range(what: &str) -> arrow::error::ArrowError {
    arrow::error::ArrowError::ComputeError(format!("a {what} is out of range"))
}

/// What is wrong, without the library's name for it.
fn told(e: arrow::error::ArrowError) -> String {
    use arrow::error::ArrowError::{CastError, ComputeError};
    match e {
        ComputeError(what) | CastError(what) => what,
        other => other.to_string(),
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    // Unsafe casts, in Arrow's sense, are errors instead of nulls: no value vanishes silently.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(told)
}

/// A bitmap from its first bit on, no longer than it must be.
fn bitmap(bits: &BooleanBuffer) -> Buffer {
    let bytes = bits.len().div_ceil(8);
    let buffer = bits.sliced();
    if buffer.len() > bytes { buffer.slice_with_length(0, bytes) } else { buffer }
}

/// Offsets that start at 0, and just the data that they cover.
fn bytes(offsets: &OffsetBuffer<i32>, data: &Buffer) -> Bytes {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let data = data.slice_with_length(first as usize, (last - first) as usize);
    let offsets = if first == 0 {
        offsets.inner().clone()
    } else {
        offsets.iter().map(|offset| offset - first).collect::<Vec<_>>().into()
    };
    Bytes { offsets, data }
}
