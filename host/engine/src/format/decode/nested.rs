//! Lists and structs of JSON, made as columns are: where the items or fields of all rows stand is found out first, then
//! an array is made of them in one go, by the same rules as a column of their type. So what a value must look like is
//! the same at every depth.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, NullBufferBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{FieldRef, Fields};

use super::columns::{Column, make};
use super::json::JsonCells;
use super::json_scan::{Keys, Scan};
use super::place::Place;
use super::slots::{Cell, Cells, Slot};
use super::watch::Sightings;

/// Lists of `item`; a value that is none is null.
pub(super) fn list(column: &mut Column<'_, impl Cells>, item: &FieldRef) -> ArrayRef {
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
    let place = Place::Items { of: column.place, offsets: &offsets };
    let cells = JsonCells { text, slots: &slots, rows: slots.len(), width: 1, column: 0 };
    let items = make(item.data_type(), &place, &cells, column.mismatches);
    Arc::new(ListArray::new(item.clone(), OffsetBuffer::new(ScalarBuffer::from(offsets)), items, nulls.finish()))
}

/// Structs of `fields`; a value that is none is null, and so is a field that it lacks. Other fields are ignored.
pub(super) fn structs(column: &mut Column<'_, impl Cells>, fields: &Fields) -> ArrayRef {
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
    let made = fields.iter().enumerate().map(|(field, of)| {
        let place = Place::Field { of: column.place, name: of.name() };
        let cells = JsonCells { text, slots: &slots, rows, width, column: field };
        make(of.data_type(), &place, &cells, column.mismatches)
    });
    let made: Vec<ArrayRef> = made.collect();
    Arc::new(StructArray::new(fields.clone(), made, nulls.finish()))
}
