//! A plan worked off once: all input is read in order, and nothing is stored outside the memory.
//!
//! There are no epochs: the input is taken in parts, after each of which the stateful operators take in what the part left
//! for them, so that the memory is in proportion to their state and not to the input. Nothing is late and no window is
//! closed before the end, where everything is. The first parts are small, so that rows which nothing waits for come
//! soon; where parts end depends on the input alone.

use crate::Result;
use crate::connector::sink::Sink;
use crate::connector::source::Known;
use crate::executor::Workers;
use crate::name::Named;
use crate::plan::Plan;
use crate::record::WatermarkPair;
use crate::run::chunk::process;
use crate::run::epoch::{RangeReader, ReadChunk, close_all};
use crate::run::gather::Gather;
use crate::run::pass::EpochContext;
use crate::run::sources::LiveSource;
use crate::state::State;

use super::rows::Halt;

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Driven {
    pub rows_in: u64,
    /// Rows and groups that could not be used.
    pub rejected: u64,
    /// How many of these are groups.
    pub groups: u64,
}

/// Works `plan` off in `parts`: bytes of the first one, and of the greatest; each is twice as large as the one before. `strict`: the first row that cannot be used ends it, as [`Halt::RowRefused`].
pub(super) fn drive(
    plan: &Plan,
    sources: &mut Named<LiveSource>,
    sinks: &mut Named<Box<dyn Sink>>,
    parts: (u64, u64),
    workers: &Workers,
    strict: bool,
) -> Result<Driven> {
    let pairs = |close| plan.stateful.map(|_, _| WatermarkPair { late: None, close });
    let (no_pairs, nothing) = (pairs(None), Named::new());
    let context = |pairs| EpochContext { epoch: 0, stateful: &plan.stateful, pairs, started: 0, workers };
    let open = context(&no_pairs);
    let mut state = State::new(plan.partitions).with(workers);
    let mut gather = Gather::new(open, plan, &nothing, sinks);
    let (mut part, largest) = parts;
    let mut left = part;
    'input: for (name, live) in sources.iter_mut() {
        while let Some(range) = live.plan(0, Known::default())? {
            gather.begin_range();
            let mut reader = RangeReader::new(name, live, &range)?;
            let mut ended = false;
            while !ended {
                let chunks = InputPart { reader: &mut reader, left: &mut left, ended: &mut ended };
                let work = |(origin, decoder, chunk): ReadChunk<'_>| {
                    let outputs = process(plan, &origin, decoder, &chunk, open)?;
                    Ok((origin, outputs))
                };
                workers.in_order(chunks, work, |(origin, outputs)| {
                    for output in outputs {
                        gather.take_chunk(&origin, output, open)?;
                    }
                    refuse_rejects(&gather, strict)
                })?;
                if left == 0 {
                    close_all(open, &mut gather, &mut state)?;
                    refuse_rejects(&gather, strict)?;
                    // What changed would be for a log.
                    drop(state.take_changes());
                    part = largest.min(part * 2);
                    left = part;
                }
                if plan.stateful.values().last().is_some_and(|last| last.operator.has_enough()) {
                    break 'input;
                }
            }
        }
    }
    let at_end = pairs(Some(i64::MAX));
    close_all(context(&at_end), &mut gather, &mut state)?;
    gather.send_letters()?;
    refuse_rejects(&gather, strict)?;
    let rejected = gather.counters.rejected.values().sum();
    Ok(Driven { rows_in: gather.counters.rows_in, rejected, groups: gather.groups_refused })
}

fn refuse_rejects(gather: &Gather<'_>, strict: bool) -> Result<()> {
    if strict && !gather.counters.rejected.is_empty() { Err(Halt::RowRefused.into()) } else { Ok(()) }
}

/// The next chunks of a range, as many as are left of a part.
struct InputPart<'r, 'a> {
    reader: &'r mut RangeReader<'a>,
    left: &'r mut u64,
    ended: &'r mut bool,
}

impl<'a> Iterator for InputPart<'_, 'a> {
    type Item = Result<ReadChunk<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if *self.left == 0 {
            return None;
        }
        let read = self.reader.next();
        match &read {
            Some(Ok((_, _, chunk))) => {
                *self.left = self.left.saturating_sub(chunk.content.size());
            }
            _ => *self.ended = true,
        }
        read
    }
}
