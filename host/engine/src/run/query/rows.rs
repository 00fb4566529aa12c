//! Where the rows of an answer go: held back while they may turn out wrong, then to whoever asked.

use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::job::ANSWER;
use crate::connector::sink::{Payload, Prepared, Publish, Sink};
use crate::job::DEAD_LETTERS;
use crate::name::Named;
use crate::panics::locked;
use crate::{Error, Result};

/// Takes the rows of an answer as they come.
pub trait TakeRows: Send {
    /// The columns; called once, before any row.
    ///
    /// # Errors
    /// Columns that cannot be shown.
    fn begin(&mut self, schema: &SchemaRef) -> Result<()>;

    /// The next rows.
    ///
    /// # Errors
    /// They cannot be written; nothing follows then.
    fn rows(&mut self, batch: &RecordBatch) -> Result<()>;

    /// There are no more.
    ///
    /// # Errors
    /// What is left cannot be written.
    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Why an attempt at an answer ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Halt {
    /// More rows than can be held back.
    #[error("more rows than are held back")]
    TooMany,
    /// A row cannot be used as the types have it.
    #[error("a row does not fit the types that were told")]
    RowRefused,
}

impl From<Halt> for Error {
    fn from(halt: Halt) -> Self {
        Error::internal(halt.to_string()).caused_by(halt)
    }
}

/// The reason for which an attempt ended, if it is one of these.
pub(super) fn halt_of(error: &Error) -> Option<Halt> {
    std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Halt>()).copied()
}

/// A row that could not be used: where it stood, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file, if it came from one.
    pub file: Option<String>,
    /// Its line, counted from 1.
    pub line: Option<i64>,
    /// Why.
    pub reason: String,
    /// The row as it was, or the keys of a group, as JSON.
    pub row: String,
}

/// Where an answer's rows go, shared by its sink and whoever asked.
#[derive(Clone)]
pub(super) struct Out(Arc<Mutex<PendingAnswer>>);

struct PendingAnswer {
    to: Box<dyn TakeRows>,
    /// The columns as they are called.
    schema: Option<SchemaRef>,
    begun: bool,
    rows: Vec<RecordBatch>,
    bytes: usize,
    /// Bytes that may be held; none = rows are handed on at once.
    most: Option<usize>,
    first_refused: Option<Refused>,
}

impl Out {
    pub fn new(to: Box<dyn TakeRows>) -> Self {
        let held = PendingAnswer {
            to,
            schema: None,
            begun: false,
            rows: Vec::new(),
            bytes: 0,
            most: None,
            first_refused: None,
        };
        Self(Arc::new(Mutex::new(held)))
    }

    fn held(&self) -> Result<MutexGuard<'_, PendingAnswer>> {
        locked(&self.0)
    }

    /// Another attempt: `most` bytes are held back, or none.
    pub fn attempt(&self, most: Option<usize>, schema: &SchemaRef) -> Result<()> {
        let mut held = self.held()?;
        (held.most, held.bytes, held.first_refused) = (most, 0, None);
        held.rows.clear();
        held.schema = Some(schema.clone());
        if most.is_none() { held.begin(schema) } else { Ok(()) }
    }

    /// The attempt is the answer: what was held is handed on.
    pub fn release(&self, schema: &SchemaRef) -> Result<()> {
        let mut held = self.held()?;
        held.begin(schema)?;
        let rows = std::mem::take(&mut held.rows);
        rows.iter().try_for_each(|batch| held.hand_on(batch))?;
        held.to.end()
    }

    /// The first row that could not be used.
    pub fn first_refused(&self) -> Result<Option<Refused>> {
        Ok(self.held()?.first_refused.clone())
    }

    /// The sinks of a query's plan: the answer, and the rows that cannot be used.
    pub fn sinks(&self) -> Named<Box<dyn Sink>> {
        let answer: Box<dyn Sink> = Box::new(AnswerSink(self.clone()));
        let letters: Box<dyn Sink> = Box::new(LettersSink(self.clone()));
        [(ANSWER.into(), answer), (DEAD_LETTERS.into(), letters)].into_iter().collect()
    }
}

impl PendingAnswer {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        if std::mem::replace(&mut self.begun, true) { Ok(()) } else { self.to.begin(schema) }
    }

    /// Rows under the names that their columns have in the answer.
    fn hand_on(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(schema) = &self.schema else { return self.to.rows(batch) };
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let named = RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options);
        self.to.rows(&named.map_err(crate::operator::arrow_failed)?)
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(most) = self.most else { return self.hand_on(batch) };
        self.bytes += batch.get_array_memory_size();
        if self.bytes > most {
            self.rows.clear();
            return Err(Halt::TooMany.into());
        }
        self.rows.push(batch.clone());
        Ok(())
    }
}

struct AnswerSink(Out);

impl Sink for AnswerSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 { Ok(()) } else { self.0.held()?.take(batch) }
    }

    fn abandon(&mut self) -> Result<()> {
        Err(abandoned())
    }

    fn finish(&mut self, _: u64) -> Result<Prepared> {
        Ok(Prepared::default())
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        Arc::new(NoPublish)
    }
}

struct LettersSink(Out);

impl Sink for LettersSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut held = self.0.held()?;
        if held.first_refused.is_some() || batch.num_rows() == 0 {
            return Ok(());
        }
        let text = |name: &str| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(0).then(|| column.value(0).to_owned())
        };
        let line = batch.column_by_name("line").and_then(|column| column.as_primitive_opt::<Int64Type>());
        held.first_refused = Some(Refused {
            file: text("file"),
            line: line.filter(|line| line.is_valid(0)).map(|line| line.value(0)),
            reason: text("reason").unwrap_or_default(),
            row: text("row").unwrap_or_default(),
        });
        Ok(())
    }

    fn abandon(&mut self) -> Result<()> {
        Err(abandoned())
    }

    fn finish(&mut self, _: u64) -> Result<Prepared> {
        Ok(Prepared::default())
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        Arc::new(NoPublish)
    }
}

/// What was handed on is gone.
fn abandoned() -> Error {
    Error::internal("a question's answer cannot be taken back")
}

/// Nothing of an answer is published: it was handed on already.
struct NoPublish;

impl Publish for NoPublish {
    fn make_durable(&self, _: &mut Prepared) -> Result<()> {
        Ok(())
    }

    fn publish(&self, _: u64, _: &[crate::record::OutputRecord], _: Payload) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
