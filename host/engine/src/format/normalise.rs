//! Columns as files bring them, turned into the few types that the rest of the engine and the plugins know: one
//! timestamp type, one string type, no dictionaries. A type without such a counterpart passes unchanged.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::cast::cast;
use super::types::timestamp;

/// The type that a column of type `data_type` gets: timestamps of any unit and zone become microseconds in UTC
/// (those without a zone are taken as UTC), large, view and dictionary strings `utf8`, and so on.
pub fn normalise_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, _) => timestamp(),
        DataType::Date64 => DataType::Date32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Decimal256(p, s) if *p <= 38 => DataType::Decimal128(*p, *s),
        DataType::Dictionary(_, value) => normalise_type(value),
        DataType::RunEndEncoded(_, value) => normalise_type(value.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => {
            DataType::List(Arc::new(Field::new_list_field(normalise_type(item.data_type()), true)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| Arc::new(normalise_field(f))).collect()),
        other => other.clone(),
    }
}

fn normalise_field(field: &Field) -> Field {
    Field::new(field.name(), normalise_type(field.data_type()), true)
}

/// The schema of normalised batches: normalised types, every column nullable, no metadata.
pub fn normalise_schema(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|f| normalise_field(f)).collect::<Vec<_>>()))
}

/// Casts the columns of `batch` to their normalised types.
///
/// # Errors
/// A value that the normalised type cannot hold: a timestamp in seconds that lies too far off.
pub fn normalise_batch(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    cast_batch(batch, normalise_schema(batch.schema_ref()))
}

/// Casts the columns of `batch`, by position, to those of `schema`.
pub(super) fn cast_batch(batch: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new_with_options(
        schema,
        columns,
        &RecordBatchOptions::new().with_row_count(Some(batch.num_rows())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array, ArrayRef, AsArray, DictionaryArray, StringViewArray, TimestampNanosecondArray, TimestampSecondArray,
    };
    use arrow::datatypes::{Int8Type, TimestampMicrosecondType};

    #[test]
    fn timestamps_become_utc_microseconds_and_strings_plain() {
        let berlin: ArrayRef =
            Arc::new(TimestampNanosecondArray::from(vec![Some(1_500), None]).with_timezone("Europe/Berlin"));
        let naive: ArrayRef = Arc::new(TimestampSecondArray::from(vec![2, 3]));
        let dictionary: ArrayRef = Arc::new(vec!["a", "b"].into_iter().collect::<DictionaryArray<Int8Type>>());
        let view: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "a string longer than twelve"]));
        let batch = RecordBatch::try_from_iter([("t", berlin), ("n", naive), ("d", dictionary), ("v", view)]).unwrap();
        let plain = normalise_batch(&batch).unwrap();
        assert_eq!(plain.column(0).data_type(), &timestamp());
        assert_eq!(plain.column(0).as_primitive::<TimestampMicrosecondType>().value(0), 1);
        assert!(plain.column(0).is_null(1));
        assert_eq!(plain.column(1).data_type(), &timestamp());
        assert_eq!(plain.column(1).as_primitive::<TimestampMicrosecondType>().values(), &[2_000_000, 3_000_000]);
        assert_eq!(plain.column(2).as_string::<i32>().value(1), "b");
        assert_eq!(plain.column(3).as_string::<i32>().value(1), "a string longer than twelve");
    }

    #[test]
    fn a_timestamp_too_far_off_is_an_error() {
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX / 1000]));
        assert!(normalise_batch(&RecordBatch::try_from_iter([("t", far)]).unwrap()).is_err());
    }
}
