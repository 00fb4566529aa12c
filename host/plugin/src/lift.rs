//! Columns on their way out of a guest. Nothing a guest returns is believed: lengths, bitmaps, offsets, UTF-8,
//! precision, indices, children and nulls are checked, and only then an Arrow array is made of it, without another
//! copy where its buffers are aligned.
//!
//! Errors say which column or child, which row or offset, and what is wrong, without the prefix that the caller adds.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryArray, BooleanArray, FixedSizeListArray, ListArray, MapArray, NullArray,
    StringArray, StructArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use arrow::error::ArrowError;

use crate::cast;
use crate::contract::{ArrayResult, BatchResult, FieldResult};
use crate::fields::{self, normal_type};

/// The most rows of a child: some have no bytes that would bound them.
const CHILD_ROWS: usize = 1 << 27;

/// The columns that a plugin promised to make.
#[derive(Debug, Clone)]
pub(crate) struct Promised {
    /// As the plugin makes them.
    made: Fields,
    /// In their normal form, as they come out of [`columns`].
    pub fields: Fields,
    /// How many arrays they are, children counted.
    arrays: usize,
}

impl Promised {
    /// Of flattened `fields`; `what` names them in errors ("output column").
    pub(crate) fn new(what: &str, fields: &[FieldResult]) -> Result<Self, String> {
        let made = fields::parse(what, fields)?;
        let normal = made.iter().map(|field| match normal_type(field.data_type()) {
            Some(normal) => Ok(Arc::new(field.as_ref().clone().with_data_type(normal))),
            None => Err(format!("{what} `{}`: it nests deeper than {}", field.name(), fields::NESTING)),
        });
        Ok(Self { fields: normal.collect::<Result<_, _>>()?, made, arrays: fields.len() })
    }
}

impl Promised {
    /// Nullable columns of bytes.
    pub(crate) fn of_bytes<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let fields: Fields = names.into_iter().map(|name| Field::new(name, DataType::Binary, true)).collect();
        Self { made: fields.clone(), arrays: fields.len(), fields }
    }
}

/// Checks the columns of one result and makes arrays of them.
///
/// `rows` is how many there must be, `counted` the rows that are not rejected (`None`: all): what stands in the others
/// is ignored, so a null there is no fault.
pub(crate) fn columns(
    promised: &Promised,
    given: BatchResult,
    rows: usize,
    counted: Option<&BooleanBuffer>,
) -> Result<Vec<ArrayRef>, String> {
    if given.rows as usize != rows {
        return Err(format!("{} rows, but {rows} are due", given.rows));
    }
    if given.arrays.len() != promised.arrays {
        let counted = if promised.arrays == promised.made.len() { "" } else { ", children counted" };
        return Err(format!("{} arrays, but `bind` promised {}{counted}", given.arrays.len(), promised.arrays));
    }
    let mut arrays = given.arrays.into_iter();
    let made = promised.made.iter().zip(&promised.fields).enumerate();
    made.map(|(index, (field, normal))| {
        let told = |wrong: Wrong| format!("column {index} `{}{}`: {}", field.name(), wrong.path, wrong.message);
        let array = column(field, &mut arrays, rows, counted).map_err(told)?;
        if field.data_type() == normal.data_type() {
            return Ok(array);
        }
        cast::normalise(&array).map_err(|e| told(e.message.into()))
    })
    .collect()
}

/// What is wrong with an array, and with which: the path from the column down to it, `.item.name`.
struct Wrong {
    path: String,
    message: String,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { path: String::new(), message }
    }
}

impl From<ArrowError> for Wrong {
    fn from(error: ArrowError) -> Self {
        cast::message(error).into()
    }
}

type Arrays = std::vec::IntoIter<ArrayResult>;

/// A column of the result, with its children.
fn column(field: &Field, arrays: &mut Arrays, rows: usize, counted: Option<&BooleanBuffer>) -> Result<ArrayRef, Wrong> {
    let given = arrays.next().expect("their number was checked");
    if given.rows as usize != rows {
        return Err(format!("{} rows, but {rows} are due", given.rows).into());
    }
    array(field.data_type(), field.is_nullable(), given, arrays, counted)
}

/// A child; `rows` is how many it must have, where that is settled.
fn child(field: &Field, arrays: &mut Arrays, rows: Option<usize>) -> Result<ArrayRef, Wrong> {
    let given = arrays.next().expect("their number was checked");
    let made = match (given.rows as usize, rows) {
        (given, Some(due)) if given != due => Err(format!("{given} rows, but {due} are due").into()),
        (given, _) if given > CHILD_ROWS => Err(format!("{given} rows of a child; the most are {CHILD_ROWS}").into()),
        // Nulls of a child that has none may stand below nulls of its parent: the array that it becomes part of sees.
        _ => array(field.data_type(), true, given, arrays, None),
    };
    made.map_err(|Wrong { path, message }| Wrong { path: format!(".{}{path}", field.name()), message })
}

fn array(
    data_type: &DataType,
    nullable: bool,
    given: ArrayResult,
    arrays: &mut Arrays,
    counted: Option<&BooleanBuffer>,
) -> Result<ArrayRef, Wrong> {
    let ArrayResult { rows, validity, buffers } = given;
    let rows = rows as usize;
    let nulls = nulls(data_type, nullable, validity, rows, counted)?;
    Ok(match data_type {
        DataType::Null => {
            let [] = take(buffers)?;
            Arc::new(NullArray::new(rows))
        }
        DataType::Boolean => {
            let [bits] = take(buffers)?;
            Arc::new(BooleanArray::new(bitmap("values", bits, rows)?, nulls))
        }
        DataType::Utf8 => {
            let [offsets, data] = take(buffers)?;
            let (offsets, data) = bytes(offsets, data, rows)?;
            let text = StringArray::try_new(offsets.clone(), data.clone(), nulls);
            Arc::new(text.map_err(|_| bad_utf8(&offsets, &data))?)
        }
        DataType::Binary => {
            let [offsets, data] = take(buffers)?;
            let (offsets, data) = bytes(offsets, data, rows)?;
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
        DataType::List(item) => {
            let [offsets] = take(buffers)?;
            let values = child(item, arrays, None)?;
            let offsets = self::offsets(offsets, rows, values.len(), "rows of the child")?;
            Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls)?)
        }
        DataType::Map(entries, sorted) => {
            let [offsets] = take(buffers)?;
            let made = child(entries, arrays, None)?;
            let offsets = self::offsets(offsets, rows, made.len(), "rows of the child")?;
            let made = made.as_struct().clone();
            Arc::new(MapArray::try_new(entries.clone(), offsets, made, nulls, *sorted)?)
        }
        DataType::FixedSizeList(item, length) => {
            let [] = take(buffers)?;
            let values = child(item, arrays, Some(rows * *length as usize))?;
            Arc::new(FixedSizeListArray::try_new_with_length(item.clone(), *length, values, nulls, rows)?)
        }
        DataType::Struct(fields) => {
            let [] = take(buffers)?;
            let children = fields.iter().map(|field| child(field, arrays, Some(rows)));
            let children = children.collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, rows)?)
        }
        DataType::Dictionary(indices, values) => {
            let [buffer] = take(buffers)?;
            let buffer = self::values(buffer, rows, indices)?;
            let values = child(&Field::new("dictionary", values.as_ref().clone(), true), arrays, None)?;
            let data = ArrayData::builder(data_type.clone()).len(rows).nulls(nulls);
            make_array(data.add_buffer(buffer).add_child_data(values.to_data()).build()?)
        }
        _ => {
            let [buffer] = take(buffers)?;
            let buffer = canonical(self::values(buffer, rows, data_type)?, data_type);
            let made =
                make_array(ArrayData::builder(data_type.clone()).len(rows).nulls(nulls).add_buffer(buffer).build()?);
            digits(&made)?;
            made
        }
    })
}

/// The buffers that a format has.
fn take<const N: usize>(buffers: Vec<Vec<u8>>) -> Result<[Vec<u8>; N], String> {
    let given = buffers.len();
    buffers.try_into().map_err(|_| format!("{given} buffers, but a column of its format has {N}"))
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

/// Unsigned 32-bit numbers.
pub(crate) fn numbers(what: &str, bytes: Vec<u8>) -> Result<ScalarBuffer<u32>, String> {
    if !bytes.len().is_multiple_of(4) {
        return Err(format!("{what} of {} bytes; they are of 4 bytes each", bytes.len()));
    }
    Ok(aligned(bytes, align_of::<u32>()).into())
}

/// The values of a column of fixed width.
fn values(bytes: Vec<u8>, rows: usize, data_type: &DataType) -> Result<Buffer, String> {
    let width = match data_type {
        DataType::FixedSizeBinary(width) => *width as usize,
        other => other.primitive_width().ok_or_else(|| format!("columns of type {other} cannot be made"))?,
    };
    if bytes.len() != rows * width {
        return Err(format!("{} bytes of values for {rows} rows of {width} bytes each", bytes.len()));
    }
    Ok(aligned(bytes, width.next_power_of_two().min(align_of::<i128>())))
}

/// The bytes in a buffer, copied where they do not lie at a multiple of `align`.
fn aligned(bytes: Vec<u8>, align: usize) -> Buffer {
    if bytes.as_ptr().addr().is_multiple_of(align.max(1)) {
        Buffer::from_vec(bytes)
    } else {
        Buffer::from_slice_ref(&bytes)
    }
}

/// The values with NaNs of one form: which one an operation makes is the machine's affair, and results must be the same
/// on all.
fn canonical(buffer: Buffer, data_type: &DataType) -> Buffer {
    fn of<T: ArrowNativeType>(buffer: Buffer, is_nan: impl Fn(T) -> bool, nan: T) -> Buffer {
        let values = ScalarBuffer::<T>::from(buffer);
        // A fold, because that becomes vector instructions; looking for the first one does not.
        if !values.iter().fold(false, |any, value| any | is_nan(*value)) {
            return values.into_inner();
        }
        Buffer::from_vec(values.iter().map(|value| if is_nan(*value) { nan } else { *value }).collect::<Vec<T>>())
    }
    match data_type {
        DataType::Float64 => of(buffer, f64::is_nan, f64::NAN),
        DataType::Float32 => of(buffer, f32::is_nan, f32::NAN),
        DataType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            of(buffer, Half::is_nan, Half::NAN)
        }
        _ => buffer,
    }
}

/// Checks that decimals have no more digits than their type.
fn digits(array: &ArrayRef) -> Result<(), String> {
    let (precision, wrong) = match array.data_type() {
        DataType::Decimal128(precision, _) => {
            let values = array.as_primitive::<Decimal128Type>();
            let least_too_large = 10u128.pow(u32::from(*precision));
            let too_large = |value: i128| value.unsigned_abs() >= least_too_large;
            if !values.values().iter().fold(false, |any, value| any | too_large(*value)) {
                return Ok(());
            }
            (precision, values.iter().position(|value| value.is_some_and(too_large)))
        }
        DataType::Decimal256(precision, _) => {
            let values = array.as_primitive::<Decimal256Type>();
            let fits = |value| Decimal256Type::is_valid_decimal_precision(value, *precision);
            (precision, values.iter().position(|value| value.is_some_and(|value| !fits(value))))
        }
        _ => return Ok(()),
    };
    match wrong {
        Some(row) => Err(format!("row {row}: the value has more than {precision} digits")),
        None => Ok(()),
    }
}

/// Checks the offsets of values that lie in `end` bytes or rows, as `of` says.
pub(crate) fn offsets(given: Vec<u8>, rows: usize, end: usize, of: &str) -> Result<OffsetBuffer<i32>, String> {
    // Arrow itself allows an empty column to have no offsets at all.
    if rows == 0 && given.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    if given.len() != (rows + 1) * 4 {
        return Err(format!(
            "{} bytes of offsets for {rows} rows; there is one more offset than rows, of 4 bytes each",
            given.len()
        ));
    }
    let offsets = ScalarBuffer::<i32>::from(aligned(given, align_of::<i32>()));
    if offsets[0] != 0 {
        return Err(format!("offset 0 is {}; offsets start at 0", offsets[0]));
    }
    if offsets.windows(2).fold(false, |bad, pair| bad | (pair[1] < pair[0])) {
        let at = offsets.windows(2).position(|pair| pair[1] < pair[0]).unwrap_or_default();
        return Err(format!("offset {} goes down, from {} to {}", at + 1, offsets[at], offsets[at + 1]));
    }
    let last = offsets[rows] as usize; // not negative: it starts at 0 and never goes down
    if last > end {
        return Err(format!("offset {rows} is {last}, but there are only {end} {of}"));
    }
    Ok(OffsetBuffer::new(offsets))
}

/// Checks lengths and offsets; the data is cut to what the offsets cover.
fn bytes(given: Vec<u8>, mut data: Vec<u8>, rows: usize) -> Result<(OffsetBuffer<i32>, Buffer), String> {
    let offsets = self::offsets(given, rows, data.len(), "bytes of data")?;
    data.truncate(offsets[offsets.len() - 1] as usize);
    Ok((offsets, Buffer::from_vec(data)))
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
    data_type: &DataType,
    nullable: bool,
    validity: Option<Vec<u8>>,
    rows: usize,
    counted: Option<&BooleanBuffer>,
) -> Result<Option<NullBuffer>, String> {
    let Some(bytes) = validity else { return Ok(None) };
    let nulls = NullBuffer::new(bitmap("validity", bytes, rows)?);
    if nulls.null_count() == 0 || data_type == &DataType::Null {
        return Ok(None);
    }
    if nullable {
        return Ok(Some(nulls));
    }
    match (0..rows).find(|&row| nulls.is_null(row) && counted.is_none_or(|c| c.value(row))) {
        Some(row) => Err(format!("row {row}: null in a column that `bind` promised to have none")),
        // Only in rejected rows, whose values are ignored: without nulls the column keeps to its field.
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
