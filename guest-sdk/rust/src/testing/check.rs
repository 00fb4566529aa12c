//! What the host checks of everything that a plugin returns, before it becomes Arrow columns. The messages say
//! which column and row, since here they are read by the plugin's author.

use crate::contract::{
    columns::{BytesArray, Column, DataType, Field, Values},
    types::Reject,
};

/// The columns against the fields that `bind` promised.
pub(super) fn columns(fields: &[Field], columns: &[Column], rows: usize) -> Result<(), String> {
    if columns.len() != fields.len() {
        return Err(format!("{} columns were returned; `bind` promised {}", columns.len(), fields.len()));
    }
    fields.iter().zip(columns).try_for_each(|(field, column)| {
        check(field, column, rows).map_err(|what| format!("column `{}`: {what}", field.name))
    })
}

fn check(field: &Field, column: &Column, rows: usize) -> Result<(), String> {
    use {DataType as T, Values as V};
    let length = |what: &str, got: usize, wanted: usize| {
        if got == wanted { Ok(()) } else { Err(format!("{got} {what}; {rows} rows need {wanted}")) }
    };
    match (&field.data_type, &column.values) {
        (T::Boolean, V::Boolean(bits)) => length("bytes of bits", bits.len(), rows.div_ceil(8))?,
        (T::Int8, V::Int8(values)) => length("values", values.len(), rows)?,
        (T::Int16, V::Int16(values)) => length("values", values.len(), rows)?,
        (T::Int32, V::Int32(values)) | (T::Date, V::Date(values)) => length("values", values.len(), rows)?,
        (T::Int64, V::Int64(values)) | (T::Timestamp, V::Timestamp(values)) => length("values", values.len(), rows)?,
        (T::Uint8, V::Uint8(values)) => length("values", values.len(), rows)?,
        (T::Uint16, V::Uint16(values)) => length("values", values.len(), rows)?,
        (T::Uint32, V::Uint32(values)) => length("values", values.len(), rows)?,
        (T::Uint64, V::Uint64(values)) => length("values", values.len(), rows)?,
        (T::Float32, V::Float32(values)) => length("values", values.len(), rows)?,
        (T::Float64, V::Float64(values)) => length("values", values.len(), rows)?,
        (T::Utf8, V::Utf8(array)) => bytes(array, rows, true)?,
        (T::Binary, V::Binary(array)) => bytes(array, rows, false)?,
        (T::Decimal(_), V::Decimal(array)) => length("words", array.words.len(), 2 * rows)?,
        (promised, values) => {
            let values = format!("{values:?}");
            let got = values.split('(').next().unwrap_or_default().to_lowercase();
            return Err(format!("the values are {got}; `bind` promised {promised}"));
        }
    }
    let Some(validity) = &column.validity else { return Ok(()) };
    length("bytes of validity", validity.len(), rows.div_ceil(8))?;
    let null = (0..rows).find(|row| validity[row / 8] >> (row % 8) & 1 == 0);
    match null {
        Some(row) if !field.nullable => Err(format!("row {row} is null; `bind` promised that none is")),
        _ => Ok(()),
    }
}

fn bytes(array: &BytesArray, rows: usize, text: bool) -> Result<(), String> {
    let offsets = &array.offsets;
    if offsets.len() != rows + 1 {
        return Err(format!("{} offsets; {rows} rows need {}", offsets.len(), rows + 1));
    }
    if offsets[0] != 0 {
        return Err(format!("the first offset is {}, not 0", offsets[0]));
    }
    if let Some(row) = offsets.windows(2).position(|ends| ends[1] < ends[0]) {
        return Err(format!("the offsets go down at row {row}: {} after {}", offsets[row + 1], offsets[row]));
    }
    if offsets[rows] as usize > array.data.len() {
        return Err(format!("the last offset is {}; there are {} bytes", offsets[rows], array.data.len()));
    }
    let value = |row: usize| &array.data[offsets[row] as usize..offsets[row + 1] as usize];
    match (0..rows).find(|row| text && std::str::from_utf8(value(*row)).is_err()) {
        Some(row) => Err(format!("row {row} is not valid UTF-8")),
        None => Ok(()),
    }
}

/// Rejects against the rows that the plugin was given.
pub(super) fn rejects(rejects: &[Reject], rows: usize) -> Result<(), String> {
    match rejects.iter().find(|reject| reject.row as usize >= rows) {
        Some(reject) => Err(format!("row {} was rejected; the batch has {rows} rows", reject.row)),
        None => Ok(()),
    }
}

/// A flat-map's parents against the rows that it dealt with.
pub(super) fn parents(parents: &[u32], rows: usize) -> Result<(), String> {
    if let Some(at) = parents.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(format!("the parents go down at output row {}: {} after {}", at + 1, parents[at + 1], parents[at]));
    }
    match parents.last() {
        Some(last) if *last as usize >= rows => {
            Err(format!("an output row comes from row {last}; {rows} rows were dealt with"))
        }
        _ => Ok(()),
    }
}
