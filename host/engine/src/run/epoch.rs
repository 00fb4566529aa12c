//! Reading and computing one epoch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;

use super::chunk::{EpochContext, pass, process};
use super::gather::{Gather, Origin};
use super::workers::in_order;
use crate::fault::{Faults, point};
use crate::format::{Decode, RawChunk, RawContent};
use crate::operator::{Rows, Seen};
use crate::plan::{Flow, Next, Plan};
use crate::record::{Counters, SourceRange, WatermarkPair};
use crate::sink::{Prepared, Sink};
use crate::source::{Chunks, Source};
use crate::state::State;
use crate::{Error, Result};

/// Rows of a stateful operator's output that go on together, where nobody needs them all at once.
const EMITTED_ROWS: usize = 65_536;

/// A source at work.
pub(super) struct LiveSource {
    pub source: Box<dyn Source>,
    pub decoder: Arc<dyn Decode>,
}

/// One epoch, planned.
pub(super) struct EpochPlan {
    pub epoch: u64,
    /// Per source, what is read of it.
    pub ranges: Vec<Option<SourceRange>>,
    /// Per stateful operator.
    pub pairs: Vec<WatermarkPair>,
}

/// What an epoch gives.
pub(super) struct EpochResult {
    pub counters: Counters,
    pub seen: Vec<Seen>,
    /// Per sink.
    pub prepared: Vec<Prepared>,
    pub took: Duration,
}

/// Reads and computes one epoch: changes `state`, fills the sinks. Nothing is visible yet.
pub(super) fn compute(
    plan: &Plan,
    epoch: &EpochPlan,
    sources: &[LiveSource],
    sinks: &mut [Box<dyn Sink>],
    state: &mut State,
    threads: usize,
    faults: &Faults,
) -> Result<EpochResult> {
    let began = Instant::now();
    let context =
        EpochContext { stateful: &plan.stateful, pairs: &epoch.pairs, watermark_nodes: plan.watermarks.len() };
    let mut gather = Gather::new(epoch, plan, sinks);

    let mut readers: Vec<Reader<'_>> = Vec::new();
    for (number, (range, live)) in epoch.ranges.iter().zip(sources).enumerate() {
        let Some(range) = range else { continue };
        let at = |e: Error| e.context(format!("source `{}`", plan.sources[number].spec.name.value));
        let chunks = live.source.read(range).map_err(at)?;
        let count = match range {
            SourceRange::Files(files) => files.len() as u32,
            SourceRange::Rows { .. } => 0,
        };
        let files = (0..count).map(|file| live.source.file_name(range, file).into()).collect();
        readers.push(Reader { number, files, decoder: &*live.decoder, chunks });
    }
    let chunks = readers.into_iter().flat_map(|reader| {
        let Reader { number, files, decoder, chunks } = reader;
        let at = move |e: Error| e.context(format!("source `{}`", plan.sources[number].spec.name.value));
        chunks.map(move |chunk| chunk.map_err(at).map(|chunk| (origin(number, &files, &chunk), decoder, chunk)))
    });
    let work = |(origin, decoder, chunk): (Origin, &dyn Decode, RawChunk)| {
        let flow = &plan.sources[origin.source].flow;
        let output = process(decoder, flow, &chunk, context)?;
        Ok((origin, output))
    };
    in_order(threads, chunks, work, |(origin, output)| {
        faults.hit(point::CHUNK_BEFORE);
        gather.take_chunk(&origin, output)?;
        faults.hit(point::CHUNK);
        Ok(())
    })?;

    for (number, stateful) in plan.stateful.iter().enumerate() {
        let partials = std::mem::take(&mut gather.partials[number]);
        let mut tables = state.tables_named(&stateful.tables);
        let emitted = stateful.operator.close(partials, &mut tables, epoch.pairs[number])?;
        emit(&stateful.flow, &emitted, context, &mut gather)?;
        let rows = state.table(&stateful.tables[0]).map_or(0, |t| t.len() as u64);
        gather.counters.state_rows.insert(stateful.name.to_string(), rows);
    }
    gather.send_letters()?;
    let Gather { seen, counters, .. } = gather;
    let prepared = sinks.iter_mut().zip(&plan.sinks).map(|(sink, planned)| {
        let at = |e: Error| e.context(format!("sink `{}`", planned.spec.name.value));
        sink.finish(epoch.epoch).map_err(at)
    });
    let prepared = prepared.collect::<Result<_>>()?;
    Ok(EpochResult { counters, seen, prepared, took: began.elapsed() })
}

struct Reader<'a> {
    number: usize,
    /// The files of the range, as they are shown.
    files: Vec<Arc<str>>,
    decoder: &'a dyn Decode,
    chunks: Chunks,
}

fn origin(source: usize, files: &[Arc<str>], chunk: &RawChunk) -> Origin {
    let first_row = match &chunk.content {
        RawContent::Rows { from, .. } => Some(*from),
        _ => None,
    };
    Origin { source, file: files.get(chunk.file as usize).cloned(), first_row }
}

fn emit(flow: &Flow, emitted: &[RecordBatch], context: EpochContext<'_>, gather: &mut Gather<'_>) -> Result<()> {
    let Some(first) = emitted.first() else { return Ok(()) };
    if needs_whole_result(flow) {
        let whole = concat_batches(&first.schema(), emitted);
        let whole = whole.map_err(|e| Error::internal(e.to_string()).caused_by(e))?;
        return gather.take_emitted(pass(flow, Rows::new(whole), context)?);
    }
    for batch in emitted {
        for start in (0..batch.num_rows()).step_by(EMITTED_ROWS) {
            let part = batch.slice(start, EMITTED_ROWS.min(batch.num_rows() - start));
            gather.take_emitted(pass(flow, Rows::new(part), context)?)?;
        }
    }
    Ok(())
}

fn needs_whole_result(flow: &Flow) -> bool {
    flow.iter().any(|next| match next {
        Next::Through(transform, rest) => transform.needs_whole_result() || needs_whole_result(rest),
        _ => false,
    })
}
