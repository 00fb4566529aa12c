//! JSON lines: one object a line, strictly as RFC 8259 has it. A missing field is null, an unknown one is ignored,
//! of a repeated one the last counts.
//!
//! The scan validates the whole line but keeps only where the wanted values stand. It guesses that a line has the same
//! keys in the same order as the line before, which is nearly always so: then a key costs one comparison.

mod cells;
mod keys;
mod scan;
mod strings;

use arrow::datatypes::SchemaRef;

pub(super) use self::cells::JsonCells;
pub(super) use self::keys::Keys;
pub(super) use self::scan::Scan;
pub(super) use self::strings::unescape;
use super::lines::{FoundRows, Lines, is_blank};
use super::projection::Projection;
use super::slots::Slot;
use super::watch::Watch;
use crate::error::Result;
use crate::format::{Check, Decode, Decoded, FormatError, RawChunk, Unseen};

/// One row per line that is not blank.
pub(super) struct JsonDecoder {
    projection: Projection,
    watch: Watch,
}

impl JsonDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize], check: Check) -> Result<Self, FormatError> {
        Ok(Self { projection: Projection::new(schema, wanted, check, "json", true)?, watch: Watch::new(schema) })
    }
}

impl Decode for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let mut lines = Lines::of(chunk, "json")?;
        let mut found = FoundRows::new(std::mem::take(&mut lines.invalid));
        let names: Vec<&str> = self.projection.scanned.iter().map(|(_, field)| field.name().as_str()).collect();
        let width = names.len();
        let mut keys = Keys::new(&names, self.watch.begin());
        let mut slots: Vec<Slot> = Vec::with_capacity(width * (lines.text.len() / 64 + 1));
        for (start, end) in lines.iter() {
            let first = slots.len();
            slots.resize(first + width, Slot::MISSING);
            match Scan::new(&lines.text, start, end).object(&mut keys, &mut slots[first..]) {
                Ok(()) => found.row(1),
                Err(wrong) => {
                    slots.truncate(first);
                    if is_blank(&lines.text.as_bytes()[start..end]) || found.is_invalid(found.lines) {
                        found.skip();
                    } else {
                        found.bad(1, format!("not valid JSON at byte {}: {}", wrong.at - start + 1, wrong.what));
                    }
                }
            }
        }
        self.watch.end(keys.sightings, found.rows);
        let cells = |column| JsonCells { text: &lines.text, slots: &slots, rows: found.rows, width, column };
        let (batch, mismatches) = self.projection.batch(found.rows, cells)?;
        found.finish(&lines, batch, mismatches)
    }

    fn unseen(&self) -> Vec<Unseen> {
        self.watch.unseen()
    }
}
