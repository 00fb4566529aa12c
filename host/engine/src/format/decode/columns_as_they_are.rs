//! Rows that are columns already: those that are wanted of them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::error::{Error, Result};
use crate::format::{Decode, Decoded, FormatError, RawChunk, RawContent, RowLines};

/// Gives chunks of columns as they are.
#[derive(Debug)]
pub struct ColumnsDecoder {
    wanted: Vec<usize>,
    schema: SchemaRef,
}

impl ColumnsDecoder {
    /// For the columns `wanted` of chunks whose columns are `schema`.
    ///
    /// # Panics
    /// There is no such column.
    pub fn new(schema: &SchemaRef, wanted: &[usize]) -> Self {
        let projected = schema.project(wanted).expect("wanted columns are indices of the schema");
        Self { wanted: wanted.to_vec(), schema: Arc::new(projected) }
    }
}

impl Decode for ColumnsDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::Columns(batch) = &chunk.content else { return Err(FormatError::WrongChunk("columns").into()) };
        let (lines, bytes) = (batch.num_rows() as u64, batch.get_array_memory_size() as u64);
        let batch = batch
            .project(&self.wanted)
            .map_err(|e| Error::internal(format!("a chunk's columns are not its source's: {e}")).caused_by(e))?;
        Ok(Decoded { batch, rows: RowLines::Contiguous { first: 0 }, bad: Vec::new(), lines, bytes })
    }
}
