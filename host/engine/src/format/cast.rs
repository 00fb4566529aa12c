//! Casts as all of the engine does them. A value that does not fit is an error, not a null that nobody notices; an
//! instant brought to a coarser unit is rounded *down*, before 1970 as after it, at every depth of a column. (Arrow
//! divides, which rounds towards 1970: there an instant before it would be a microsecond late.)

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, PrimitiveArray, StructArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Field, FieldRef, Fields, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::error::ArrowError;

const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// Casts `array` to `to`.
///
/// # Errors
/// A value that `to` cannot hold, or types that cannot be cast.
pub fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let array = rounded_down(array, to);
    if array.data_type() == to { Ok(array) } else { cast_with_options(&array, to, &STRICT) }
}

/// `array` with its instants brought, rounded down, to the unit that `to` has in their place.
pub fn rounded_down(array: &ArrayRef, to: &DataType) -> ArrayRef {
    match (array.data_type(), to) {
        (DataType::Timestamp(TimeUnit::Nanosecond, zone), DataType::Timestamp(unit, _)) => {
            let instants = array.as_primitive::<TimestampNanosecondType>();
            coarser(instants, 1, *unit, zone)
        }
        (DataType::Timestamp(TimeUnit::Microsecond, zone), DataType::Timestamp(unit, _)) => {
            let instants = array.as_primitive::<TimestampMicrosecondType>();
            coarser(instants, 1000, *unit, zone)
        }
        (DataType::Date64, DataType::Date32) => {
            let days = |ms: i64| i32::try_from(ms.div_euclid(86_400_000)).ok();
            match array.as_primitive::<Date64Type>().try_unary::<_, Date32Type, ()>(|ms| days(ms).ok_or(())) {
                Ok(dates) => Arc::new(dates),
                Err(()) => array.clone(),
            }
        }
        (DataType::Struct(from), DataType::Struct(to)) => structs(array.as_struct(), from, to),
        (DataType::List(field), DataType::List(to)) => lists(array.as_list::<i32>(), field, to.data_type()),
        (DataType::LargeList(field), DataType::List(to) | DataType::LargeList(to)) => {
            lists(array.as_list::<i64>(), field, to.data_type())
        }
        (DataType::FixedSizeList(field, size), DataType::List(to) | DataType::FixedSizeList(to, _)) => {
            let list = array.as_fixed_size_list();
            let values = rounded_down(list.values(), to.data_type());
            let field = with_type(field, values.data_type());
            match FixedSizeListArray::try_new_with_length(field, *size, values, list.nulls().cloned(), list.len()) {
                Ok(list) => Arc::new(list),
                Err(_) => array.clone(),
            }
        }
        (DataType::Dictionary(_, _), to) => {
            let dictionary = array.as_any_dictionary();
            dictionary.with_values(rounded_down(dictionary.values(), to))
        }
        _ => array.clone(),
    }
}

/// Instants that count steps of so many nanoseconds, in a coarser unit.
fn coarser<T>(instants: &PrimitiveArray<T>, nanos: i64, to: TimeUnit, zone: &Option<Arc<str>>) -> ArrayRef
where
    T: arrow::array::ArrowPrimitiveType<Native = i64>,
{
    let step = |unit: i64| (unit / nanos).max(1);
    match to {
        TimeUnit::Nanosecond => Arc::new(instants.clone()),
        TimeUnit::Microsecond => {
            let step = step(1000);
            let coarse: PrimitiveArray<TimestampMicrosecondType> = instants.unary(|t| t.div_euclid(step));
            Arc::new(coarse.with_timezone_opt(zone.clone()))
        }
        TimeUnit::Millisecond => {
            let step = step(1_000_000);
            let coarse: PrimitiveArray<TimestampMillisecondType> = instants.unary(|t| t.div_euclid(step));
            Arc::new(coarse.with_timezone_opt(zone.clone()))
        }
        TimeUnit::Second => {
            let step = step(1_000_000_000);
            let coarse: PrimitiveArray<TimestampSecondType> = instants.unary(|t| t.div_euclid(step));
            Arc::new(coarse.with_timezone_opt(zone.clone()))
        }
    }
}

fn structs(array: &StructArray, from: &Fields, to: &Fields) -> ArrayRef {
    let columns =
        array.columns().iter().zip(from).map(|(column, field)| match to.iter().find(|to| to.name() == field.name()) {
            Some(to) => rounded_down(column, to.data_type()),
            None => column.clone(),
        });
    let columns: Vec<ArrayRef> = columns.collect();
    let fields = from.iter().zip(&columns).map(|(field, column)| with_type(field, column.data_type()));
    match StructArray::try_new_with_length(fields.collect(), columns, array.nulls().cloned(), array.len()) {
        Ok(array) => Arc::new(array),
        Err(_) => Arc::new(array.clone()),
    }
}

fn lists<O: OffsetSizeTrait>(list: &GenericListArray<O>, field: &FieldRef, to: &DataType) -> ArrayRef {
    let values = rounded_down(list.values(), to);
    let field = with_type(field, values.data_type());
    match GenericListArray::<O>::try_new(field, list.offsets().clone(), values, list.nulls().cloned()) {
        Ok(list) => Arc::new(list),
        Err(_) => Arc::new(list.clone()),
    }
}

fn with_type(field: &FieldRef, data_type: &DataType) -> FieldRef {
    Arc::new(Field::clone(field).with_data_type(data_type.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, TimestampNanosecondArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};

    use crate::format::timestamp;

    /// Nanoseconds about 1970, and the microseconds below them.
    const NANOS: [Option<i64>; 7] = [Some(-1001), Some(-1000), Some(-1), None, Some(0), Some(999), Some(1000)];
    const MICROS: [Option<i64>; 7] = [Some(-2), Some(-1), Some(-1), None, Some(0), Some(0), Some(1)];

    fn micros(array: &ArrayRef) -> Vec<Option<i64>> {
        array.as_primitive::<TimestampMicrosecondType>().iter().collect()
    }

    #[test]
    fn instants_are_rounded_down_at_every_depth() {
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(NANOS.to_vec()));
        assert_eq!(micros(&cast(&nanos, &timestamp()).unwrap()), MICROS);

        let inner = Arc::new(Field::new("at", nanos.data_type().clone(), true));
        let nulls = Some(NullBuffer::from(vec![true; 7]));
        let made: ArrayRef = Arc::new(StructArray::new(vec![inner].into(), vec![nanos.clone()], nulls));
        let to = DataType::Struct(vec![Field::new("at", timestamp(), true)].into());
        assert_eq!(micros(cast(&made, &to).unwrap().as_struct().column(0)), MICROS);

        let item = Arc::new(Field::new_list_field(made.data_type().clone(), true));
        let list: ArrayRef =
            Arc::new(GenericListArray::<i64>::new(item, OffsetBuffer::from_lengths([3, 0, 4]), made, None));
        let to = DataType::List(Arc::new(Field::new_list_field(to, true)));
        let list = cast(&list, &to).unwrap();
        assert_eq!(micros(list.as_list::<i32>().values().as_struct().column(0)), MICROS);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let large: ArrayRef = Arc::new(Int64Array::from(vec![1, 300]));
        assert!(cast(&large, &DataType::Int8).is_err());
        assert!(cast(&large.slice(0, 1), &DataType::Int8).is_ok());
    }

    #[test]
    fn dates_are_rounded_down() {
        let at: ArrayRef = Arc::new(PrimitiveArray::<Date64Type>::from(vec![-1, 0, 86_399_999, 86_400_000]));
        let days = cast(&at, &DataType::Date32).unwrap();
        assert_eq!(days.as_primitive::<Date32Type>().values(), &[-1, 0, 0, 1]);
    }
}
