//! An epoch's partials into the stored state, partition by partition.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::record_batch::RecordBatch;

use super::apart::{self, Apart};
use super::emit::{NOWHERE, Of};
use super::function::Unmerged;
use super::partial::{GroupPartial, rows_that_stay};
use super::touched::{PartitionState, Touched};
use super::{AggregateFunction, FunctionError, GroupAggregate, TimeKey};
use crate::job::OutputMode;
use crate::operator::grouping::Grouper;
use crate::operator::isolate::Attempt;
use crate::operator::rows::arrow_failed;
use crate::operator::{Closed, EpochEnd};
use crate::record::WatermarkPair;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Key, Partition, Table, hash_key, partition_of};
use crate::time::watermark::is_late;
use crate::{Error, Result};

/// What an epoch's partials have for one partition.
struct New<'a> {
    ranges: Vec<(&'a GroupPartial, Range<usize>)>,
    /// Of each row of the ranges its group.
    ids: Vec<u32>,
    buckets: Vec<i64>,
    hashes: Vec<u64>,
    keys: Vec<&'a [u8]>,
}

impl New<'_> {
    /// The same without what these groups have.
    fn without(self, refused: &[(usize, String)]) -> Self {
        let mut kept = vec![true; self.keys.len()];
        refused.iter().for_each(|(group, _)| kept[*group] = false);
        let mut numbers = vec![0u32; kept.len()];
        let mut next = 0;
        for (number, kept) in numbers.iter_mut().zip(&kept) {
            *number = next;
            next += u32::from(*kept);
        }
        let ranges = rows_that_stay(self.ranges, |row| kept[self.ids[row] as usize]);
        let ids = self.ids.iter().filter(|group| kept[**group as usize]).map(|group| numbers[*group as usize]);
        let left = |group: usize| kept[group];
        let buckets = self.buckets.into_iter().enumerate().filter(|(g, _)| left(*g)).map(|(_, b)| b).collect();
        let hashes = self.hashes.into_iter().enumerate().filter(|(g, _)| left(*g)).map(|(_, h)| h).collect();
        let keys = self.keys.into_iter().enumerate().filter(|(g, _)| left(*g)).map(|(_, k)| k).collect();
        Self { ranges, ids: ids.collect(), buckets, hashes, keys }
    }
}

/// The key of the one group of all rows.
const ALL_ROWS: &[u8] = &[];

impl GroupAggregate {
    pub(super) fn merge_and_emit(
        &self,
        partials: &[GroupPartial],
        tables: &mut [&mut Table],
        end: &EpochEnd,
    ) -> Result<Vec<Closed>> {
        let at = end.watermarks;
        let mut tables: Vec<_> = tables.iter_mut().map(|t| t.partitions_mut().iter_mut()).collect();
        let mut tables = tables.drain(..);
        let groups = tables.next().ok_or_else(|| Error::internal("an aggregation has a table"))?;
        let mut combinations = if self.keeps_combinations() { tables.next() } else { None };
        let mut pieces = if self.stores_pieces().is_some() { tables.next() } else { None };
        let mut next = |groups| PartitionState {
            groups,
            combinations: combinations.as_mut().and_then(Iterator::next),
            pieces: pieces.as_mut().and_then(Iterator::next),
        };
        let states: Vec<PartitionState<'_>> = groups.map(&mut next).collect();
        let close = |(p, mut state): (usize, PartitionState<'_>)| {
            let mut touched = self.merge(p, partials, &mut state)?;
            let mut closed = Closed { rejects: std::mem::take(&mut touched.rejects), ..Closed::default() };
            if self.waits(at) {
                return Ok(closed);
            }
            let touched = Touched { all: self.at_end, ..touched };
            closed.append(self.emit(&mut state, &touched, at)?);
            self.drop_closed(state, at);
            Ok(closed)
        };
        let rows = partials.iter().map(|partial| partial.keys.len()).sum();
        end.workers.for_rows(rows).each(states.into_iter().enumerate(), close).into_iter().collect()
    }

    /// Merges the partials' groups of partition `p` with what is stored of them, and stores the result.
    fn merge<'a>(&self, p: usize, partials: &'a [GroupPartial], state: &mut PartitionState<'_>) -> Result<Touched<'a>> {
        let PartitionState { groups: partition, combinations, pieces } = state;
        let ranges = partials.iter().map(|g| (g, g.keys.of_partition(p)));
        let ranges: Vec<_> = ranges.filter(|(_, r)| !r.is_empty()).collect();
        let mut groups = Grouper::new(ranges.iter().map(|(_, r)| r.len()).max().unwrap_or(0));
        let mut keys: Vec<&[u8]> = Vec::new();
        let mut ids: Vec<u32> = Vec::new();
        for (partial, range) in &ranges {
            for i in range.clone() {
                let Key { bucket, hash, bytes: key } = partial.keys.key(partial.buckets[i], i);
                let id = groups.group(bucket, hash, |g| keys[g as usize] == key);
                if id as usize == keys.len() {
                    keys.push(key);
                }
                ids.push(id);
            }
        }
        if keys.is_empty() {
            return if self.is_one_group(p) { self.all_rows(partition) } else { Ok(Touched::default()) };
        }
        if let Some(pieces) = pieces {
            self.drop_touched(pieces, &groups.buckets);
        }
        let Grouper { buckets, hashes, .. } = groups;
        let mut new = New { ranges, ids, buckets, hashes, keys };
        let mut rejects = Vec::new();
        let states = loop {
            let New { ranges, ids, buckets, hashes, keys } = &new;
            // Stored states come first: they are older.
            let mut all_ids: Vec<u32> = Vec::with_capacity(ids.len());
            let mut stored: Vec<&[u8]> = Vec::new();
            let asked = (0..keys.len()).map(|id| Key { bucket: buckets[id], hash: hashes[id], bytes: keys[id] });
            for (id, state) in partition.get_many(asked).into_iter().enumerate() {
                if let Some(state) = state {
                    all_ids.push(id as u32);
                    stored.push(state);
                }
            }
            let stored = if stored.is_empty() { None } else { Some(decode(&stored, &self.state_types)?) };
            all_ids.extend(ids);
            let apart = combinations.as_deref_mut().map(|partition| {
                let (buckets, keys) = (buckets.as_slice(), Some(keys.as_slice()));
                Apart { partition, buckets, keys, sets: None, remembered: self.remembered() }
            });
            match self.merge_states(stored, ranges, &all_ids, keys.len(), apart) {
                Ok(states) => break states,
                Err(FunctionError::Groups(Unmerged { groups, .. })) => {
                    let ends: Option<Vec<i64>> = match &self.time {
                        TimeKey::Window { spec, .. } if !self.stores_windows() => {
                            Some(buckets.iter().map(|slice| spec.slice_end(*slice)).collect())
                        }
                        _ => None,
                    };
                    let of = Of { times: buckets, ends: ends.as_deref(), keys };
                    rejects.extend(self.unmerged(of, &groups, NOWHERE)?);
                    new = new.without(&groups);
                    if new.keys.is_empty() {
                        return Ok(Touched { rejects, ..Touched::default() });
                    }
                }
                Err(e) => return Err(self.failed(e)),
            }
        };
        let New { buckets, hashes, keys, .. } = new;
        let mut encoded = RowBuffer::new();
        encode(&states, keys.len(), Form::Value, &mut encoded)?;
        let entries =
            (0..keys.len()).map(|id| (Key { bucket: buckets[id], hash: hashes[id], bytes: keys[id] }, encoded.row(id)));
        partition.put_many(entries, |_, _| {});
        Ok(Touched { buckets, keys, states, by_rows: true, all: false, rejects })
    }

    /// Whether all rows are one group, which is in partition `p`: it is there before there are rows.
    fn is_one_group(&self, p: usize) -> bool {
        let place = || partition_of(hash_key(ALL_ROWS), self.partitions as usize);
        matches!(self.time, TimeKey::None) && self.key_types.is_empty() && p == place()
    }

    /// The group of all rows in an epoch that has none.
    fn all_rows(&self, partition: &mut Partition) -> Result<Touched<'static>> {
        let states = match partition.get(0, ALL_ROWS) {
            Some(state) => decode(&[state], &self.state_types)?,
            None => {
                let states = self.states_of_nothing()?;
                let mut encoded = RowBuffer::new();
                encode(&states, 1, Form::Value, &mut encoded)?;
                partition.put(0, ALL_ROWS, encoded.row(0));
                states
            }
        };
        let (buckets, keys) = (vec![0], vec![ALL_ROWS]);
        Ok(Touched { buckets, keys, states, by_rows: false, all: false, rejects: Vec::new() })
    }

    /// The state of a group without rows.
    fn states_of_nothing(&self) -> Result<Vec<ArrayRef>> {
        let none = RecordBatch::new_empty(self.input.clone());
        let stored = self.aggregates.iter().zip(self.state_ranges());
        let stored = stored.filter_map(|(call, (function, _))| Some((call, function?)));
        // With a filter: without one, DataFusion takes it that each group has rows.
        let filter = BooleanArray::from(Vec::<bool>::new());
        let states = stored.map(|(call, function)| {
            let (args, _) = call.args.evaluate(&none)?;
            function.partial(&[], 1, &args, Some(&filter), Attempt::First).map_err(|e| self.failed(e))
        });
        Ok(states.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// One state per group `0..n` of stored states and of the partials' states in these ranges, whose groups are `ids`.
    pub(super) fn merge_states(
        &self,
        stored: Option<Vec<ArrayRef>>,
        new: &[(&GroupPartial, Range<usize>)],
        ids: &[u32],
        n: usize,
        mut apart: Option<Apart<'_>>,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let merged = self.merge_calls(stored, new, ids, n, apart.as_mut());
        if let (Err(_), Some(apart)) = (&merged, &mut apart) {
            apart.forget();
        }
        merged
    }

    /// Where what DISTINCT remembers is noted, if a plugin may be unable to merge.
    pub(super) fn remembered(&self) -> Option<Vec<(i64, Vec<u8>)>> {
        self.aggregates.iter().any(|call| call.function.may_reject()).then(Vec::new)
    }

    fn merge_calls(
        &self,
        stored: Option<Vec<ArrayRef>>,
        new: &[(&GroupPartial, Range<usize>)],
        ids: &[u32],
        n: usize,
        mut apart: Option<&mut Apart<'_>>,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let mut states: Vec<ArrayRef> = Vec::with_capacity(self.state_fields.len());
        let of_stored = &ids[..ids.len() - new.iter().map(|(_, r)| r.len()).sum::<usize>()];
        let new_of = |c: usize| new.iter().map(move |(partial, r)| partial.states[c].slice(r.start, r.len()));
        let together = |pieces: Vec<ArrayRef>| {
            let pieces: Vec<&dyn Array> = pieces.iter().map(|a| a.as_ref()).collect();
            concat(&pieces).map_err(arrow_failed)
        };
        let calls = self.aggregates.iter().zip(self.state_ranges()).zip(self.partial_ranges());
        for (number, ((call, (function, columns)), partial)) in calls.enumerate() {
            let stored_of = |c: usize| stored.iter().map(move |s| s[c].clone());
            let (Some(apart), Some(distinct)) = (apart.as_deref_mut(), self.apart(call)) else {
                let columns = columns.zip(partial).map(|(s, c)| together(stored_of(s).chain(new_of(c)).collect()));
                let columns = columns.collect::<Result<_>>()?;
                states.extend(merge_or_place(&*call.function, ids, n, columns)?);
                continue;
            };
            let moved = apart.moved(number, distinct, n)?;
            let of_moved = moved.iter().flat_map(|_| 0..n as u32);
            let of_lists: Vec<u32> = of_moved.chain(ids[of_stored.len()..].iter().copied()).collect();
            let lists = vec![together(moved.into_iter().chain(new_of(partial.start)).collect())?];
            let lists = merge_or_place(distinct, &of_lists, n, lists)?;
            let apart::New { groups, args } = apart.remember(number, &lists[0])?;
            if let Some(function) = function {
                let fresh = distinct.states_of(&groups, n, &args)?;
                let columns = columns.zip(fresh).map(|(s, c)| {
                    let kept = stored_of(s).map(|column| apart.kept(&column));
                    together(kept.chain([Ok(c)]).collect::<Result<_>>()?)
                });
                let columns = columns.collect::<Result<_>>()?;
                let kept_in = apart.kept_in().unwrap_or(of_stored);
                let ids: Vec<u32> = kept_in.iter().copied().chain(0..n as u32).collect();
                states.extend(merge_or_place(function, &ids, n, columns)?);
            }
        }
        Ok(states)
    }

    fn emit(&self, state: &mut PartitionState<'_>, touched: &Touched<'_>, at: WatermarkPair) -> Result<Closed> {
        // Where windows are stored, a bucket bears the start of its window.
        let length = match &self.time {
            TimeKey::Window { spec, .. } => spec.size(),
            _ => 0,
        };
        match (self.mode, &self.time) {
            (_, TimeKey::Session { .. }) => Err(Error::internal(format!("{}: sessions have their own way", self.name))),
            (OutputMode::Update, _) => self.emit_touched(touched),
            (OutputMode::Complete, TimeKey::Window { spec, .. }) if !self.stores_windows() => {
                self.emit_slices(state, spec, None, None, touched)
            }
            (OutputMode::Complete, _) => self.emit_buckets(state.groups, None, touched),
            (OutputMode::Append, TimeKey::Window { .. } | TimeKey::EventTime { .. }) => {
                let Some(close) = at.close else { return Ok(Closed::default()) };
                match &self.time {
                    TimeKey::Window { spec, .. } if !self.stores_windows() => {
                        self.emit_slices(state, spec, at.late, Some(close), touched)
                    }
                    _ => self.emit_buckets(state.groups, Some(close.saturating_sub(length)), touched),
                }
            }
            (OutputMode::Append, TimeKey::None) => {
                Err(Error::internal(format!("{}: append mode without a time to group by", self.name)))
            }
        }
    }

    /// Drops the buckets that no row can reach any more.
    fn drop_closed(&self, state: PartitionState<'_>, at: WatermarkPair) {
        if self.mode == OutputMode::Complete {
            return;
        }
        let end = |bucket: i64| match &self.time {
            TimeKey::None | TimeKey::Session { .. } => None,
            TimeKey::EventTime { .. } => Some(bucket),
            TimeKey::Window { spec, .. } if self.stores_windows() => Some(bucket + spec.size()),
            TimeKey::Window { spec, .. } => Some(spec.last_end(bucket)),
        };
        for partition in [Some(state.groups), state.combinations].into_iter().flatten() {
            let buckets = partition.buckets().map(|(bucket, _)| bucket);
            let closed: Vec<i64> = buckets.take_while(|b| end(*b).is_some_and(|e| is_late(e, at.close))).collect();
            for bucket in closed {
                partition.drop_bucket(bucket);
            }
        }
        if let (Some(pieces), Some(close)) = (state.pieces, at.close) {
            self.drop_passed(pieces, close);
        }
    }
}

/// One state per group: merged, or, where every group came once, only put in its place.
fn merge_or_place(
    function: &dyn AggregateFunction,
    ids: &[u32],
    n: usize,
    columns: Vec<ArrayRef>,
) -> Result<Vec<ArrayRef>, FunctionError> {
    if ids.len() != n {
        return function.merge(ids, n, &columns);
    }
    if ids.is_sorted() {
        return Ok(columns);
    }
    let mut places = vec![0; n];
    ids.iter().enumerate().for_each(|(at, id)| places[*id as usize] = at as u32);
    let places = UInt32Array::from(places);
    let place = |column: &ArrayRef| take(column, &places, None).map_err(|e| FunctionError::Other(arrow_failed(e)));
    columns.iter().map(place).collect()
}
