//! Reading and computing one epoch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;

use super::away::{Gone, PassingError};
use super::chunk::{ChunkOrigin, LineNumbers, process};
use super::environment::Environment;
use super::gather::{Gather, NodeSeen};
use super::parts::{Parts, whole};
use super::pass::{EpochContext, Passed};
use super::side_by_side::{Lane, in_lanes};
use super::sources::LiveSource;
use super::state_memory::refuse_too_much;
use crate::connector::sink::{Prepared, Sink};
use crate::connector::source::Chunks;
use crate::executor::Workers;
use crate::fault::point;
use crate::format::{Decode, RawChunk};
use crate::name::{Name, Named};
use crate::operator::{Closed, EpochEnd, Rows, arrow_failed};
use crate::panics::{self, Panic};
use crate::plan::{Edge, Flow, Plan, PlannedStateful};
use crate::record::{Counters, SourceRange, WatermarkPair};
use crate::state::State;
use crate::{Error, ErrorKind, Result};

/// Rows of a stateful operator's output that go on together, where nobody needs them all at once.
const EMITTED_ROWS: usize = 65_536;

/// One epoch, planned.
pub(super) struct EpochPlan {
    pub epoch: u64,
    /// Processing time at its start.
    pub started: i64,
    /// What is read, by source; of one that is not here, nothing.
    pub ranges: Named<SourceRange>,
    /// Per stateful operator.
    pub pairs: Named<WatermarkPair>,
}

/// What an epoch gives.
pub(super) struct EpochResult {
    pub counters: Counters,
    /// Per watermark node whose rows there were.
    pub seen: BTreeMap<Name, NodeSeen>,
    /// Per sink.
    pub prepared: Named<Prepared>,
    pub took: Duration,
}

/// How an epoch went.
pub(super) enum EpochOutcome {
    /// It is computed.
    Computed(Box<EpochResult>),
    /// Sources went away while they were read: state and sinks are as they were before.
    GivenUp(BTreeMap<Name, PassingError>),
}

/// Reads and computes one epoch: changes `state`, fills the sinks. Nothing is visible yet. A caller that
/// has the state keep its undo may undo what was changed, whatever comes of it.
pub(super) fn compute(
    plan: &Plan,
    epoch: &EpochPlan,
    sources: &Named<LiveSource>,
    sinks: &mut Named<Box<dyn Sink>>,
    state: &mut State,
    workers: &Workers,
    environment: &Environment,
) -> Result<EpochOutcome> {
    let faults = &environment.faults;
    let began = Instant::now();
    let context = EpochContext {
        epoch: epoch.epoch,
        stateful: &plan.stateful,
        pairs: &epoch.pairs,
        workers,
        started: epoch.started,
    };
    let mut gather = Gather::new(context, plan, &epoch.ranges, sinks);

    let gone = Gone::default();
    let failed = |source: &Name, e: Error| {
        gone.note(source, &e);
        e.context(format!("source `{source}`"))
    };
    let reads = sources.iter().filter_map(|(name, live)| Some((name, epoch.ranges.get(name)?, live)));
    let keeps_undo = state.keeps_undo();
    let undoable = keeps_undo || reads.clone().any(|(.., live)| live.source.may_go_away());
    if undoable {
        state.keep_undo();
    }
    let mut taken_in = false;
    let read = (|| {
        let lanes = reads.map(|(name, range, live)| {
            let reader = RangeReader::new(name, live, range).map_err(|e| failed(name, e))?;
            let failed = &failed;
            let items = reader.map(move |read| read.map_err(|e| failed(name, e)));
            Ok(Lane { items: Box::new(items), apart: live.source.may_go_away() })
        });
        let lanes = lanes.collect::<Result<Vec<_>>>()?;
        let work = |(origin, decoder, chunk): ReadChunk<'_>| {
            let outputs = process(plan, &origin, decoder, &chunk, context);
            let outputs = outputs.inspect_err(|e| gone.note(&origin.source, e))?;
            Ok((origin, outputs))
        };
        in_lanes(workers, lanes, work, |(origin, outputs)| {
            faults.hit(point::CHUNK_BEFORE);
            for output in outputs {
                gather.take_chunk(&origin, output, context)?;
            }
            faults.hit(point::CHUNK);
            taken_in |= take_in_early(context, environment.early, &mut gather, state)?;
            refuse_too_much(plan, state)
        })
    })();
    if let Err(e) = read {
        let gone = gone.into_inner();
        // An error that stays ends the job, whoever went away beside it.
        if e.again_after().is_none() || gone.is_empty() || (taken_in && !undoable) {
            return Err(e);
        }
        drop(gather);
        state.undo();
        sinks.values_mut().try_for_each(|sink| sink.abandon())?;
        return Ok(EpochOutcome::GivenUp(gone));
    }
    if !keeps_undo {
        state.forget_undo();
    }

    close_all(context, &mut gather, state)?;
    refuse_too_much(plan, state)?;
    gather.send_letters()?;
    let Gather { seen, counters, .. } = gather;
    let prepared = sinks.iter_mut().map(|(name, sink)| {
        let finished = sink.finish(epoch.epoch).map_err(|e| e.context(format!("sink `{name}`")))?;
        Ok((name.clone(), finished))
    });
    let prepared = prepared.collect::<Result<_>>()?;
    Ok(EpochOutcome::Computed(Box::new(EpochResult { counters, seen, prepared, took: began.elapsed() })))
}

/// Lets operators take in what so many chunks left. When that is depends on the input alone. Whether one did.
fn take_in_early(context: EpochContext<'_>, chunks: usize, gather: &mut Gather<'_>, state: &mut State) -> Result<bool> {
    let mut taken_in = false;
    for (name, stateful) in context.stateful.iter() {
        if gather.partials[name].len() < chunks || !stateful.operator.takes_in_early() {
            continue;
        }
        let open = WatermarkPair { close: None, ..context.pairs[name] };
        if !close(stateful, context, open, gather, state)?.is_empty() {
            return Err(Error::internal(format!("`{name}` gave rows before the epoch's end")));
        }
        taken_in = true;
    }
    Ok(taken_in)
}

/// Closes the stateful operators one after the other: what comes out of one goes on to those after it.
pub(super) fn close_all(context: EpochContext<'_>, gather: &mut Gather<'_>, state: &mut State) -> Result<()> {
    for (name, stateful) in context.stateful.iter() {
        let emitted = close(stateful, context, context.pairs[name], gather, state)?;
        emit(&stateful.flow, name, &emitted, context, gather)?;
        let rows = state.table(&stateful.tables[0]).map_or(0, |t| t.len() as u64);
        gather.counters.state_rows.insert(name.to_string(), rows);
    }
    Ok(())
}

/// Closes one stateful operator; the rows that come out.
fn close(
    stateful: &PlannedStateful,
    context: EpochContext<'_>,
    at: WatermarkPair,
    gather: &mut Gather<'_>,
    state: &mut State,
) -> Result<Vec<RecordBatch>> {
    let partials = std::mem::take(&mut gather.partials[&stateful.name]);
    let mut tables = state.tables_named(&stateful.tables);
    let end = EpochEnd { epoch: context.epoch, now: context.started, watermarks: at, workers: context.workers.clone() };
    let closed = panics::catch(|| stateful.operator.close(&end, partials, &mut tables));
    let closed = closed.unwrap_or_else(|panic| Err(closing_panicked(&panic, &stateful.name)))?;
    let Closed { batches, rejects, late } = closed;
    gather.take_emitted(Passed::beside(&stateful.name, rejects, late))?;
    Ok(batches)
}

/// A panic over state, where no row can be blamed: as a rule there is more of it than a column holds.
fn closing_panicked(panic: &Panic, node: &str) -> Error {
    let error = if panic.is_too_large() {
        let message = "what it keeps of one group, or gives out at once, is too large: a column holds 2 GiB";
        Error::new(ErrorKind::Quota, message).with_help("keep less in one group, or group by more")
    } else {
        Error::from(panic.clone())
    };
    error.context(format!("operator `{node}`"))
}

/// A chunk, where it came from, and who decodes it.
pub(super) type ReadChunk<'a> = (ChunkOrigin, &'a dyn Decode, RawChunk);

/// Reads the chunks of one range of one source.
pub(super) struct RangeReader<'a> {
    source: &'a Name,
    /// The parts of the range, as they are shown.
    parts: Vec<Arc<str>>,
    decoder: &'a dyn Decode,
    chunks: Chunks,
}

impl<'a> RangeReader<'a> {
    /// Begins with `range` of source `source`.
    pub fn new(source: &'a Name, live: &'a LiveSource, range: &SourceRange) -> Result<Self> {
        let chunks = live.source.read(range)?;
        let count = u32::try_from(live.source.parts(range)).unwrap_or(u32::MAX);
        let parts = (0..count).map(|part| live.source.part_name(range, part).into()).collect();
        Ok(Self { source, parts, decoder: &*live.decoder, chunks })
    }
}

impl<'a> Iterator for RangeReader<'a> {
    type Item = Result<ReadChunk<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = match self.chunks.next()? {
            Ok(chunk) => chunk,
            Err(e) => return Some(Err(e)),
        };
        let part = self.parts.get(chunk.part as usize).cloned();
        let origin = ChunkOrigin { source: self.source.clone(), part, numbers: LineNumbers::of(&chunk.content) };
        Some(Ok((origin, self.decoder, chunk)))
    }
}

fn emit(
    flow: &Flow,
    node: &Name,
    emitted: &[RecordBatch],
    context: EpochContext<'_>,
    gather: &mut Gather<'_>,
) -> Result<()> {
    let Some(first) = emitted.first() else { return Ok(()) };
    if needs_whole_result(flow) {
        let all = concat_batches(&first.schema(), emitted).map_err(arrow_failed)?;
        return gather.take_emitted(whole(flow, node, Rows::new(all), context)?);
    }
    for batch in emitted {
        for start in (0..batch.num_rows()).step_by(EMITTED_ROWS) {
            let part = batch.slice(start, EMITTED_ROWS.min(batch.num_rows() - start));
            let mut parts = Parts::of(flow, node.shared().clone(), Rows::new(part));
            while let Some(passed) = parts.next(context)? {
                gather.take_emitted(passed)?;
            }
        }
    }
    Ok(())
}

fn needs_whole_result(flow: &Flow) -> bool {
    flow.iter().any(|next| match next {
        Edge::Through(transform, rest) => transform.needs_whole_result() || needs_whole_result(rest),
        Edge::EventTime(_, rest) => needs_whole_result(rest),
        Edge::Sink(_) | Edge::State { .. } => false,
    })
}
