//! What all made-up rows have in common.

use std::fmt::Debug;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;

/// Makes rows by their numbers. A row depends on the options and on its number alone: any range can be made by itself,
/// in parallel, and again after a crash.
pub(super) trait Rows: Debug + Send + Sync {
    /// All columns.
    fn schema(&self) -> SchemaRef;

    /// Rows of a chunk: as many as make about two megabytes of columns.
    fn per_chunk(&self) -> u64;

    /// Columns `wanted`, indices of the schema, of rows `from..to`, which are fewer than a hundred million.
    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made;
}

/// Columns of made-up rows.
pub(super) struct Made {
    /// Those that were wanted, in that order.
    pub columns: Vec<ArrayRef>,
    /// Memory of all that was made, wanted or not, bytes.
    pub bytes: u64,
}

impl Made {
    /// Columns of which none was made in vain.
    pub fn of(columns: Vec<ArrayRef>) -> Self {
        let bytes = columns.iter().map(|column| column.get_array_memory_size() as u64).sum();
        Self { columns, bytes }
    }
}
