//! An aggregate over the frames of rows.
//!
//! Where frames have few rows in all, each is aggregated by itself. Where they overlap much (a running total has n²/2
//! rows in all), blocks of rows are aggregated once, blocks of blocks by merging, and a frame is made of the few of these
//! that lie in it and of the rows at its edges: n log n, whatever aggregate it is and wherever frames begin and end. Nothing
//! is ever taken away from a state again, so a NaN or a large number that has passed leaves nothing behind.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{concat, take};

use crate::operator::aggregate::{AggregateFunction, Finished, FunctionError};
use crate::operator::isolate::Attempt;
use crate::operator::rows::arrow_failed;

/// Rows of the smallest blocks.
const BLOCK: u32 = 32;

/// Frames that have no more rows in all than the input so many times are aggregated one by one.
const FEW: u64 = 4;

/// Rows and states that are worked on at once.
const AT_ONCE: u64 = 1 << 20;

/// Frames whose states are made at once at first, where states may be large; and the bytes below which there may be more.
const FIRST: usize = 64;
const BYTES: usize = 16 << 20;

type Failing<T> = Result<T, FunctionError>;

/// An aggregate and its arguments, in order.
pub(super) struct Aggregated<'a> {
    function: &'a dyn AggregateFunction,
    args: Vec<ArrayRef>,
    /// Which rows count. Always said: without, DataFusion takes it that each group has rows.
    counts: BooleanArray,
    /// Whether states differ in size, and may be large.
    grows: bool,
}

impl<'a> Aggregated<'a> {
    /// `filter` is true of the rows that count.
    pub fn new(
        function: &'a dyn AggregateFunction,
        args: Vec<ArrayRef>,
        filter: Option<&ArrayRef>,
        rows: usize,
    ) -> Self {
        let counts = filter.map_or_else(|| BooleanArray::from(vec![true; rows]), |f| f.as_boolean().clone());
        let grows = function.state_fields().iter().any(|f| f.data_type().primitive_width().is_none());
        Self { function, args, counts, grows }
    }

    /// The result for the row at each place, whose frames these are, and the places that have none, with why.
    pub fn over(&self, frames: &[(u32, u32)], partitions: &[u32]) -> Failing<(ArrayRef, Vec<(u32, String)>)> {
        let (mut distinct, mut ids): (Vec<(u32, u32)>, Vec<u32>) = (Vec::new(), Vec::with_capacity(frames.len()));
        for frame in frames {
            if distinct.last() != Some(frame) {
                distinct.push(*frame);
            }
            ids.push(distinct.len() as u32 - 1);
        }
        let in_all: u64 = distinct.iter().map(len).sum();
        let blocks = match in_all > FEW * frames.len() as u64 {
            true => Some(Blocks::new(self, partitions)?),
            false => None,
        };
        let (mut columns, mut refused): (Vec<ArrayRef>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
        let mut from = 0;
        let mut most = if self.grows { FIRST } else { usize::MAX };
        while from < distinct.len() || columns.is_empty() {
            let to = end_of_part(&distinct, from, most, blocks.is_some());
            let part = &distinct[from..to];
            let states = match &blocks {
                None => self.of_rows(part)?,
                Some(blocks) => self.of_blocks(part, blocks)?,
            };
            if self.grows {
                let bytes: usize = states.iter().map(|s| s.get_array_memory_size()).sum();
                most = if bytes < BYTES { most.saturating_mul(2) } else { (most / 2).max(1) };
            }
            let Finished { columns: finished, refused: failed } = self.function.finish(&states)?;
            columns.extend(finished.into_iter().next());
            refused.extend(failed.into_iter().map(|(at, why)| (from + at, why)));
            from = to;
        }
        let column = together(columns.iter())?;
        let mut failed = Vec::new();
        if !refused.is_empty() {
            for (place, id) in ids.iter().enumerate() {
                if let Ok(at) = refused.binary_search_by_key(&(*id as usize), |(at, _)| *at) {
                    failed.push((place as u32, refused[at].1.clone()));
                }
            }
        }
        Ok((taken(&column, ids.into())?, failed))
    }

    /// The state of each frame, of its rows.
    fn of_rows(&self, frames: &[(u32, u32)]) -> Failing<Vec<ArrayRef>> {
        let ids = |(id, frame): (usize, &(u32, u32))| std::iter::repeat_n(id as u32, len(frame) as usize);
        let groups: Vec<u32> = frames.iter().enumerate().flat_map(ids).collect();
        let together = frames.windows(2).all(|pair| pair[0].1 == pair[1].0);
        if let (Some(first), true) = (frames.first(), together) {
            return self.partial(first.0 as usize..first.0 as usize + groups.len(), &groups, frames.len());
        }
        self.partial_of(frames.iter().flat_map(|frame| frame.0..frame.1).collect(), &groups, frames.len())
    }

    /// States of rows that stand together.
    fn partial(&self, rows: Range<usize>, groups: &[u32], n: usize) -> Failing<Vec<ArrayRef>> {
        let args: Vec<ArrayRef> = self.args.iter().map(|a| a.slice(rows.start, rows.len())).collect();
        let counts = self.counts.slice(rows.start, rows.len());
        self.function.partial(groups, n, &args, Some(&counts), Attempt::First)
    }

    fn partial_of(&self, rows: Vec<u32>, groups: &[u32], n: usize) -> Failing<Vec<ArrayRef>> {
        let rows = UInt32Array::from(rows);
        let args: Vec<ArrayRef> = self.args.iter().map(|a| taken(a, rows.clone())).collect::<Result<_, _>>()?;
        let counts = take(&self.counts, &rows, None).map_err(arrow_failed)?;
        self.function.partial(groups, n, &args, Some(counts.as_boolean()), Attempt::First)
    }

    /// The state of each frame, of the blocks in it and the rows around them.
    fn of_blocks(&self, frames: &[(u32, u32)], blocks: &Blocks) -> Failing<Vec<ArrayRef>> {
        let (mut head, mut tail) = (Edge::default(), Edge::default());
        let mut nodes: Vec<Vec<u32>> = vec![Vec::new(); blocks.levels.len()];
        // Per level the frames of its nodes; and for all of them, the frame and its place among the frame's.
        let mut of: Vec<Vec<(u32, u32)>> = vec![Vec::new(); blocks.levels.len()];
        for (id, frame) in frames.iter().enumerate() {
            let id = id as u32;
            let inner = blocks.inside(*frame);
            let Some(Inner { partition, from, to }) = inner else {
                head.add(id, frame.0..frame.1, true);
                continue;
            };
            let start = blocks.partitions[partition];
            head.add(id, frame.0..start + from * BLOCK, false);
            tail.add(id, start + to * BLOCK..frame.1, false);
            let (mut at, mut number) = (from, 0);
            while at < to {
                let level = (to - at).ilog2().min(if at == 0 { u32::MAX } else { at.trailing_zeros() }) as usize;
                nodes[level].push(blocks.firsts[level][partition] + (at >> level));
                of[level].push((id, number));
                (at, number) = (at + (1 << level), number + 1);
            }
        }
        let mut parts: Vec<Vec<ArrayRef>> = Vec::new();
        let mut groups = Vec::new();
        head.states(self, &mut parts, &mut groups)?;
        // Blocks come level by level, and are to be merged in the order of their rows.
        let mut order: Vec<(u32, u32)> = of.concat();
        if !order.is_empty() {
            let mut places: Vec<u32> = (0..order.len() as u32).collect();
            places.sort_unstable_by_key(|place| order[*place as usize]);
            order.sort_unstable();
            let mut columns = Vec::with_capacity(self.function.state_fields().len());
            for column in 0..self.function.state_fields().len() {
                let pieces = blocks.levels.iter().zip(&nodes).filter(|(_, nodes)| !nodes.is_empty());
                let pieces = pieces.map(|(states, nodes)| taken(&states[column], nodes.clone().into()));
                let pieces: Vec<ArrayRef> = pieces.collect::<Result<_, _>>()?;
                columns.push(taken(&together(pieces.iter())?, places.clone().into())?);
            }
            parts.push(columns);
            groups.extend(order.iter().map(|(id, _)| *id));
        }
        tail.states(self, &mut parts, &mut groups)?;
        let columns = (0..self.function.state_fields().len()).map(|c| together(parts.iter().map(|part| &part[c])));
        self.function.merge(&groups, frames.len(), &columns.collect::<Result<Vec<_>, _>>()?)
    }
}

/// How far the frames from number `from` on go that are worked on at once, `most` of them.
fn end_of_part(frames: &[(u32, u32)], from: usize, most: usize, in_blocks: bool) -> usize {
    let mut left = AT_ONCE;
    let mut to = from;
    while to < frames.len() && to - from < most {
        let rows = len(&frames[to]);
        let cost = 1 + if in_blocks { rows.min(3 * u64::from(BLOCK)) } else { rows };
        if cost > left && to > from {
            break;
        }
        left = left.saturating_sub(cost);
        to += 1;
    }
    to
}

fn len(frame: &(u32, u32)) -> u64 {
    u64::from(frame.1 - frame.0)
}

fn together<'p>(pieces: impl Iterator<Item = &'p ArrayRef>) -> Failing<ArrayRef> {
    let pieces: Vec<&dyn Array> = pieces.map(|p| p.as_ref()).collect();
    match pieces.as_slice() {
        [one] => Ok(one.slice(0, one.len())),
        _ => concat(&pieces).map_err(|e| arrow_failed(e).into()),
    }
}

fn taken(column: &ArrayRef, places: UInt32Array) -> Failing<ArrayRef> {
    take(column, &places, None).map_err(|e| arrow_failed(e).into())
}

/// Rows at the edges of frames.
#[derive(Default)]
struct Edge {
    rows: Vec<u32>,
    /// Per row: its state.
    groups: Vec<u32>,
    /// Per state: its frame.
    frames: Vec<u32>,
}

impl Edge {
    /// The rows of a frame; `all`: there is nothing else in it, so it has a state even without rows.
    fn add(&mut self, frame: u32, rows: Range<u32>, all: bool) {
        if rows.is_empty() && !all {
            return;
        }
        self.groups.extend(std::iter::repeat_n(self.frames.len() as u32, rows.len()));
        self.rows.extend(rows);
        self.frames.push(frame);
    }

    fn states(self, of: &Aggregated<'_>, parts: &mut Vec<Vec<ArrayRef>>, groups: &mut Vec<u32>) -> Failing<()> {
        if self.frames.is_empty() {
            return Ok(());
        }
        parts.push(of.partial_of(self.rows, &self.groups, self.frames.len())?);
        groups.extend(self.frames);
        Ok(())
    }
}

/// The states of blocks of rows. Blocks are counted from the start of their partition; block `b` of level `l` is of the blocks
/// `b << l` up to `(b + 1) << l` of level 0, which are of [`BLOCK`] rows each. None reaches beyond its partition.
struct Blocks {
    partitions: Vec<u32>,
    /// Per level, the states of its blocks.
    levels: Vec<Vec<ArrayRef>>,
    /// Per level and partition, the number of its first block there.
    firsts: Vec<Vec<u32>>,
}

/// The blocks of level 0 in a frame.
struct Inner {
    partition: usize,
    from: u32,
    to: u32,
}

impl Blocks {
    fn new(of: &Aggregated<'_>, partitions: &[u32]) -> Failing<Self> {
        let mut counts: Vec<u32> = partitions.windows(2).map(|pair| (pair[1] - pair[0]) / BLOCK).collect();
        let mut firsts = vec![numbered(&counts)];
        let n: u32 = counts.iter().sum();
        let mut groups: Vec<u32> = Vec::with_capacity(of.counts.len());
        for (pair, (count, first)) in partitions.windows(2).zip(counts.iter().zip(&firsts[0])) {
            // Those behind the last whole block go to a state that nobody looks at.
            groups.extend((0..pair[1] - pair[0]).map(|row| match row / BLOCK {
                block if block < *count => first + block,
                _ => n,
            }));
        }
        let mut levels = vec![of.partial(0..groups.len(), &groups, n as usize + 1)?];
        while counts.iter().any(|count| *count > 1) {
            let (mut parts, mut merged) = (Vec::new(), Vec::new());
            let halves: Vec<u32> = counts.iter().map(|count| count / 2).collect();
            let (before, below) = (numbered(&halves), &firsts[firsts.len() - 1]);
            for (partition, half) in halves.iter().enumerate() {
                parts.extend(below[partition]..below[partition] + 2 * half);
                merged.extend((0..2 * half).map(|child| before[partition] + child / 2));
            }
            let states = levels[levels.len() - 1].iter().map(|column| taken(column, parts.clone().into()));
            let states: Vec<ArrayRef> = states.collect::<Result<_, _>>()?;
            levels.push(of.function.merge(&merged, halves.iter().sum::<u32>() as usize, &states)?);
            firsts.push(before);
            counts = halves;
        }
        Ok(Self { partitions: partitions.to_vec(), levels, firsts })
    }

    /// The whole blocks in a frame; none if there are none.
    fn inside(&self, frame: (u32, u32)) -> Option<Inner> {
        let partition = self.partitions.partition_point(|start| *start <= frame.0).checked_sub(1)?;
        let start = self.partitions[partition];
        let (from, to) = ((frame.0 - start).div_ceil(BLOCK), (frame.1 - start) / BLOCK);
        (from < to).then_some(Inner { partition, from, to })
    }
}

/// The number of the first of each of these counts, one after the other.
fn numbered(counts: &[u32]) -> Vec<u32> {
    let first = |next: &mut u32, count: &u32| {
        let first = *next;
        *next += count;
        Some(first)
    };
    counts.iter().scan(0, first).collect()
}
