//! One chunk on its way from bytes to sinks and stateful operators. Runs on any core; keeps nothing.

use arrow::record_batch::RecordBatch;

use crate::Result;
use crate::format::{BadRow, Decode, RawChunk, Rows as Lines};
use crate::operator::{Effects, LateRows, Partial, Rows};
use crate::plan::{Flow, Next, PlannedStateful};
use crate::record::WatermarkPair;

/// What a chunk leaves.
#[derive(Debug)]
pub(super) struct ChunkOutput {
    /// The file of its range, and the lines of it that the chunk covers.
    pub file: u32,
    pub lines: u64,
    pub bytes: u64,
    /// Rows decoded, bad ones included.
    pub rows: u64,
    /// Where the decoded rows stood.
    pub positions: Lines,
    pub bad: Vec<BadRow>,
    pub passed: Passed,
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
    /// All else; its late rows have moved to `late`.
    pub effects: Effects,
}

/// What stays the same for all chunks of an epoch.
#[derive(Clone, Copy)]
pub(super) struct EpochContext<'a> {
    pub stateful: &'a [PlannedStateful],
    /// The watermarks of each stateful operator.
    pub pairs: &'a [WatermarkPair],
    pub watermark_nodes: usize,
}

/// Decodes a chunk and takes its rows through `flow`.
pub(super) fn process(
    decoder: &dyn Decode,
    flow: &Flow,
    chunk: &RawChunk,
    context: EpochContext<'_>,
) -> Result<ChunkOutput> {
    let decoded = decoder.decode(chunk)?;
    let rows = decoded.batch.num_rows() as u64 + decoded.bad.len() as u64;
    let passed = pass(flow, Rows::new(decoded.batch), context)?;
    Ok(ChunkOutput {
        file: chunk.file,
        lines: decoded.lines,
        bytes: decoded.bytes,
        rows,
        positions: decoded.rows,
        bad: decoded.bad,
        passed,
    })
}

/// Takes rows through a flow.
pub(super) fn pass(flow: &Flow, rows: Rows, context: EpochContext<'_>) -> Result<Passed> {
    let effects = Effects::new(context.watermark_nodes);
    let mut passed = Passed { sinks: Vec::new(), partials: Vec::new(), late: Vec::new(), effects };
    drive(flow, rows, context, &mut passed)?;
    Ok(passed)
}

fn drive(flow: &Flow, rows: Rows, context: EpochContext<'_>, passed: &mut Passed) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    for next in flow {
        // Cloning rows copies no values.
        match next {
            Next::Through(transform, rest) => {
                let out = transform.apply(rows.clone(), &mut passed.effects)?;
                drive(rest, out, context, passed)?;
            }
            Next::Sink(sink) => passed.sinks.push((*sink, rows.batch.clone())),
            Next::State { operator, input } => {
                let (stateful, at) = (&context.stateful[*operator], context.pairs[*operator]);
                if let Some(partial) = stateful.operator.partial(*input, rows.clone(), at, &mut passed.effects)? {
                    passed.partials.push((*operator, partial));
                }
                passed.late.extend(passed.effects.late.drain(..).map(|late| (*operator, late)));
            }
        }
    }
    Ok(())
}
