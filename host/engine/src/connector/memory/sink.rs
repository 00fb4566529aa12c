//! The two halves of a memory sink.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::table::{Content, MemoryTable, lock};
use crate::connector::SinkInput;
use crate::connector::sink::{Payload, Prepared, Publish, Sink, SinkError};
use crate::error::Result;
use crate::job::OutputMode;
use crate::record::OutputRecord;

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
    pub(super) fn new(table: MemoryTable, name: &str, input: SinkInput) -> Result<Self, SinkError> {
        let SinkInput { mode, schema, keys } = input;
        let find = |key: &String| {
            schema.index_of(key).map_err(|_| SinkError::Refused {
                message: format!("sink {name} replaces rows by {key:?}, which is not among its columns"),
                help: "keep the grouping columns down to a memory sink in update mode, or use another output mode",
            })
        };
        let keys =
            if mode == OutputMode::Update { keys.iter().map(find).collect::<Result<_, _>>()? } else { Vec::new() };
        *lock(&table.0) = Content::of(schema);
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

    fn abandon(&mut self) -> Result<()> {
        self.batches.clear();
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
