//! Tables in memory that the library's user reads while the job runs.
//!
//! Always holds: a reader sees whole, committed epochs only. Append adds rows for as long as the job runs (the table
//! has no bound); update replaces a row by its key; complete replaces everything. It dies with the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};

use crate::connector::sink::SinkError;
use crate::error::Result;

/// The memory sinks' tables by sink name; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryTables(Arc<Mutex<BTreeMap<String, MemoryTable>>>);

impl MemoryTables {
    /// The table of sink `name`, made empty where it is not there yet: a reader may ask before the job starts.
    pub fn table(&self, name: &str) -> MemoryTable {
        lock(&self.0).entry(name.to_owned()).or_default().clone()
    }
}

/// The rows of one memory sink; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryTable(pub(super) Arc<Mutex<Content>>);

#[derive(Debug, Default)]
pub(super) struct Content {
    schema: Option<SchemaRef>,
    pub(super) epoch: Option<u64>,
    pub(super) batches: Vec<RecordBatch>,
    /// Update mode only: where in `batches` each key's row is, keys in the order in which they first came.
    rows: Vec<(usize, usize)>,
    /// Update mode only: each key's place in `rows`.
    places: HashMap<Box<[u8]>, usize>,
}

impl MemoryTable {
    /// The rows of all committed epochs, in batches. In update mode rows are in the order in which their keys first
    /// came.
    ///
    /// # Errors
    /// Rows that no longer fit into one batch (update mode; more than 2 GiB of strings).
    pub fn snapshot(&self) -> Result<Vec<RecordBatch>> {
        let mut content = lock(&self.0);
        content.compact().map_err(SinkError::Show)?;
        Ok(content.batches.clone())
    }

    /// The columns; none before the job has been built.
    pub fn schema(&self) -> Option<SchemaRef> {
        lock(&self.0).schema.clone()
    }

    /// The last epoch whose rows are in; none before the first.
    pub fn epoch(&self) -> Option<u64> {
        lock(&self.0).epoch
    }
}

impl Content {
    /// No rows yet, of these columns.
    pub(super) fn of(schema: SchemaRef) -> Self {
        Self { schema: Some(schema), ..Self::default() }
    }

    /// Leaves one batch with the rows that count, where an update has left others behind.
    fn compact(&mut self) -> Result<(), ArrowError> {
        if self.rows.is_empty() || self.batches.len() == 1 && self.batches[0].num_rows() == self.rows.len() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let whole = interleave_record_batch(&batches, &self.rows)?;
        self.rows = (0..whole.num_rows()).map(|row| (0, row)).collect();
        self.batches = vec![whole];
        Ok(())
    }

    pub(super) fn upsert(&mut self, batch: RecordBatch, keys: &[usize]) -> Result<(), ArrowError> {
        let at = self.batches.len();
        let mut put = |key: &[u8], row: usize| match self.places.get(key) {
            Some(&place) => self.rows[place] = (at, row),
            None => {
                self.places.insert(key.into(), self.rows.len());
                self.rows.push((at, row));
            }
        };
        if keys.is_empty() {
            // A global aggregate has one row, which the next one replaces.
            (0..batch.num_rows()).for_each(|row| put(&[], row));
        } else {
            let columns: Vec<_> = keys.iter().map(|&k| batch.column(k).clone()).collect();
            let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
            let rows = RowConverter::new(fields)?.convert_columns(&columns)?;
            rows.iter().enumerate().for_each(|(i, row)| put(row.as_ref(), i));
        }
        self.batches.push(batch);
        // Rows that were replaced are dropped once they outnumber those that count: constant work per row on average.
        if self.batches.iter().map(RecordBatch::num_rows).sum::<usize>() > 2 * self.rows.len() + 1024 {
            self.compact()?;
        }
        Ok(())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
