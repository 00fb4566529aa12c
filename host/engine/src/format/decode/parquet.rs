//! Parquet: a row group is decoded by itself, and only its wanted columns are read. Columns are taken by name and
//! brought to the declared types where Arrow can cast them without loss of rows.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::compute::{can_cast_types, concat_batches};
use arrow::datatypes::{Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::error::Result;
use crate::format::normalise::cast_batch;
use crate::format::{Decode, Decoded, FormatError, RawChunk, RawContent, Rows, normalise_schema, type_name};

/// A row group is decoded in pieces of about this many bytes (uncompressed), so that the offsets of its text columns
/// stay within the 2 GiB that Arrow's `utf8` can address.
const PIECE: u64 = 1 << 30;

/// A Parquet file whose footer was read.
pub struct ParquetFile {
    path: PathBuf,
    name: String,
    metadata: ArrowReaderMetadata,
}

/// Rows of one row group of a file.
#[derive(Debug, Clone)]
pub struct RowGroup {
    file: Arc<ParquetFile>,
    group: usize,
    from: usize,
    rows: usize,
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetFile {
    /// Reads the footer of `file`, which lies at `path` and is called `name` in messages.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] if it is no Parquet.
    pub fn read(file: &File, path: &Path, name: &str) -> Result<Self, FormatError> {
        let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())
            .map_err(|e| FormatError::Malformed { file: name.into(), reason: format!("not a Parquet file: {e}") })?;
        Ok(Self { path: path.into(), name: name.into(), metadata })
    }

    /// The file's columns, normalised.
    pub fn schema(&self) -> SchemaRef {
        normalise_schema(self.metadata.schema())
    }

    /// Makes sure that the file has the declared columns, of types that can be brought to the declared ones.
    ///
    /// # Errors
    /// [`FormatError::MissingColumn`], [`FormatError::Malformed`].
    pub fn check(&self, declared: &Schema) -> Result<(), FormatError> {
        for field in declared.fields() {
            let found = self.schema();
            let Some((_, column)) = found.column_with_name(field.name()) else {
                return Err(FormatError::MissingColumn {
                    file: self.name.clone(),
                    column: field.name().clone(),
                    found: found.fields().iter().map(|f| f.name().clone()).collect(),
                });
            };
            let (from, to) = (column.data_type(), field.data_type());
            if from != to && !can_cast_types(from, to) {
                return Err(FormatError::Malformed {
                    file: self.name.clone(),
                    reason: format!(
                        "the column `{}` is a {}, which cannot be made a {}",
                        field.name(),
                        type_name(from),
                        type_name(to)
                    ),
                });
            }
        }
        Ok(())
    }

    /// The pieces that the file is decoded in, in its order.
    pub fn row_groups(self: &Arc<Self>) -> Vec<RowGroup> {
        let mut pieces = Vec::new();
        for (group, meta) in self.metadata.metadata().row_groups().iter().enumerate() {
            let rows = usize::try_from(meta.num_rows()).unwrap_or(0);
            let count = u64::try_from(meta.total_byte_size()).unwrap_or(0).div_ceil(PIECE).max(1);
            let step = rows.div_ceil(usize::try_from(count).unwrap_or(1)).max(1);
            for from in (0..rows).step_by(step) {
                pieces.push(RowGroup { file: self.clone(), group, from, rows: step.min(rows - from) });
            }
        }
        pieces
    }

    fn malformed(&self, reason: impl std::fmt::Display) -> FormatError {
        FormatError::Malformed { file: self.name.clone(), reason: reason.to_string() }
    }
}

/// Every row is good; a file that is damaged is an error.
pub(super) struct ParquetDecoder {
    schema: SchemaRef,
}

impl ParquetDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize]) -> Self {
        Self { schema: Arc::new(schema.project(wanted).expect("wanted columns are indices of the schema")) }
    }

    fn read(&self, piece: &RowGroup) -> Result<RecordBatch, FormatError> {
        let file = &*piece.file;
        // Each piece opens the file anew: threads that share one handle would share its position.
        let handle =
            File::open(&file.path).map_err(|error| FormatError::Unreadable { file: file.name.clone(), error })?;
        let stored = file.metadata.schema();
        let roots: Vec<usize> = self
            .schema
            .fields()
            .iter()
            .map(|field| stored.index_of(field.name()))
            .collect::<Result<_, _>>()
            .map_err(|e| file.malformed(e))?;
        if roots.is_empty() {
            let options = RecordBatchOptions::new().with_row_count(Some(piece.rows));
            return RecordBatch::try_new_with_options(self.schema.clone(), vec![], &options)
                .map_err(|e| file.malformed(e));
        }
        let mask = ProjectionMask::roots(file.metadata.parquet_schema(), roots);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, file.metadata.clone())
            .with_row_groups(vec![piece.group])
            .with_projection(mask)
            .with_offset(piece.from)
            .with_limit(piece.rows)
            .with_batch_size(piece.rows)
            .build()
            .map_err(|e| file.malformed(e))?;
        let read = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|e| file.malformed(e))?;
        let batch = match <[RecordBatch; 1]>::try_from(batches) {
            Ok([batch]) => batch,
            Err(batches) => concat_batches(&read, &batches).map_err(|e| file.malformed(e))?,
        };
        // The reader keeps the file's order; the columns are wanted in ours.
        let order: Vec<usize> = self
            .schema
            .fields()
            .iter()
            .map(|field| batch.schema_ref().index_of(field.name()))
            .collect::<Result<_, _>>()
            .map_err(|e| file.malformed(e))?;
        let batch = batch.project(&order).map_err(|e| file.malformed(e))?;
        if batch.num_rows() != piece.rows {
            return Err(file.malformed(format!("a row group has {} rows of {}", batch.num_rows(), piece.rows)));
        }
        cast_batch(&batch, self.schema.clone()).map_err(|e| file.malformed(e))
    }
}

impl Decode for ParquetDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::RowGroup(piece) = &chunk.content else { return Err(FormatError::WrongChunk("parquet").into()) };
        let batch = self.read(piece)?;
        let meta = piece.file.metadata.metadata().row_group(piece.group);
        let stored = u64::try_from(meta.compressed_size()).unwrap_or(0);
        let all = u64::try_from(meta.num_rows()).unwrap_or(0).max(1);
        Ok(Decoded {
            batch,
            rows: Rows::Contiguous { first: 0 },
            bad: Vec::new(),
            lines: piece.rows as u64,
            bytes: (u128::from(stored) * piece.rows as u128 / u128::from(all)) as u64,
        })
    }
}
