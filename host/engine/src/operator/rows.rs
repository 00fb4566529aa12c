//! A batch on its way through the operators, with where each row came from.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::{Error, ErrorKind, Result};

/// Which row of its chunk each row came from.
#[derive(Debug, Clone)]
pub enum RowOrigins {
    /// Row `i` from row `first + i`.
    From(u32),
    /// Row `i` from row `.0[i]`.
    At(Arc<[u32]>),
}

/// Rows and their origins.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The rows.
    pub batch: RecordBatch,
    /// Where they came from: as many as the batch has rows.
    pub origin: RowOrigins,
}

impl Rows {
    /// The rows of a whole chunk.
    pub fn new(batch: RecordBatch) -> Self {
        Self { batch, origin: RowOrigins::From(0) }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The chunk's row that row `i` came from.
    pub fn origin(&self, i: usize) -> u32 {
        match &self.origin {
            RowOrigins::From(first) => first + i as u32,
            RowOrigins::At(rows) => rows[i],
        }
    }

    /// The same rows with other columns.
    #[must_use]
    pub fn with_batch(self, batch: RecordBatch) -> Self {
        debug_assert_eq!(self.batch.num_rows(), batch.num_rows());
        Self { batch, origin: self.origin }
    }

    /// The rows for which `keep` is true; null is false.
    pub fn filter(self, keep: &BooleanArray) -> Result<Self> {
        let kept = keep.true_count();
        if kept == self.len() {
            return Ok(self);
        }
        let batch = filter_record_batch(&self.batch, keep).map_err(arrow_failed)?;
        let mut origins = Vec::with_capacity(kept);
        let chosen = |i: usize| keep.value(i) && keep.is_valid(i);
        origins.extend((0..self.len()).filter(|i| chosen(*i)).map(|i| self.origin(i)));
        Ok(Self { batch, origin: RowOrigins::At(origins.into()) })
    }

    /// The rows at `indices`, which may repeat.
    pub fn take(self, indices: &UInt32Array) -> Result<Self> {
        let batch = take_record_batch(&self.batch, indices).map_err(arrow_failed)?;
        let origins: Vec<u32> = indices.values().iter().map(|i| self.origin(*i as usize)).collect();
        Ok(Self { batch, origin: RowOrigins::At(origins.into()) })
    }

    /// `len` rows from `offset` on; copies no values.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        let origin = match &self.origin {
            RowOrigins::From(first) => RowOrigins::From(first + offset as u32),
            RowOrigins::At(rows) => RowOrigins::At(rows[offset..offset + len].into()),
        };
        Self { batch: self.batch.slice(offset, len), origin }
    }

    /// The rows but those at `rejected`, ascending.
    pub fn without(self, rejected: &[u32]) -> Result<Self> {
        if rejected.is_empty() {
            return Ok(self);
        }
        let mut keep = vec![true; self.len()];
        for row in rejected {
            keep[*row as usize] = false;
        }
        self.filter(&BooleanArray::from(keep))
    }
}

/// Of several batches the rows that were found, each by the number of its batch and its own, in their order; batches of which
/// there are none are left out.
pub(super) fn those_of<'a>(
    batches: impl ExactSizeIterator<Item = &'a RecordBatch> + Clone,
    found: impl IntoIterator<Item = Vec<(u32, u32)>>,
) -> Result<Vec<RecordBatch>> {
    let mut is_found: Vec<Vec<bool>> = batches.clone().map(|batch| vec![false; batch.num_rows()]).collect();
    for (batch, row) in found.into_iter().flatten() {
        is_found[batch as usize][row as usize] = true;
    }
    let those =
        batches.zip(is_found).map(|(batch, is_found)| filter_record_batch(batch, &BooleanArray::from(is_found)));
    let those: Vec<RecordBatch> = those.collect::<std::result::Result<_, _>>().map_err(arrow_failed)?;
    Ok(those.into_iter().filter(|batch| batch.num_rows() > 0).collect())
}

/// A batch of `columns`, which may be none.
pub(super) fn batch_of(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(arrow_failed)
}

/// An arrow kernel that refuses what the plan has checked is a defect of ours, unless there is too much of it: columns
/// hold 2 GiB.
pub(crate) fn arrow_failed(e: arrow::error::ArrowError) -> Error {
    if matches!(e, arrow::error::ArrowError::OffsetOverflowError(_)) {
        return Error::new(ErrorKind::Quota, "a column of more than 2 GiB would be made of it").caused_by(e);
    }
    Error::internal(format!("a computation on columns failed: {e}")).caused_by(e)
}
