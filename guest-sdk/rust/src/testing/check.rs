//! What the host checks of everything that a plugin returns, before it becomes Arrow columns. The messages say
//! which column and row, since here they are read by the plugin's author.

use crate::{
    contract::{
        columns::{Array, Batch},
        types::Rejects,
    },
    data_type::{DataType, Field},
};

/// The columns against the fields that `bind` promised.
pub(super) fn columns(fields: &[Field], batch: &Batch, rows: usize) -> Result<(), String> {
    let wanted: usize = fields.iter().map(|field| field.data_type.arrays()).sum();
    if batch.arrays.len() != wanted {
        return Err(format!("{} columns were returned; `bind` promised {wanted}", batch.arrays.len()));
    }
    if batch.rows as usize != rows {
        return Err(format!("{} rows were returned; there should be {rows}", batch.rows));
    }
    let mut arrays = batch.arrays.iter();
    let all_there = |_: usize| true;
    fields
        .iter()
        .try_for_each(|field| tree(field, &mut arrays, rows, &all_there).map_err(|what| format!("column {what}")))
}

/// A column and its children; what is wrong begins with where. What is in a row that is not there counts nowhere.
fn tree(
    field: &Field,
    arrays: &mut dyn Iterator<Item = &Array>,
    rows: usize,
    there: &dyn Fn(usize) -> bool,
) -> Result<(), String> {
    let array = arrays.next().expect("they were counted");
    check(field, array, rows, there).map_err(|what| format!("`{}`: {what}", field.name))?;
    let last = || array.buffers[0].last_chunk().map_or(0, |end| i32::from_le_bytes(*end) as usize);
    let valid =
        |row: usize| there(row) && array.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1);
    let mut child = |child: &Field, rows: usize, there: &dyn Fn(usize) -> bool| {
        tree(child, arrays, rows, there).map_err(|what| format!("`{}`, child {what}", field.name))
    };
    match &field.data_type {
        DataType::List(item) => child(item, last(), &|_| true),
        DataType::FixedList(item, size) => child(item, rows * *size as usize, &|item| valid(item / *size as usize)),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| child(field, rows, &valid)),
        DataType::Map(key, value) => {
            let entries = DataType::structure([(**key).clone().not_null(), (**value).clone()]);
            child(&Field::new("entries", entries).not_null(), last(), &|_| true)
        }
        _ => Ok(()),
    }
}

fn check(field: &Field, array: &Array, rows: usize, there: &dyn Fn(usize) -> bool) -> Result<(), String> {
    let length = |what: &str, got: usize, wanted: usize| {
        if got == wanted { Ok(()) } else { Err(format!("{got} {what}; {rows} rows need {wanted}")) }
    };
    let buffers = |wanted: usize| match array.buffers.len() {
        got if got == wanted => Ok(()),
        got => Err(format!("{got} buffers; {} has {wanted}", field.data_type)),
    };
    let values = |width: usize| {
        buffers(1)?;
        length("bytes of values", array.buffers[0].len(), width * rows)
    };
    length("rows", array.rows as usize, rows)?;
    match &field.data_type {
        DataType::Boolean => {
            buffers(1)?;
            length("bytes of bits", array.buffers[0].len(), rows.div_ceil(8))?;
        }
        DataType::Int8 | DataType::Uint8 => values(1)?,
        DataType::Int16 | DataType::Uint16 => values(2)?,
        DataType::Int32 | DataType::Uint32 | DataType::Float32 | DataType::Date => values(4)?,
        DataType::Int64 | DataType::Uint64 | DataType::Float64 | DataType::Timestamp => values(8)?,
        DataType::Decimal(..) => values(16)?,
        DataType::Utf8 | DataType::Binary => {
            buffers(2)?;
            offsets(&array.buffers[0], rows, Some(array.buffers[1].len()))?;
            if field.data_type == DataType::Utf8 {
                text(&array.buffers[0], &array.buffers[1], rows)?;
            }
        }
        DataType::List(_) | DataType::Map(..) => {
            buffers(1)?;
            offsets(&array.buffers[0], rows, None)?;
        }
        DataType::FixedList(..) | DataType::Struct(_) => buffers(0)?,
        DataType::Other(_) => {}
    }
    let Some(validity) = &array.validity else { return Ok(()) };
    length("bytes of validity", validity.len(), rows.div_ceil(8))?;
    let null = (0..rows).find(|row| validity[row / 8] >> (row % 8) & 1 == 0 && there(*row));
    match null {
        Some(row) if !field.nullable => Err(format!("row {row} is null; `bind` promised that none is")),
        _ => Ok(()),
    }
}

/// The 32-bit numbers in a buffer.
pub(super) fn numbers(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks().0.iter().map(|number| i32::from_le_bytes(*number)).collect()
}

fn offsets(offsets: &[u8], rows: usize, data: Option<usize>) -> Result<(), String> {
    let offsets = numbers(offsets);
    if offsets.len() != rows + 1 {
        return Err(format!("{} offsets; {rows} rows need {}", offsets.len(), rows + 1));
    }
    if offsets[0] != 0 {
        return Err(format!("the first offset is {}, not 0", offsets[0]));
    }
    if let Some(row) = offsets.windows(2).position(|ends| ends[1] < ends[0]) {
        return Err(format!("the offsets go down at row {row}: {} after {}", offsets[row + 1], offsets[row]));
    }
    match data {
        Some(data) if offsets[rows] as usize > data => {
            Err(format!("the last offset is {}; there are {data} bytes", offsets[rows]))
        }
        _ => Ok(()),
    }
}

fn text(offsets: &[u8], data: &[u8], rows: usize) -> Result<(), String> {
    let offsets = numbers(offsets);
    let value = |row: usize| &data[offsets[row] as usize..offsets[row + 1] as usize];
    match (0..rows).find(|row| std::str::from_utf8(value(*row)).is_err()) {
        Some(row) => Err(format!("row {row} is not valid UTF-8")),
        None => Ok(()),
    }
}

/// Rejects against the rows that the plugin was given: each row with its reason.
pub(super) fn rejects(rejects: Option<&Rejects>, rows: usize) -> Result<Vec<(usize, String)>, String> {
    let Some(rejects) = rejects else { return Ok(Vec::new()) };
    let (indices, offsets) = (numbers(&rejects.rows), numbers(&rejects.offsets));
    let reason = |at: usize| String::from_utf8_lossy(&rejects.reasons[offsets[at] as usize..offsets[at + 1] as usize]);
    let list: Vec<_> = indices.iter().enumerate().map(|(at, row)| (*row as usize, reason(at).into_owned())).collect();
    match list.iter().find(|(row, _)| *row >= rows) {
        Some((row, _)) => Err(format!("row {row} was rejected; the batch has {rows} rows")),
        None => Ok(list),
    }
}

/// A flat-map's parents against the rows that it dealt with.
pub(super) fn parents(parents: &[i32], rows: usize) -> Result<(), String> {
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
