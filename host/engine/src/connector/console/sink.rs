//! A table per epoch on the console.
//!
//! Only the rows that are shown are kept. An epoch without rows shows nothing, except in complete mode, where an empty
//! result is a result. It promises nothing across a crash: an epoch may be shown twice, or not at all.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;

use crate::connector::sink::{ConsoleWriter, Payload, Prepared, Publish, Sink, SinkError};
use crate::error::Result;
use crate::format::encode::SHOWN;
use crate::job::OutputMode;
use crate::record::OutputRecord;

/// Times in UTC, readable, with a fraction where there is one.
const TIMES: &str = "%Y-%m-%d %H:%M:%S%.f";

pub(super) struct ConsoleSink {
    max_rows: usize,
    shown: Vec<RecordBatch>,
    shown_rows: usize,
    total: u64,
    publisher: Arc<ConsolePublisher>,
}

struct ConsolePublisher {
    name: String,
    schema: SchemaRef,
    show_empty: bool,
    out: ConsoleWriter,
}

impl ConsoleSink {
    pub(super) fn new(name: &str, max_rows: usize, mode: OutputMode, schema: SchemaRef, out: ConsoleWriter) -> Self {
        let show_empty = mode == OutputMode::Complete;
        let publisher = Arc::new(ConsolePublisher { name: name.into(), schema, show_empty, out });
        Self { max_rows, shown: Vec::new(), shown_rows: 0, total: 0, publisher }
    }
}

impl Sink for ConsoleSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.total += batch.num_rows() as u64;
        let take = batch.num_rows().min(self.max_rows - self.shown_rows);
        if take > 0 {
            self.shown.push(batch.slice(0, take));
            self.shown_rows += take;
        }
        Ok(())
    }

    fn finish(&mut self, _epoch: u64) -> Result<Prepared> {
        let total = std::mem::take(&mut self.total);
        self.shown_rows = 0;
        let payload = Payload::Rows { batches: std::mem::take(&mut self.shown), total };
        Ok(Prepared { outputs: Vec::new(), payload, rows: total })
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        self.publisher.clone()
    }
}

impl ConsolePublisher {
    fn table(&self, epoch: u64, batches: Vec<RecordBatch>, total: u64) -> Result<String, SinkError> {
        let shown: u64 = batches.iter().map(|b| b.num_rows() as u64).sum();
        // The header is there also when no row is.
        let mut all = vec![RecordBatch::new_empty(self.schema.clone())];
        all.extend(batches);
        let options = FormatOptions::new()
            .with_null("NULL")
            .with_formatter_factory(Some(SHOWN))
            .with_timestamp_format(Some(TIMES))
            .with_timestamp_tz_format(Some(TIMES))
            .with_datetime_format(Some(TIMES));
        let table = pretty_format_batches_with_options(&all, &options).map_err(SinkError::Show)?;
        let rows = if total == 1 { "row" } else { "rows" };
        let mut text = format!("{}, epoch {epoch}: {total} {rows}\n", self.name);
        // What is in the data must not steer the terminal.
        text.extend(table.to_string().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }));
        text.push('\n');
        if total > shown {
            let more = total - shown;
            let _ = writeln!(text, "… and {more} more {}", if more == 1 { "row" } else { "rows" });
        }
        Ok(text)
    }
}

impl Publish for ConsolePublisher {
    fn make_durable(&self, _prepared: &mut Prepared) -> Result<()> {
        Ok(())
    }

    fn publish(&self, epoch: u64, _outputs: &[OutputRecord], payload: Payload) -> Result<()> {
        let Payload::Rows { batches, total } = payload else { return Ok(()) };
        if total == 0 && !self.show_empty {
            return Ok(());
        }
        let text = self.table(epoch, batches, total)?;
        let mut out = self.out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(SinkError::Console)?;
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
