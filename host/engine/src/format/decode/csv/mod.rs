//! Comma-separated values as RFC 4180 has them: a field may stand in double quotes, with `""` for a quote, and has none
//! in it otherwise ([`fields`]). An empty field is null; an empty quoted one is an empty text (null where the column is
//! no text).
//!
//! A record is one line, or, where the source says so, one that has line breaks inside quotes; which lines such a record
//! has is found out either way, since none of them is a row ([`open`]). With a header the columns of a file are taken by
//! name, whatever their order; others are ignored.

mod fields;
mod open;
mod scan;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use self::fields::{Fault, content_end};
use self::open::{Cut, Open};
use self::scan::Scan;
use super::lines::{Found, Lines};
use super::projection::Projection;
use super::slots::{Cell, Cells, Raw, Slot};
use crate::error::Result;
use crate::format::CsvReading;
use crate::format::{Check, Decode, Decoded, FormatError, RawChunk, RawContent};

/// Where one file has its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLayout {
    /// Fields of each line.
    fields: usize,
    /// For each declared column, which field it is.
    columns: Vec<usize>,
}

impl CsvLayout {
    /// A file without a header: the declared columns in their order.
    pub fn by_position(schema: &Schema) -> Self {
        let fields = schema.fields().len();
        Self { fields, columns: (0..fields).collect() }
    }

    /// A file whose header, without its line's end, is `header` and stands in line `line`. A declared column is the field of
    /// just its name, or else the one whose name has blanks around it; what the other fields are called plays no part.
    ///
    /// # Errors
    /// [`FormatError::MissingColumn`], and [`FormatError::Malformed`] if the header is no CSV or names a declared column
    /// twice.
    pub fn by_header(header: &str, line: u64, delimiter: u8, schema: &Schema, file: &str) -> Result<Self, FormatError> {
        let malformed = |reason: String| FormatError::Malformed { file: file.into(), reason };
        let names = names(header, delimiter)
            .map_err(|what| malformed(format!("line {line}: the header is not valid CSV: {what}")))?;
        let place = |name: &str, is: fn(&str) -> &str| -> Result<Option<usize>, FormatError> {
            let mut places = names.iter().enumerate().filter(|(_, found)| is(found) == name).map(|(place, _)| place);
            let first = places.next();
            if places.next().is_some() {
                return Err(malformed(format!("line {line}: the header names the column `{name}` twice")));
            }
            Ok(first)
        };
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let exact = place(field.name(), |name| name)?;
            match if exact.is_some() { exact } else { place(field.name(), str::trim)? } {
                Some(place) => columns.push(place),
                None => {
                    let column = field.name().clone();
                    return Err(FormatError::MissingColumn { file: file.into(), column, found: names });
                }
            }
        }
        Ok(Self { fields: names.len(), columns })
    }
}

/// The names in a header.
pub(super) fn names(header: &str, delimiter: u8) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    let take = |_, start, end, escaped| {
        let mut name = String::new();
        let (text, escaped) = unquoted(&header[start..end], escaped);
        if escaped {
            unescape(text, &mut name)
        } else {
            name.push_str(text)
        }
        names.push(name);
    };
    fields::split(header.as_bytes(), 0, header.len(), delimiter, take).map_err(|fault| fault.to_string())?;
    Ok(names)
}

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
            Cut::At(place) => Some(place),
            Cut::More => None,
        }
    }

    /// Where the record ends that starts at `start`, and where the next one starts.
    pub fn record(&self, bytes: &[u8], start: usize) -> (usize, usize) {
        let mut end = fields::line_end(bytes, start);
        if self.multiline
            && let Err(Fault::Open { quote, .. }) =
                fields::split(bytes, start, content_end(bytes, start, end), self.delimiter, |_, _, _, _| {})
            && let Open::Record { end: last } = open::open(bytes, start, quote, self.delimiter, self.reach, true)
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

        let found = Found::new(std::mem::take(&mut lines.invalid));
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

#[inline]
fn unquoted(text: &str, escaped: bool) -> (&str, bool) {
    match text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => (inner, escaped),
        None => (text, false),
    }
}

fn unescape(raw: &str, to: &mut String) {
    let mut parts = raw.split("\"\"");
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        to.push('"');
        to.push_str(part);
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
