//! Filters: one bitmap per batch.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::BooleanBuffer;

use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind, params};
use crate::contract::{BatchParam, filter};
use crate::error::Result;
use crate::instance::Instances;
use crate::lift;
use crate::limits::CallOptions;
use crate::rejects::{self, Reject};

/// A bound filter.
#[derive(Clone)]
pub struct BoundFilter(Arc<Inner>);

struct Inner {
    instances: Instances<filter::Guest>,
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

shared_parts!(BoundFilter, filter);

impl BoundFilter {
    pub(crate) fn new(instances: Instances<filter::Guest>) -> Result<Self> {
        let bound = Bound::new(instances.input(), instances.answer())?;
        if let Some(field) = bound.output.first() {
            return Err(bad_bind(format!("a filter makes no columns, but it promises `{}`", field.name())));
        }
        Ok(Self(Arc::new(Inner { instances, bound })))
    }

    /// Judges the rows of `batch`, which has the schema that the plugin was bound to.
    pub fn call(&self, batch: &RecordBatch) -> Result<Selection> {
        self.call_with(batch, CallOptions::default())
    }

    /// Like [`call`](Self::call), with a fresh instance or more time.
    pub fn call_with(&self, batch: &RecordBatch, options: CallOptions) -> Result<Selection> {
        let rows = rows(batch)?;
        let lowered = self.0.bound.lower(batch)?;
        let columns = params(&lowered);
        self.0.instances.call(
            options,
            |guest, store| guest.call_call(store, BatchParam { rows, columns: &columns }),
            |given| {
                let rows = rows as usize;
                let rejects = rejects::check(given.rejects, rows, 0)?;
                let mut keep = lift::bitmap("`keep`", given.keep, rows)?;
                if let Some(counted) = rejects::not_rejected(&rejects, rows) {
                    keep = &keep & &counted;
                }
                Ok(Selection { keep, rejects })
            },
        )
    }
}
