//! A keyed operator bound in a slot.

mod changes;
mod due;
mod fetched;

use std::ops::Range;

use self::{
    changes::Changes,
    due::{Due, flat},
    fetched::Fetched,
};
use super::slot::{bound, failed, returned, taken};
use crate::{
    batch::Batch,
    buffer::{Buffer, BufferBuilder},
    builder::RowBuilders,
    contract::{
        columns::{self, Batch as Flat},
        keyed::{KeyedBinding, Outcome, StateField, Step, Wanted as FlatWanted},
        types::{Failure, Problem, Request, Subject},
    },
    data_type::{DataType, Field},
    fields::Fields,
    operator::{
        self, Clock, Key, Keyed, KeyedOutput, KeyedState, OfState, Out, Rows, StateOf, StoredValues, Timers, Wanted,
    },
};

/// A bound keyed operator.
pub trait KeyedSlot {
    /// Which entries of maps a call needs.
    fn needs(&self, step: Step) -> Result<FlatWanted, Failure>;

    /// Rows or timers of some keys.
    fn call(&self, step: Step) -> Result<Outcome, Failure>;

    /// States of an older version to states of this one.
    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure>;

    /// What a step has of its keys, read and written again: nothing may have changed.
    #[cfg(not(target_family = "wasm"))]
    fn written_again(&self, step: Step) -> Result<Outcome, Failure>;
}

struct Bound<K> {
    plugin: K,
    /// The columns that are handed over.
    input: Vec<Field>,
    /// The columns that make the key.
    key: Vec<Field>,
    /// Whether they come out.
    has_key: bool,
    /// The plugin's own columns.
    own: Vec<Field>,
    /// All columns that come out.
    output: Vec<Field>,
    /// What is kept of a key.
    kept: Vec<StateField>,
    /// The values among it.
    values: Vec<Field>,
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
    if let Some(both) = key.iter().find(|field| has_key && is_own(&field.name)) {
        return Err(Problem::new(format!(
            "it makes a column `{0}`, and the key has one of that name, which comes out as well: give the key's column \
             another name",
            both.name
        )));
    }
    let output: Vec<Field> = key.iter().filter(|_| has_key).chain(&own).cloned().collect();
    let place = |name: String| match output.iter().position(|field| field.name == name) {
        Some(at) => Ok(at as u32),
        None => Err(Problem::new(format!("the output has no column `{name}` to be its event time"))),
    };
    let event_time = event_time.map(place).transpose()?;
    binding.output = Field::flatten(&output);
    let kept = fetched::kept::<StateOf<K>>();
    let answer = KeyedBinding {
        binding,
        state: kept.clone(),
        state_version: K::STATE_VERSION,
        adjustable: asked.adjustable,
        time_to_live: time_to_live.map(|(clock, micros)| (clock == Clock::EventTime, micros)),
        sets_late_aside: asked.sets_late_aside,
        by_event_time: asked.by_event_time,
        event_time,
        holds_back: asked.holds_back,
        keep_timers: asked.keep_timers,
    };
    let values = kept.iter().filter(|kept| !kept.is_map).map(|kept| Field::new(&*kept.name, DataType::Binary));
    let values = values.collect();
    Ok((Box::new(Bound { plugin, input, key, has_key, own, output, kept, values }), answer))
}

/// A call under way.
struct Call<'a, K: Keyed> {
    plugin: &'a K,
    keys: &'a Batch,
    out: Out<K::Output>,
    timers: Timers,
}

impl<K: Keyed> Call<'_, K> {
    /// Calls with the rows, or the timer, of a key; `number` is what its output is of.
    fn with(
        &mut self,
        key: usize,
        number: usize,
        rows: Range<usize>,
        state: &mut StateOf<K>,
        call: impl FnOnce(&K, &Key<'_>, &mut StateOf<K>, &mut Out<K::Output>, &mut Timers) -> Result<(), operator::Failure>,
    ) -> Result<(), operator::Failure> {
        self.out.begin(number as u32, rows);
        self.timers.begin(key as u32);
        call(self.plugin, &Key::of(self.keys, key), state, &mut self.out, &mut self.timers)?;
        self.out.take_problem().map_or(Ok(()), |problem| Err(problem.into()))
    }
}

/// It names its key in any case, so that the host knows it without looking for it; a row that the author names is one of
/// the key's.
fn of_key(key: usize) -> impl FnOnce(operator::Failure) -> Failure {
    move |failure| {
        let Failure { message, about } = operator::told(failure);
        let about = match about {
            Some(Subject::State(_)) => Subject::State(key as u32),
            _ => Subject::Key(key as u32),
        };
        Failure { message, about: Some(about) }
    }
}

/// The rows of each key.
fn ranges(offsets: &[i32]) -> impl Iterator<Item = (usize, Range<usize>)> {
    offsets.windows(2).map(|ends| ends[0] as usize..ends[1] as usize).enumerate()
}

impl<K: Keyed> KeyedSlot for Bound<K> {
    fn needs(&self, step: Step) -> Result<FlatWanted, Failure> {
        let (keys, rows) = (taken(&self.key, step.keys)?, taken(&self.input, step.rows)?);
        let values = taken(&self.values, step.values)?;
        let fetched = Fetched::of(&self.kept, &values, &[]);
        let mut wanted = Wanted::default();
        if step.is_for_timers {
            let due = Due::of(step.due);
            for (_, key, timer) in due.iter() {
                wanted.begin(key);
                let key = key as usize;
                let mut ask = || {
                    let state = fetched.state(key)?;
                    self.plugin.needs_for_timer(&Key::of(&keys, key), &timer, &state, &mut wanted)
                };
                ask().map_err(of_key(key))?;
            }
        } else {
            let offsets = Buffer::from(step.row_offsets);
            for (key, range) in ranges(offsets.numbers()) {
                wanted.begin(key as u32);
                let mut ask = || {
                    let state = fetched.state(key)?;
                    let (key, rows) = (Key::of(&keys, key), Rows::of(&rows, range.clone()));
                    self.plugin.needs(&key, &rows, &state, &mut wanted)
                };
                ask().map_err(of_key(key))?;
            }
        }
        wanted.finish().map_err(operator::told)
    }

    fn call(&self, step: Step) -> Result<Outcome, Failure> {
        let (keys, rows) = (taken(&self.key, step.keys)?, taken(&self.input, step.rows)?);
        let values = taken(&self.values, step.values)?;
        let maps = fetched::maps(step.maps)?;
        let fetched = Fetched::of(&self.kept, &values, &maps);
        let mut changes = Changes::of(&self.kept, &fetched);
        let mut call = Call {
            plugin: &self.plugin,
            keys: &keys,
            out: Out::new(&self.own).map_err(failed)?,
            timers: Timers::at(step.now, step.watermark, step.previous_watermark),
        };
        if step.is_for_timers {
            let due = Due::of(step.due);
            // A key's timers may have those of others between them.
            let mut states: Vec<Option<StateOf<K>>> = (0..keys.rows()).map(|_| None).collect();
            for (number, key, timer) in due.iter() {
                let key = key as usize;
                let mut fire = || {
                    let state = match &mut states[key] {
                        Some(state) => state,
                        none => none.insert(fetched.state(key)?),
                    };
                    call.with(key, number, 0..0, state, |plugin, key, state, out, timers| {
                        plugin.on_timer(key, &timer, state, out, timers)
                    })
                };
                fire().map_err(of_key(key))?;
            }
            for (key, state) in states.iter_mut().enumerate() {
                if let Some(state) = state {
                    changes.take(key, state).map_err(of_key(key))?;
                }
            }
            return self.outcome(call.out, call.timers, &keys, changes, Some(due.keys()));
        }
        let offsets = Buffer::from(step.row_offsets);
        for (key, range) in ranges(offsets.numbers()) {
            let mut deal = || {
                let mut state = fetched.state(key)?;
                call.with(key, key, range.clone(), &mut state, |plugin, key, state, out, timers| {
                    plugin.on_rows(key, &Rows::of(&rows, range.clone()), state, out, timers)
                })?;
                changes.take(key, &mut state)
            };
            deal().map_err(of_key(key))?;
        }
        self.outcome(call.out, call.timers, &keys, changes, None)
    }

    fn migrate(&self, from: u32, old: &[columns::Field], states: Flat) -> Result<Flat, Failure> {
        let fields = Field::all_of(old);
        let batch = taken(&fields, states)?;
        let mut migrated = changes::Migrated::of(self.values.len());
        for row in 0..batch.rows() {
            let stored = StoredValues::of(&fields, &batch, row);
            let stored =
                K::State::stored(&stored).map_err(|error| failed(format!("states of version {from}: {error}")))?;
            let state = stored.map(|stored| self.plugin.migrate(from, stored)).transpose().of_state(row);
            let mut state = state.map_err(operator::told)?.map(KeyedState::into_handle).unwrap_or_default();
            migrated.take(&mut state).map_err(operator::told)?;
        }
        returned(&self.values, batch.rows(), migrated.finish())
    }

    #[cfg(not(target_family = "wasm"))]
    fn written_again(&self, step: Step) -> Result<Outcome, Failure> {
        let values = taken(&self.values, step.values)?;
        let maps = fetched::maps(step.maps)?;
        let fetched = Fetched::of(&self.kept, &values, &maps);
        // Beside nothing, all is written.
        let none = Fetched::none(&self.kept);
        let mut changes = Changes::of(&self.kept, &none);
        for key in 0..step.keys.rows as usize {
            let mut state: StateOf<K> = fetched.state(key).map_err(operator::told)?;
            operator::StateFields::visit(&mut state, &mut changes::Touch).map_err(operator::told)?;
            changes.take(key, &mut state).map_err(operator::told)?;
        }
        let (values, entries, removed) = changes.finish();
        Ok(Outcome { values, entries, removed, ..Outcome::default() })
    }
}

impl<K: Keyed> Bound<K> {
    /// `keys_of_timers`: of each due timer its key; where rows came, output is of keys as they are numbered.
    fn outcome(
        &self,
        out: Out<K::Output>,
        timers: Timers,
        keys: &Batch,
        changes: Changes<'_>,
        keys_of_timers: Option<&[u32]>,
    ) -> Result<Outcome, Failure> {
        let (columns, of, rejects, late) = out.finish();
        let (of, own) = (Buffer::from(of), columns.finish());
        let rows = of.numbers::<u32>().len();
        let of_timers: Vec<u32>;
        let of_keys = match keys_of_timers {
            None => of.numbers(),
            Some(keys) => {
                of_timers = of.numbers::<u32>().iter().map(|of| keys[*of as usize]).collect();
                &of_timers
            }
        };
        let key_columns = keys.columns.iter().filter(|_| self.has_key).map(|column| column.take(of_keys));
        let output = returned(&self.output, rows, key_columns.chain(own).collect())?;
        let (set, clear) = timers.into_changes();
        let (values, entries, removed) = changes.finish();
        Ok(Outcome {
            output,
            output_of: of.into_bytes(),
            values,
            entries,
            removed,
            set_timers: flat(&set),
            clear_timers: flat(&clear),
            rejects: rejects.into_buffers(),
            late: BufferBuilder::map(&late, |row| row).into_bytes(),
        })
    }
}
