//! Rows on their way through a flow: through stateless operators, until they reach sinks and stateful operators. Runs on
//! any core; keeps nothing.

use arrow::record_batch::RecordBatch;

use crate::Result;
use crate::executor::Workers;
use crate::name::{Name, Named};
use crate::operator::{AheadRows, Effects, LateRows, Partial, Reject, Room, Rows};
use crate::plan::{Edge, Flow, PlannedStateful};
use crate::record::WatermarkPair;

/// What stays the same for all chunks of an epoch.
#[derive(Clone, Copy)]
pub(super) struct EpochContext<'a> {
    pub epoch: u64,
    pub stateful: &'a Named<PlannedStateful>,
    /// The watermarks of each stateful operator.
    pub pairs: &'a Named<WatermarkPair>,
    /// Processing time at the epoch's start.
    pub started: i64,
    pub workers: &'a Workers,
}

/// What rows leave on their way through a flow.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Rows that reached sinks, in order.
    pub sinks: Vec<(Name, RecordBatch)>,
    /// Condensed rows that reached stateful operators, in order.
    pub partials: Vec<(Name, Partial)>,
    /// Rows that came too late, each with the stateful operator that they were too late for.
    pub late: Vec<(Name, LateRows)>,
    /// Rows whose event time is too far ahead, each with the stateful operator that they came to.
    pub ahead: Vec<(Name, AheadRows)>,
    /// All else; its late rows have moved to `late`.
    pub effects: Effects,
}

impl Passed {
    /// What stateful operator `operator` has left at the end of an epoch beside its rows.
    pub fn beside(operator: &Name, rejects: Vec<Reject>, late: Vec<LateRows>) -> Self {
        let late = late.into_iter().map(|late| (operator.clone(), late)).collect();
        let mut passed = Self { late, ..Self::default() };
        passed.effects.rejects = rejects;
        passed
    }
}

/// Takes rows through a flow, all at once.
pub(super) fn pass(flow: &Flow, rows: Rows, context: EpochContext<'_>) -> Result<Passed> {
    let mut passed = Passed::default();
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
            Edge::Sink(sink) => passed.sinks.push((sink.clone(), rows.batch.clone())),
            Edge::State { operator, input } => {
                if let When::Ahead(max_ahead) = when {
                    passed.ahead.push((operator.clone(), AheadRows { rows: rows.clone(), max_ahead }));
                    continue;
                }
                let stateful = &context.stateful[operator];
                let at = stateful.judged_by(*input, context.pairs[operator]);
                if let Some(partial) = stateful.operator.partial(*input, rows.clone(), at, &mut passed.effects)? {
                    passed.partials.push((operator.clone(), partial));
                }
                passed.late.extend(passed.effects.late.drain(..).map(|late| (operator.clone(), late)));
            }
        }
    }
    Ok(())
}
