//! Binds a keyed operator and takes it through epochs by hand: rows, the watermark and processing time come when a test
//! says so, states and timers are kept as the host keeps them.

mod kept;

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};

use self::kept::{Id, Keys};
use super::{
    cell::from_cells,
    check,
    run::{TestError, batch, failed, request, returned},
    table::Table,
};
use crate::{
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    contract::{
        columns::Batch as Flat,
        keyed::{KeyedBinding, Outcome, Step, Timers},
    },
    data_type::{DataType, Field},
    export::keyed::{KeyedSlot, bind_keyed},
    operator::{Clock, Encoded, Keyed, Timer},
    value::Value,
};

/// A keyed operator, its states and timers, and where its clocks stand. [`keyed`] makes one.
pub struct KeyedJob {
    plugin: Box<dyn KeyedSlot>,
    answer: KeyedBinding,
    output: Vec<Field>,
    /// The input's columns, without rows.
    input: Table,
    key_by: Vec<String>,
    event_time: Option<String>,
    kept: Keys,
    now: i64,
    watermark: Option<i64>,
    previous_watermark: Option<i64>,
}

/// What came of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedOutcome {
    /// The rows that came out: those for rows, then those of timers.
    pub table: Table,
    /// The rows that went to the late output.
    pub late: Table,
    /// The rows refused, by their index in the epoch's input, with the reasons.
    pub rejects: Vec<(usize, String)>,
}

/// Binds a keyed operator to a configuration (JSON), to these columns of the key, and to the columns of a table; its rows
/// play no part. There is no watermark yet, processing time is 0.
///
/// # Errors
/// [`TestError`].
///
/// # Panics
/// If the table has no such column.
pub fn keyed<K: Keyed>(config: &str, key_by: &[&str], columns: &Table) -> Result<KeyedJob, TestError> {
    let input = columns.take(&[]);
    let key = input.select(key_by);
    let fields: Vec<Field> = (0..key_by.len()).map(|i| key.column(i).0.clone()).collect();
    let bound = bind_keyed::<K>(request(config, &input), Field::flatten(&fields));
    let (plugin, answer) = bound.map_err(TestError::Bind)?;
    Ok(KeyedJob {
        plugin,
        output: Field::all_of(&answer.binding.output),
        answer,
        input,
        key_by: key_by.iter().map(|name| (*name).to_owned()).collect(),
        event_time: None,
        kept: Keys::default(),
        now: 0,
        watermark: None,
        previous_watermark: None,
    })
}

impl KeyedJob {
    /// The input's event time is this column, a timestamp: needed where the operator sets late rows aside or takes rows by
    /// event time.
    pub fn event_time(mut self, column: &str) -> Self {
        self.event_time = Some(column.into());
        self
    }

    /// An epoch with these rows; the clocks stay where they are.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn rows(&mut self, rows: &Table) -> Result<KeyedOutcome, TestError> {
        self.previous_watermark = self.watermark;
        self.run(rows)
    }

    /// An epoch with these rows, at whose end the watermark is there. It never goes back.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn epoch(&mut self, rows: &Table, watermark: i64) -> Result<KeyedOutcome, TestError> {
        self.previous_watermark = self.watermark;
        self.watermark = self.watermark.max(Some(watermark));
        self.run(rows)
    }

    /// An epoch without rows, in which the watermark moves on.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn watermark(&mut self, watermark: i64) -> Result<KeyedOutcome, TestError> {
        self.epoch(&self.input.clone(), watermark)
    }

    /// An epoch without rows, at this processing time.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn now(&mut self, now: i64) -> Result<KeyedOutcome, TestError> {
        self.now = self.now.max(now);
        self.rows(&self.input.clone())
    }

    /// A key has a state that another version of the plugin stored: it is migrated, as happens before the first epoch.
    ///
    /// # Errors
    /// [`TestError`]: the plugin's `migrate` fails.
    ///
    /// # Panics
    /// If the value cannot be written.
    pub fn stored_by_version<T: Serialize>(
        &mut self,
        from_version: u32,
        key: &[Value],
        value: &T,
    ) -> Result<(), TestError> {
        let (mut bytes, mut stored) = (Vec::new(), BinaryBuilder::default());
        Encoded::write(value, &mut bytes).unwrap_or_else(|error| panic!("{error}"));
        stored.push(&bytes);
        let field = [Field::new(&*self.answer.state, DataType::Binary).not_null()];
        let states = Column::flatten(1, vec![stored.finish()]);
        let migrated = self.plugin.migrate(from_version, &Field::flatten(&field), states).map_err(failed)?;
        let migrated = returned(&field, migrated, 1)?;
        let key = self.kept.number(key.to_vec());
        self.kept.at_mut(key).value = bytes_of(&migrated[0], 0);
        Ok(())
    }

    /// What is kept of a key.
    ///
    /// # Panics
    /// If what is stored is no such value.
    pub fn state<T: DeserializeOwned>(&self, key: &[Value]) -> Option<T> {
        let stored = self.kept.get(key)?.value.as_ref()?;
        Some(Encoded::from_bytes(stored).unwrap_or_else(|error| panic!("{error}")))
    }

    /// How many keys have a state.
    pub fn states(&self) -> usize {
        self.kept.iter().filter(|kept| kept.value.is_some()).count()
    }

    /// The timers that a key has.
    pub fn timers(&self, key: &[Value]) -> Vec<Timer> {
        let timers = self.kept.get(key).into_iter().flat_map(|kept| &kept.timers);
        timers.map(|((clock, tag), at)| Timer { clock: *clock, tag: *tag, at: *at }).collect()
    }

    fn run(&mut self, rows: &Table) -> Result<KeyedOutcome, TestError> {
        assert_eq!(rows.names(), self.input.names(), "the columns that it is bound to");
        self.expire();
        let mut due = self.kept.due(self.now, self.watermark);
        let mut came = KeyedOutcome { table: self.empty(), late: rows.take(&[]), rejects: Vec::new() };
        self.call_rows(rows, &mut came)?;
        // What the rows have cleared or moved does not fire.
        due.retain(|(at, key, id)| self.kept.at(*key).timers.get(id) == Some(at));
        self.call_timers(&due, &mut came)?;
        Ok(came)
    }

    fn empty(&self) -> Table {
        let none = self.output.iter().map(|field| from_cells(&field.data_type, std::iter::empty()));
        Table::of(&self.output, 0, none.collect())
    }

    fn clock(&self, by_watermark: bool) -> Option<i64> {
        if by_watermark { self.watermark } else { Some(self.now) }
    }

    /// States that nobody changed for long enough.
    fn expire(&mut self) {
        let Some((by_watermark, micros)) = self.answer.time_to_live else { return };
        let Some(clock) = self.clock(by_watermark) else { return };
        for kept in self.kept.iter_mut().filter(|kept| kept.value.is_some()) {
            let changed = *kept.changed.get_or_insert(clock);
            if changed.saturating_add_unsigned(micros) <= clock {
                kept.value = None;
                if !self.answer.keep_timers {
                    kept.timers.clear();
                }
            }
        }
    }

    fn call_rows(&mut self, rows: &Table, came: &mut KeyedOutcome) -> Result<(), TestError> {
        let (on_time, late) = self.by_time(rows);
        let mut late: BTreeSet<usize> = late.into_iter().collect();
        let keys = rows.select(&self.key_by.iter().map(String::as_str).collect::<Vec<_>>());
        let mut of_keys: Vec<(usize, Vec<usize>)> = Vec::new();
        for row in on_time {
            let key = self.kept.number(keys.row(row));
            match of_keys.iter_mut().find(|(other, _)| *other == key) {
                Some((_, rows)) => rows.push(row),
                None => of_keys.push((key, vec![row])),
            }
        }
        if !of_keys.is_empty() {
            let order: Vec<usize> = of_keys.iter().flat_map(|(_, rows)| rows).copied().collect();
            let numbers: Vec<usize> = of_keys.iter().map(|(key, _)| *key).collect();
            let mut offsets = vec![0i32];
            offsets.extend(of_keys.iter().scan(0, |end, (_, rows)| {
                *end += rows.len() as i32;
                Some(*end)
            }));
            let mut step = self.step(&numbers);
            step.rows = batch(&rows.take(&order), &self.answer.binding)?;
            step.row_offsets = offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect();
            let outcome = self.plugin.call(step).map_err(failed)?;
            let rejects = check::rejects(&outcome.rejects, order.len()).map_err(TestError::Contract)?;
            came.rejects.extend(rejects.into_iter().map(|(row, reason)| (order[row], reason)));
            came.rejects.sort();
            late.extend(indices("late rows", &outcome.late, order.len())?.into_iter().map(|row| order[row]));
            came.table = self.apply(&numbers, outcome, numbers.len(), came.table.clone(), None)?;
        }
        came.late = rows.take(&late.into_iter().collect::<Vec<_>>());
        Ok(())
    }

    /// The rows to be handed over, in their order, and those that are late.
    fn by_time(&self, rows: &Table) -> (Vec<usize>, Vec<usize>) {
        let all = (0..rows.rows()).collect();
        if !self.answer.sets_late_aside && !self.answer.by_event_time {
            return (all, Vec::new());
        }
        let column = self.event_time.as_deref().expect("say which column is the event time: `.event_time(\"at\")`");
        let times = rows.select(&[column]);
        let time = |row: &usize| match times.row(*row)[0] {
            Value::Int(at) => at as i64,
            ref other => panic!("{other} is no event time; the engine makes such a row a dead letter"),
        };
        let is_late = |row: &usize| self.answer.sets_late_aside && self.watermark.is_some_and(|w| time(row) <= w);
        let (late, mut on_time): (Vec<usize>, Vec<usize>) = all.into_iter().partition(is_late);
        if self.answer.by_event_time {
            on_time.sort_by_key(time);
        }
        (on_time, late)
    }

    fn call_timers(&mut self, due: &[(i64, usize, Id)], came: &mut KeyedOutcome) -> Result<(), TestError> {
        if due.is_empty() {
            return Ok(());
        }
        let mut numbers: Vec<usize> = due.iter().map(|(_, key, _)| *key).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut step = self.step(&numbers);
        step.is_for_timers = true;
        step.row_offsets = vec![0; 4 * (numbers.len() + 1)];
        step.rows = batch(&self.input, &self.answer.binding)?;
        for (at, key, (clock, tag)) in due {
            let index = numbers.binary_search(key).expect("it is one of them") as u32;
            step.due.keys.extend(index.to_le_bytes());
            step.due.domains.push(u8::from(*clock == Clock::ProcessingTime));
            step.due.tags.extend(tag.to_le_bytes());
            step.due.at.extend(at.to_le_bytes());
            self.kept.at_mut(*key).timers.remove(&(*clock, *tag));
        }
        let outcome = self.plugin.call(step).map_err(failed)?;
        let times: Vec<i64> = due.iter().map(|(at, ..)| *at).collect();
        came.table = self.apply(&numbers, outcome, due.len(), came.table.clone(), Some(&times))?;
        Ok(())
    }

    /// A step of these keys, without rows or timers.
    fn step(&self, numbers: &[usize]) -> Step {
        let key = |i: usize| numbers.iter().map(move |number| self.kept.at(*number).key[i].clone());
        let column = |name: &String| self.input.names().iter().position(|other| other == name).expect("it was bound");
        let keys = self.key_by.iter().enumerate();
        let keys = keys.map(|(i, name)| from_cells(&self.input.column(column(name)).0.data_type, key(i)));
        let mut values = BinaryBuilder::default();
        for number in numbers {
            match &self.kept.at(*number).value {
                Some(value) => values.push(value),
                None => values.push_null(),
            }
        }
        Step {
            now: self.now,
            watermark: self.watermark,
            previous_watermark: self.previous_watermark,
            keys: Column::flatten(numbers.len(), keys.collect()),
            values: Column::flatten(numbers.len(), vec![values.finish()]),
            rows: Flat::default(),
            ..Step::default()
        }
    }

    /// Stores what has changed; the output so far with what came out. `times` are those of the timers that were due.
    fn apply(
        &mut self,
        numbers: &[usize],
        outcome: Outcome,
        count: usize,
        so_far: Table,
        times: Option<&[i64]>,
    ) -> Result<Table, TestError> {
        for key in indices("removed states", &outcome.removed, numbers.len())? {
            let kept = self.kept.at_mut(numbers[key]);
            kept.value = None;
            if !self.answer.keep_timers {
                kept.timers.clear();
            }
        }
        let changed = indices("changed states", &outcome.changed, numbers.len())?;
        let state = [Field::new(&*self.answer.state, DataType::Binary).not_null()];
        let values = returned(&state, outcome.values, changed.len())?;
        let clock = self.answer.time_to_live.and_then(|(by_watermark, _)| self.clock(by_watermark));
        for (row, key) in changed.into_iter().enumerate() {
            let kept = self.kept.at_mut(numbers[key]);
            (kept.value, kept.changed) = (bytes_of(&values[0], row), clock);
        }
        for (key, id, _) in entries(&outcome.clear_timers) {
            self.kept.at_mut(numbers[key]).timers.remove(&id);
        }
        for (key, id, at) in entries(&outcome.set_timers) {
            self.kept.at_mut(numbers[key]).timers.insert(id, at);
        }
        let of = check::numbers(&outcome.output_of);
        if let Some(of) = of.iter().find(|of| **of as usize >= count) {
            return Err(TestError::Contract(format!("a row of number {of} came out; there are {count}")));
        }
        let columns = returned(&self.output, outcome.output, of.len())?;
        let mut table = Table::of(&self.output, of.len() as u32, columns);
        if let (Some(times), Some(at)) = (times, self.answer.event_time) {
            let times = of.iter().map(|of| times[*of as usize]).collect();
            table = table.put(&self.output[at as usize], Column::timestamp(times));
        }
        Ok(so_far.append(&table))
    }
}

fn bytes_of(column: &Column, row: usize) -> Option<Vec<u8>> {
    match Value::of(column, row) {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Timers with the index of their key.
fn entries(timers: &Timers) -> Vec<(usize, Id, i64)> {
    let (keys, tags) = (check::numbers(&timers.keys), check::numbers(&timers.tags));
    let at = timers.at.as_chunks().0.iter().map(|at| i64::from_le_bytes(*at));
    let clock = |domain: u8| if domain == 0 { Clock::EventTime } else { Clock::ProcessingTime };
    let ids = timers.domains.iter().zip(tags).map(|(domain, tag)| (clock(*domain), tag as u32));
    keys.into_iter().zip(ids).zip(at).map(|((key, id), at)| (key as usize, id, at)).collect()
}

/// Indices that must go up.
fn indices(what: &str, bytes: &[u8], count: usize) -> Result<Vec<usize>, TestError> {
    let indices: Vec<usize> = check::numbers(bytes).into_iter().map(|index| index as usize).collect();
    if !indices.is_sorted_by(|a, b| a < b) || indices.last().is_some_and(|last| *last >= count) {
        return Err(TestError::Contract(format!("{what} {indices:?} of {count} do not go up")));
    }
    Ok(indices)
}
