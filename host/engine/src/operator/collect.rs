//! Rows that are held until the input has ended, for an order or a limit over them. Only queries that are asked once
//! have it: it keeps rows in memory and not in the state, since no epoch of such a query is computed again.
//!
//! Of an order with a limit no more rows are held than the limit has, but for those of the last chunks; of a limit alone
//! the first rows that came.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::Array;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::explain::{Explanation, StateEntry, Until};
use super::fingerprint::Fingerprint;
use super::rows::arrow_failed;
use super::{Closed, Due, Effects, EpochEnd, Rows, Sort, Stateful, Transform};
use crate::panics::locked;
use crate::record::WatermarkPair;
use crate::state::Table;
use crate::{Error, ErrorKind, Result};

/// Bytes of one column that can be put together.
const MOST_BYTES: usize = i32::MAX as usize;

/// Rows held beyond the limit before they are put in order again.
const SLACK: usize = 16_384;

/// Holds rows until the input has ended.
#[derive(Debug)]
pub struct Collect {
    schema: SchemaRef,
    /// The order by which the first rows are meant; none = that in which they come.
    order: Option<Sort>,
    /// So many rows are needed; none = all.
    most: Option<usize>,
    held: Mutex<Vec<RecordBatch>>,
    full: AtomicBool,
}

impl Collect {
    /// Holds the first `most` rows of `schema` in `order`, or all.
    pub fn new(schema: SchemaRef, order: Option<Sort>, most: Option<usize>) -> Self {
        Self { schema, order, most, held: Mutex::default(), full: AtomicBool::new(most == Some(0)) }
    }

    /// The rows that count of these; those for which the order cannot be computed go to `effects`.
    fn first(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let Some(most) = self.most else { return Ok(rows) };
        match &self.order {
            Some(order) => order.apply(rows, effects),
            None => Ok(rows.slice(0, most.min(rows.len()))),
        }
    }

    /// Leaves of what is held no more than is needed, where that is worth the work.
    fn cut(&self, held: &mut Vec<RecordBatch>) -> Result<()> {
        let Some(most) = self.most else { return Ok(()) };
        let rows: usize = held.iter().map(RecordBatch::num_rows).sum();
        if self.order.is_none() {
            self.full.fetch_or(rows >= most, Ordering::Relaxed);
        }
        if rows <= most.saturating_add(SLACK) {
            return Ok(());
        }
        let whole = concat_batches(&self.schema, held.iter()).map_err(arrow_failed)?;
        let first = self.first(Rows::new(whole), &mut Effects::default())?;
        *held = vec![first.batch];
        Ok(())
    }
}

/// Rows are put in order together, and the texts of a column that are together have a bound.
fn refuse_too_much(held: &[RecordBatch]) -> Result<()> {
    let Some(first) = held.first() else { return Ok(()) };
    for (at, field) in first.schema_ref().fields().iter().enumerate() {
        let bytes: usize =
            held.iter().map(|batch| batch.column(at).to_data().get_slice_memory_size().unwrap_or(0)).sum();
        if bytes > MOST_BYTES {
            let message =
                format!("`{}` has more than 2 GiB in the rows that ORDER BY or LIMIT is to hold", field.name());
            return Err(Error::new(ErrorKind::Quota, message).with_help("hold fewer rows: add a LIMIT, or a WHERE"));
        }
    }
    Ok(())
}

impl Stateful for Collect {
    type Partial = RecordBatch;

    fn partial(&self, _: usize, rows: Rows, _: WatermarkPair, effects: &mut Effects) -> Result<Option<RecordBatch>> {
        Ok(Some(self.first(rows, effects)?.batch))
    }

    fn close(&self, end: &EpochEnd, partials: Vec<RecordBatch>, _: &mut [&mut Table]) -> Result<Closed> {
        let mut held = locked(&self.held)?;
        for partial in partials {
            held.push(partial);
            self.cut(&mut held)?;
        }
        if end.watermarks.close.is_none() {
            return Ok(Closed::default());
        }
        refuse_too_much(&held)?;
        Ok(Closed::rows(std::mem::take(&mut *held)))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("rows until the end")
    }

    fn explain(&self) -> Explanation {
        Explanation {
            emits: "at the end of the input".to_owned(),
            keeps: vec![StateEntry {
                what: "rows",
                by: "of",
                keys: Vec::new(),
                until: Until::Never("the query is asked once"),
            }],
            late: None,
        }
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        None
    }

    fn has_enough(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}
