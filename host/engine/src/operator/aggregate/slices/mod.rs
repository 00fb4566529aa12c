//! Windows out of the slices that they share.
//!
//! A window of many slices is not put together from each of them, or all windows would cost the square of what a window has:
//! slices are merged two by two, these again two by two, and so on, and a window takes the few largest pieces that lie wholly
//! in it. So an epoch merges each slice about twice, and per window and key as many pieces as the number of a window's slices
//! has bits, twice at most. (Bentley's "decomposable" queries over a segment tree; windows of few slices take them as they are.)
//!
//! Windows of very many slices are closed in epochs that follow one another: pieces of [`WHOLE`] slices are stored then
//! ([`stored`]), so that the next window does not merge all of its slices anew.
//!
//! What always holds: which slices are merged with which depends on the windows' definition alone, never on which windows an
//! epoch closes; and older states are merged before newer ones. So every split into epochs gives the same bytes.

mod stored;
mod tree;

pub(super) use stored::TABLE;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute::{concat, filter, take};

use super::GroupAggregate;
use super::apart::Combination;
use super::emit::{Of, Results};
use super::function::{FunctionError, Unmerged};
use super::touched::{PartitionState, Touched};
use crate::Result;
use crate::operator::Closed;
use crate::operator::grouping::Grouper;
use crate::operator::rows::arrow_failed;
use crate::state::row::decode;
use crate::state::{Bucket, Partition, hash_key};
use crate::time::window::WindowSpec;
use tree::{Level, Node, parts};

/// Up to so many slices a window takes them as they are.
const FEW: i64 = 8;

/// Pieces of so many levels are stored: 64 slices.
const WHOLE: usize = 6;

/// Windows have at least four times as many slices as a stored piece, or pieces are not stored.
const MANY: i64 = 4 << WHOLE;

/// Result rows, and combinations of DISTINCT, that are put together at once, beyond those of one window.
const AT_ONCE: usize = 1 << 16;

/// A combination of DISTINCT: its call, the number of its key (in a [`Block`]: its row), its arguments.
type Numbered<'a> = (usize, u32, &'a [u8]);

/// Entries whose states a plugin cannot merge, each with why.
type Refused = BTreeMap<usize, String>;

/// The slices that some windows are made of, merged.
struct Pieces<'a> {
    /// In the order of their bytes.
    keys: Vec<&'a [u8]>,
    levels: Vec<Level>,
    /// The stored columns of all levels' entries, one level after the other.
    states: Vec<ArrayRef>,
    /// Where each level's entries begin in them.
    starts: Vec<usize>,
    /// Those among them that could not be merged, each with why.
    refused: Refused,
    /// Per slice: the combinations of DISTINCT, each with its call and the number of its key.
    combinations: Vec<(i64, Vec<Numbered<'a>>)>,
}

/// Nodes as they are stored: their keys, by numbers, and states.
#[derive(Default)]
struct Loaded<'a> {
    nodes: Vec<Node>,
    entries: Vec<(u32, &'a [u8])>,
}

/// Gives keys numbers: as they come, until all are known.
struct Loading<'a> {
    groups: Grouper,
    keys: Vec<&'a [u8]>,
}

impl Default for Loading<'_> {
    fn default() -> Self {
        Self { groups: Grouper::new(1024), keys: Vec::new() }
    }
}

impl<'a> Loading<'a> {
    fn number(&mut self, key: &'a [u8]) -> u32 {
        let number = self.groups.group(0, hash_key(key), |g| self.keys[g as usize] == key);
        if number as usize == self.keys.len() {
            self.keys.push(key);
        }
        number
    }

    fn load(&mut self, buckets: impl Iterator<Item = (i64, &'a Bucket)>) -> Loaded<'a> {
        let mut loaded = Loaded::default();
        for (at, bucket) in buckets {
            let from = loaded.entries.len() as u32;
            loaded.entries.extend(bucket.iter().map(|(key, state)| (self.number(key), state)));
            loaded.nodes.push(Node { at, from, to: loaded.entries.len() as u32 });
        }
        loaded
    }

    /// The keys in the order of their bytes, and the place in it of each that was numbered.
    fn in_order(self) -> (Vec<&'a [u8]>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        order.sort_unstable_by_key(|number| self.keys[*number as usize]);
        let mut number_of = vec![0; self.keys.len()];
        order.iter().zip(0..).for_each(|(before, now)| number_of[*before as usize] = now);
        (order.iter().map(|number| self.keys[*number as usize]).collect(), number_of)
    }
}

/// Windows that are put together at once.
#[derive(Default)]
struct Block<'a> {
    /// Per row: its window's start and its key.
    starts: Vec<i64>,
    keys: Vec<u32>,
    /// States, and the row that each belongs to.
    states: Vec<u32>,
    rows: Vec<u32>,
    /// Combinations of DISTINCT: call, row, arguments.
    combinations: Vec<Numbered<'a>>,
}

impl GroupAggregate {
    /// The windows that end after `late` and at or before `close`, by window and key; none = no bound.
    pub(super) fn emit_slices(
        &self,
        state: &mut PartitionState<'_>,
        spec: &WindowSpec,
        late: Option<i64>,
        close: Option<i64>,
        touched: &Touched<'_>,
    ) -> Result<Closed> {
        let starts = due(state.groups, spec, late, close);
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Closed::default()) };
        // In complete mode all windows come out, with pieces of their own for the most part.
        let middle = if close.is_some() { self.store_middle(state, spec, *first, *last)? } else { 0..0 };
        let pieces = self.pieces(state, spec, *first..last + spec.size(), middle)?;
        let has_news = touched.news(|start| start..start + spec.size());
        let is_news = |start: i64, key: &[u8]| close.is_some() || has_news(start, key);
        let (mut emitted, mut block) = (Closed::default(), Block::default());
        let mut row_of: Vec<u32> = vec![u32::MAX; pieces.keys.len()];
        for start in starts {
            pieces.add(spec, start, &mut row_of, &mut block);
            if block.keys.len().max(block.combinations.len()) >= AT_ONCE {
                emitted.append(self.emit_block(&pieces, std::mem::take(&mut block), &is_news)?);
            }
        }
        emitted.append(self.emit_block(&pieces, block, &is_news)?);
        Ok(emitted)
    }

    /// The slices of `range`, merged; those of the nodes `middle` have been merged before.
    fn pieces<'a>(
        &self,
        state: &'a PartitionState<'_>,
        spec: &WindowSpec,
        range: Range<i64>,
        middle: Range<i64>,
    ) -> Result<Pieces<'a>> {
        let mut loading = Loading::default();
        let index = |slice: i64| spec.slice_index(slice);
        let slices = state.groups.scan(range.clone()).map(|(slice, bucket)| (index(slice), bucket));
        let slices = loading.load(slices.filter(|(at, _)| !middle.contains(&(at >> WHOLE))));
        let whole = state.pieces.as_deref().into_iter().flat_map(|p| p.scan(middle.clone()));
        let mut whole = loading.load(whole);
        let mut sets = Vec::new();
        for (slice, bucket) in state.combinations.as_deref().into_iter().flat_map(|c| c.scan(range.clone())) {
            let mut set = Vec::with_capacity(bucket.len());
            for (entry, _) in bucket.iter() {
                let Combination { call, key, args } = Combination::read(entry)?;
                set.push((call, loading.number(key), args));
            }
            sets.push((slice, set));
        }
        let (keys, number_of) = loading.in_order();
        for (_, set) in &mut sets {
            set.iter_mut().for_each(|(_, key, _)| *key = number_of[*key as usize]);
            // An order that does not depend on when they came.
            set.sort_unstable();
        }

        let (level, states) = self.level(slices, &number_of)?;
        let (mut levels, mut columns, mut refused) = (vec![level], vec![states], vec![Refused::new()]);
        let count = spec.slice_index(spec.size()) - spec.slice_index(0);
        while count > FEW && 2 << (levels.len() - 1) <= count {
            let (mut above, part_of) = levels[levels.len() - 1].above();
            let (mut states, mut bad) = self.merge_stored(&part_of, above.keys.len(), &columns[columns.len() - 1])?;
            // What is made of a piece that could not be merged is none either.
            let below: &Refused = &refused[refused.len() - 1];
            below
                .iter()
                .for_each(|(entry, why)| _ = bad.entry(part_of[*entry] as usize).or_insert_with(|| why.clone()));
            if levels.len() == WHOLE && !whole.nodes.is_empty() {
                let (stored, more) = self.level(std::mem::take(&mut whole), &number_of)?;
                let (both, places) = above.and(&stored);
                let places = UInt32Array::from(places);
                let together = states.iter().zip(&more).map(|(a, b)| {
                    let both = concat(&[a.as_ref(), b.as_ref()]).map_err(arrow_failed)?;
                    take(&both, &places, None).map_err(arrow_failed)
                });
                states = together.collect::<Result<_>>()?;
                let was = |place: usize| bad.get(&(places.value(place) as usize)).map(|why| (place, why.clone()));
                bad = if bad.is_empty() { bad } else { (0..places.len()).filter_map(was).collect() };
                above = both;
            }
            columns.push(states);
            levels.push(above);
            refused.push(bad);
        }
        let mut starts = vec![0];
        levels.iter().for_each(|level| starts.push(starts[starts.len() - 1] + level.keys.len()));
        let states = (0..self.state_types.len()).map(|c| {
            let parts: Vec<&dyn Array> = columns.iter().map(|level| level[c].as_ref()).collect();
            concat(&parts).map_err(arrow_failed)
        });
        let states = states.collect::<Result<_>>()?;
        let refused =
            starts.iter().zip(refused).flat_map(|(start, bad)| bad.into_iter().map(move |(e, w)| (start + e, w)));
        let refused = refused.collect();
        Ok(Pieces { keys, levels, states, starts, refused, combinations: sets })
    }

    /// Loaded nodes as a level, now that keys are numbered by their bytes, and their states.
    fn level(&self, loaded: Loaded<'_>, number_of: &[u32]) -> Result<(Level, Vec<ArrayRef>)> {
        let Loaded { nodes, mut entries } = loaded;
        entries.iter_mut().for_each(|entry| entry.0 = number_of[entry.0 as usize]);
        for node in &nodes {
            entries[node.from as usize..node.to as usize].sort_unstable_by_key(|entry| entry.0);
        }
        let bytes: Vec<&[u8]> = entries.iter().map(|entry| entry.1).collect();
        let states = decode(&bytes, &self.state_types)?;
        Ok((Level { nodes, keys: entries.into_iter().map(|entry| entry.0).collect() }, states))
    }

    /// States as they are stored, merged: group `groups[i]` has state `i`. And the groups of which a plugin cannot merge
    /// them, each with why; what stands in their places is anything.
    fn merge_stored(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<(Vec<ArrayRef>, Refused)> {
        let (mut merged, mut refused) = (Vec::with_capacity(states.len()), Refused::new());
        for (stored, range) in self.state_ranges() {
            match stored.map(|function| function.merge(groups, n, &states[range])) {
                Some(Err(FunctionError::Groups(Unmerged { states, groups }))) => {
                    merged.extend(states);
                    groups.into_iter().for_each(|(group, why)| _ = refused.entry(group).or_insert(why));
                }
                Some(done) => merged.extend(done.map_err(|e| self.failed(e))?),
                None => {}
            }
        }
        Ok((merged, refused))
    }

    fn emit_block(
        &self,
        pieces: &Pieces<'_>,
        block: Block<'_>,
        is_news: &dyn Fn(i64, &[u8]) -> bool,
    ) -> Result<Closed> {
        let n = block.keys.len();
        if n == 0 {
            return Ok(Closed::default());
        }
        let mut refused = Refused::new();
        if !pieces.refused.is_empty() {
            let bad = block.rows.iter().zip(&block.states);
            let bad =
                bad.filter_map(|(row, state)| Some((*row as usize, pieces.refused.get(&(*state as usize))?.clone())));
            refused.extend(bad);
        }
        let (mut which, mut rows) = (block.states, block.rows);
        let is_merged = which.len() == n;
        if is_merged && !rows.is_sorted() {
            let mut places = vec![0; n];
            rows.iter().zip(&which).for_each(|(row, state)| places[*row as usize] = *state);
            (which, rows) = (places, Vec::new());
        }
        let which = UInt32Array::from(which);
        let states = pieces.states.iter().map(|column| take(column, &which, None).map_err(arrow_failed));
        let mut states: Vec<ArrayRef> = states.collect::<Result<_>>()?;
        if !is_merged {
            let bad;
            (states, bad) = self.merge_stored(&rows, n, &states)?;
            refused.extend(bad);
        }
        let mut states = states.into_iter();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (number, call) in self.aggregates.iter().enumerate() {
            match self.apart(call) {
                Some(distinct) => {
                    let of_call = || block.combinations.iter().filter(|c| c.0 == number);
                    let groups: Vec<u32> = of_call().map(|c| c.1).collect();
                    let args: Vec<&[u8]> = of_call().map(|c| c.2).collect();
                    let args = decode(&args, &distinct.arguments())?;
                    let lists = distinct.states(&groups, n, &args).map_err(|e| self.failed(e))?;
                    columns.push(Arc::new(lists));
                }
                None => columns.extend(states.by_ref().take(call.function.state_fields().len())),
            }
        }
        let mut keys: Vec<&[u8]> = block.keys.iter().map(|key| pieces.keys[*key as usize]).collect();
        if refused.is_empty() {
            return self.result(Results { times: &block.starts, ends: None, keys: &keys, states: &columns }, is_news);
        }
        let told: Vec<(usize, String)> = refused
            .iter()
            .filter(|(row, _)| is_news(block.starts[**row], keys[**row]))
            .map(|(r, w)| (*r, w.clone()))
            .collect();
        let rejects =
            self.unmerged(Of { times: &block.starts, ends: None, keys: &keys }, &told, "the window has no result")?;
        let mut emitted = Closed { rejects, ..Closed::default() };
        let stays: BooleanArray = (0..n).map(|row| Some(!refused.contains_key(&row))).collect();
        for column in &mut columns {
            *column = filter(column, &stays).map_err(arrow_failed)?;
        }
        let mut stay = stays.values().iter();
        let mut starts = block.starts;
        starts.retain(|_| stay.next() == Some(true));
        let mut stay = stays.values().iter();
        keys.retain(|_| stay.next() == Some(true));
        emitted.append(self.result(Results { times: &starts, ends: None, keys: &keys, states: &columns }, is_news)?);
        Ok(emitted)
    }
}

impl<'a> Pieces<'a> {
    /// Adds the rows of the window that begins at `start`. `row_of` has room for a number per key.
    fn add(&self, spec: &WindowSpec, start: i64, row_of: &mut [u32], block: &mut Block<'a>) {
        let (first_row, first_state) = (block.keys.len(), block.states.len());
        let range = spec.slice_index(start)..spec.slice_index(start + spec.size());
        for (level, at) in parts(range, self.levels.len()) {
            for entry in self.levels[level].entries(at) {
                let key = self.levels[level].keys[entry];
                if row_of[key as usize] == u32::MAX {
                    row_of[key as usize] = 0;
                    block.keys.push(key);
                }
                block.states.push((self.starts[level] + entry) as u32);
                // The key for now: rows are numbered when all keys of the window are known.
                block.rows.push(key);
            }
        }
        block.keys[first_row..].sort_unstable();
        block.starts.resize(block.keys.len(), start);
        for (row, key) in block.keys.iter().enumerate().skip(first_row) {
            row_of[*key as usize] = row as u32;
        }
        block.rows[first_state..].iter_mut().for_each(|row| *row = row_of[*row as usize]);
        let sets = self.combinations.partition_point(|(slice, _)| *slice < start);
        for (_, set) in self.combinations[sets..].iter().take_while(|(slice, _)| *slice < start + spec.size()) {
            block.combinations.extend(set.iter().map(|(call, key, args)| (*call, row_of[*key as usize], *args)));
        }
        block.keys[first_row..].iter().for_each(|key| row_of[*key as usize] = u32::MAX);
    }
}

/// The starts of the windows that have rows, end after `late` and at or before `close`, in order.
fn due(slices: &Partition, spec: &WindowSpec, late: Option<i64>, close: Option<i64>) -> Vec<i64> {
    let mut starts = Vec::new();
    let mut next = late.map_or(i64::MIN, |late| spec.first_start(late));
    for (slice, _) in slices.buckets() {
        next = next.max(spec.first_start(slice));
        while next <= spec.last_start(slice) && close.is_none_or(|close| next + spec.size() <= close) {
            starts.push(next);
            next += spec.slide();
        }
    }
    starts
}

#[cfg(test)]
mod tests;
