//! JSON lines: one object per row, as Spark writes them. A null is left out; a nested column (`window`) is an object;
//! times are ISO 8601 in UTC; binary is hexadecimal; a float that is no number is a string (`"NaN"`), where the usual
//! `null` would lose it.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, FieldRef, Float16Type, Float32Type, Float64Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, Writer, WriterBuilder};

use super::{EncodeError, Encoder, text};

pub(super) struct JsonEncoder<W: Write + Send>(Writer<W, LineDelimited>);

impl<W: Write + Send> JsonEncoder<W> {
    pub(super) fn new(out: W) -> Self {
        Self(json_lines(out))
    }
}

impl<W: Write + Send> Encoder<W> for JsonEncoder<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), EncodeError> {
        Ok(self.0.write(batch)?)
    }

    fn get_ref(&self) -> &W {
        self.0.get_ref()
    }

    fn finish(mut self: Box<Self>) -> Result<W, EncodeError> {
        self.0.finish()?;
        Ok(self.0.into_inner())
    }
}

/// Writes rows of any types, as a JSON file has those that it can hold.
pub fn json_lines<W: Write>(out: W) -> Writer<W, LineDelimited> {
    WriterBuilder::new().with_encoder_factory(Arc::new(OurTypes)).build(out)
}

/// The types that we write otherwise than Arrow does.
#[derive(Debug)]
struct OurTypes;

impl EncoderFactory for OurTypes {
    fn make_default_encoder<'a>(
        &self,
        _field: &'a FieldRef,
        array: &'a dyn Array,
        _options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let encoder: Box<dyn arrow::json::writer::Encoder + 'a> = match array.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                Box::new(Times(array.as_primitive::<TimestampMicrosecondType>()))
            }
            DataType::Date32 => Box::new(Dates(array.as_primitive::<Date32Type>())),
            DataType::Float64 => Box::new(Floats(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Box::new(Floats(array.as_primitive::<Float32Type>())),
            DataType::Float16 => Box::new(Floats(array.as_primitive::<Float16Type>())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Times<'a>(&'a PrimitiveArray<TimestampMicrosecondType>);

impl arrow::json::writer::Encoder for Times<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        text::timestamp(out, self.0.value(row));
        out.push(b'"');
    }
}

/// Any date; Arrow writes an error's words where a date lies beyond the years that its library has.
struct Dates<'a>(&'a PrimitiveArray<Date32Type>);

impl arrow::json::writer::Encoder for Dates<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        text::date(out, self.0.value(row).into());
        out.push(b'"');
    }
}

struct Floats<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T> arrow::json::writer::Encoder for Floats<'_, T>
where
    T: ArrowPrimitiveType,
    T::Native: Debug + Into<f64>,
{
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.0.value(row);
        let wide: f64 = value.into();
        if wide.is_finite() {
            text::float(out, value);
        } else {
            out.push(b'"');
            text::float(out, value);
            out.push(b'"');
        }
    }
}
