//! The rows that wait for partners, as rows: of which side they are, their key, until when they wait, and their columns.
//! A column that both sides have by one name and of one type is one column here.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StringArray, UInt32Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;

use super::entry::{self, StoredRow};
use super::{JoinInput, StreamJoin, of_lane};
use crate::operator::reading::{Reading, StoredColumns, StoredSchema, times};
use crate::operator::rows::arrow_failed;
use crate::state::row::decode;
use crate::state::{Bucket, Partition, Table, hash_key};
use crate::time::reach::Side;
use crate::{Error, Result};

/// Rows that are given at once.
const AT_ONCE: usize = 4096;

const BOTH: [Side; 2] = [Side::Left, Side::Right];

/// A column that a person sees: its place among each side's, if the side has it.
struct Shown {
    name: String,
    data_type: DataType,
    of: [Option<usize>; 2],
}

/// A row with its key.
struct WaitingRow<'t> {
    side: Side,
    key: &'t [u8],
    row: StoredRow<'t>,
}

/// Tells the heads of lists of rows from their chunks: in the order of keys these lie behind it, and begin as it does.
#[derive(Default)]
struct Heads<'t> {
    last: Option<(&'t Bucket, &'t [u8])>,
}

impl<'t> Heads<'t> {
    /// Whether what is next is a head.
    fn is_next(&mut self, within: &'t Bucket, key: &'t [u8]) -> bool {
        let is_chunk = self.last.is_some_and(|(of, head)| std::ptr::eq(of, within) && key.starts_with(head));
        if !is_chunk {
            self.last = Some((within, key));
        }
        !is_chunk
    }
}

/// How many rows a table has, those of both sides.
///
/// # Errors
/// It is damaged.
pub(in crate::operator) fn rows_in(table: &Table) -> Result<u64> {
    let (mut count, mut heads) = (0, Heads::default());
    for (_, bucket) in table.partitions().iter().flat_map(Partition::buckets) {
        for (key, _) in bucket.sorted().into_iter().filter(|(key, _)| heads.is_next(bucket, key)) {
            entry::rows(bucket, hash_key(key), key, |_| {
                count += 1;
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok(count)
}

impl StreamJoin {
    pub(super) fn stored_columns(&self) -> StoredColumns {
        let mut schema = StoredSchema::default();
        schema.text("side");
        for (name, data_type) in self.key_columns() {
            schema.key(&name, &data_type);
        }
        if self.is_bounded() {
            schema.column("until", &crate::format::timestamp());
        }
        if BOTH.iter().any(|side| self.parts.kind.notes_matches(*side)) {
            schema.column("matched", &DataType::Boolean);
        }
        self.shown().iter().for_each(|column| schema.column(&column.name, &column.data_type));
        schema.done()
    }

    /// Whether rows of some side go some day.
    fn is_bounded(&self) -> bool {
        self.parts.reach.least().is_some() || self.parts.reach.most().is_some()
    }

    /// The columns of the key: as the left side's are called.
    fn key_columns(&self) -> Vec<(String, DataType)> {
        let JoinInput { keys, schema, .. } = &self.parts.left;
        let name = |at: Option<usize>| at.map_or_else(|| "key".to_owned(), |at| schema.field(at).name().clone());
        keys.places().into_iter().map(name).zip(keys.types(schema)).collect()
    }

    /// The columns of both sides, but for those that are shown as the key.
    fn shown(&self) -> Vec<Shown> {
        let keys = self.key_columns();
        let mut shown: Vec<Shown> = Vec::new();
        for (number, side) in BOTH.into_iter().enumerate() {
            let JoinInput { keys: own, schema, .. } = self.input(side);
            let own = own.places();
            for (at, field) in schema.fields().iter().enumerate() {
                let (name, data_type) = (field.name(), field.data_type());
                if own.iter().zip(&keys).any(|(own, (key, of))| *own == Some(at) && key == name && of == data_type) {
                    continue;
                }
                let is_it = |column: &&mut Shown| {
                    column.of[number].is_none() && column.name == *name && column.data_type == *data_type
                };
                match shown.iter_mut().find(is_it) {
                    Some(column) => column.of[number] = Some(at),
                    None => {
                        let mut of = [None; 2];
                        of[number] = Some(at);
                        shown.push(Shown { name: name.clone(), data_type: data_type.clone(), of });
                    }
                }
            }
        }
        shown
    }

    pub(super) fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let [stored, ..] = tables else {
            return Err(Error::internal(format!("{}: other tables than it has", self.parts.name)));
        };
        let mut heads = Heads::default();
        let done = reading.entries(stored, |reading, entries| {
            let mut waiting: Vec<WaitingRow<'_>> = Vec::new();
            for entry in entries.iter().filter(|entry| heads.is_next(entry.within, entry.key)) {
                let side = of_lane(self.grid.slots.of_bucket(entry.bucket).1);
                let rows = entry::rows(entry.within, hash_key(entry.key), entry.key, |row| {
                    waiting.push(WaitingRow { side, key: entry.key, row });
                    ControlFlow::Continue(())
                });
                rows.map_err(|e| self.named(e))?;
                if waiting.len() >= AT_ONCE && self.give(&std::mem::take(&mut waiting), reading)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.give(&waiting, reading)
        });
        done.map(|_: ControlFlow<()>| ())
    }

    fn give(&self, waiting: &[WaitingRow<'_>], reading: &mut Reading<'_>) -> Result<ControlFlow<()>> {
        if waiting.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let keys: Vec<&[u8]> = waiting.iter().map(|waiting| waiting.key).collect();
        let key_types: Vec<DataType> = self.key_columns().into_iter().map(|(_, data_type)| data_type).collect();
        let side_name = |side| if side == Side::Left { "left" } else { "right" };
        let sides = StringArray::from_iter_values(waiting.iter().map(|waiting| side_name(waiting.side)));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(sides)];
        columns.extend(decode(&keys, &key_types)?);
        if self.is_bounded() {
            columns.push(times(waiting.iter().map(|w| self.parts.reach.expiry(w.side, w.row.time))));
        }
        let notes = |side| self.parts.kind.notes_matches(side);
        if BOTH.into_iter().any(notes) {
            let matched = waiting.iter().map(|w| notes(w.side).then_some(w.row.matched));
            columns.push(Arc::new(matched.collect::<BooleanArray>()));
        }
        // Each side's rows by themselves, then in the order of all.
        let mut of_side: [Vec<&[u8]>; 2] = Default::default();
        let places: Vec<(usize, u32)> = waiting
            .iter()
            .map(|w| {
                let side = usize::from(w.side == Side::Right);
                of_side[side].push(w.row.columns);
                (side, of_side[side].len() as u32 - 1)
            })
            .collect();
        let left = of_side[0].len() as u32;
        let order: UInt32Array =
            places.iter().map(|(side, at)| Some(if *side == 0 { *at } else { left + at })).collect();
        let decoded = [decode(&of_side[0], self.types(Side::Left))?, decode(&of_side[1], self.types(Side::Right))?];
        for Shown { data_type, of, .. } in self.shown() {
            let [left, right] = [0, 1].map(|side| match of[side] {
                Some(at) => decoded[side][at].clone(),
                None => new_null_array(&data_type, of_side[side].len()),
            });
            let both = concat(&[&left, &right]).map_err(arrow_failed)?;
            columns.push(take(&both, &order, None).map_err(arrow_failed)?);
        }
        reading.give(columns, waiting.len())
    }
}
