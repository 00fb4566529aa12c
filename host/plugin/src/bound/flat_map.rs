//! Flat-maps: any number of rows out of each. One call of ours is as many calls of the guest as it takes.
//!
//! What always holds: the loop ends. A guest that hands its output over in pieces must bring things on with each of
//! them, and all of them together are bounded.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_empty_array};
use arrow::buffer::{BooleanBuffer, ScalarBuffer};
use arrow::compute::{concat, filter};
use arrow::datatypes::UInt32Type;

use super::handed_over::HandedOver;
use super::{rows, shared_parts};
use crate::binding::Bound;
use crate::error::{PluginError, Result};
use crate::guests::{FlatMap, Kind};
use crate::lift;
use crate::limits::CallOptions;
use crate::pool::{Slot, Subjects};
use crate::rejects::{self, Reject};

/// Calls that a batch has for free; see [`Progress`].
const FREE_CALLS: u64 = 16;
/// Bytes of output that pay for a call.
const BYTES_PER_CALL: u64 = 4 << 10;

/// A bound flat-map.
#[derive(Clone)]
pub struct BoundFlatMap(Arc<Inner>);

struct Inner {
    slot: Slot<FlatMap>,
    bound: Bound,
}

/// What a flat-map makes of a batch.
#[derive(Debug, Clone)]
pub struct Expanded {
    /// For each output row the row of the batch that it came from; never going down.
    pub parents: UInt32Array,
    /// The output columns, as long as `parents`.
    pub columns: Vec<ArrayRef>,
    /// The rows that it refused, ascending; none of them is a parent.
    pub rejects: Vec<Reject>,
}

shared_parts!(BoundFlatMap);

/// One call's part of the result.
struct Piece {
    parents: Vec<u32>,
    columns: Vec<ArrayRef>,
    rejects: Vec<Reject>,
    consumed: usize,
    resume: Option<u64>,
}

impl BoundFlatMap {
    pub(crate) fn new(slot: Slot<FlatMap>) -> Result<Self> {
        let bound = Bound::new(slot.asked(), slot.answer())?;
        Ok(Self(Arc::new(Inner { slot, bound })))
    }

    /// Expands the rows of `batch`, which has the schema that the plugin was bound to.
    pub fn call(&self, batch: &RecordBatch) -> Result<Expanded> {
        self.call_with(batch, CallOptions::default())
    }

    /// Like [`call`](Self::call), with a fresh instance or more time. The time is per call of the guest, of which
    /// there is more than one where it hands its output over in pieces.
    pub fn call_with(&self, batch: &RecordBatch, options: CallOptions) -> Result<Expanded> {
        rows(batch)?;
        let given = HandedOver::new(&self.0.bound, batch)?;
        let mut progress = Progress::new(self.0.slot.limits().expanded_bytes as u64);
        let parts = given.in_parts(&self.0.bound, |part, first| self.part(part, first, options, &mut progress))?;
        let pieces = parts.into_iter().flatten().collect();
        let mut expanded = self.assemble(pieces, given.batch().num_rows())?;
        if given.rows().is_some() {
            expanded.parents = expanded.parents.unary(|parent| given.row(parent));
            expanded.rejects = given.rejects(expanded.rejects);
        }
        Ok(expanded)
    }

    /// The pieces that the guest makes of `batch`, which starts at row `first` of what is handed over.
    fn part(
        &self,
        batch: &RecordBatch,
        first: u32,
        mut options: CallOptions,
        progress: &mut Progress,
    ) -> Result<Vec<Piece>> {
        let all = batch.num_rows();
        let mut pieces = Vec::with_capacity(1);
        let (mut done, mut resume) = (0, None);
        loop {
            let rest = if done == 0 { batch.clone() } else { batch.slice(done, all - done) };
            let piece = self.piece(&rest, first + done as u32, resume, options, progress);
            let piece = piece.map_err(|e| e.in_row(|row| row + done as u32))?;
            done += piece.consumed;
            resume = piece.resume;
            pieces.push(piece);
            if done == all {
                return Ok(pieces);
            }
            // The fresh instance is in the pool now, and healthy.
            options.fresh_instance = false;
        }
    }

    /// One call of the guest, over `batch`, which starts at row `first` of what is handed over.
    fn piece(
        &self,
        batch: &RecordBatch,
        first: u32,
        resume: Option<u64>,
        options: CallOptions,
        progress: &mut Progress,
    ) -> Result<Piece> {
        let rows = rows(batch)?;
        let lowered = self.0.bound.lower(batch)?;
        self.0.slot.call(
            options,
            Subjects::rows(rows),
            |guests, store, slot| lowered.with_batch(|batch| FlatMap::of(guests).call_call(store, slot, batch, resume)),
            |given| {
                let consumed = given.consumed;
                if consumed > rows {
                    return Err(format!("`consumed` is {consumed} of {rows} rows"));
                }
                if consumed == rows && given.resume.is_some() {
                    return Err(format!("`resume` is given, but all {rows} rows are consumed"));
                }
                let rejects = rejects::moved(rejects::check(given.rejects, consumed as usize)?, first);
                let parents = lift::numbers("`parents`", given.parents)?.to_vec();
                let parents = parents_of(parents, consumed, given.resume.is_some(), first)?;
                // Rows of rejected parents are dropped later; until then they may hold anything but nulls out of place.
                let counted = (!rejects.is_empty()).then(|| without(&parents, &rejects));
                let columns = lift::columns(&self.0.bound.output, given.output, parents.len(), counted.as_ref())?;
                let bytes = 4 * parents.len() + columns.iter().map(|c| c.get_array_memory_size()).sum::<usize>();
                progress.step(consumed < rows, consumed, bytes as u64)?;
                Ok(Piece { parents, columns, rejects, consumed: consumed as usize, resume: given.resume })
            },
        )
    }

    fn assemble(&self, mut pieces: Vec<Piece>, rows: usize) -> Result<Expanded> {
        let (parents, mut columns, rejects) = if pieces.len() == 1 {
            let Piece { parents, columns, rejects, .. } = pieces.remove(0);
            (parents, columns, rejects)
        } else {
            let columns = self.0.bound.output().iter().enumerate().map(|(index, field)| {
                let parts: Vec<&dyn Array> = pieces.iter().map(|piece| piece.columns[index].as_ref()).collect();
                if parts.is_empty() {
                    return Ok(new_empty_array(field.data_type()));
                }
                concat(&parts).map_err(|e| PluginError::bad_output(format!("column {index} `{}`: {e}", field.name())))
            });
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let parents = pieces.iter().flat_map(|piece| piece.parents.iter().copied()).collect();
            (parents, columns, pieces.into_iter().flat_map(|piece| piece.rejects).collect())
        };

        let mut parents = UInt32Array::new(ScalarBuffer::from(parents), None);
        if let Some(counted) = rejects::not_rejected(&rejects, rows) {
            let keep = BooleanBuffer::collect_bool(parents.len(), |i| counted.value(parents.value(i) as usize));
            if keep.count_set_bits() < parents.len() {
                let keep = BooleanArray::new(keep, None);
                let kept = |array: &dyn Array| {
                    filter(array, &keep).map_err(|e| PluginError::Engine(format!("dropping rejected rows: {e}")))
                };
                parents = kept(&parents)?.as_primitive::<UInt32Type>().clone();
                columns = columns.iter().map(|column| kept(column)).collect::<Result<_>>()?;
            }
        }
        Ok(Expanded { parents, columns, rejects })
    }
}

/// Checks that parents ascend within `0..consumed` (or `0..=consumed`, where that row is half done); moves them up.
fn parents_of(mut given: Vec<u32>, consumed: u32, half_done: bool, first: u32) -> Result<Vec<u32>, String> {
    if given.windows(2).fold(false, |bad, pair| bad | (pair[1] < pair[0])) {
        let at = given.windows(2).position(|pair| pair[1] < pair[0]).unwrap_or_default();
        return Err(format!("parent {} goes down, from {} to {}", at + 1, given[at], given[at + 1]));
    }
    let Range { end, .. } = 0..u64::from(consumed) + u64::from(half_done);
    match given.last() {
        Some(&last) if u64::from(last) >= end => {
            return Err(format!("parent {} is row {last}, but only {end} rows are dealt with", given.len() - 1));
        }
        _ => {}
    }
    if first > 0 {
        given.iter_mut().for_each(|parent| *parent += first);
    }
    Ok(given)
}

/// A bit per output row, unset where its parent is rejected.
fn without(parents: &[u32], rejects: &[Reject]) -> BooleanBuffer {
    BooleanBuffer::collect_bool(parents.len(), |i| rejects.binary_search_by_key(&parents[i], |r| r.row).is_err())
}

/// Sees to it that a guest that hands its output over in pieces gets somewhere: besides a few free ones, each call
/// must be paid for by input rows that it dealt with or by output, and the output has a limit.
struct Progress {
    calls: u64,
    rows: u64,
    bytes: u64,
    most_bytes: u64,
}

impl Progress {
    fn new(most_bytes: u64) -> Self {
        Self { calls: 0, rows: 0, bytes: 0, most_bytes }
    }

    /// Counts a call; `goes_on` where another one must follow.
    fn step(&mut self, goes_on: bool, rows: u32, bytes: u64) -> Result<(), String> {
        self.calls += 1;
        self.rows += u64::from(rows);
        self.bytes += bytes;
        if self.bytes > self.most_bytes {
            return Err(format!("more than {} bytes of output for one batch, its limit", self.most_bytes));
        }
        if goes_on && self.calls > FREE_CALLS + self.rows + self.bytes / BYTES_PER_CALL {
            return Err(format!("{} calls for one batch, and it is not getting anywhere", self.calls));
        }
        Ok(())
    }
}
