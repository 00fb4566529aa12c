//! Filters: which rows pass.

use std::sync::Arc;

use arrow::array::{BooleanBufferBuilder, RecordBatch};
use arrow::buffer::BooleanBuffer;

use super::handed_over::HandedOver;
use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind};
use crate::error::Result;
use crate::guests::{Filter, Kind};
use crate::lift;
use crate::limits::CallOptions;
use crate::pool::{Slot, Subjects};
use crate::rejects::{self, Reject};

/// A bound filter.
#[derive(Clone)]
pub struct BoundFilter(Arc<Inner>);

struct Inner {
    slot: Slot<Filter>,
    bound: Bound,
}

/// What a filter says of a batch.
#[derive(Debug, Clone)]
pub struct Selection {
    /// A bit per row of the batch, set where it is kept; never set for a rejected row.
    pub keep: BooleanBuffer,
    /// The rows that it refused, ascending.
    pub rejects: Vec<Reject>,
}

shared_parts!(BoundFilter);

impl BoundFilter {
    pub(crate) fn new(slot: Slot<Filter>) -> Result<Self> {
        let bound = Bound::new(slot.asked(), slot.answer())?;
        if let Some(field) = bound.output().first() {
            return Err(bad_bind(format!("a filter makes no columns, but it promises `{}`", field.name())));
        }
        Ok(Self(Arc::new(Inner { slot, bound })))
    }

    /// Judges the rows of `batch`, which has the schema that the plugin was bound to.
    pub fn call(&self, batch: &RecordBatch) -> Result<Selection> {
        self.call_with(batch, CallOptions::default())
    }

    /// Like [`call`](Self::call), with a fresh instance or more time.
    pub fn call_with(&self, batch: &RecordBatch, options: CallOptions) -> Result<Selection> {
        let given = HandedOver::new(&self.0.bound, batch)?;
        if let Some(whole) = given.whole(&self.0.bound) {
            return self.part(whole, 0, options);
        }
        let parts = given.in_parts(&self.0.bound, |part, first| self.part(part, first, options))?;
        let mut keep = BooleanBufferBuilder::new(given.batch().num_rows());
        parts.iter().for_each(|part| keep.append_buffer(&part.keep));
        let mut keep = keep.finish();
        if let Some(rows) = given.rows() {
            let mut whole = BooleanBufferBuilder::new(batch.num_rows());
            whole.append_n(batch.num_rows(), false);
            keep.set_indices().for_each(|kept| whole.set_bit(rows.value(kept) as usize, true));
            keep = whole.finish();
        }
        let rejects = given.rejects(parts.into_iter().flat_map(|part| part.rejects).collect());
        Ok(Selection { keep, rejects })
    }

    /// One call of the guest, over `batch`, which starts at row `first` of what is handed over.
    fn part(&self, batch: &RecordBatch, first: u32, options: CallOptions) -> Result<Selection> {
        let rows = rows(batch)?;
        let lowered = self.0.bound.lower(batch)?;
        self.0.slot.call(
            options,
            Subjects::rows(rows),
            |guests, store, slot| lowered.with_batch(|batch| Filter::of(guests).call_call(store, slot, batch)),
            |given| {
                let rows = rows as usize;
                let rejects = rejects::check(given.rejects, rows)?;
                let mut keep = lift::bitmap("`keep`", given.keep, rows)?;
                if let Some(counted) = rejects::not_rejected(&rejects, rows) {
                    keep = &keep & &counted;
                }
                Ok(Selection { keep, rejects: rejects::moved(rejects, first) })
            },
        )
    }
}
