//! A bound keyed operator: steps for it, one call, and what it has changed.

use std::collections::BTreeMap;

use super::{
    flat::{bytes_of, indices, numbers, timers},
    kept::{Due, Keys, Work},
    limits,
    maps::{entries_of, fetched},
};
use crate::{
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    contract::keyed::{KeyedBinding, Outcome, Step},
    data_type::{DataType, Field},
    export::keyed::KeyedSlot,
    operator::Clock,
    testing::{
        cell::from_cells,
        check,
        run::{TestError, batch, failed, returned},
        table::Table,
    },
    value::Value,
};

/// Where the clocks stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clocks {
    pub now: i64,
    pub watermark: Option<i64>,
    pub previous_watermark: Option<i64>,
}

impl Clocks {
    /// The one that a time to live runs by.
    pub fn of(&self, by_watermark: bool) -> Option<i64> {
        if by_watermark { self.watermark } else { Some(self.now) }
    }
}

/// What came of calls: numbers are the epoch's.
#[derive(Debug, Default)]
pub struct Came {
    /// Rows with the key, or the timer, that they are of.
    pub rows: Vec<(usize, Vec<Value>)>,
    pub rejects: Vec<(usize, String)>,
    pub late: Vec<usize>,
}

impl Came {
    /// What came after it.
    pub fn add(&mut self, later: Self) {
        self.rows.extend(later.rows);
        self.rejects.extend(later.rejects);
        self.late.extend(later.late);
    }
}

/// The operator, and what it is bound to.
pub struct Bound {
    pub plugin: Box<dyn KeyedSlot>,
    pub answer: KeyedBinding,
    pub output: Vec<Field>,
    /// The input's columns, without rows.
    pub input: Table,
    pub key_by: Vec<String>,
}

impl Bound {
    /// The numbers of values, or of maps, among what is kept.
    pub fn kept(&self, is_map: bool) -> impl Iterator<Item = usize> {
        let kept = self.answer.state.iter().enumerate();
        kept.filter(move |(_, kept)| kept.is_map == is_map).map(|(number, _)| number)
    }

    /// The number of what is kept under this name.
    ///
    /// # Panics
    /// If there is no such value, or map.
    pub fn number(&self, name: &str, is_map: bool) -> usize {
        let number = self.kept(is_map).find(|number| self.answer.state[*number].name == name);
        number.unwrap_or_else(|| {
            let what = if is_map { "map" } else { "value" };
            panic!("no {what} `{name}` is kept among {:?}", self.answer.state)
        })
    }

    /// The columns of values that are kept, each null where there is none.
    pub fn value_fields(&self) -> Vec<Field> {
        self.kept(false).map(|number| Field::new(&*self.answer.state[number].name, DataType::Binary)).collect()
    }

    /// What the host would call with.
    ///
    /// # Errors
    /// [`TestError::Cast`].
    pub fn step(&self, at: Clocks, works: &[Work], table: &Table, kept: &Keys) -> Result<Step, TestError> {
        let key = |i: usize| works.iter().map(move |work| kept.at(work.key).key[i].clone());
        let column = |name: &String| self.input.names().iter().position(|other| other == name).expect("it was bound");
        let keys = self.key_by.iter().enumerate();
        let keys = keys.map(|(i, name)| from_cells(&self.input.column(column(name)).0.data_type, key(i)));
        let values = self.kept(false).map(|number| {
            let mut column = BinaryBuilder::default();
            for work in works {
                match kept.at(work.key).values.get(&number) {
                    Some(value) => column.push(value),
                    None => column.push_null(),
                }
            }
            column.finish()
        });
        let rows: Vec<usize> = works.iter().flat_map(|work| &work.rows).copied().collect();
        let ends = works.iter().scan(0, |end, work| {
            *end += work.rows.len() as i32;
            Some(*end)
        });
        let mut step = Step {
            is_for_timers: works.iter().any(|work| !work.due.is_empty()),
            now: at.now,
            watermark: at.watermark,
            previous_watermark: at.previous_watermark,
            keys: Column::flatten(works.len(), keys.collect()),
            values: Column::flatten(works.len(), values.collect()),
            rows: batch(&table.take(&rows), &self.answer.binding)?,
            row_offsets: std::iter::once(0).chain(ends).flat_map(i32::to_le_bytes).collect(),
            ..Step::default()
        };
        for (index, (_, (at, _, (clock, tag)))) in due_of(works) {
            step.due.keys.extend((index as u32).to_le_bytes());
            step.due.domains.push(u8::from(clock == Clock::ProcessingTime));
            step.due.tags.extend(tag.to_le_bytes());
            step.due.at.extend(at.to_le_bytes());
        }
        Ok(step)
    }

    /// One call: what comes of it, and what it changes is changed.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn call(&self, at: Clocks, works: &[Work], table: &Table, kept: &mut Keys) -> Result<Came, TestError> {
        let mut step = self.step(at, works, table, kept)?;
        if self.kept(true).next().is_some() {
            let wanted = self.plugin.needs(step.clone()).map_err(failed)?;
            step.maps = fetched(&self.answer.state, &wanted, works, kept)?;
        }
        let outcome = self.plugin.call(step).map_err(failed)?;
        self.apply(at, works, kept, &outcome)?;
        let rows: Vec<usize> = works.iter().flat_map(|work| &work.rows).copied().collect();
        let rejects = check::rejects(outcome.rejects.as_ref(), rows.len()).map_err(TestError::Contract)?;
        let late = indices("late rows", &outcome.late, rows.len())?;
        // What output is of: the number in the call gives the number in the epoch, and the time of a timer.
        let due = due_of(works).into_iter().map(|(_, (number, (at, _, _)))| (number, Some(at)));
        let of: Vec<(usize, Option<i64>)> = match due.len() {
            0 => works.iter().map(|work| (work.key, None)).collect(),
            _ => due.collect(),
        };
        Ok(Came {
            rows: self.output(&of, outcome)?,
            rejects: rejects.into_iter().map(|(row, reason)| (rows[row], reason)).collect(),
            late: late.into_iter().map(|row| rows[row]).collect(),
        })
    }

    fn output(&self, of: &[(usize, Option<i64>)], outcome: Outcome) -> Result<Vec<(usize, Vec<Value>)>, TestError> {
        let of_rows = numbers(&outcome.output_of);
        if let Some(wrong) = of_rows.iter().find(|row| **row >= of.len()) {
            return Err(TestError::Contract(format!("a row of number {wrong} came out; there are {}", of.len())));
        }
        let columns = returned(&self.output, outcome.output, of_rows.len())?;
        let rows = of_rows.into_iter().enumerate().map(|(row, number)| {
            let (number, at) = of[number];
            let mut values: Vec<Value> = columns.iter().map(|column| Value::of(column, row)).collect();
            if let (Some(at), Some(column)) = (at, self.answer.event_time) {
                values[column as usize] = at.into();
            }
            (number, values)
        });
        Ok(rows.collect())
    }

    /// Stores what has changed.
    ///
    /// # Errors
    /// [`TestError`]: what changes cannot be, or is more than is kept.
    pub fn apply(&self, at: Clocks, works: &[Work], kept: &mut Keys, outcome: &Outcome) -> Result<(), TestError> {
        let keep_timers = self.answer.keep_timers;
        let clock = self.answer.time_to_live.and_then(|(by_watermark, _)| at.of(by_watermark));
        for key in indices("removed states", &outcome.removed, works.len())? {
            kept.at_mut(works[key].key).remove(keep_timers);
        }
        for changes in &outcome.values {
            let keys = indices("changed states", &changes.keys, works.len())?;
            let field = [Field::new("state", DataType::Binary)];
            let values = returned(&field, changes.values.clone(), keys.len())?;
            for (row, key) in keys.into_iter().enumerate() {
                let kept = kept.at_mut(works[key].key);
                kept.changed = clock;
                match bytes_of(&values[0], row) {
                    Some(value) => {
                        limits::value(&self.answer.state[changes.state as usize].name, &value)?;
                        kept.values.insert(changes.state as usize, value);
                    }
                    None => {
                        let was_there = kept.values.remove(&(changes.state as usize)).is_some();
                        if was_there && kept.values.is_empty() && self.kept(true).next().is_none() {
                            kept.remove(keep_timers);
                        }
                    }
                }
            }
        }
        for (state, list) in entries_of(&self.answer.state, &outcome.entries, works.len())? {
            let mut seen = BTreeMap::new();
            for (key, own, value) in list {
                let name = &self.answer.state[state].name;
                if seen.insert((key, own.clone()), ()).is_some() {
                    return Err(TestError::Contract(format!("an entry of `{name}` is changed twice")));
                }
                value.as_ref().map_or(Ok(()), |value| limits::value(name, value))?;
                let kept = kept.at_mut(works[key].key);
                kept.changed = clock;
                let entries = kept.maps.entry(state).or_default();
                match value {
                    Some(value) => entries.insert(own, value),
                    None => entries.remove(&own),
                };
            }
        }
        for (key, id, _) in timers(&outcome.clear_timers) {
            kept.at_mut(works[key].key).timers.remove(&id);
        }
        for (key, id, at) in timers(&outcome.set_timers) {
            kept.at_mut(works[key].key).timers.insert(id, at);
        }
        works.iter().try_for_each(|work| limits::timers(kept.at(work.key).timers.len()))
    }
}

/// The due timers of a call, in their order, each with its key's index.
fn due_of(works: &[Work]) -> Vec<(usize, (usize, Due))> {
    let due = works.iter().enumerate().flat_map(|(index, work)| work.due.iter().map(move |due| (index, *due)));
    let mut due: Vec<_> = due.collect();
    due.sort_by_key(|(_, (number, _))| *number);
    due
}
