//! Comma-separated values as RFC 4180 has them, one record a line: a field may stand in double quotes, with `""` for
//! a quote. An empty field is null; an empty quoted one is an empty text (null where the column is no text).
//!
//! With a header the columns of a file are taken by name, whatever their order; others are ignored. Every line must
//! have as many fields as the header (or the schema). A quote that is not closed spoils its line only.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

use super::lines::{Found, Lines, is_blank};
use super::projection::Projection;
use super::slots::{Cell, Cells, Raw, Slot};
use crate::error::Result;
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

    /// A file whose first line, without its end, is `header`.
    ///
    /// # Errors
    /// [`FormatError::MissingColumn`], and [`FormatError::Malformed`] if the header is no CSV or names a declared column
    /// twice.
    pub fn by_header(header: &str, delimiter: u8, schema: &Schema, file: &str) -> Result<Self, FormatError> {
        let malformed = |reason: String| FormatError::Malformed { file: file.into(), reason };
        let names = names(header, delimiter)
            .map_err(|what| malformed(format!("line 1: the header is not valid CSV: {what}")))?;
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == field.name()).map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => columns.push(place),
                (Some(_), Some(_)) => {
                    return Err(malformed(format!("line 1: the header names the column `{}` twice", field.name())));
                }
                (None, _) => {
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
    split(header, 0, header.len(), delimiter, |_, slot| {
        let mut name = String::new();
        let (text, escaped) = unquoted(slot.text(header), slot.escaped());
        if escaped {
            unescape(text, &mut name)
        } else {
            name.push_str(text)
        }
        names.push(name);
    })?;
    Ok(names)
}

/// One row per line that is not blank.
pub(super) struct CsvDecoder {
    projection: Projection,
    by_position: Arc<CsvLayout>,
    delimiter: u8,
}

impl CsvDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize], check: Check, delimiter: u8) -> Result<Self, FormatError> {
        let projection = Projection::new(schema, wanted, check, "csv", false)?;
        Ok(Self { projection, by_position: Arc::new(CsvLayout::by_position(schema)), delimiter })
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

        let mut found = Found::new(std::mem::take(&mut lines.invalid));
        let text: &str = &lines.text;
        let mut slots: Vec<Slot> = Vec::with_capacity(width * (text.len() / 32 + 1));
        for (start, end) in lines.iter() {
            if is_blank(&text.as_bytes()[start..end]) {
                found.skip();
                continue;
            }
            let end = if text.as_bytes()[end - 1] == b'\r' { end - 1 } else { end };
            let first = slots.len();
            slots.resize(first + width, Slot::MISSING);
            let row = &mut slots[first..];
            let counted = split(text, start, end, self.delimiter, |field, slot| {
                if let Some(Some(target)) = targets.get(field) {
                    row[*target] = slot;
                }
            });
            match counted {
                Ok(fields) if fields == layout.fields => found.row(),
                wrong => {
                    slots.truncate(first);
                    found.bad(match wrong {
                        Ok(1) => format!("1 field, {} expected", layout.fields),
                        Ok(fields) => format!("{fields} fields, {} expected", layout.fields),
                        Err(what) => what,
                    });
                }
            }
        }
        let cells = |column| CsvCells { text, slots: &slots, rows: found.rows, width, column };
        let (batch, mismatches) = self.projection.batch(found.rows, cells)?;
        found.finish(&lines, batch, mismatches)
    }
}

/// Splits the line `start..end` into fields, quoted ones with their quotes; how many there are.
#[inline]
fn split(
    text: &str,
    start: usize,
    end: usize,
    delimiter: u8,
    mut take: impl FnMut(usize, Slot),
) -> Result<usize, String> {
    let line = &text.as_bytes()[..end];
    let mut at = start;
    let mut field = 0;
    loop {
        let (stop, escaped) = if line.get(at) == Some(&b'"') {
            closing_quote(line, at).map_err(|what| format!("{what} field {}", field + 1))?
        } else {
            (memchr::memchr(delimiter, &line[at..]).map_or(end, |length| at + length), false)
        };
        if stop < end && line[stop] != delimiter {
            return Err(format!("something follows the closing quote of field {}", field + 1));
        }
        take(field, Slot::new(at, stop, escaped));
        field += 1;
        if stop == end {
            return Ok(field);
        }
        at = stop + 1;
    }
}

/// One past the quote that closes the field starting at `at`, and whether quotes are doubled inside.
fn closing_quote(line: &[u8], at: usize) -> Result<(usize, bool), &'static str> {
    let mut escaped = false;
    let mut from = at + 1;
    while let Some(length) = memchr::memchr(b'"', &line[from..]) {
        let quote = from + length;
        if line.get(quote + 1) != Some(&b'"') {
            return Ok((quote + 1, escaped));
        }
        escaped = true;
        from = quote + 2;
    }
    Err("no closing quote in")
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

    fn written(&self, row: usize) -> &str {
        self.slots[row * self.width + self.column].text(self.text)
    }

    fn unescape(&self, raw: &str, to: &mut String) {
        unescape(raw, to);
    }
}
