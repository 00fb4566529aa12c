//! Maps: new columns, row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take_arrays;

use super::handed_over::{HandedOver, put_together};
use super::{rows, shared_parts};
use crate::binding::{Bound, bad_bind};
use crate::error::{PluginError, Result};
use crate::guests::{Kind, Map};
use crate::lift;
use crate::limits::CallOptions;
use crate::pool::{Slot, Subjects};
use crate::rejects::{self, Reject};

/// A bound map.
#[derive(Clone)]
pub struct BoundMap(Arc<Inner>);

struct Inner {
    slot: Slot<Map>,
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

shared_parts!(BoundMap);

impl BoundMap {
    pub(crate) fn new(slot: Slot<Map>) -> Result<Self> {
        let bound = Bound::new(slot.asked(), slot.answer())?;
        if bound.output().is_empty() {
            return Err(bad_bind("a map makes at least one column, but it promises none"));
        }
        if let (true, Some(field)) = (bound.hints.skip_nulls, bound.output().iter().find(|field| !field.is_nullable()))
        {
            return Err(bad_bind(format!(
                "rows with nulls are to be skipped, but the column `{}` that it makes is not nullable",
                field.name()
            )));
        }
        Ok(Self(Arc::new(Inner { slot, bound })))
    }

    /// Computes the new columns for `batch`, which has the schema that the plugin was bound to.
    pub fn call(&self, batch: &RecordBatch) -> Result<Mapped> {
        self.call_with(batch, CallOptions::default())
    }

    /// Like [`call`](Self::call), with a fresh instance or more time.
    pub fn call_with(&self, batch: &RecordBatch, options: CallOptions) -> Result<Mapped> {
        let given = HandedOver::new(&self.0.bound, batch)?;
        if let Some(whole) = given.whole(&self.0.bound) {
            return self.part(whole, 0, options);
        }
        let parts = given.in_parts(&self.0.bound, |part, first| self.part(part, first, options))?;
        let mut columns = put_together(&parts.iter().map(|part| &part.columns[..]).collect::<Vec<_>>())?;
        if let Some(places) = given.rows().map(|rows| places(rows, batch.num_rows())) {
            columns = take_arrays(&columns, &places, None)
                .map_err(|e| PluginError::Engine(format!("making room for rows with nulls: {e}")))?;
        }
        let rejects = given.rejects(parts.into_iter().flat_map(|part| part.rejects).collect());
        Ok(Mapped { columns, rejects })
    }

    /// One call of the guest, over `batch`, which starts at row `first` of what is handed over.
    fn part(&self, batch: &RecordBatch, first: u32, options: CallOptions) -> Result<Mapped> {
        let rows = rows(batch)?;
        let lowered = self.0.bound.lower(batch)?;
        self.0.slot.call(
            options,
            Subjects::rows(rows),
            |guests, store, slot| lowered.with_batch(|batch| Map::of(guests).call_call(store, slot, batch)),
            |given| {
                let rows = rows as usize;
                let rejects = rejects::check(given.rejects, rows)?;
                let counted = rejects::not_rejected(&rejects, rows);
                let columns = lift::columns(&self.0.bound.output, given.output, rows, counted.as_ref())?;
                Ok(Mapped { columns, rejects: rejects::moved(rejects, first) })
            },
        )
    }
}

/// For each of `all` rows its place among `rows`, or null.
fn places(rows: &UInt32Array, all: usize) -> UInt32Array {
    let mut places = vec![None; all];
    rows.values().iter().enumerate().for_each(|(place, &row)| places[row as usize] = Some(place as u32));
    places.into()
}
