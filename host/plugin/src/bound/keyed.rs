//! Keyed operators: many keys at once, with their rows or timers and their states.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::{DataType, Field, Fields};

use self::steps::Crossing;
use super::migration::{Stored, migrate};
use super::shared_parts;
use crate::binding::{Bound, bad_bind};
use crate::contract::keyed as told;
use crate::error::Result;
use crate::guests::{Keyed, Kind};
use crate::keyed::{Domain, KeyedBinding, LateInput, Needs, Outcome, Step, TimeToLive};
use crate::lift::Promised;
use crate::limits::CallOptions;
use crate::lower::Lowered;
use crate::pool::{Slot, Subjects};

mod steps;

/// A bound keyed operator.
#[derive(Clone)]
pub struct BoundKeyed(Arc<Inner>);

struct Inner {
    slot: Slot<Keyed>,
    bound: Bound,
    binding: KeyedBinding,
    crossing: Crossing,
}

shared_parts!(BoundKeyed);

impl BoundKeyed {
    pub(crate) fn new(slot: Slot<Keyed>) -> Result<Self> {
        let answer = slot.answer();
        let bound = Bound::new(slot.asked(), &answer.binding)?;
        if bound.hints.skip_nulls {
            return Err(bad_bind("a keyed operator cannot leave out rows with nulls: they belong to their keys"));
        }
        let mut names: Vec<&str> = Vec::new();
        for field in &answer.state {
            if field.name.is_empty() || names.contains(&field.name.as_str()) {
                let what = if field.name.is_empty() { "has no name" } else { "is kept twice" };
                return Err(bad_bind(format!("state `{}` {what}", field.name)));
            }
            names.push(&field.name);
        }
        let binding = binding(answer, &bound);
        let crossing = Crossing::new(&answer.state);
        Ok(Self(Arc::new(Inner { slot, bound, binding, crossing })))
    }

    /// What it needs and gives.
    pub fn binding(&self) -> &KeyedBinding {
        &self.0.binding
    }

    /// Which entries of maps a call with `step`, which has none, needs.
    pub fn needs_with(&self, step: &Step, options: CallOptions) -> Result<Needs> {
        let Inner { slot, bound, crossing, .. } = &*self.0;
        let lowered = crossing.lower(bound, step)?;
        slot.call(
            options,
            subjects(step),
            |guests, store, slot| lowered.with_param(|step| Keyed::of(guests).call_needs(store, slot, step)),
            |given| crossing.needs(given),
        )
    }

    /// Handles the rows or the timers of some keys.
    pub fn call_with(&self, step: &Step, options: CallOptions) -> Result<Outcome> {
        let Inner { slot, bound, crossing, .. } = &*self.0;
        let lowered = crossing.lower(bound, step)?;
        slot.call(
            options,
            subjects(step),
            |guests, store, slot| lowered.with_param(|step| Keyed::of(guests).call_call(store, slot, step)),
            |given| crossing.outcome(bound, step, given),
        )
    }

    /// Stored values of an older version, whose names were `names`, to those of this one, a row per key.
    pub fn migrate_with(
        &self,
        from_version: u32,
        names: &[String],
        values: &[ArrayRef],
        options: CallOptions,
    ) -> Result<Vec<BinaryArray>> {
        let rows = values.first().map_or(0, |column| column.len()) as u32;
        let fields: Fields = names.iter().map(|name| Field::new(name, DataType::Binary, true)).collect();
        let from = Stored { version: from_version, fields: &fields, states: &Lowered::of(rows, values.iter()) };
        let promised = Promised::of_bytes(self.0.binding.values.iter().map(String::as_str));
        let columns = migrate(&self.0.slot, from, self.0.binding.state_version, &promised, options)?;
        Ok(columns.iter().map(|column| column.as_binary::<i32>().clone()).collect())
    }
}

/// What a call with `step` can fail with: any of its keys may have a state.
fn subjects(step: &Step) -> Subjects {
    let keys = step.keys.num_rows() as u32;
    Subjects { rows: step.rows.num_rows() as u32, keys, states: keys }
}

fn binding(answer: &told::KeyedBinding, bound: &Bound) -> KeyedBinding {
    let of_kind = |is_map: bool| {
        let fields = answer.state.iter().filter(move |field| field.is_map == is_map);
        fields.map(|field| field.name.clone()).collect()
    };
    let output: &Fields = bound.output();
    KeyedBinding {
        reads: bound.reads.clone(),
        output: output.iter().cloned().collect(),
        values: of_kind(false),
        maps: of_kind(true),
        state_version: answer.state_version,
        adjustable: answer.adjustable.clone(),
        time_to_live: answer
            .time_to_live
            .as_ref()
            .map(|ttl| TimeToLive { domain: ttl.domain.into(), microseconds: ttl.microseconds }),
        late: match answer.late_rows {
            told::LateRows::HandOver => LateInput::HandOver,
            told::LateRows::SetAside => LateInput::SetAside,
        },
        by_event_time: answer.by_event_time,
        event_time: answer.event_time.map(|at| at as usize),
        holds_back: answer.holds_back,
        keep_timers: answer.keep_timers,
        rows_per_call: bound.hints.rows_per_call,
    }
}

impl From<told::TimeDomain> for Domain {
    fn from(domain: told::TimeDomain) -> Self {
        match domain {
            told::TimeDomain::EventTime => Self::EventTime,
            told::TimeDomain::ProcessingTime => Self::ProcessingTime,
        }
    }
}
