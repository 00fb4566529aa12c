//! The table of one row, [`ONE_ROW`], that a query without `FROM` reads. It has a column, since batches keep their rows by their
//! columns, whose name no query has and no message shows.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::connector::generate;
use crate::connector::source::{Chunks, Known, Source};
use crate::format::{Decode, Decoded, RawChunk, RawContent, RowLines};
use crate::job::{SourceSpec, Spanned};
use crate::record::SourceRange;
use crate::sql::ONE_ROW;
use crate::{Error, Result};

/// The source that it is in the query's job. A connector must be named: it is opened otherwise.
pub(super) fn source(base: &Path) -> SourceSpec {
    let name = Spanned { value: ONE_ROW.to_owned(), span: 0..0 };
    SourceSpec { name, options: generate::options(base, 1), event_time: None, static_spec: None }
}

/// It, opened.
#[derive(Debug, Default)]
pub(super) struct OneRow {
    planned: bool,
}

impl Source for OneRow {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("(one row)", DataType::Boolean, false)]))
    }

    fn plan(&mut self, _: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let first = !std::mem::replace(&mut self.planned, true);
        Ok(first.then_some(SourceRange::Rows { from: 0, to: 1 }))
    }

    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        Ok(())
    }

    fn entries(&self, _: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        Vec::new()
    }

    fn restore(&mut self, _: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        Ok(())
    }

    fn read(&self, _: &SourceRange) -> Result<Chunks> {
        let content = RawContent::Rows { from: 0, to: 1 };
        Ok(Box::new(std::iter::once(Ok(RawChunk { part: 0, index: 0, content }))))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        let schema = self.schema().project(columns).map_err(failed)?;
        Ok(Arc::new(Decoder { schema: Arc::new(schema) }))
    }

    fn exhausted(&self) -> bool {
        self.planned
    }

    fn part_name(&self, _: &SourceRange, _: u32) -> String {
        "the query".to_owned()
    }
}

struct Decoder {
    schema: SchemaRef,
}

impl Decode for Decoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, _: &RawChunk) -> Result<Decoded> {
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let columns = self.schema.fields().iter().map(|_| Arc::new(BooleanArray::from(vec![true])) as ArrayRef);
        let batch = RecordBatch::try_new_with_options(self.schema(), columns.collect(), &options).map_err(failed)?;
        Ok(Decoded { batch, rows: RowLines::Contiguous { first: 0 }, bad: Vec::new(), lines: 1, bytes: 0 })
    }
}

fn failed(error: ArrowError) -> Error {
    Error::internal(format!("one row: {error}")).caused_by(error)
}
