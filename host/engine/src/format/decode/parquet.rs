//! Parquet: a row group is decoded by itself, and only its wanted columns are read. Columns are taken by name and
//! brought to the declared types; a row with a value that does not fit is bad. Only wanted columns are looked at, so
//! which rows are bad can depend on what a query reads.

mod file;
mod fit;
mod int96;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

pub use self::file::{ParquetFile, RowGroup};
use crate::error::Result;
use crate::format::{BadRow, Decode, Decoded, FormatError, RawChunk, RawContent, RowLines};

/// Rows that are bad, by number, each with why and its text.
type BadRows = BTreeMap<usize, (String, String)>;

/// A row with a value that does not fit the declared type is bad; a file that is damaged is an error.
pub(super) struct ParquetDecoder {
    schema: SchemaRef,
}

impl ParquetDecoder {
    pub fn new(schema: &SchemaRef, wanted: &[usize]) -> Self {
        Self { schema: Arc::new(schema.project(wanted).expect("wanted columns are indices of the schema")) }
    }

    /// The good rows of a piece, and the others by number, each with why and its text.
    fn read(&self, piece: &RowGroup) -> Result<(RecordBatch, BadRows), FormatError> {
        let file = &*piece.file;
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
            let batch = RecordBatch::try_new_with_options(self.schema.clone(), vec![], &options);
            return Ok((batch.map_err(|e| file.malformed(e))?, BTreeMap::new()));
        }
        let read = columns(piece, &file.metadata, &roots)?;
        // The reader keeps the file's order; the columns are wanted in ours.
        let order: Vec<usize> = self
            .schema
            .fields()
            .iter()
            .map(|field| read.schema_ref().index_of(field.name()))
            .collect::<Result<_, _>>()
            .map_err(|e| file.malformed(e))?;
        let read = read.project(&order).map_err(|e| file.malformed(e))?;

        let mut reasons = BTreeMap::new();
        let mut wrapped: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        if let Some(metadata) = &file.seconds {
            let roots = int96::roots(metadata.parquet_schema(), &roots);
            let seconds = if roots.is_empty() { None } else { Some(columns(piece, metadata, &roots)?) };
            for (field, column) in seconds.iter().flat_map(|s| s.schema_ref().fields().iter().zip(s.columns())) {
                let Some((at, _)) = read.schema_ref().column_with_name(field.name()) else { continue };
                let bad = int96::out_of_range(read.column(at), column);
                for row in bad.iter().enumerate().filter_map(|(row, bad)| bad.then_some(row)) {
                    let value = fit::shown_seconds(column, row);
                    let reason = format!("`{}`: {value} lies outside what a timestamp can hold", field.name());
                    reasons.entry(row).or_insert(reason);
                    wrapped.entry(row).or_default().push(at);
                }
            }
        }
        let fitted = read.columns().iter().zip(self.schema.fields());
        let fitted = fitted.map(|(column, field)| fit::fit(field.name(), column, field.data_type(), &mut reasons));
        let fitted = fitted.collect::<Result<Vec<_>, _>>().map_err(|e| file.malformed(e))?;
        let mut batch = RecordBatch::try_new(self.schema.clone(), fitted).map_err(|e| file.malformed(e))?;
        let mut bad = BTreeMap::new();
        if !reasons.is_empty() {
            let keep: BooleanArray = (0..piece.rows).map(|row| Some(!reasons.contains_key(&row))).collect();
            batch = filter_record_batch(&batch, &keep).map_err(|e| file.malformed(e))?;
            bad.extend(reasons.into_iter().map(|(row, reason)| {
                let without = wrapped.get(&row).map_or(&[][..], Vec::as_slice);
                (row, (reason, fit::row_text(&read, row, without)))
            }));
        }
        Ok((batch, bad))
    }
}

/// Some columns of a piece, in the file's order.
fn columns(piece: &RowGroup, metadata: &ArrowReaderMetadata, roots: &[usize]) -> Result<RecordBatch, FormatError> {
    let file = &*piece.file;
    // Each piece opens the file anew: threads that share one handle would share its position.
    let handle = File::open(&file.path).map_err(|error| FormatError::Unreadable { file: file.name.clone(), error })?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(handle, metadata.clone())
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
    if batch.num_rows() != piece.rows {
        return Err(file.malformed(format!("a row group has {} rows of {}", batch.num_rows(), piece.rows)));
    }
    Ok(batch)
}

impl Decode for ParquetDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::RowGroup(piece) = &chunk.content else { return Err(FormatError::WrongChunk("parquet").into()) };
        let (batch, bad) = self.read(piece)?;
        let meta = piece.file.metadata.metadata().row_group(piece.group);
        let stored = u64::try_from(meta.compressed_size()).unwrap_or(0);
        let all = u64::try_from(meta.num_rows()).unwrap_or(0).max(1);
        let number = |row: usize| u32::try_from(row).expect("a piece has fewer than 2^32 rows");
        let rows = match bad.is_empty() {
            true => RowLines::Contiguous { first: 0 },
            false => RowLines::At((0..piece.rows).filter(|row| !bad.contains_key(row)).map(number).collect()),
        };
        let bad = bad.into_iter().map(|(row, (reason, text))| BadRow { line: number(row), reason, text });
        Ok(Decoded {
            batch,
            rows,
            bad: bad.collect(),
            lines: piece.rows as u64,
            bytes: (u128::from(stored) * piece.rows as u128 / u128::from(all)) as u64,
        })
    }
}
