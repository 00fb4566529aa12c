//! Which rows a call hands over, where the operator has wishes: rows with nulls left out, no more than so many at once.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{concat, take_record_batch};

use crate::binding::Bound;
use crate::error::{PluginError, Result};
use crate::rejects::Reject;

/// The rows of a batch that are handed over.
pub(super) struct HandedOver<'a> {
    batch: Cow<'a, RecordBatch>,
    /// Where its rows stand in the whole batch; `None`: where they stand here.
    rows: Option<UInt32Array>,
}

impl<'a> HandedOver<'a> {
    /// All rows of `batch`, or those without a null in the columns that the operator reads.
    pub(super) fn new(bound: &Bound, batch: &'a RecordBatch) -> Result<Self> {
        let all = || Self { batch: Cow::Borrowed(batch), rows: None };
        if !bound.hints.skip_nulls {
            return Ok(all());
        }
        let columns = bound.reads.iter().filter_map(|&read| batch.columns().get(read));
        let present =
            columns.fold(None, |nulls, column| NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref()));
        let Some(present) = present.filter(|nulls| nulls.null_count() > 0) else { return Ok(all()) };
        let rows = UInt32Array::from_iter_values(present.valid_indices().map(|row| row as u32));
        let batch = take_record_batch(batch, &rows)
            .map_err(|e| PluginError::Engine(format!("leaving out rows with nulls: {e}")))?;
        Ok(Self { batch: Cow::Owned(batch), rows: Some(rows) })
    }

    pub(super) fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// The batch that was given, if one call takes all of it.
    pub(super) fn whole(&self, bound: &Bound) -> Option<&RecordBatch> {
        (self.rows.is_none() && self.batch.num_rows() <= most_rows(bound)).then_some(&*self.batch)
    }

    /// Where row `row` of [`batch`](Self::batch) stands in the whole batch.
    pub(super) fn row(&self, row: u32) -> u32 {
        self.rows.as_ref().map_or(row, |rows| rows.value(row as usize))
    }

    /// Rejects of rows of [`batch`](Self::batch) as those of the whole batch.
    pub(super) fn rejects(&self, mut rejects: Vec<Reject>) -> Vec<Reject> {
        rejects.iter_mut().for_each(|reject| reject.row = self.row(reject.row));
        rejects
    }

    /// Where the rows stand in the whole batch, if some were left out.
    pub(super) fn rows(&self) -> Option<&UInt32Array> {
        self.rows.as_ref()
    }

    /// Calls `call` with the rows, as many at once as the operator wishes, and with where each part begins in
    /// [`batch`](Self::batch). At least once, also without rows.
    pub(super) fn in_parts<T>(
        &self,
        bound: &Bound,
        mut call: impl FnMut(&RecordBatch, u32) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.batch.num_rows();
        let most = most_rows(bound);
        let moved = |first: usize| move |e: PluginError| e.in_row(|row| self.row(row + first as u32));
        if rows <= most {
            return Ok(vec![call(&self.batch, 0).map_err(moved(0))?]);
        }
        let part = |first| call(&self.batch.slice(first, most.min(rows - first)), first as u32).map_err(moved(first));
        (0..rows).step_by(most).map(part).collect()
    }
}

/// How many rows the operator wishes for in a call at the most.
fn most_rows(bound: &Bound) -> usize {
    bound.hints.rows_per_call.map_or(usize::MAX, |most| most as usize)
}

/// The columns of a whole batch of those of its parts, of which there is at least one.
pub(super) fn put_together(parts: &[&[ArrayRef]]) -> Result<Vec<ArrayRef>> {
    let column = |index: usize| {
        let arrays: Vec<&dyn Array> = parts.iter().map(|columns| columns[index].as_ref()).collect();
        concat(&arrays)
    };
    let columns = (0..parts[0].len()).map(column).collect::<Result<_, _>>();
    columns.map_err(|e| PluginError::Engine(format!("putting the parts of a batch together: {e}")))
}
