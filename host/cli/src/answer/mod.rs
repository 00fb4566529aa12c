//! How the rows of a one-off query, and those of a state, are printed: as a table, as CSV, as JSON lines. Values are written
//! alike in all of them, by the encoders that write the files of sinks.

mod cbor;
mod stored;
mod table;
mod values;

use std::io::{self, ErrorKind, Write};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_engine::format::FileFormat;
use millstream_engine::format::encode::{CHUNK_ROWS, EncodeError, Encoder, FileColumns, encoder};
use millstream_engine::run::TakeRows;
use millstream_engine::{Error, Result};

pub(crate) use stored::{Out, stored_json, stored_printer};

use crate::args::AnswerFormat;

/// Prints rows on standard output as `format` has them.
pub(crate) fn printer(format: AnswerFormat) -> Box<dyn TakeRows> {
    match format {
        AnswerFormat::Table => Box::new(table::TablePrinter::new(io::stdout())),
        AnswerFormat::Csv => {
            Box::new(LinePrinter::new(FileFormat::Csv { header: true, delimiter: b',' }, io::stdout()))
        }
        AnswerFormat::Json => Box::new(LinePrinter::new(FileFormat::Json, io::stdout())),
    }
}

/// Of an answer that does not get to where it is to go.
fn cannot_write(error: EncodeError) -> Error {
    let EncodeError::Io(error) = error else { return error.into() };
    let help = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "there is no room left: make some, or write it elsewhere",
        _ => "see that standard output can be written",
    };
    Error::new(millstream_engine::ErrorKind::Unavailable, "the answer cannot be written")
        .with_help(help)
        .caused_by(error)
}

/// Prints rows as a file would hold them.
struct LinePrinter<W: Write + Send> {
    format: FileFormat,
    /// Until rows are begun.
    out: Option<W>,
    begun: Option<(FileColumns, Box<dyn Encoder<W>>)>,
}

impl<W: Write + Send> LinePrinter<W> {
    fn new(format: FileFormat, out: W) -> Self {
        Self { format, out: Some(out), begun: None }
    }
}

impl<W: Write + Send + 'static> TakeRows for LinePrinter<W> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let columns = FileColumns::new(self.format, schema)?;
        let Some(out) = self.out.take() else { return Ok(()) };
        let encoder = encoder(self.format, columns.schema(), out)?;
        self.begun = Some((columns, encoder));
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some((columns, encoder)) = &mut self.begun else { return Ok(()) };
        // What is written at once is in memory as text too.
        for start in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            let part = batch.slice(start, CHUNK_ROWS.min(batch.num_rows() - start));
            encoder.write(&columns.convert(&part)?).map_err(cannot_write)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Some((_, encoder)) = self.begun.take() {
            encoder.finish().and_then(|mut out| Ok(out.flush()?)).map_err(cannot_write)?;
        }
        Ok(())
    }
}
