//! One chunk on its way from bytes to sinks and stateful operators. Runs on any core; keeps nothing.
//!
//! A chunk that becomes very much is not computed to its end here: what is left of it waits until it is the chunk's turn,
//! so that results that wait are bounded too.

use std::sync::Arc;

use super::decode::decode;
use super::parts::Parts;
use super::pass::{EpochContext, Passed};
use crate::format::{BadRow, Decode, RawChunk, RawContent, RowLines};
use crate::name::Name;
use crate::operator::Rows;
use crate::plan::Plan;
use crate::{Error, ErrorKind, Result};

/// What is made of a chunk before its turn, at the most, in bytes beyond those of its rows.
const BEFORE_ITS_TURN: u64 = 64 << 20;

/// Where a chunk came from.
#[derive(Debug, Clone)]
pub(super) struct ChunkOrigin {
    /// The source.
    pub source: Name,
    /// The name of the part of its range (a file, a partition), if that has parts.
    pub part: Option<Arc<str>>,
    /// How its lines are counted.
    pub numbers: LineNumbers,
}

/// How the lines of a chunk are counted, for people.
#[derive(Debug, Clone)]
pub(super) enum LineNumbers {
    /// On from those of the part's earlier chunks, from 1.
    On,
    /// As rows of the whole source, the first of which is row 1; the chunk begins behind so many.
    Rows(u64),
    /// Each has an offset of its own.
    Offsets(Arc<[u64]>),
}

impl LineNumbers {
    /// How the records or rows of `content` are counted.
    pub fn of(content: &RawContent) -> Self {
        match content {
            RawContent::Rows { from, .. } => Self::Rows(*from),
            RawContent::Records(records) => Self::Offsets(records.offsets().clone()),
            RawContent::Lines { .. } | RawContent::RowGroup(_) | RawContent::Columns(_) => Self::On,
        }
    }

    /// What line `line` is called, which stands behind `before` lines of its part and behind `skipped` of its chunk.
    pub fn called(&self, before: u64, skipped: u64, line: u32) -> u64 {
        let (line, of_chunk) = (u64::from(line), skipped + u64::from(line));
        match self {
            Self::On => before + line + 1,
            Self::Rows(first) => first + of_chunk + 1,
            Self::Offsets(offsets) => offsets.get(of_chunk as usize).copied().unwrap_or_default(),
        }
    }
}

/// What a chunk leaves.
pub(super) struct ChunkOutput<'a> {
    /// The part of its range, and the lines of it that this covers.
    pub part: u32,
    pub lines: u64,
    /// Lines of the chunk that were left before it, where the chunk had to be cut.
    pub skipped: u64,
    pub bytes: u64,
    /// Rows decoded, bad ones included.
    pub rows: u64,
    /// Where the decoded rows stood.
    pub positions: RowLines,
    pub bad: Vec<BadRow>,
    /// What came of its rows, in their order.
    pub passed: Vec<Passed>,
    /// Rows that are still to be computed.
    pub rest: Parts<'a>,
}

/// Decodes a chunk and takes its rows through its source's flow. As a rule one output; several where the chunk had to
/// be cut to be decoded.
pub(super) fn process<'a>(
    plan: &'a Plan,
    origin: &ChunkOrigin,
    decoder: &dyn Decode,
    chunk: &RawChunk,
    context: EpochContext<'_>,
) -> Result<Vec<ChunkOutput<'a>>> {
    let source = &plan.sources[&origin.source];
    let at = |e: Error| match &origin.part {
        // A decoder that could say no more was stopped by a panic.
        Some(part) if e.kind() == ErrorKind::Internal => e.context(part),
        _ => e,
    };
    let mut skipped = 0;
    let computed = decode(decoder, chunk).map_err(at)?.into_iter().map(|decoded| {
        let before = skipped;
        skipped += decoded.lines;
        let rows = decoded.batch.num_rows() as u64 + decoded.bad.len() as u64;
        let mut rest = Parts::of(&source.flow, origin.source.shared().clone(), Rows::new(decoded.batch));
        let (mut passed, mut made) = (Vec::new(), 0);
        while made <= BEFORE_ITS_TURN
            && let Some(next) = rest.next(context)?
        {
            made += next.effects.room.used();
            passed.push(next);
        }
        Ok(ChunkOutput {
            part: chunk.part,
            lines: decoded.lines,
            skipped: before,
            bytes: decoded.bytes,
            rows,
            positions: decoded.rows,
            bad: decoded.bad,
            passed,
            rest,
        })
    });
    computed.collect()
}
