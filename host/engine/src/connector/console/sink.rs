//! A table per epoch on the console.
//!
//! Only the rows that are shown are kept. An epoch without rows shows nothing, except in complete mode, where an empty
//! result is a result. It promises nothing across a crash: an epoch may be shown twice, or not at all.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use arrow::util::pretty::pretty_format_batches;

use crate::connector::sink::{ConsoleWriter, Payload, Prepared, Publish, Sink, SinkError};
use crate::error::Result;
use crate::format::encode::{SHOWN, WIDEST, cut_cell};
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

    fn abandon(&mut self) -> Result<()> {
        self.shown.clear();
        (self.shown_rows, self.total) = (0, 0);
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
        let mut cut = false;
        let texts = Schema::new(self.schema.fields().iter().map(|f| text_field(f.name())).collect::<Vec<_>>());
        let texts = Arc::new(texts);
        let all = all.iter().map(|batch| {
            let columns = batch.columns().iter().map(|column| cells(column, &options, &mut cut));
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(texts.clone(), columns, &rows)
        });
        let all = all.collect::<Result<Vec<_>, ArrowError>>().map_err(SinkError::Show)?;
        let table = pretty_format_batches(&all).map_err(SinkError::Show)?;
        let rows = if total == 1 { "row" } else { "rows" };
        let mut text = format!("{}, epoch {epoch}: {total} {rows}\n", self.name);
        // What is in the data must not steer the terminal.
        text.extend(table.to_string().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }));
        text.push('\n');
        if total > shown {
            let more = total - shown;
            let _ = writeln!(text, "… and {more} more {}", if more == 1 { "row" } else { "rows" });
        }
        if cut {
            let _ = writeln!(text, "values that end in … are cut at {WIDEST} characters");
        }
        Ok(text)
    }
}

fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

/// The values of a column as they are shown; `cut` is set if one is wider than a cell may be.
fn cells(column: &ArrayRef, options: &FormatOptions<'_>, cut: &mut bool) -> Result<ArrayRef, ArrowError> {
    let own = SHOWN.create_array_formatter(column.as_ref(), options, None)?;
    let formatter = own.map_or_else(|| ArrayFormatter::try_new(column.as_ref(), options), Ok)?;
    let cells = (0..column.len()).map(|row| {
        let mut cell = Wide::default();
        // Writing ends where nobody reads on: the rest of a large value is not made.
        let written = formatter.value(row).write(&mut cell);
        if !cell.is_full {
            written?;
        }
        *cut |= cut_cell(&mut cell.text);
        Ok(cell.text)
    });
    Ok(Arc::new(StringArray::from(cells.collect::<Result<Vec<_>, ArrowError>>()?)))
}

/// The beginning of a cell: more than is shown of it, and no more than that.
#[derive(Default)]
struct Wide {
    text: String,
    is_full: bool,
}

impl std::fmt::Write for Wide {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let left = 4 * (WIDEST + 1) - self.text.len().min(4 * (WIDEST + 1));
        self.is_full = part.len() > left;
        self.text.push_str(&part[..part.floor_char_boundary(left)]);
        if self.is_full { Err(std::fmt::Error) } else { Ok(()) }
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
