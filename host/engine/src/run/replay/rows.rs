//! The rows that go to a sink while an epoch is computed again.

use std::sync::{Arc, Mutex};

use arrow::record_batch::RecordBatch;

use crate::Result;
use crate::connector::sink::{Prepared, Publish, Sink};
use crate::panics::locked;

/// What came to a sink since the last time it was looked at; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct TakenRows(Arc<Mutex<Vec<RecordBatch>>>);

impl TakenRows {
    /// The rows, which are gone here afterwards.
    pub fn take(&self) -> Result<Vec<RecordBatch>> {
        Ok(std::mem::take(&mut *locked(&self.0)?))
    }
}

/// A sink whose rows are taken besides.
pub(super) struct Taking {
    pub inner: Box<dyn Sink>,
    pub rows: TakenRows,
}

impl Sink for Taking {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        locked(&self.rows.0)?.push(batch.clone());
        self.inner.write(batch)
    }

    fn abandon(&mut self) -> Result<()> {
        drop(self.rows.take()?);
        self.inner.abandon()
    }

    fn finish(&mut self, epoch: u64) -> Result<Prepared> {
        self.inner.finish(epoch)
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        self.inner.publisher()
    }
}
