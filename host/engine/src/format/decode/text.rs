//! Plain lines: one column of text.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::SchemaRef;

use super::lines::{FoundRows, Lines};
use crate::error::{Error, Result};
use crate::format::{Decode, Decoded, RawChunk};

/// Every line is a row, blank ones too; `\r\n` ends a line as `\n` does.
pub(super) struct TextDecoder {
    schema: SchemaRef,
}

impl TextDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize]) -> Self {
        Self { schema: Arc::new(schema.project(wanted).expect("wanted columns are indices of the schema")) }
    }
}

impl Decode for TextDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let mut lines = Lines::of(chunk, "text")?;
        let mut found = FoundRows::new(std::mem::take(&mut lines.invalid));
        let text = lines.text.as_bytes();
        let mut values: Vec<u8> = Vec::with_capacity(text.len());
        let mut ends: Vec<i32> = Vec::with_capacity(text.len() / 64 + 2);
        ends.push(0);
        for (start, end) in lines.iter() {
            if found.is_invalid(found.lines) {
                found.skip();
                continue;
            }
            let line = &text[start..end];
            values.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            ends.push(i32::try_from(values.len()).expect("a chunk is far smaller than 2 GiB"));
            found.row(1);
        }
        let offsets = OffsetBuffer::new(ends.into());
        let column = StringArray::try_new(offsets, Buffer::from_vec(values), None)
            .map_err(|e| Error::internal(format!("lines do not make a column: {e}")))?;
        let columns: Vec<ArrayRef> =
            self.schema.fields().iter().map(|_| Arc::new(column.clone()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(found.rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::internal(format!("lines do not make a batch: {e}")))?;
        found.finish(&lines, batch, Default::default())
    }
}
