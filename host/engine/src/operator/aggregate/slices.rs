//! Windows out of the slices that they share.
//!
//! A window of many slices is not put together from each of them, or all windows would cost the square of what a window has:
//! slices are merged two by two, these again two by two, and so on, and a window takes the few largest pieces that lie wholly
//! in it. So an epoch merges each slice about twice, and per window and key as many pieces as the number of a window's slices
//! has bits, twice at most. (Bentley's "decomposable" queries over a segment tree; windows of few slices take them as they are.)
//!
//! What always holds: which slices are merged with which depends on the windows' definition alone, never on which windows an
//! epoch closes; and older states are merged before newer ones. So every split into epochs gives the same bytes.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};

use super::GroupAggregate;
use super::apart::Combination;
use super::close::Touched;
use super::emit::{Emitted, Results};
use crate::operator::grouping::Grouper;
use crate::operator::rows::arrow_failed;
use crate::state::row::decode;
use crate::state::{Partition, hash_key};
use crate::time::window::WindowSpec;
use crate::{Error, ErrorKind, Result};

/// Up to so many slices a window takes them as they are.
const FEW: i64 = 8;

/// Result rows, and combinations of DISTINCT, that are put together at once, beyond those of one window.
const AT_ONCE: usize = 1 << 16;

/// A piece of time at one level: level 0 has the slices, each further one twice as much as the one below.
struct Node {
    /// Where it is, counted in its own length from 1970 on.
    at: i64,
    /// Its entries in [`Level::keys`].
    from: u32,
    to: u32,
}

/// The nodes of one level that have keys, in order.
struct Level {
    nodes: Vec<Node>,
    /// Per entry, by node: the number of its key, going up within a node.
    keys: Vec<u32>,
}

impl Level {
    /// The entries of the node that is there.
    fn entries(&self, at: i64) -> Range<usize> {
        match self.nodes.binary_search_by_key(&at, |node| node.at) {
            Ok(found) => self.nodes[found].from as usize..self.nodes[found].to as usize,
            Err(_) => 0..0,
        }
    }

    /// The level above, and of each entry here the one there that it is part of.
    fn above(&self) -> (Self, Vec<u32>) {
        let (mut nodes, mut keys): (Vec<Node>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut part_of = vec![0; self.keys.len()];
        for pair in self.nodes.chunk_by(|a, b| a.at >> 1 == b.at >> 1) {
            let from = keys.len() as u32;
            let (mut left, until) = (pair[0].from as usize, pair[0].to as usize);
            let (mut right, end) = pair.get(1).map_or((until, until), |node| (node.from as usize, node.to as usize));
            while left < until || right < end {
                let key = match (self.keys[..until].get(left), self.keys[..end].get(right)) {
                    (Some(l), Some(r)) => *l.min(r),
                    (Some(key), None) | (None, Some(key)) => *key,
                    (None, None) => break,
                };
                let entry = keys.len() as u32;
                keys.push(key);
                if left < until && self.keys[left] == key {
                    part_of[left] = entry;
                    left += 1;
                }
                if right < end && self.keys[right] == key {
                    part_of[right] = entry;
                    right += 1;
                }
            }
            nodes.push(Node { at: pair[0].at >> 1, from, to: keys.len() as u32 });
        }
        (Self { nodes, keys }, part_of)
    }
}

/// A combination of DISTINCT: its call, the number of its key (in a [`Block`]: its row), its arguments.
type Numbered<'a> = (usize, u32, &'a [u8]);

/// The slices that some windows are made of, merged.
struct Pieces<'a> {
    /// In the order of their bytes.
    keys: Vec<&'a [u8]>,
    levels: Vec<Level>,
    /// The stored columns of all levels' entries, one level after the other.
    states: Vec<ArrayRef>,
    /// Where each level's entries begin in them.
    starts: Vec<usize>,
    /// Per slice: the combinations of DISTINCT, each with its call and the number of its key.
    combinations: Vec<(i64, Vec<Numbered<'a>>)>,
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
        stored: (&Partition, Option<&Partition>),
        spec: &WindowSpec,
        late: Option<i64>,
        close: Option<i64>,
        touched: &Touched<'_>,
    ) -> Result<Emitted> {
        let starts = due(stored.0, spec, late, close);
        let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Ok(Emitted::default()) };
        let pieces = self.pieces(stored, spec, *first..last + spec.size())?;
        let has_news = touched.news(|start| start..start + spec.size());
        let is_news = |start: i64, key: &[u8]| close.is_some() || has_news(start, key);
        let (mut emitted, mut block) = (Emitted::default(), Block::default());
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

    fn pieces<'a>(
        &self,
        (states, combinations): (&'a Partition, Option<&'a Partition>),
        spec: &WindowSpec,
        range: Range<i64>,
    ) -> Result<Pieces<'a>> {
        // Keys are numbered as they come, and then by their bytes.
        let mut groups = Grouper::new(1024);
        let mut keys: Vec<&[u8]> = Vec::new();
        let (mut nodes, mut entries): (Vec<Node>, Vec<(u32, &[u8])>) = (Vec::new(), Vec::new());
        for (slice, bucket) in states.range(range.clone()) {
            let from = entries.len() as u32;
            for (key, state) in bucket.iter() {
                let number = groups.group(0, hash_key(key), |g| keys[g as usize] == key);
                if number as usize == keys.len() {
                    keys.push(key);
                }
                entries.push((number, state));
            }
            nodes.push(Node { at: spec.slice_index(slice), from, to: entries.len() as u32 });
        }
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_unstable_by_key(|number| keys[*number as usize]);
        let mut number_of = vec![0; keys.len()];
        order.iter().zip(0..).for_each(|(before, now)| number_of[*before as usize] = now);
        entries.iter_mut().for_each(|entry| entry.0 = number_of[entry.0 as usize]);
        for node in &nodes {
            entries[node.from as usize..node.to as usize].sort_unstable_by_key(|entry| entry.0);
        }

        let mut sets = Vec::new();
        for (slice, bucket) in combinations.into_iter().flat_map(|c| c.range(range.clone())) {
            let mut set = Vec::with_capacity(bucket.len());
            for (entry, _) in bucket.iter() {
                let Combination { call, key, args } = Combination::read(entry)?;
                let number = groups.group(0, hash_key(key), |g| keys[g as usize] == key);
                let number = number_of.get(number as usize).ok_or_else(|| {
                    Error::new(ErrorKind::Corrupt, "a combination of DISTINCT is stored whose group is not")
                })?;
                set.push((call, *number, args));
            }
            // An order that does not depend on when they came.
            set.sort_unstable();
            sets.push((slice, set));
        }

        let bytes: Vec<&[u8]> = entries.iter().map(|entry| entry.1).collect();
        let mut columns = vec![decode(&bytes, &self.state_types)?];
        let mut levels = vec![Level { nodes, keys: entries.into_iter().map(|entry| entry.0).collect() }];
        let slices = spec.slice_index(spec.size()) - spec.slice_index(0);
        while slices > FEW && 2 << (levels.len() - 1) <= slices {
            let (above, part_of) = levels[levels.len() - 1].above();
            let states = self.merge_stored(&part_of, above.keys.len(), &columns[columns.len() - 1])?;
            columns.push(states);
            levels.push(above);
        }
        let mut starts = vec![0];
        levels.iter().for_each(|level| starts.push(starts[starts.len() - 1] + level.keys.len()));
        let states = (0..self.state_types.len()).map(|c| {
            let parts: Vec<&dyn Array> = columns.iter().map(|level| level[c].as_ref()).collect();
            concat(&parts).map_err(arrow_failed)
        });
        let states = states.collect::<Result<_>>()?;
        let keys = order.iter().map(|number| keys[*number as usize]).collect();
        Ok(Pieces { keys, levels, states, starts, combinations: sets })
    }

    /// States as they are stored, merged: group `groups[i]` has state `i`.
    fn merge_stored(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let mut merged = Vec::with_capacity(states.len());
        for (stored, range) in self.state_ranges() {
            if let Some(function) = stored {
                merged.extend(function.merge(groups, n, &states[range]).map_err(|e| self.failed(e))?);
            }
        }
        Ok(merged)
    }

    fn emit_block(
        &self,
        pieces: &Pieces<'_>,
        block: Block<'_>,
        is_news: &dyn Fn(i64, &[u8]) -> bool,
    ) -> Result<Emitted> {
        let n = block.keys.len();
        if n == 0 {
            return Ok(Emitted::default());
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
            states = self.merge_stored(&rows, n, &states)?;
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
        let keys: Vec<&[u8]> = block.keys.iter().map(|key| pieces.keys[*key as usize]).collect();
        self.result(Results { times: &block.starts, ends: None, keys: &keys, states: &columns }, is_news)
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

/// The fewest nodes that are together the slices of `range`, in order: level and place of each.
fn parts(range: Range<i64>, levels: usize) -> impl Iterator<Item = (usize, i64)> {
    let (mut from, to) = (range.start, range.end);
    std::iter::from_fn(move || {
        let left = u64::try_from(to - from).ok().filter(|left| *left > 0)?;
        let level = from.trailing_zeros().min(left.ilog2()).min(levels as u32 - 1);
        let at = from >> level;
        from += 1 << level;
        Some((level as usize, at))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::watermark::is_late;

    proptest! {
        #[test]
        fn parts_are_the_slices_of_a_window_and_few(from in -5000i64..5000, slices in 1i64..3000, levels in 1usize..13) {
            let parts: Vec<(usize, i64)> = parts(from..from + slices, levels).collect();
            let covered: Vec<i64> = parts.iter().flat_map(|(level, at)| at << level..(at + 1) << level).collect();
            prop_assert_eq!(covered, (from..from + slices).collect::<Vec<_>>());
            let largest = slices >> (levels - 1);
            prop_assert!(parts.len() as i64 <= 2 * (levels as i64 - 1) + largest);
        }

        #[test]
        fn windows_that_are_due_are_those_of_the_rows(
            times in prop::collection::btree_set(-300i64..300, 0..12),
            (size, slide) in (1i64..60).prop_flat_map(|size| (Just(size), 1..=size)),
            late in prop::option::of(-400i64..400), close in prop::option::of(-400i64..400),
        ) {
            let spec = WindowSpec::new(size, slide, 3).unwrap();
            let mut partition = Partition::default();
            for t in &times {
                partition.put(spec.slice_start(*t), b"k", b"");
            }
            let mut want: Vec<i64> = times.iter().flat_map(|t| spec.starts(*t)).collect();
            want.retain(|s| !is_late(s + size, late) && close.is_none_or(|c| s + size <= c));
            want.sort_unstable();
            want.dedup();
            prop_assert_eq!(due(&partition, &spec, late, close), want);
        }

        #[test]
        fn a_slice_is_in_the_windows_that_have_its_index(t in -2000i64..2000, size in 1i64..300, slide in 1i64..300) {
            let spec = WindowSpec::new(size.max(slide), slide, 7).unwrap();
            let index = spec.slice_index(spec.slice_start(t));
            prop_assert_eq!(index, spec.slice_index(t));
            for start in (-20..20).map(|k| spec.last_start(t) + k * slide) {
                let has = (start..start + spec.size()).contains(&t);
                let range = spec.slice_index(start)..spec.slice_index(start + spec.size());
                prop_assert_eq!(range.contains(&index), has);
            }
        }
    }
}
