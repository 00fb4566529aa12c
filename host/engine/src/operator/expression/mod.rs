//! SQL expressions over a batch, and how a plugin inside one rejects a row.
//!
//! A plugin called in an expression does not see whole batches: `CASE` hands it the rows of one branch only. So such
//! a call gets a hidden last argument, the row's number in the batch, and rejects by that number into a list that is
//! open on this thread while the expressions are evaluated.

mod failed;

use std::any::Any;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion_common::DataFusionError;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::Operator;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::{BinaryExpr, Column};
use serde_json::Value;

pub(crate) use failed::evaluation_failed;

use self::failed::panicked;
use super::comparing::comparing;
use super::float_text::writing;
use super::floats::NormalFloats;
use super::time_text::reading;
use super::{Room, cut_reason};
use crate::format::with_our_types;
use crate::panics;
use crate::{Error, ErrorKind, Result};

/// The hidden column with a row's number; its name can't be written in SQL without quotes.
pub const ROW_COLUMN: &str = "__millstream row";

/// A row refused by a plugin inside an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Row of the batch.
    pub row: u32,
    /// Why.
    pub reason: String,
}

thread_local! {
    static REJECTED: RefCell<Vec<RejectedRow>> = const { RefCell::new(Vec::new()) };
}

/// Called by a plugin function while expressions are evaluated on this thread.
pub fn reject_row(row: u32, reason: String) {
    let reason = cut_reason(reason);
    REJECTED.with_borrow_mut(|all| all.push(RejectedRow { row, reason }));
}

/// `expr` as text that has the names of its columns but not their places.
pub(super) fn unplaced(expr: &Arc<dyn PhysicalExpr>) -> String {
    let named = expr.clone().transform(|e| {
        let column = (e.as_ref() as &dyn Any).downcast_ref::<Column>().map(|c| Column::new(c.name(), 0));
        Ok(match column {
            Some(column) => Transformed::yes(Arc::new(column) as Arc<dyn PhysicalExpr>),
            None => Transformed::no(e),
        })
    });
    named.map_or_else(|_| expr.to_string(), |named| named.data.to_string())
}

/// Expressions that are evaluated together over one batch.
#[derive(Debug, Clone)]
pub struct Expressions {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    /// As the query has them, for the reasons of rows that fail; empty where nobody wrote them.
    words: Arc<[String]>,
    with_row_numbers: bool,
    told: Vec<Value>,
}

/// `expr` whose sums, differences and products fail where they do not fit their type, instead of wrapping around, and
/// which compares floats, writes them, and reads times, by our rule.
fn checked(expr: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    let checks = |e: Arc<dyn PhysicalExpr>| {
        if let Some(comparing) = comparing(&e)? {
            return Ok(Transformed::yes(comparing));
        }
        if let Some(writing) = writing(&e)? {
            return Ok(Transformed::yes(writing));
        }
        if let Some(reading) = reading(&e)? {
            return Ok(Transformed::yes(reading));
        }
        let binary = (e.as_ref() as &dyn Any).downcast_ref::<BinaryExpr>();
        let may_wrap = |b: &&BinaryExpr| matches!(b.op(), Operator::Plus | Operator::Minus | Operator::Multiply);
        let checked = binary.filter(may_wrap).map(|b| Arc::new(b.clone().with_fail_on_overflow(true)) as _);
        Ok(checked.map_or_else(|| Transformed::no(e), Transformed::yes))
    };
    match expr.clone().transform_up(checks) {
        Ok(checked) => checked.data,
        Err(_) => expr,
    }
}

impl Expressions {
    /// `with_row_numbers`: the expressions were planned over a schema that ends with [`ROW_COLUMN`].
    pub fn new(exprs: Vec<Arc<dyn PhysicalExpr>>, with_row_numbers: bool) -> Self {
        Self {
            exprs: exprs.into_iter().map(checked).collect(),
            words: Arc::default(),
            with_row_numbers,
            told: Vec::new(),
        }
    }

    /// Expressions that a query has as `words`.
    pub fn named(exprs: Vec<Arc<dyn PhysicalExpr>>, words: Vec<String>, with_row_numbers: bool) -> Self {
        Self { words: words.into(), ..Self::new(exprs, with_row_numbers) }
    }

    /// These and then `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        let all_have_words = |of: &Self| of.words.len() == of.exprs.len();
        self.words = match all_have_words(&self) && all_have_words(&others) {
            true => self.words.iter().chain(others.words.iter()).cloned().collect(),
            false => Arc::default(),
        };
        self.exprs.extend(others.exprs);
        self.told.extend(others.told);
        self
    }

    /// The same, with normal floats: for values that are put in order, or told apart.
    pub fn with_normal_floats(self) -> Result<Self> {
        let failed = |e: DataFusionError| Error::internal(e.strip_backtrace()).caused_by(e);
        let exprs = self.exprs.iter().map(|e| NormalFloats::of(e.clone()).map_err(failed));
        Ok(Self { exprs: exprs.collect::<Result<_>>()?, ..self })
    }

    /// With what each computes, for fingerprints: see [`super::fingerprint`].
    #[must_use]
    pub fn told_as(mut self, told: Vec<Value>) -> Self {
        self.told = told;
        self
    }

    /// What each computes, as it was told; in a library's words where nobody has told it, since state must rather be
    /// refused after an upgrade than be taken for something else.
    pub fn told(&self) -> Vec<Value> {
        if self.told.is_empty() {
            return self.exprs.iter().map(|e| Value::String(unplaced(e))).collect();
        }
        self.told.clone()
    }

    /// What they compute, in the words of a library: see [`super::fingerprint::Former`].
    pub fn describe(&self) -> String {
        self.exprs.iter().map(unplaced).collect::<Vec<_>>().join(", ")
    }

    /// What they compute, for people.
    pub fn shown(&self) -> String {
        let words = |expr: &Arc<dyn PhysicalExpr>| {
            let text = unplaced(expr).replace("@0", "");
            // A window's time is its end.
            match text.strip_prefix("get_field(").and_then(|t| t.strip_suffix(", end)")) {
                Some(of) => format!("{of}.end"),
                None => text,
            }
        };
        self.exprs.iter().map(words).collect::<Vec<_>>().join(", ")
    }

    /// Of each, where it is nothing but a column, the place of that.
    pub fn places(&self) -> Vec<Option<usize>> {
        let column =
            |expr: &Arc<dyn PhysicalExpr>| (expr.as_ref() as &dyn Any).downcast_ref::<Column>().map(Column::index);
        self.exprs.iter().map(column).collect()
    }

    /// The types of what they give of rows of `schema`.
    pub fn types(&self, schema: &Schema) -> Vec<DataType> {
        // Whoever has planned them has asked this before.
        self.exprs.iter().map(|expr| expr.data_type(schema).unwrap_or(DataType::Null)).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.exprs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exprs.is_empty()
    }

    /// The field of the hidden row-number column.
    pub fn row_field() -> FieldRef {
        Arc::new(Field::new(ROW_COLUMN, DataType::UInt32, false))
    }

    /// One array per expression, each as long as the batch, and the rows that have no values, ascending, one entry
    /// each: those that a plugin rejected, and those for which alone an expression fails (a division by zero, a cast
    /// of a text that is no number, a value that is too large).
    ///
    /// # Errors
    /// [`ErrorKind::Quota`]: the rows make more than may be made at once. Fewer of them go through.
    /// [`ErrorKind::Unavailable`]: the host has no room even for one row.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<RejectedRow>)> {
        match self.evaluate_at_once(batch) {
            Err(e) if fewer_may_do(&e) && batch.num_rows() > 0 => self.evaluate_in_parts(batch),
            done => done,
        }
    }

    fn evaluate_at_once(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<RejectedRow>)> {
        if !self.with_row_numbers {
            return Ok((self.arrays(batch)?, Vec::new()));
        }
        let numbered = with_row_numbers(batch)?;
        REJECTED.take();
        let arrays = self.arrays(&numbered);
        let mut rejected = REJECTED.take();
        rejected.sort_by_key(|r| r.row);
        rejected.dedup_by_key(|r| r.row);
        match arrays {
            // What fails may fail over the place of a value that a plugin refused: its reason is the one to tell.
            Err(_) if batch.num_rows() == 1 && !rejected.is_empty() => Ok((self.nulls(&numbered.schema())?, rejected)),
            arrays => Ok((arrays?, rejected)),
        }
    }

    /// One row without values.
    fn nulls(&self, schema: &Schema) -> Result<Vec<ArrayRef>> {
        let null = |e: &Arc<dyn PhysicalExpr>| match e.data_type(schema) {
            Ok(data_type) => Ok(new_null_array(&data_type, 1)),
            Err(e) => Err(Error::internal(e.strip_backtrace()).caused_by(e)),
        };
        self.exprs.iter().map(null).collect()
    }

    /// Halves, and halves of halves, until the rows are found that fail alone: expressions are quick and keep nothing,
    /// so any number of such rows can be found.
    fn evaluate_in_parts(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Vec<RejectedRow>)> {
        let schema =
            if self.with_row_numbers { with_row_numbers(&batch.slice(0, 0))?.schema() } else { batch.schema() };
        let nulls = self.nulls(&schema)?;
        let mut room = Room::of(batch);
        let (mut pieces, mut rejected): (Vec<Vec<ArrayRef>>, Vec<RejectedRow>) = (Vec::new(), Vec::new());
        // A stack with the earlier half on top.
        let rows = batch.num_rows();
        let middle = rows / 2;
        let mut open: Vec<Range<usize>> = [middle..rows, 0..middle].into_iter().filter(|p| !p.is_empty()).collect();
        while let Some(part) = open.pop() {
            match self.evaluate_at_once(&batch.slice(part.start, part.len())) {
                Ok((arrays, more)) => {
                    // Put together they would be too much, though each is not.
                    room.take(arrays.iter().map(|a| a.get_buffer_memory_size() as u64).sum())?;
                    pieces.push(arrays);
                    let start = part.start as u32;
                    rejected.extend(more.into_iter().map(|r| RejectedRow { row: start + r.row, reason: r.reason }));
                }
                Err(e) if !fewer_may_do(&e) => return Err(e),
                // The host's lack of room is no row's fault, however few they are.
                Err(e) if part.len() == 1 && e.kind() == ErrorKind::Unavailable => return Err(e),
                Err(e) if part.len() == 1 => {
                    rejected.push(RejectedRow { row: part.start as u32, reason: e.message().to_owned() });
                    pieces.push(nulls.clone());
                }
                Err(_) => {
                    let middle = part.start + part.len() / 2;
                    open.push(middle..part.end);
                    open.push(part.start..middle);
                }
            }
        }
        let arrays = (0..self.exprs.len()).map(|c| {
            let column: Vec<&dyn Array> = pieces.iter().map(|p| p[c].as_ref()).collect();
            concat(&column).map_err(super::rows::arrow_failed)
        });
        Ok((arrays.collect::<Result<_>>()?, rejected))
    }

    fn arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let rows = batch.num_rows();
        let array = |(at, e): (usize, &Arc<dyn PhysicalExpr>)| {
            let done = panics::catch(|| e.evaluate(batch).and_then(|v| v.into_array(rows)));
            let words = || self.words_of(at, e);
            done.map_err(|panic| panicked(&panic, &words()))?.map_err(|error| evaluation_failed(error, &words()))
        };
        self.exprs.iter().enumerate().map(array).collect()
    }

    fn words_of(&self, at: usize, expr: &Arc<dyn PhysicalExpr>) -> String {
        let words = self.words.get(at).cloned();
        words.unwrap_or_else(|| with_our_types(&unplaced(expr).replace("@0", "")))
    }
}

/// Whether fewer rows may go through.
fn fewer_may_do(e: &Error) -> bool {
    matches!(e.kind(), ErrorKind::Data | ErrorKind::Quota | ErrorKind::Unavailable)
}

fn with_row_numbers(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    fields.push(Expressions::row_field());
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(UInt32Array::from_iter_values(0..batch.num_rows() as u32)));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(super::rows::arrow_failed)
}

#[cfg(test)]
mod tests;
