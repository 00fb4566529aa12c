//! Comma-separated values as RFC 4180 has them: a field may stand in double quotes, with `""` for a quote, and has none
//! in it otherwise ([`fields`]). An empty field is null; an empty quoted one is an empty text (null where the column is
//! no text).
//!
//! A record is one line, or, where the source says so, one that has line breaks inside quotes; which lines such a record
//! has is found out either way, since none of them is a row ([`open`]). With a header the columns of a file are taken by
//! name, whatever their order; others are ignored.

mod fields;
mod layout;
mod open;
mod scan;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub use self::layout::CsvLayout;
pub(super) use self::layout::names;

use self::fields::{Fault, content_end, unescape, unquoted};
use self::open::{CsvCut, OpenQuote};
use self::scan::Scan;
use super::lines::{FoundRows, Lines};
use super::projection::Projection;
use super::slots::{Cell, Cells, Raw, Slot};
use crate::error::Result;
use crate::format::CsvReading;
use crate::format::{Check, Decode, Decoded, FormatError, RawChunk, RawContent};

/// How the CSV files of a source are read.
#[derive(Debug, Clone, Copy)]
pub struct CsvDialect {
    /// What stands between fields.
    delimiter: u8,
    /// Records have line breaks inside quotes; if not, such records are not read and none of their lines is a row.
    multiline: bool,
    /// Fields behind those of the header are not looked at; if not, they spoil the row.
    ignore_surplus: bool,
    /// Bytes from the start of a line within which a quote that it opens must be closed.
    reach: usize,
    /// Bytes that a record may have.
    max_record: usize,
}

impl CsvDialect {
    /// Files with this delimiter, read so.
    pub fn new(delimiter: u8, reading: CsvReading, max_record: u64) -> Self {
        let CsvReading { multiline, ignore_surplus } = reading;
        let max_record = usize::try_from(max_record).unwrap_or(usize::MAX);
        // Who takes records of several lines takes long ones.
        let reach = if multiline { max_record } else { STRAY };
        Self { delimiter, multiline, ignore_surplus, reach, max_record }
    }

    /// Bytes from the start of a line within which a quote that it opens must be closed.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Bytes that a record may have.
    pub fn max_record(&self) -> u64 {
        self.max_record as u64
    }

    /// With another reach than the default.
    pub fn with_reach(self, reach: usize) -> Self {
        Self { reach, ..self }
    }

    /// The first place at or behind `wanted`, which is just behind a newline of `bytes` or at their end, where they may be
    /// cut: no record is open there. None if it takes more bytes to say that; `whole` = there are none. Nothing is open
    /// at `from`.
    pub fn cut(&self, bytes: &[u8], from: usize, wanted: usize, whole: bool) -> Option<usize> {
        match open::cut(bytes, from, wanted, self.delimiter, self.reach, whole) {
            CsvCut::At(place) => Some(place),
            CsvCut::More => None,
        }
    }

    /// Where the record ends that starts at `start`, and where the next one starts.
    pub fn record(&self, bytes: &[u8], start: usize) -> (usize, usize) {
        let mut end = fields::line_end(bytes, start);
        if self.multiline
            && let Err(Fault::Open { quote, .. }) =
                fields::split(bytes, start, content_end(bytes, start, end), self.delimiter, |_, _, _, _| {})
            && let OpenQuote::Record { end: last } = open::open(bytes, start, quote, self.delimiter, self.reach, true)
        {
            end = last;
        }
        (content_end(bytes, start, end), (end + 1).min(bytes.len()))
    }
}

/// Where records are lines, one stray quote takes no more than this with it.
const STRAY: usize = 1 << 20;

/// One row per record that is not blank.
pub(super) struct CsvDecoder {
    projection: Projection,
    by_position: Arc<CsvLayout>,
    dialect: CsvDialect,
}

impl CsvDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize], check: Check, dialect: CsvDialect) -> Result<Self, FormatError> {
        let projection = Projection::new(schema, wanted, check, "csv", false)?;
        Ok(Self { projection, by_position: Arc::new(CsvLayout::by_position(schema)), dialect })
    }
}

impl Decode for CsvDecoder {
    fn schema(&self) -> SchemaRef {
        self.projection.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let mut lines = Lines::of(chunk, "csv")?;
        let RawContent::Lines { layout, .. } = &chunk.content else {
            return Err(FormatError::WrongChunk("csv").into());
        };
        let layout = layout.as_ref().unwrap_or(&self.by_position);
        let width = self.projection.scanned.len();
        // For each field of a line, which scanned column it is.
        let mut targets: Vec<Option<usize>> = vec![None; layout.fields];
        for (i, (declared, _)) in self.projection.scanned.iter().enumerate() {
            targets[layout.columns[*declared]] = Some(i);
        }

        let found = FoundRows::new(std::mem::take(&mut lines.invalid));
        let slots = Vec::with_capacity(width * (lines.text.len() / 32 + 1));
        let fields = layout.fields;
        let mut scan = Scan { dialect: self.dialect, bytes: lines.bytes, fields, targets, width, slots, found };
        scan.chunk();
        let Scan { slots, found, .. } = scan;
        let cells = |column| CsvCells { text: &lines.text, slots: &slots, rows: found.rows, width, column };
        let (batch, mismatches) = self.projection.batch(found.rows, cells)?;
        found.finish(&lines, batch, mismatches)
    }
}

/// One column's fields.
struct CsvCells<'a> {
    text: &'a str,
    slots: &'a [Slot],
    rows: usize,
    width: usize,
    column: usize,
}

impl Cells for CsvCells<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn cell(&self, row: usize) -> Cell<'_> {
        let slot = self.slots[row * self.width + self.column];
        if slot.is_missing() {
            return Cell::Null;
        }
        let (text, escaped) = unquoted(slot.text(self.text), slot.escaped());
        Cell::Field(Raw { text, escaped })
    }

    fn text(&self) -> &str {
        self.text
    }

    fn slot(&self, row: usize) -> Slot {
        self.slots[row * self.width + self.column]
    }

    fn unescape(&self, raw: &str, to: &mut String) {
        unescape(raw, to);
    }
}
