//! Columns and lists of the contract, read and written byte by byte.

use super::glue::exports::millstream::operator::keyed::Timers;
use super::glue::millstream::operator::columns::Array;

/// Unsigned 32-bit numbers.
pub fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|n| u32::from_le_bytes(n.try_into().unwrap())).collect()
}

/// The same as bytes.
pub fn indices(values: impl IntoIterator<Item = u32>) -> Vec<u8> {
    values.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Signed 64-bit numbers, none of them null.
pub fn all_longs(bytes: &[u8]) -> Vec<i64> {
    bytes.chunks_exact(8).map(|n| i64::from_le_bytes(n.try_into().unwrap())).collect()
}

fn is_there(array: &Array, row: usize) -> bool {
    array.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1)
}

/// A column of integers or times.
pub fn longs(array: &Array) -> Vec<Option<i64>> {
    let all = all_longs(&array.buffers[0]);
    (0..array.rows as usize).map(|row| is_there(array, row).then(|| all[row])).collect()
}

/// A column of integers as texts.
pub fn longs_as_texts(array: &Array) -> Vec<Option<String>> {
    longs(array).into_iter().map(|n| n.map(|n| n.to_string())).collect()
}

/// A column of texts.
pub fn texts(array: &Array) -> Vec<Option<String>> {
    let ends = numbers(&array.buffers[0]);
    let text = |row: usize| String::from_utf8(array.buffers[1][ends[row] as usize..ends[row + 1] as usize].to_vec());
    (0..array.rows as usize).map(|row| is_there(array, row).then(|| text(row).unwrap())).collect()
}

/// A column of bytes that are texts: laid out as one of texts.
pub fn byte_texts(array: &Array) -> Vec<Option<String>> {
    texts(array)
}

/// The reverse.
pub fn binary(values: &[Option<&str>]) -> Array {
    let (mut ends, mut data, mut validity) = (vec![0u32], Vec::new(), vec![0u8; values.len().div_ceil(8)]);
    for (row, value) in values.iter().enumerate() {
        if let Some(value) = value {
            data.extend(value.as_bytes());
            validity[row / 8] |= 1 << (row % 8);
        }
        ends.push(data.len() as u32);
    }
    Array { rows: values.len() as u32, validity: Some(validity), buffers: vec![indices(ends), data] }
}

/// A column of texts, none of them null.
pub fn utf8(values: &[String]) -> Array {
    binary(&values.iter().map(|value| Some(value.as_str())).collect::<Vec<_>>())
}

/// A column of integers or times, none of them null.
pub fn longs_of(values: &[i64]) -> Array {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Array { rows: values.len() as u32, validity: None, buffers: vec![bytes] }
}

/// Timers as (key, domain, tag, at).
pub fn timers(all: &[(u32, u8, u32, i64)]) -> Timers {
    Timers {
        keys: indices(all.iter().map(|timer| timer.0)),
        domains: all.iter().map(|timer| timer.1).collect(),
        tags: indices(all.iter().map(|timer| timer.2)),
        at: all.iter().flat_map(|timer| timer.3.to_le_bytes()).collect(),
    }
}
