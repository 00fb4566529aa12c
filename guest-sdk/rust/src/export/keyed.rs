//! A keyed operator bound in a slot.

use std::ops::Range;

use super::slot::{bound, failed, returned, taken};
use crate::{
    batch::Batch,
    buffer::{Buffer, BufferBuilder},
    builder::{BinaryBuilder, ColumnBuilder, RowBuilders},
    column::Column,
    contract::{
        columns::{self, Batch as Flat},
        keyed::{KeyedBinding, Outcome, Step, Timers as FlatTimers},
        types::{Failure, Problem, Request},
    },
    data_type::{DataType, Field},
    fields::Fields,
    kind::Binary,
    operator::{self, Change, Clock, Key, Keyed, KeyedOutput, Out, Rows, State, Timer, Timers},
};

/// The name under which a key's value is stored.
const STATE: &str = "state";

/// A bound keyed operator.
pub trait KeyedSlot {
    /// Rows or timers of some keys.
    fn call(&self, step: Step) -> Result<Outcome, Failure>;

    /// States of an older version to states of this one.
    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure>;
}

struct Bound<K> {
    plugin: K,
    /// The columns that are handed over.
    input: Vec<Field>,
    /// The columns that make the key.
    key: Vec<Field>,
    /// Those of them that come out.
    key_out: Vec<usize>,
    /// The plugin's own columns.
    own: Vec<Field>,
    /// All columns that come out.
    output: Vec<Field>,
    state: [Field; 1],
}

/// Binds a keyed operator.
pub fn bind_keyed<K: Keyed>(
    request: Request,
    key: Vec<columns::Field>,
) -> Result<(Box<dyn KeyedSlot>, KeyedBinding), Problem> {
    let key = Field::all_of(&key);
    let columns = Fields::from(key.clone());
    let ((plugin, asked), input, mut binding) = bound(request, |config, schema| K::bind(config, schema, &columns))?;
    let KeyedOutput { fields, has_key, event_time, time_to_live, .. } = asked;
    let own = fields.into_vec();
    let is_own = |name: &str| own.iter().any(|field| field.name == name);
    let key_out: Vec<usize> = (0..key.len()).filter(|i| has_key && !is_own(&key[*i].name)).collect();
    let output: Vec<Field> = key_out.iter().map(|i| key[*i].clone()).chain(own.iter().cloned()).collect();
    let place = |name: String| match output.iter().position(|field| field.name == name) {
        Some(at) => Ok(at as u32),
        None => Err(Problem::new(format!("the output has no column `{name}` to be its event time"))),
    };
    let event_time = event_time.map(place).transpose()?;
    binding.output = Field::flatten(&output);
    let answer = KeyedBinding {
        binding,
        state: STATE.into(),
        state_version: K::STATE_VERSION,
        time_to_live: time_to_live.map(|(clock, micros)| (clock == Clock::EventTime, micros)),
        sets_late_aside: asked.sets_late_aside,
        by_event_time: asked.by_event_time,
        event_time,
        holds_back: asked.holds_back,
        keep_timers: asked.keep_timers,
    };
    let state = [Field::new(STATE, DataType::Binary)];
    Ok((Box::new(Bound { plugin, input, key, key_out, own, output, state }), answer))
}

/// A key's row of the stored values.
fn stored(values: &Batch, key: usize) -> Option<&[u8]> {
    values.at::<Binary>(0).get(key)
}

/// A call under way.
struct Call<'a, K: Keyed> {
    plugin: &'a K,
    keys: &'a Batch,
    values: &'a Batch,
    out: Out<K::Output>,
    timers: Timers,
    /// Per key, once it was asked for.
    states: Vec<Option<State<K::State>>>,
}

impl<K: Keyed> Call<'_, K> {
    /// Calls with the rows, or the timer, of a key; `number` is what its output is of.
    fn with(
        &mut self,
        key: usize,
        number: usize,
        rows: Range<usize>,
        call: impl FnOnce(
            &K,
            &Key<'_>,
            &mut State<K::State>,
            &mut Out<K::Output>,
            &mut Timers,
        ) -> Result<(), operator::Failure>,
    ) -> Result<(), operator::Failure> {
        let state = match &mut self.states[key] {
            Some(state) => state,
            none => none.insert(State::stored(stored(self.values, key))?),
        };
        self.out.begin(number as u32, rows);
        self.timers.begin(key as u32);
        call(self.plugin, &Key::of(self.keys, key), state, &mut self.out, &mut self.timers)?;
        self.out.take_problem().map_or(Ok(()), |problem| Err(problem.into()))
    }
}

impl<K: Keyed> KeyedSlot for Bound<K> {
    fn call(&self, step: Step) -> Result<Outcome, Failure> {
        let (keys, rows) = (taken(&self.key, step.keys)?, taken(&self.input, step.rows)?);
        let values = taken(&self.state, step.values)?;
        let mut call = Call {
            plugin: &self.plugin,
            keys: &keys,
            values: &values,
            out: Out::new(&self.own).map_err(failed)?,
            timers: Timers::at(step.now, step.watermark, step.previous_watermark),
            states: (0..keys.rows()).map(|_| None).collect(),
        };
        // Of each timer its key; where there are none, keys are numbered as they stand.
        let mut keys_of_timers = None;
        if step.is_for_timers {
            let due = Due::of(step.due);
            for number in 0..due.len() {
                let (key, timer) = due.get(number);
                let called = call.with(key as usize, number, 0..0, |plugin, key, state, out, timers| {
                    plugin.on_timer(key, &timer, state, out, timers)
                });
                called.map_err(operator::told)?;
            }
            keys_of_timers = Some(due.keys);
        } else {
            let offsets = Buffer::from(step.row_offsets);
            for (key, ends) in offsets.numbers::<i32>().windows(2).enumerate() {
                let range = ends[0] as usize..ends[1] as usize;
                let called = call.with(key, key, range.clone(), |plugin, key, state, out, timers| {
                    plugin.on_rows(key, &Rows::of(&rows, range.clone()), state, out, timers)
                });
                // It names one of its rows in any case: so the host knows the key without looking for it.
                called.map_err(|failure| {
                    let Failure { message, row } = operator::told(failure);
                    Failure { message, row: Some(range.start as u32 + row.unwrap_or(0)) }
                })?;
            }
        }
        self.outcome(call, keys_of_timers)
    }

    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure> {
        let fields = Field::all_of(old);
        let batch = taken(&fields, states)?;
        let Some(at) = fields.iter().position(|field| field.name == STATE && field.data_type == DataType::Binary)
        else {
            return Err(failed(format!("states of version {from} have no value `{STATE}`")));
        };
        let mut migrated = BinaryBuilder::default();
        let mut bytes = Vec::new();
        for value in batch.at::<Binary>(at).iter() {
            let Some(value) = value else {
                migrated.push_null();
                continue;
            };
            let state = self.plugin.migrate(from, value).map_err(operator::told)?;
            bytes.clear();
            operator::Encoded::write(&state, &mut bytes).map_err(operator::told)?;
            migrated.push(&bytes);
        }
        returned(&self.state, batch.rows(), vec![migrated.finish()])
    }
}

impl<K: Keyed> Bound<K> {
    fn outcome(&self, call: Call<'_, K>, keys_of_timers: Option<Buffer>) -> Result<Outcome, Failure> {
        let Call { keys, values, out, timers, states, .. } = call;
        let (mut changed, mut removed) = (BufferBuilder::default(), BufferBuilder::default());
        let (mut column, mut bytes) = (BinaryBuilder::default(), Vec::new());
        for (key, state) in states.iter().enumerate() {
            let Some(state) = state else { continue };
            if state.is_removed() {
                removed.push(key as u32);
            }
            if state.changed(stored(values, key), &mut bytes).map_err(operator::told)? {
                changed.push(key as u32);
                column.push(&bytes);
            }
        }
        let (columns, of, rejects, late) = out.finish();
        let (of, own) = (of.to_vec(), columns.finish());
        let key_of = |of: &u32| keys_of_timers.as_ref().map_or(*of, |keys| keys.numbers()[*of as usize]);
        let of_keys: Vec<u32> = of.iter().map(key_of).collect();
        let key_columns = self.key_out.iter().map(|i| keys.columns[*i].take(&of_keys));
        let output = returned(&self.output, of.len(), key_columns.chain(own).collect())?;
        let (set, clear) = timers.into_changes();
        Ok(Outcome {
            output,
            output_of: BufferBuilder::map(&of, |of| of).into_bytes(),
            values: Column::flatten(changed.len(), vec![column.finish()]),
            changed: changed.into_bytes(),
            removed: removed.into_bytes(),
            set_timers: flat(&set),
            clear_timers: flat(&clear),
            rejects: rejects.into_buffers(),
            late: BufferBuilder::map(&late, |row| row).into_bytes(),
        })
    }
}

/// The timers that are due.
struct Due {
    keys: Buffer,
    domains: Vec<u8>,
    tags: Buffer,
    at: Buffer,
}

impl Due {
    fn of(timers: FlatTimers) -> Self {
        Self { keys: timers.keys.into(), domains: timers.domains, tags: timers.tags.into(), at: timers.at.into() }
    }

    fn len(&self) -> usize {
        self.domains.len()
    }

    fn get(&self, i: usize) -> (u32, Timer) {
        let clock = if self.domains[i] == 0 { Clock::EventTime } else { Clock::ProcessingTime };
        (self.keys.numbers()[i], Timer { clock, tag: self.tags.numbers()[i], at: self.at.numbers()[i] })
    }
}

/// Timers as the contract has them.
fn flat(changes: &[Change]) -> FlatTimers {
    FlatTimers {
        keys: BufferBuilder::map(changes, |change| change.key).into_bytes(),
        domains: changes.iter().map(|change| u8::from(change.clock == Clock::ProcessingTime)).collect(),
        tags: BufferBuilder::map(changes, |change| change.tag).into_bytes(),
        at: BufferBuilder::map(changes, |change| change.at.unwrap_or_default()).into_bytes(),
    }
}
