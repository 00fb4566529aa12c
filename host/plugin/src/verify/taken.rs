//! Some rows of a batch, also where it has no columns.

use arrow::array::{RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take_arrays;

use crate::error::{PluginError, Result};

/// These rows, in this order.
pub(super) fn taken(batch: &RecordBatch, rows: impl IntoIterator<Item = u32>) -> Result<RecordBatch> {
    let rows = UInt32Array::from_iter_values(rows);
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    take_arrays(batch.columns(), &rows, None)
        .and_then(|columns| RecordBatch::try_new_with_options(batch.schema(), columns, &options))
        .map_err(|e| PluginError::Engine(format!("taking rows of a trial: {e}")))
}
