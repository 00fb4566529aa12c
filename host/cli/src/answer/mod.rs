//! How the rows of a one-off query are printed: as a table, as CSV, as JSON lines. Values are written alike in all of them, by
//! the encoders that write the files of sinks.

mod table;

use std::io::{self, ErrorKind, Stdout, Write};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_engine::format::FileFormat;
use millstream_engine::format::encode::{CHUNK_ROWS, EncodeError, Encoder, FileColumns, encoder};
use millstream_engine::run::TakeRows;
use millstream_engine::{Error, Result};

use crate::args::AnswerFormat;

/// Prints rows on standard output as `format` has them.
pub(crate) fn printer(format: AnswerFormat) -> Box<dyn TakeRows> {
    match format {
        AnswerFormat::Table => Box::new(table::TablePrinter::new(io::stdout())),
        AnswerFormat::Csv => Box::new(LinePrinter::new(FileFormat::Csv { header: true, delimiter: b',' })),
        AnswerFormat::Json => Box::new(LinePrinter::new(FileFormat::Json)),
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
struct LinePrinter {
    format: FileFormat,
    begun: Option<(FileColumns, Box<dyn Encoder<Stdout>>)>,
}

impl LinePrinter {
    fn new(format: FileFormat) -> Self {
        Self { format, begun: None }
    }
}

impl TakeRows for LinePrinter {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        let columns = FileColumns::new(self.format, schema)?;
        let encoder = encoder(self.format, columns.schema(), io::stdout())?;
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
