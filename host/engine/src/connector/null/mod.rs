//! `connector = "null"`: rows are counted and dropped, to see what a job costs without its output.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::sink::{Payload, Prepared, Publish, Sink, SinkContext};
use super::{Connector, SinkConnector, SinkInput};
use crate::error::Result;
use crate::job::{KeyTable, Options, SinkSpec};
use crate::record::OutputRecord;

/// The connector.
pub(super) struct Null;

const KEYS: KeyTable = KeyTable {
    about: "Drops rows. They are counted, in the report of each epoch and in the summary: it shows what a job costs \
            without its output.",
    keys: &[],
    may_be_static: false,
    check: |_| Ok(()),
};

impl Connector for Null {
    fn name(&self) -> &'static str {
        "null"
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }

    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }
}

impl SinkConnector for Null {
    fn keys(&self) -> &'static KeyTable {
        &KEYS
    }

    fn open(&self, _: &SinkSpec, _: SinkInput, _: &SinkContext) -> Result<Box<dyn Sink>> {
        Ok(Box::new(NullSink(0)))
    }

    fn describe(&self, _: &Options, _: &dyn Fn(&Path) -> String) -> String {
        "nowhere: rows are counted and dropped".into()
    }
}

/// Rows of the current epoch.
struct NullSink(u64);

impl Sink for NullSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.0 += batch.num_rows() as u64;
        Ok(())
    }

    fn abandon(&mut self) -> Result<()> {
        self.0 = 0;
        Ok(())
    }

    fn finish(&mut self, _epoch: u64) -> Result<Prepared> {
        Ok(Prepared { rows: std::mem::take(&mut self.0), ..Prepared::default() })
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        Arc::new(Nothing)
    }
}

/// There is nothing to publish.
struct Nothing;

impl Publish for Nothing {
    fn make_durable(&self, _: &mut Prepared) -> Result<()> {
        Ok(())
    }

    fn publish(&self, _epoch: u64, _: &[OutputRecord], _: Payload) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
