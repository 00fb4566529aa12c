//! Columns brought to another type on their way into a plugin: to the one form that plugins see, and from there to
//! what a plugin asked for.
//!
//! Which casts there are is decided when a plugin is bound. A value that has no place in the new type is an error that
//! names its row; nothing becomes null in silence.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, MapArray, PrimitiveArray, StructArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::*;
use arrow::error::ArrowError;

use crate::fields::{UTC, normal_type};
use crate::format;

/// A value that cannot be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotGiven {
    /// Which and why.
    pub message: String,
    /// Its row, where it is known.
    pub row: Option<usize>,
}

impl From<String> for NotGiven {
    fn from(message: String) -> Self {
        Self { message, row: None }
    }
}

/// Whether a column whose normal type is `from` can be handed over as `to`; an error says why not.
pub(crate) fn check(from: &DataType, to: &DataType) -> Result<(), String> {
    use DataType::*;
    let castable = match (from, to) {
        (from, to) if from == to => true,
        (Null, _) => true,
        (from, Dictionary(_, values)) => return check(from, values),
        (from, to) if from.is_numeric() && to.is_numeric() => true,
        (Boolean | Date32 | Timestamp(_, _) | Time32(_) | Time64(_), Utf8) => true,
        (from, Utf8) if from.is_numeric() => true,
        (Utf8, Binary) | (Date32, Int32 | Int64 | Timestamp(_, _)) => true,
        (Timestamp(_, _), Int64 | Date32 | Timestamp(_, _)) => true,
        (Time32(_), Int32 | Int64 | Time64(_) | Time32(_)) | (Time64(_), Int64 | Time64(_)) => true,
        (Duration(_), Int64 | Duration(_)) => true,
        (List(from), List(to) | FixedSizeList(to, _)) | (FixedSizeList(from, _), List(to)) => {
            return below(from, to);
        }
        (FixedSizeList(from, length), FixedSizeList(to, wanted)) if length == wanted => return below(from, to),
        (Struct(from), Struct(to)) if from.len() == to.len() => {
            return from.iter().zip(to).try_for_each(|(from, to)| below(from, to));
        }
        (Map(from, _), Map(to, _)) => return below(from, to),
        _ => false,
    };
    if castable { Ok(()) } else { Err(format!("a column of type {from} cannot be handed over as {to}")) }
}

fn below(from: &FieldRef, to: &FieldRef) -> Result<(), String> {
    check(from.data_type(), to.data_type()).map_err(|e| format!("`{}`: {e}", from.name()))
}

/// `to` with the names, nullability and metadata of `from`, of which `check` says that it can become `to`: what a
/// plugin asks for are formats.
pub(crate) fn named_as(from: &DataType, to: &DataType) -> DataType {
    use DataType::*;
    let field = |from: &FieldRef, to: &FieldRef| -> FieldRef {
        Arc::new(from.as_ref().clone().with_data_type(named_as(from.data_type(), to.data_type())))
    };
    match (from, to) {
        (List(from) | FixedSizeList(from, _), List(to)) => List(field(from, to)),
        (List(from) | FixedSizeList(from, _), FixedSizeList(to, length)) => FixedSizeList(field(from, to), *length),
        (Struct(from), Struct(to)) => Struct(from.iter().zip(to).map(|(from, to)| field(from, to)).collect()),
        (Map(from, sorted), Map(to, _)) => Map(field(from, to), *sorted),
        _ => to.clone(),
    }
}

/// `array` in its normal form; shared where it has it already.
///
/// # Errors
/// Where its type has none, or a value none in it (a timestamp in seconds that overflows microseconds).
pub(crate) fn normalise(array: &ArrayRef) -> Result<ArrayRef, NotGiven> {
    let data_type = array.data_type();
    let Some(normal) = normal_type(data_type) else {
        return Err(format!("plugins cannot read columns of type {data_type}").into());
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
        DataType::Dictionary(_, values) => normalise(&exactly(array, values)?)?,
        DataType::RunEndEncoded(_, values) => normalise(&exactly(array, values.data_type())?)?,
        // Lists of large offsets and of views become lists with the items that they have, which are normalised then.
        DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            normalise(&exactly(array, &DataType::List(item.clone()))?)?
        }
        _ if format::children(&normal).is_empty() => exactly(array, &normal)?,
        _ => with_normal_children(array, &normal)?,
    })
}

/// A nested array of type `normal` of one whose children are not so yet. By hand, since Arrow's own cast loses how long
/// a column is whose children have no bytes.
fn with_normal_children(array: &ArrayRef, normal: &DataType) -> Result<ArrayRef, NotGiven> {
    let (nulls, rows) = (array.nulls().cloned(), array.len());
    Ok(match normal {
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let values = normalise(list.values())?;
            Arc::new(ListArray::try_new(item.clone(), list.offsets().clone(), values, nulls).map_err(told)?)
        }
        DataType::FixedSizeList(item, length) => {
            let values = normalise(array.as_fixed_size_list().values())?;
            let made = FixedSizeListArray::try_new_with_length(item.clone(), *length, values, nulls, rows);
            Arc::new(made.map_err(told)?)
        }
        DataType::Struct(fields) => {
            let children = array.as_struct().columns().iter().map(normalise).collect::<Result<Vec<_>, _>>()?;
            let made = StructArray::try_new_with_length(fields.clone(), children, nulls, rows);
            Arc::new(made.map_err(told)?)
        }
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let made = normalise(&(Arc::new(map.entries().clone()) as ArrayRef))?.as_struct().clone();
            let made = MapArray::try_new(entries.clone(), map.offsets().clone(), made, nulls, *sorted);
            Arc::new(made.map_err(told)?)
        }
        flat => unreachable!("{flat} has no children"),
    })
}

fn microseconds(array: &ArrayRef, unit: TimeUnit) -> Result<PrimitiveArray<TimestampMicrosecondType>, NotGiven> {
    fn up<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        factor: i64,
    ) -> Result<PrimitiveArray<TimestampMicrosecondType>, NotGiven> {
        let up = |t: i64| t.checked_mul(factor).ok_or_else(|| out_of_range("timestamp"));
        array.as_primitive::<T>().try_unary(up).map_err(told)
    }
    match unit {
        TimeUnit::Second => up::<TimestampSecondType>(array, 1_000_000),
        TimeUnit::Millisecond => up::<TimestampMillisecondType>(array, 1_000),
        TimeUnit::Microsecond => Ok(array.as_primitive::<TimestampMicrosecondType>().clone()),
        // Down, also before 1970, so that the order of times is kept.
        TimeUnit::Nanosecond => Ok(array.as_primitive::<TimestampNanosecondType>().unary(|t| t.div_euclid(1_000))),
    }
}

/// `array`, which has its normal form, as `to`, of which [`check`] says that it can be had.
pub(crate) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, NotGiven> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let nullable = cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() }).map_err(told)?;
    if nullable.logical_null_count() == array.logical_null_count() && is_flat(to) {
        return Ok(nullable);
    }
    if let (Some(after), true) = (nullable.logical_nulls(), is_flat(to)) {
        let lost = (0..array.len()).find(|&row| after.is_null(row) && array.is_valid(row));
        if let Some(row) = lost {
            let value = arrow::util::display::array_value_to_string(array, row).unwrap_or_default();
            return Err(NotGiven { message: format!("{value}, which has no place in {to}"), row: Some(row) });
        }
    }
    // Inside nested columns nulls cannot be told apart by rows: the strict cast says what does not fit.
    exactly(array, to)
}

fn is_flat(data_type: &DataType) -> bool {
    !data_type.is_nested() || matches!(data_type, DataType::Dictionary(_, _))
}

fn exactly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, NotGiven> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() }).map_err(told)
}

fn out_of_range(what: &str) -> ArrowError {
    ArrowError::ComputeError(format!("a {what} is out of range"))
}

/// Arrow's error without the name of its kind, which says nothing to the reader.
pub(crate) fn message(error: ArrowError) -> String {
    let text = error.to_string();
    text.split_once(" error: ").map_or(text.clone(), |(_, message)| message.to_owned())
}

fn told(error: ArrowError) -> NotGiven {
    message(error).into()
}

#[cfg(test)]
mod tests {
    use arrow::array::*;

    use super::*;

    fn list(item: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", item, true)))
    }

    #[test]
    fn what_a_plugin_asks_for_is_given_or_refused() {
        use DataType::*;
        let time = crate::fields::timestamp_type();
        let text = Dictionary(Box::new(Int32), Box::new(Utf8));
        for (from, to) in [
            (Int64, Float64),
            (Decimal128(10, 2), Utf8),
            (UInt8, Int64),
            (time.clone(), Int64),
            (Utf8, text.clone()),
            (list(Float64), FixedSizeList(Arc::new(Field::new("x", Float32, true)), 3)),
            (Null, list(Int8)),
        ] {
            assert_eq!(check(&from, &to), Ok(()));
        }
        for (from, to) in [(Utf8, Int64), (Binary, Utf8), (Int64, time), (Boolean, Int64), (Int64, list(Int64))] {
            let refused = check(&from, &to).unwrap_err();
            assert!(refused.contains("cannot be handed over as"), "{refused}");
        }
        assert!(check(&list(Utf8), &list(Int8)).unwrap_err().starts_with("`item`: "));
    }

    #[test]
    fn a_value_that_does_not_fit_names_its_row() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(1 << 40)]));
        let refused = cast(&numbers, &DataType::Int32).unwrap_err();
        assert_eq!((refused.row, refused.message.as_str()), (Some(2), "1099511627776, which has no place in Int32"));
        let floats = cast(&numbers, &DataType::Float64).unwrap();
        assert_eq!(floats.as_ref(), &Float64Array::from(vec![Some(1.0), None, Some(1099511627776.0)]) as &dyn Array);

        let nested = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some([Some(1), None]),
            None,
            Some([Some(1 << 40), None]),
        ]);
        assert!(cast(&(Arc::new(nested) as ArrayRef), &list(DataType::Int8)).is_err());
    }

    #[test]
    fn times_are_brought_to_microseconds() {
        let far: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        assert_eq!(normalise(&far).unwrap_err().message, "a timestamp is out of range");
        let before: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![-1]));
        let made = normalise(&before).unwrap();
        assert_eq!(made.as_primitive::<TimestampMicrosecondType>().value(0), -1);
    }
}
