//! Window functions: of each row a value that is computed over other rows of its partition (`OVER (…)`). Only queries that
//! are asked once have it: it holds the rows until the input has ended, as [`super::Collect`] does.
//!
//! What partitions, orders and arguments are is computed of each chunk as it comes, so that a row for which that fails is
//! a dead letter with its place. At the end rows are put in order by number ([`sorted`]), it is said of each which rows it
//! is computed over ([`frame`], [`distance`]), and that is computed: by places ([`place`]), or by an aggregate
//! ([`aggregated`]). The rows themselves stay where they are, and come out in the order in which they came.

mod aggregated;
mod distance;
mod frame;
mod place;
mod sorted;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{SortOptions, cast, concat, filter, take};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

pub use distance::Distance;
pub use frame::{Bound, Frame, Unit};
pub use place::Placed;

use self::aggregated::Aggregated;
use self::frame::Frames;
use self::sorted::Sorted;
use super::aggregate::AggregateFunction;
use super::explain::{Explanation, StateEntry, Until};
use super::expression::{Expressions, RejectedRow};
use super::fingerprint::Fingerprint;
use super::rows::{arrow_failed, batch_of};
use super::{Closed, Due, Effects, EpochEnd, Reject, Rows, Stateful, cut_reason, row_as_json};
use crate::executor::Workers;
use crate::panics::locked;
use crate::record::WatermarkPair;
use crate::state::Table;
use crate::{Error, ErrorKind, Result};

/// Bytes of one column that can be put together.
const MOST_BYTES: usize = i32::MAX as usize;

/// How rows are parted and put in order.
#[derive(Debug)]
pub struct Order {
    /// Rows that have the same values here are a partition. Floats are normal.
    pub partition: Expressions,
    /// The order in a partition. Floats are normal.
    pub by: Expressions,
    /// The directions of `by`.
    pub options: Vec<SortOptions>,
}

/// What is computed over rows.
#[derive(Debug)]
pub enum OverFunction {
    /// A function of places.
    Placed(Placed),
    /// An aggregate.
    Aggregate(Arc<dyn AggregateFunction>),
}

/// One window function of a query.
#[derive(Debug)]
pub struct OverCall {
    /// What is computed.
    pub function: OverFunction,
    /// Its arguments.
    pub args: Expressions,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expressions>,
    /// Which [`Order`] it has, by number.
    pub order: usize,
    /// Over which rows.
    pub frame: Frame,
    /// The call as a person would write it.
    pub shown: String,
}

/// Window functions over the same rows.
#[derive(Debug)]
pub struct Over {
    node: Arc<str>,
    orders: Vec<Order>,
    calls: Vec<OverCall>,
    /// What comes in.
    input: SchemaRef,
    /// That, and a column for each call.
    schema: SchemaRef,
    held: Mutex<Vec<RecordBatch>>,
}

impl Over {
    /// `calls` over rows of `input`; `schema` is that and a column for each of them.
    pub fn new(
        node: Arc<str>,
        orders: Vec<Order>,
        calls: Vec<OverCall>,
        input: SchemaRef,
        schema: SchemaRef,
    ) -> Result<Self> {
        if schema.fields().len() != input.fields().len() + calls.len() {
            return Err(Error::internal(format!("{node}: a column for each call is needed")));
        }
        Ok(Self { node, orders, calls, input, schema, held: Mutex::default() })
    }

    /// What is computed of each chunk, in the order of the columns that are held beside the input's.
    fn expressions(&self) -> impl Iterator<Item = &Expressions> {
        let orders = self.orders.iter().flat_map(|order| [&order.partition, &order.by]);
        orders.chain(self.calls.iter().flat_map(|call| [Some(&call.args), call.filter.as_ref()]).flatten())
    }

    /// Where in what is held the values of these expressions are.
    fn places(&self) -> Vec<Range<usize>> {
        let mut from = self.input.fields().len();
        let place = |of: &Expressions| {
            let range = from..from + of.len();
            from = range.end;
            range
        };
        self.expressions().map(place).collect()
    }

    /// The rows with what is computed of them.
    fn computed(&self, rows: &Rows, effects: &mut Effects) -> Result<RecordBatch> {
        let mut columns = rows.batch.columns().to_vec();
        let mut failing: BTreeMap<u32, String> = BTreeMap::new();
        for expressions in self.expressions() {
            let (arrays, rejected) = expressions.evaluate(&rows.batch).map_err(|e| e.context(&self.node))?;
            columns.extend(arrays);
            for RejectedRow { row, reason } in rejected {
                failing.entry(row).or_insert(reason);
            }
        }
        let kept = rows.len() - failing.len();
        if !failing.is_empty() {
            let keep: BooleanArray = (0..rows.len() as u32).map(|row| Some(!failing.contains_key(&row))).collect();
            for column in &mut columns {
                *column = filter(column, &keep).map_err(arrow_failed)?;
            }
            for (row, reason) in failing {
                effects.reject(&self.node, rows, row as usize, reason);
            }
        }
        let beside = columns.iter().enumerate().skip(self.input.fields().len());
        let beside = beside.map(|(at, c)| Arc::new(Field::new(at.to_string(), c.data_type().clone(), true)));
        let schema = Schema::new(self.input.fields().iter().cloned().chain(beside).collect::<Vec<_>>());
        batch_of(&Arc::new(schema), columns, kept)
    }

    /// The column of each call for all rows, as they came, and the rows that have no result, with why.
    fn results(&self, held: &[RecordBatch], workers: &Workers) -> Result<(Vec<ArrayRef>, BTreeMap<usize, String>)> {
        let rows: usize = held.iter().map(RecordBatch::num_rows).sum();
        if u32::try_from(rows).is_err() {
            let message = format!("OVER is to hold {rows} rows, and can hold {}", u32::MAX);
            return Err(Error::new(ErrorKind::Quota, message).with_help("hold fewer rows: add a WHERE"));
        }
        let mut places = self.places().into_iter();
        let mut columns = || match places.next() {
            Some(of) => of.map(|at| self.whole(held, at)).collect::<Result<Vec<_>>>(),
            None => Err(Error::internal("fewer columns are held than were computed")),
        };
        let mut orders = Vec::with_capacity(self.orders.len());
        for order in &self.orders {
            let (partition, by) = (columns()?, columns()?);
            let sorted = Sorted::new(&partition, &by, &order.options, rows, workers)?;
            orders.push((sorted, by, order.options.first().copied().unwrap_or_default()));
        }
        let (mut results, mut refused) = (Vec::with_capacity(self.calls.len()), BTreeMap::new());
        for (at, call) in self.calls.iter().enumerate() {
            let (sorted, by, options) = &orders[call.order];
            let in_order = |column: &ArrayRef| take(column, &sorted.order, None).map_err(arrow_failed);
            let args: Vec<ArrayRef> = columns()?.iter().map(in_order).collect::<Result<_>>()?;
            let filter = match &call.filter {
                Some(_) => columns()?.first().map(in_order).transpose()?,
                None => None,
            };
            let frames = || {
                let by = by.first().filter(|_| call.frame.has_distance()).map(in_order).transpose()?;
                Frames { frame: &call.frame, sorted }.of_rows(by.as_ref(), *options)
            };
            let (column, failed) = match &call.function {
                OverFunction::Placed(placed) => (placed.compute(sorted, &args, frames)?, Vec::new()),
                OverFunction::Aggregate(function) => Aggregated::new(&**function, args, filter.as_ref(), rows)
                    .over(&frames()?, &sorted.partitions)
                    .map_err(|e| e.into_error().context(format!("`{}`", call.shown)))?,
            };
            for (place, why) in failed {
                let row = sorted.order.value(place as usize) as usize;
                refused.entry(row).and_modify(|all: &mut String| *all += &format!("; {why}")).or_insert(why);
            }
            let column = take(&column, &sorted.back(), None).map_err(arrow_failed)?;
            let to = self.schema.field(self.input.fields().len() + at).data_type();
            results.push(if column.data_type() == to { column } else { cast(&column, to).map_err(arrow_failed)? });
        }
        Ok((results, refused))
    }

    /// A column of all that is held.
    fn whole(&self, held: &[RecordBatch], at: usize) -> Result<ArrayRef> {
        let pieces: Vec<&dyn Array> = held.iter().map(|batch| batch.column(at).as_ref()).collect();
        let bytes: usize = pieces.iter().map(|p| p.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        if bytes > MOST_BYTES && pieces.first().is_some_and(|p| p.data_type().primitive_width().is_none()) {
            let message = "the values that OVER parts, orders or computes by are more than 2 GiB";
            return Err(Error::new(ErrorKind::Quota, message).with_help("hold fewer rows: add a WHERE"));
        }
        concat(&pieces).map_err(arrow_failed)
    }

    /// The rows that are held, with their results.
    fn emitted(&self, held: &[RecordBatch], workers: &Workers) -> Result<Closed> {
        let (results, refused) = self.results(held, workers)?;
        let inputs: Vec<usize> = (0..self.input.fields().len()).collect();
        let (mut closed, mut from) = (Closed::default(), 0);
        for piece in held {
            let input = piece.project(&inputs).map_err(arrow_failed)?;
            let rows = input.num_rows();
            let mut columns = input.columns().to_vec();
            columns.extend(results.iter().map(|result| result.slice(from, rows)));
            let failed: Vec<(usize, &String)> =
                refused.range(from..from + rows).map(|(row, why)| (row - from, why)).collect();
            let kept = rows - failed.len();
            if !failed.is_empty() {
                let mut keep = vec![true; rows];
                for (row, why) in failed {
                    keep[row] = false;
                    let (node, reason) = (self.node.clone(), cut_reason(why.clone()));
                    closed.rejects.push(Reject {
                        node,
                        origin: 0,
                        reason,
                        row: row_as_json(&input, row),
                        is_group: false,
                    });
                }
                let keep = BooleanArray::from(keep);
                for column in &mut columns {
                    *column = filter(column, &keep).map_err(arrow_failed)?;
                }
            }
            if kept > 0 {
                closed.batches.push(batch_of(&self.schema, columns, kept)?);
            }
            from += rows;
        }
        Ok(closed)
    }
}

/// Numbers of rows, or of none.
fn numbers(of: impl IntoIterator<Item = Option<u32>>) -> UInt32Array {
    of.into_iter().collect()
}

impl Stateful for Over {
    type Partial = RecordBatch;

    fn partial(&self, _: usize, rows: Rows, _: WatermarkPair, effects: &mut Effects) -> Result<Option<RecordBatch>> {
        self.computed(&rows, effects).map(Some)
    }

    fn close(&self, end: &EpochEnd, partials: Vec<RecordBatch>, _: &mut [&mut Table]) -> Result<Closed> {
        let mut held = locked(&self.held)?;
        held.extend(partials);
        if end.watermarks.close.is_none() || held.is_empty() {
            return Ok(Closed::default());
        }
        self.emitted(&std::mem::take(&mut *held), &end.workers)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("window functions until the end")
    }

    fn explain(&self) -> Explanation {
        let until = Until::Never("the query is asked once");
        Explanation {
            emits: "at the end of the input".to_owned(),
            keeps: vec![StateEntry { what: "rows", by: "of", keys: Vec::new(), until }],
            late: None,
        }
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        None
    }
}
