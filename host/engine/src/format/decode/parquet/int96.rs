//! INT96, the times of old Parquet writers (and of Spark's): a day and the nanoseconds of it. The reader makes
//! nanoseconds of them unless it is handed a schema that says otherwise, and nanoseconds wrap around in 1677 and 2262
//! without a word. Microseconds reach 290,000 years; what lies outside them is found by reading seconds beside them,
//! which nothing exceeds.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampSecondType,
};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Type;
use parquet::errors::ParquetError;
use parquet::schema::types::SchemaDescriptor;

/// `metadata` with INT96 columns in `unit`, at every depth; none if there are none.
pub(super) fn in_unit(
    metadata: &ArrowReaderMetadata,
    unit: TimeUnit,
) -> Result<Option<ArrowReaderMetadata>, ParquetError> {
    let parquet = metadata.parquet_schema();
    if !parquet.columns().iter().any(|column| column.physical_type() == Type::INT96) {
        return Ok(None);
    }
    let mut walk = Walk { parquet, leaf: 0, unit };
    let fields = walk.fields(metadata.schema().fields());
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, metadata.schema().metadata().clone()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map(Some)
}

/// The roots among `roots` that have INT96 in them.
pub(super) fn roots(parquet: &SchemaDescriptor, roots: &[usize]) -> Vec<usize> {
    let has = |root: usize| {
        (0..parquet.num_columns()).any(|leaf| {
            parquet.get_column_root_idx(leaf) == root && parquet.column(leaf).physical_type() == Type::INT96
        })
    };
    roots.iter().copied().filter(|root| has(*root)).collect()
}

/// Goes over Arrow's fields and Parquet's leaves side by side: they have the same order.
struct Walk<'a> {
    parquet: &'a SchemaDescriptor,
    leaf: usize,
    unit: TimeUnit,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &Fields) -> Fields {
        fields.iter().map(|field| self.field(field)).collect()
    }

    fn field(&mut self, field: &FieldRef) -> FieldRef {
        let data_type = match field.data_type() {
            DataType::Struct(fields) => DataType::Struct(self.fields(fields)),
            DataType::List(item) => DataType::List(self.field(item)),
            DataType::LargeList(item) => DataType::LargeList(self.field(item)),
            DataType::ListView(item) => DataType::ListView(self.field(item)),
            DataType::LargeListView(item) => DataType::LargeListView(self.field(item)),
            DataType::FixedSizeList(item, size) => DataType::FixedSizeList(self.field(item), *size),
            DataType::Map(entry, sorted) => DataType::Map(self.field(entry), *sorted),
            other => {
                let is_int96 = self.parquet.column(self.leaf).physical_type() == Type::INT96;
                self.leaf += 1;
                match other {
                    DataType::Timestamp(_, zone) if is_int96 => DataType::Timestamp(self.unit, zone.clone()),
                    other => other.clone(),
                }
            }
        };
        Arc::new(Field::clone(field).with_data_type(data_type))
    }
}

/// Which rows have a time that microseconds cannot hold: `seconds` is the same column, read as seconds.
pub(super) fn out_of_range(micros: &ArrayRef, seconds: &ArrayRef) -> Vec<bool> {
    match (micros.data_type(), seconds.data_type()) {
        (DataType::Timestamp(TimeUnit::Microsecond, _), DataType::Timestamp(TimeUnit::Second, _)) => {
            let (micros, seconds) =
                (micros.as_primitive::<TimestampMicrosecondType>(), seconds.as_primitive::<TimestampSecondType>());
            let differs = |(micros, seconds): (Option<i64>, Option<i64>)| match (micros, seconds) {
                (Some(micros), Some(seconds)) => micros.div_euclid(1_000_000) != seconds,
                _ => false,
            };
            micros.iter().zip(seconds.iter()).map(differs).collect()
        }
        (DataType::Struct(_), DataType::Struct(_)) => {
            let mut rows = vec![false; micros.len()];
            let columns = micros.as_struct().columns().iter().zip(seconds.as_struct().columns());
            for (micros, seconds) in columns {
                rows.iter_mut().zip(out_of_range(micros, seconds)).for_each(|(row, bad)| *row |= bad);
            }
            rows
        }
        (DataType::List(_), DataType::List(_)) => {
            let (micros, seconds) = (micros.as_list::<i32>(), seconds.as_list::<i32>());
            of_ranges(micros.value_offsets(), &out_of_range(micros.values(), seconds.values()))
        }
        (DataType::Map(..), DataType::Map(..)) => {
            let (micros, seconds) = (micros.as_map(), seconds.as_map());
            let entries = |map: &arrow::array::MapArray| Arc::new(map.entries().clone()) as ArrayRef;
            of_ranges(micros.value_offsets(), &out_of_range(&entries(micros), &entries(seconds)))
        }
        _ => vec![false; micros.len()],
    }
}

fn of_ranges(offsets: &[i32], bad: &[bool]) -> Vec<bool> {
    let any = |range: &[i32]| bad[range[0] as usize..range[1] as usize].contains(&true);
    offsets.windows(2).map(any).collect()
}
