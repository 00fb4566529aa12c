//! A table in memory that the library's user reads while the job runs.
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

use super::{Payload, Prepared, Publish, Sink, SinkError};
use crate::error::Result;
use crate::job::OutputMode;
use crate::record::OutputRecord;

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
pub struct MemoryTable(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    schema: Option<SchemaRef>,
    epoch: Option<u64>,
    batches: Vec<RecordBatch>,
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

    fn upsert(&mut self, batch: RecordBatch, keys: &[usize]) -> Result<(), ArrowError> {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(super) struct MemorySink {
    batches: Vec<RecordBatch>,
    publisher: Arc<MemoryPublisher>,
}

struct MemoryPublisher {
    table: MemoryTable,
    mode: OutputMode,
    keys: Vec<usize>,
}

impl MemorySink {
    pub(super) fn new(
        table: MemoryTable,
        name: &str,
        mode: OutputMode,
        schema: SchemaRef,
        keys: &[String],
    ) -> Result<Self, SinkError> {
        let find = |key: &String| {
            schema.index_of(key).map_err(|_| SinkError::Refused {
                message: format!("sink {name} replaces rows by {key:?}, which is not among its columns"),
                help: "keep the grouping columns down to a memory sink in update mode, or use another output mode",
            })
        };
        let keys =
            if mode == OutputMode::Update { keys.iter().map(find).collect::<Result<_, _>>()? } else { Vec::new() };
        *lock(&table.0) = Content { schema: Some(schema), ..Content::default() };
        Ok(Self { batches: Vec::new(), publisher: Arc::new(MemoryPublisher { table, mode, keys }) })
    }
}

impl Sink for MemorySink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.batches.push(batch.clone());
        }
        Ok(())
    }

    fn finish(&mut self, _epoch: u64) -> Result<Prepared> {
        let batches = std::mem::take(&mut self.batches);
        let total = batches.iter().map(|b| b.num_rows() as u64).sum();
        Ok(Prepared { outputs: Vec::new(), payload: Payload::Rows { batches, total }, rows: total })
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        self.publisher.clone()
    }
}

impl Publish for MemoryPublisher {
    fn make_durable(&self, _prepared: &mut Prepared) -> Result<()> {
        Ok(())
    }

    fn publish(&self, epoch: u64, _outputs: &[OutputRecord], payload: Payload) -> Result<()> {
        let Payload::Rows { batches, .. } = payload else { return Ok(()) };
        let mut content = lock(&self.table.0);
        content.epoch = Some(epoch);
        match self.mode {
            OutputMode::Append => content.batches.extend(batches),
            OutputMode::Complete => content.batches = batches,
            OutputMode::Update => {
                for batch in batches {
                    content.upsert(batch, &self.keys).map_err(SinkError::Show)?;
                }
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
