//! Lists and structs of JSON lines, through Arrow's own JSON decoder: the scan has found where each value stands and
//! that it is valid JSON. Inside nested values Arrow's rules hold where they differ from ours: a number in a string is
//! taken as a number, a fraction is cut where an integer is declared, a number is taken as microseconds where a
//! timestamp is.

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;

use super::columns::{Mismatches, mismatch};
use super::slots::{Cell, Cells};

/// Whether a type may stand inside a list or struct.
pub(super) fn supports(data_type: &DataType) -> bool {
    super::columns::supports(data_type, true)
}

/// The nested column `field`; a value that does not fit is null and its row goes to `mismatches`.
pub(super) fn make(field: &Field, cells: &impl Cells, mismatches: &mut Mismatches) -> ArrayRef {
    let mut parts = Vec::new();
    decode(field, cells, 0, cells.len(), mismatches, &mut parts);
    let parts: Vec<_> = parts.iter().map(|part| part.as_ref()).collect();
    if parts.is_empty() {
        return new_null_array(field.data_type(), 0);
    }
    concat(&parts).expect("all parts have the column's type")
}

/// Decodes rows `from..to`; where that fails, each half by itself, down to the rows that fail alone.
fn decode(
    field: &Field,
    cells: &impl Cells,
    from: usize,
    to: usize,
    mismatches: &mut Mismatches,
    parts: &mut Vec<ArrayRef>,
) {
    if from == to {
        return;
    }
    match decode_all(field, cells, from, to) {
        Ok(part) => parts.push(part),
        Err(_) if to - from == 1 => {
            mismatch(field, cells, from, mismatches);
            parts.push(new_null_array(field.data_type(), 1));
        }
        Err(_) => {
            let middle = from + (to - from) / 2;
            decode(field, cells, from, middle, mismatches, parts);
            decode(field, cells, middle, to, mismatches, parts);
        }
    }
}

fn decode_all(field: &Field, cells: &impl Cells, from: usize, to: usize) -> Result<ArrayRef, ArrowError> {
    let mut text = String::new();
    for row in from..to {
        match cells.cell(row) {
            Cell::Null => text.push_str("null"),
            Cell::Nested(value) => text.push_str(value),
            // Whatever else it is, it is no list and no object.
            _ => return Err(ArrowError::JsonError("not a nested value".into())),
        }
        text.push('\n');
    }
    // Text is stored as it is written, whatever it is, as in columns that are not nested.
    let builder = ReaderBuilder::new_with_field(field.clone().with_nullable(true)).with_coerce_primitive(true);
    let mut decoder = builder.with_batch_size(to - from).build_decoder()?;
    decoder.decode(text.as_bytes())?;
    let batch = decoder.flush()?.filter(|batch| batch.num_rows() == to - from);
    batch.map(|batch| batch.column(0).clone()).ok_or_else(|| ArrowError::JsonError("values do not match rows".into()))
}
