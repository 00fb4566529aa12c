//! Lists and structs of JSON: where the items or fields of all rows stand, so that an array can be made of them in one
//! go, as of a column.

use arrow::array::NullBufferBuilder;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Fields;

use super::column::Column;
use super::json::{Keys, Scan};
use super::slots::{Cell, Cells, Slot};
use super::watch::Sightings;

/// The items of all lists of a column.
pub(super) struct Items {
    pub slots: Vec<Slot>,
    /// List `i` has the items from `offsets[i]` up to `offsets[i + 1]`.
    pub offsets: Vec<i32>,
    /// Which rows are lists.
    pub nulls: Option<NullBuffer>,
}

/// Where the items are; a value that is no list is null.
pub(super) fn items(column: &mut Column<'_, impl Cells>) -> Items {
    let (text, rows) = (column.cells.text(), column.cells.len());
    let mut slots: Vec<Slot> = Vec::with_capacity(rows);
    let mut offsets: Vec<i32> = Vec::with_capacity(rows + 1);
    let mut nulls = NullBufferBuilder::new(rows);
    offsets.push(0);
    for row in 0..rows {
        let before = slots.len();
        let is_list = match column.cells.cell(row) {
            Cell::Nested(value) if value.starts_with('[') => {
                let (start, end) = column.cells.slot(row).range();
                Scan::again(text, start, end).items(&mut slots).is_ok()
            }
            _ => false,
        };
        if !is_list {
            slots.truncate(before);
            column.refuse(row);
        }
        nulls.append(is_list);
        offsets.push(i32::try_from(slots.len()).expect("a chunk has fewer than 2^31 bytes"));
    }
    Items { slots, offsets, nulls: nulls.finish() }
}

/// The fields of all structs of a column.
pub(super) struct Members {
    /// Of each row, one for each field.
    pub slots: Vec<Slot>,
    /// Which rows are structs.
    pub nulls: Option<NullBuffer>,
}

/// Where the `fields` are; a value that is no struct is null, and so is a field that it lacks. Other fields are ignored.
pub(super) fn members(column: &mut Column<'_, impl Cells>, fields: &Fields) -> Members {
    let (text, rows) = (column.cells.text(), column.cells.len());
    let width = fields.len();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let mut keys = Keys::new(&names, Sightings::default());
    let mut slots = vec![Slot::MISSING; rows * width];
    let mut nulls = NullBufferBuilder::new(rows);
    for (row, slots) in slots.chunks_exact_mut(width).enumerate() {
        let is_object = match column.cells.cell(row) {
            Cell::Nested(value) if value.starts_with('{') => {
                let (start, end) = column.cells.slot(row).range();
                Scan::again(text, start, end).object(&mut keys, slots).is_ok()
            }
            _ => false,
        };
        if !is_object {
            column.refuse(row);
        }
        nulls.append(is_object);
    }
    Members { slots, nulls: nulls.finish() }
}
