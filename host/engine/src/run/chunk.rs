//! One chunk on its way from bytes to sinks and stateful operators. Runs on any core; keeps nothing.
//!
//! A chunk that becomes very much is not computed to its end here: what is left of it waits until it is the chunk's turn,
//! so that results that wait are bounded too.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::decode::decode;
use super::gather::ChunkOrigin;
use super::parts::Parts;
use crate::executor::Workers;
use crate::format::{BadRow, Decode, RawChunk, RowLines};
use crate::operator::{AheadRows, Effects, LateRows, Partial, Reject, Room, Rows};
use crate::plan::{Edge, Flow, Plan, PlannedStateful};
use crate::record::WatermarkPair;
use crate::{Error, ErrorKind, Result};

/// What is made of a chunk before its turn, at the most, in bytes beyond those of its rows.
const BEFORE_ITS_TURN: u64 = 64 << 20;

/// What a chunk leaves.
pub(super) struct ChunkOutput<'a> {
    /// The part of its range, and the lines of it that this covers.
    pub part: u32,
    pub lines: u64,
    /// RowLines of the chunk that were left before it, where the chunk had to be cut.
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

/// What rows leave on their way through a flow.
#[derive(Debug)]
pub(super) struct Passed {
    /// Rows that reached sinks, in order.
    pub sinks: Vec<(usize, RecordBatch)>,
    /// Condensed rows that reached stateful operators, in order.
    pub partials: Vec<(usize, Partial)>,
    /// Rows that came too late, each with the stateful operator that they were too late for.
    pub late: Vec<(usize, LateRows)>,
    /// Rows whose event time is too far ahead, each with the stateful operator that they came to.
    pub ahead: Vec<(usize, AheadRows)>,
    /// All else; its late rows have moved to `late`.
    pub effects: Effects,
}

impl Passed {
    /// What stateful operator number `operator` has left at the end of an epoch beside its rows.
    pub fn beside(operator: usize, rejects: Vec<Reject>, late: Vec<LateRows>) -> Self {
        let mut effects = Effects::new(0);
        effects.rejects = rejects;
        let late = late.into_iter().map(|late| (operator, late)).collect();
        Self { sinks: Vec::new(), partials: Vec::new(), late, ahead: Vec::new(), effects }
    }
}

/// What stays the same for all chunks of an epoch.
#[derive(Clone, Copy)]
pub(super) struct EpochContext<'a> {
    pub epoch: u64,
    pub stateful: &'a [PlannedStateful],
    /// The watermarks of each stateful operator.
    pub pairs: &'a [WatermarkPair],
    pub watermark_nodes: usize,
    /// Processing time at the epoch's start.
    pub started: i64,
    pub workers: &'a Workers,
}

impl Passed {
    /// Nothing yet.
    pub fn new(context: EpochContext<'_>) -> Self {
        let effects = Effects::new(context.watermark_nodes);
        Self { sinks: Vec::new(), partials: Vec::new(), late: Vec::new(), ahead: Vec::new(), effects }
    }
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
    let source = &plan.sources[origin.source];
    let name: Arc<str> = source.spec.name.value.as_str().into();
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
        let mut rest = Parts::of(&source.flow, name.clone(), Rows::new(decoded.batch));
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

/// Takes rows through a flow, all at once.
pub(super) fn pass(flow: &Flow, rows: Rows, context: EpochContext<'_>) -> Result<Passed> {
    let mut passed = Passed::new(context);
    passed.effects.room = Room::of(&rows.batch);
    drive(flow, rows, When::Usual, context, &mut passed)?;
    Ok(passed)
}

/// What is known of the event times of rows on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Nothing that is out of the way.
    Usual,
    /// They are further ahead than a node allows, which is so many microseconds: no state takes such rows, and they move
    /// no watermark.
    Ahead(i64),
}

fn drive(flow: &Flow, rows: Rows, when: When, context: EpochContext<'_>, passed: &mut Passed) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    for next in flow {
        // Cloning rows copies no values.
        match next {
            Edge::Through(transform, rest) => {
                let (before, used) = (rows.batch.get_array_memory_size(), passed.effects.room.used());
                let out = transform.apply(rows.clone(), &mut passed.effects)?;
                let grown = out.batch.get_array_memory_size().saturating_sub(before) as u64;
                // But for what the operator has counted itself.
                let counted = passed.effects.room.used() - used;
                passed.effects.room.take(grown.saturating_sub(counted))?;
                drive(rest, out, when, context, passed)?;
            }
            Edge::EventTime(node, rest) => {
                if let When::Ahead(_) = when {
                    drive(rest, rows.clone(), when, context, passed)?;
                    continue;
                }
                let (usual, ahead) = node.observe(rows.clone(), context.started, &mut passed.effects)?;
                drive(rest, usual, When::Usual, context, passed)?;
                if let Some(AheadRows { rows, max_ahead }) = ahead {
                    drive(rest, rows, When::Ahead(max_ahead), context, passed)?;
                }
            }
            Edge::Sink(sink) => passed.sinks.push((*sink, rows.batch.clone())),
            Edge::State { operator, input } => {
                if let When::Ahead(max_ahead) = when {
                    passed.ahead.push((*operator, AheadRows { rows: rows.clone(), max_ahead }));
                    continue;
                }
                let stateful = &context.stateful[*operator];
                let at = stateful.judged_by(*input, context.pairs[*operator]);
                if let Some(partial) = stateful.operator.partial(*input, rows.clone(), at, &mut passed.effects)? {
                    passed.partials.push((*operator, partial));
                }
                passed.late.extend(passed.effects.late.drain(..).map(|late| (*operator, late)));
            }
        }
    }
    Ok(())
}
