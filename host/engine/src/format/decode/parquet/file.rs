//! A Parquet file by its footer, and the pieces that it is decoded in.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;

use super::{fit, int96};
use crate::format::{FormatError, normalise_schema, type_name};

/// A row group is decoded in pieces of about this many bytes (uncompressed), so that the offsets of its text columns
/// stay within the 2 GiB that Arrow's `utf8` can address.
const PIECE: u64 = 1 << 30;

/// A Parquet file whose footer was read.
pub struct ParquetFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) metadata: ArrowReaderMetadata,
    /// The same with INT96 columns as seconds, where there are such columns.
    pub(super) seconds: Option<ArrowReaderMetadata>,
}

/// Rows of one row group of a file.
#[derive(Debug, Clone)]
pub struct RowGroup {
    pub(super) file: Arc<ParquetFile>,
    pub(super) group: usize,
    pub(super) from: usize,
    pub(super) rows: usize,
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
        let failed = |e: ParquetError| {
            let reason = format!("not a Parquet file, or a damaged one: {}", plain(&e.to_string()));
            FormatError::Malformed { file: name.into(), reason }
        };
        let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(failed)?;
        let seconds = int96::in_unit(&metadata, TimeUnit::Second).map_err(failed)?;
        let metadata = int96::in_unit(&metadata, TimeUnit::Microsecond).map_err(failed)?.unwrap_or(metadata);
        Ok(Self { path: path.into(), name: name.into(), metadata, seconds })
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
            if !fit::can_fit(from, to) {
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

    pub(super) fn malformed(&self, reason: impl std::fmt::Display) -> FormatError {
        let reason = reason.to_string();
        let reason = plain(&reason);
        let damaged = if reason.ends_with("is not read; snappy, gzip, zstd and lz4 are") { "" } else { "damaged: " };
        FormatError::Malformed { file: self.name.clone(), reason: format!("{damaged}{reason}") }
    }
}

/// What a library's error says, without the names of its kinds before it.
fn plain(error: &str) -> &str {
    const KINDS: [&str; 6] =
        ["Parquet error: ", "Parquet argument error: ", "External error: ", "External: ", "Arrow: ", "EOF: "];
    // A file that is as it should be, with what we do not read.
    if error.contains("encrypted") {
        return "it is encrypted, and such files are not read";
    }
    if error.contains("Disabled feature at compile time: brotli") {
        return "its columns are packed with brotli, which is not read; snappy, gzip, zstd and lz4 are";
    }
    let mut rest = error;
    while let Some(shorter) = KINDS.iter().find_map(|kind| rest.strip_prefix(kind)) {
        rest = shorter;
    }
    rest
}
