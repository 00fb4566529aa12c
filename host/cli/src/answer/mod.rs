//! How the rows of a one-off query are printed: as a table, as CSV, as JSON lines. Values are written alike in all of them, by
//! the encoders that write the files of sinks.

mod table;

use std::io::{self, Stdout, Write};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_engine::Result;
use millstream_engine::format::FileFormat;
use millstream_engine::format::encode::{CHUNK_ROWS, EncodeError, Encoder, FileColumns, encoder};
use millstream_engine::run::TakeRows;

use crate::args::AnswerFormat;

/// Prints rows on standard output as `format` has them.
pub(crate) fn printer(format: AnswerFormat) -> Box<dyn TakeRows> {
    match format {
        AnswerFormat::Table => Box::new(table::TablePrinter::new(io::stdout())),
        AnswerFormat::Csv => Box::new(LinePrinter::new(FileFormat::Csv { header: true, delimiter: b',' })),
        AnswerFormat::Json => Box::new(LinePrinter::new(FileFormat::Json)),
    }
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
            encoder.write(&columns.convert(&part)?)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if let Some((_, encoder)) = self.begun.take() {
            encoder.finish()?.flush().map_err(EncodeError::from)?;
        }
        Ok(())
    }
}
