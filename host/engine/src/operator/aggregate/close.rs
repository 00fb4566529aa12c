//! An epoch's partials into the stored state, partition by partition.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;

use super::partial::GroupPartial;
use super::{GroupAggregate, TimeKey};
use crate::job::OutputMode;
use crate::operator::grouping::Grouper;
use crate::operator::rows::arrow_failed;
use crate::record::WatermarkPair;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Partition, Table};
use crate::time::watermark::is_late;
use crate::{Error, Result};

/// The groups of one partition that an epoch touched, with their new states.
pub(super) struct Touched<'a> {
    pub buckets: Vec<i64>,
    pub keys: Vec<&'a [u8]>,
    /// One row per group.
    pub states: Vec<ArrayRef>,
}

impl GroupAggregate {
    pub(super) fn merge_and_emit(
        &self,
        partials: &[GroupPartial],
        table: &mut Table,
        at: WatermarkPair,
    ) -> Result<Vec<RecordBatch>> {
        let emitted: Vec<Option<RecordBatch>> = table
            .partitions_mut()
            .par_iter_mut()
            .enumerate()
            .map(|(p, partition)| {
                let touched = self.merge(p, partials, partition)?;
                if self.waits(at) {
                    return Ok(None);
                }
                let batch = self.emit(partition, touched, at)?;
                self.drop_closed(partition, at);
                Ok(batch)
            })
            .collect::<Result<_>>()?;
        Ok(emitted.into_iter().flatten().collect())
    }

    /// Merges the partials' groups of partition `p` with what is stored of them, and stores the result.
    fn merge<'a>(&self, p: usize, partials: &'a [GroupPartial], partition: &mut Partition) -> Result<Touched<'a>> {
        let ranges = partials.iter().map(|g| (g, g.of_partition(p)));
        let ranges: Vec<_> = ranges.filter(|(_, r)| !r.is_empty()).collect();
        let mut groups = Grouper::new(ranges.iter().map(|(_, r)| r.len()).max().unwrap_or(0));
        let mut keys: Vec<&[u8]> = Vec::new();
        let mut ids: Vec<u32> = Vec::new();
        for (partial, range) in &ranges {
            for i in range.clone() {
                let key = partial.keys.row(i);
                let id = groups.group(partial.buckets[i], partial.hashes[i], |g| keys[g as usize] == key);
                if id as usize == keys.len() {
                    keys.push(key);
                }
                ids.push(id);
            }
        }
        let n = keys.len();
        if n == 0 {
            return Ok(Touched { buckets: Vec::new(), keys, states: Vec::new() });
        }

        // Stored states come first: they are older.
        let mut all_ids: Vec<u32> = Vec::with_capacity(ids.len());
        let mut stored: Vec<&[u8]> = Vec::new();
        for (id, key) in keys.iter().enumerate() {
            if let Some(state) = partition.get_hashed(groups.buckets[id], groups.hashes[id], key) {
                all_ids.push(id as u32);
                stored.push(state);
            }
        }
        let stored = if stored.is_empty() { None } else { Some(decode(&stored, &self.state_types)?) };
        all_ids.extend(ids);

        let states = self.merge_states(stored, &ranges, &all_ids, n)?;
        let mut encoded = RowBuffer::new();
        encode(&states, n, Form::Value, &mut encoded)?;
        for (id, key) in keys.iter().enumerate() {
            partition.put_hashed(groups.buckets[id], groups.hashes[id], key, encoded.row(id));
        }
        Ok(Touched { buckets: groups.buckets, keys, states })
    }

    /// One state per group `0..n` of stored states and of the partials' states in these ranges, whose groups are `ids`.
    pub(super) fn merge_states(
        &self,
        stored: Option<Vec<ArrayRef>>,
        new: &[(&GroupPartial, Range<usize>)],
        ids: &[u32],
        n: usize,
    ) -> Result<Vec<ArrayRef>> {
        let mut states: Vec<ArrayRef> = Vec::with_capacity(self.state_fields.len());
        let nothing_to_merge = ids.len() == n;
        // Where every group came once, states only change their places.
        let places: Option<UInt32Array> = (nothing_to_merge && !ids.is_sorted()).then(|| {
            let mut places = vec![0; n];
            ids.iter().enumerate().for_each(|(at, id)| places[*id as usize] = at as u32);
            places.into()
        });
        for (call, columns) in self.state_ranges() {
            let columns = columns.map(|c| {
                let new = new.iter().map(|(partial, r)| partial.states[c].slice(r.start, r.len()));
                let pieces: Vec<ArrayRef> = stored.iter().map(|s| s[c].clone()).chain(new).collect();
                let pieces: Vec<&dyn Array> = pieces.iter().map(|a| a.as_ref()).collect();
                let column = concat(&pieces).map_err(arrow_failed)?;
                match &places {
                    Some(places) => take(&column, places, None).map_err(arrow_failed),
                    None => Ok(column),
                }
            });
            let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
            if nothing_to_merge {
                states.extend(columns);
            } else {
                states.extend(call.function.merge(ids, n, &columns).map_err(|e| self.failed(e))?);
            }
        }
        Ok(states)
    }

    fn emit(&self, partition: &Partition, touched: Touched<'_>, at: WatermarkPair) -> Result<Option<RecordBatch>> {
        match (self.mode, &self.time) {
            (_, TimeKey::Session { .. }) => Err(Error::internal(format!("{}: sessions have their own way", self.name))),
            (OutputMode::Update, _) => self.emit_touched(touched),
            (OutputMode::Complete, TimeKey::Window { spec, .. }) => self.emit_windows(partition, spec, None, None),
            (OutputMode::Complete, _) => self.emit_buckets(partition, None),
            (OutputMode::Append, TimeKey::Window { spec, .. }) => match at.close {
                Some(close) => self.emit_windows(partition, spec, at.late, Some(close)),
                None => Ok(None),
            },
            (OutputMode::Append, TimeKey::EventTime { .. }) => match at.close {
                Some(close) => self.emit_buckets(partition, Some(close)),
                None => Ok(None),
            },
            (OutputMode::Append, TimeKey::None) => {
                Err(Error::internal(format!("{}: append mode without a time to group by", self.name)))
            }
        }
    }

    /// Drops the buckets that no row can reach any more.
    fn drop_closed(&self, partition: &mut Partition, at: WatermarkPair) {
        if self.mode == OutputMode::Complete {
            return;
        }
        let end = |bucket: i64| match &self.time {
            TimeKey::None | TimeKey::Session { .. } => None,
            TimeKey::EventTime { .. } => Some(bucket),
            TimeKey::Window { spec, .. } if self.stores_windows() => Some(bucket + spec.size()),
            TimeKey::Window { spec, .. } => Some(spec.last_end(bucket)),
        };
        let buckets = partition.buckets().map(|(bucket, _)| bucket);
        let closed: Vec<i64> = buckets.take_while(|b| end(*b).is_some_and(|e| is_late(e, at.close))).collect();
        for bucket in closed {
            partition.drop_bucket(bucket);
        }
    }
}
