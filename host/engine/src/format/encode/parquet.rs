//! Parquet: Snappy pages, row groups of a fixed number of rows, and no Arrow schema beside Parquet's own, which readers
//! would trust more than the file (a string view, for one, makes older ones fail).

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::{EncodeError, Encoder};

/// Rows of one row group. A group is kept in memory until it is full; at this size readers still skip and
/// parallelise well.
const ROW_GROUP_ROWS: usize = 32 * super::CHUNK_ROWS;

pub(super) struct ParquetEncoder<W: Write + Send>(ArrowWriter<W>);

impl<W: Write + Send> ParquetEncoder<W> {
    pub(super) fn new(schema: SchemaRef, out: W) -> Result<Self, EncodeError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        Ok(Self(ArrowWriter::try_new_with_options(out, schema, options)?))
    }
}

impl<W: Write + Send> Encoder<W> for ParquetEncoder<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), EncodeError> {
        Ok(self.0.write(batch)?)
    }

    fn get_ref(&self) -> &W {
        self.0.inner()
    }

    fn finish(self: Box<Self>) -> Result<W, EncodeError> {
        Ok(self.0.into_inner()?)
    }
}
