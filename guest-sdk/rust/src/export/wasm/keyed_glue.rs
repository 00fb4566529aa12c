//! Keyed operators' exports between the generated types and the crate's own.

use super::{
    AGGREGATES, Exports, KEYED, forget, keep,
    keyed::exports::millstream::operator::keyed::{
        Entries, Guest, KeyedBinding, LateRows, Outcome, Phase, StateField, Step, TimeDomain, TimeToLive, Timers,
        ValueChanges, Wanted,
    },
    with,
};
use crate::{
    contract::{
        columns::Field,
        keyed,
        types::{Failure, Problem, Request},
    },
    export::catalog::{Bind, Component, find},
};

impl<C: Component> Guest for Exports<C> {
    fn bind(slot: u32, request: Request, key: Vec<Field>) -> Result<KeyedBinding, Problem> {
        let bind = |bind| if let Bind::Keyed(bind) = bind { Some(bind) } else { None };
        let (bound, answer) = find(C::OPERATORS, &request.operator, bind)?(request, key)?;
        keep(&KEYED, slot, bound);
        forget(&AGGREGATES, slot);
        let time_to_live = answer.time_to_live.map(|(by_watermark, microseconds)| TimeToLive {
            domain: if by_watermark { TimeDomain::EventTime } else { TimeDomain::ProcessingTime },
            microseconds,
        });
        let state = answer.state.into_iter().map(|kept| StateField { name: kept.name, is_map: kept.is_map });
        Ok(KeyedBinding {
            binding: answer.binding,
            state: state.collect(),
            state_version: answer.state_version,
            adjustable: answer.adjustable,
            time_to_live,
            late_rows: if answer.sets_late_aside { LateRows::SetAside } else { LateRows::HandOver },
            by_event_time: answer.by_event_time,
            event_time: answer.event_time,
            holds_back: answer.holds_back,
            keep_timers: answer.keep_timers,
        })
    }

    fn needs(slot: u32, step: Step) -> Result<Wanted, Failure> {
        let wanted = with(&KEYED, slot, |keyed| keyed.needs(taken(step)))?;
        Ok(Wanted { entries: wanted.entries.into_iter().map(entries).collect(), all: wanted.all })
    }

    fn call(slot: u32, step: Step) -> Result<Outcome, Failure> {
        let outcome = with(&KEYED, slot, |keyed| keyed.call(taken(step)))?;
        let changes = |keyed::ValueChanges { state, keys, values }| ValueChanges { state, keys, values };
        Ok(Outcome {
            output: outcome.output,
            output_of: outcome.output_of,
            values: outcome.values.into_iter().map(changes).collect(),
            entries: outcome.entries.into_iter().map(entries).collect(),
            removed: outcome.removed,
            set_timers: timers(outcome.set_timers),
            clear_timers: timers(outcome.clear_timers),
            rejects: outcome.rejects,
            late: outcome.late,
        })
    }
}

fn taken(step: Step) -> keyed::Step {
    let maps = step.maps.into_iter();
    keyed::Step {
        is_for_timers: step.phase == Phase::Timers,
        now: step.now,
        watermark: step.watermark,
        previous_watermark: step.previous_watermark,
        keys: step.keys,
        row_offsets: step.row_offsets,
        rows: step.rows,
        values: step.values,
        maps: maps.map(|Entries { state, keys, entries }| keyed::Entries { state, keys, entries }).collect(),
        due: keyed::Timers { keys: step.due.keys, domains: step.due.domains, tags: step.due.tags, at: step.due.at },
    }
}

fn entries(keyed::Entries { state, keys, entries }: keyed::Entries) -> Entries {
    Entries { state, keys, entries }
}

fn timers(timers: keyed::Timers) -> Timers {
    Timers { keys: timers.keys, domains: timers.domains, tags: timers.tags, at: timers.at }
}
