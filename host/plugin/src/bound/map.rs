//! Maps: new columns, row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};

use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind, params};
use crate::contract::{BatchParam, map};
use crate::error::Result;
use crate::instance::Instances;
use crate::lift;
use crate::limits::CallOptions;
use crate::rejects::{self, Reject};

/// A bound map.
#[derive(Clone)]
pub struct BoundMap(Arc<Inner>);

struct Inner {
    instances: Instances<map::Guest>,
    bound: Bound,
}

/// What a map makes of a batch.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// The output columns, as long as the batch. What stands in rejected rows means nothing.
    pub columns: Vec<ArrayRef>,
    /// The rows that it refused, ascending.
    pub rejects: Vec<Reject>,
}

shared_parts!(BoundMap, map);

impl BoundMap {
    pub(crate) fn new(instances: Instances<map::Guest>) -> Result<Self> {
        let bound = Bound::new(instances.input(), instances.answer())?;
        if bound.output.is_empty() {
            return Err(bad_bind("a map makes at least one column, but it promises none"));
        }
        Ok(Self(Arc::new(Inner { instances, bound })))
    }

    /// Computes the new columns for `batch`, which has the schema that the plugin was bound to.
    pub fn call(&self, batch: &RecordBatch) -> Result<Mapped> {
        self.call_with(batch, CallOptions::default())
    }

    /// Like [`call`](Self::call), with a fresh instance or more time.
    pub fn call_with(&self, batch: &RecordBatch, options: CallOptions) -> Result<Mapped> {
        let rows = rows(batch)?;
        let lowered = self.0.bound.lower(batch)?;
        let columns = params(&lowered);
        self.0.instances.call(
            options,
            |guest, store| guest.call_call(store, BatchParam { rows, columns: &columns }),
            |given| {
                let rows = rows as usize;
                let rejects = rejects::check(given.rejects, rows, 0)?;
                let counted = rejects::not_rejected(&rejects, rows);
                let columns = lift::columns(&self.0.bound.output, given.columns, rows, counted.as_ref())?;
                Ok(Mapped { columns, rejects })
            },
        )
    }
}
