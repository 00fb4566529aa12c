//! Binds a keyed operator and takes it through epochs by hand: rows, the watermark and processing time come when a test
//! says so, states and timers are kept as the host keeps them.

mod bound;
mod flat;
mod kept;
mod limits;
mod maps;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};

use self::{
    bound::{Bound, Came, Clocks},
    kept::{Due, Keys, Work},
};
use super::{
    cell::from_cells,
    run::{TestError, failed, request, returned},
    table::Table,
};
use crate::{
    builder::{BinaryBuilder, ColumnBuilder},
    column::Column,
    data_type::Field,
    export::keyed::bind_keyed,
    operator::{Encoded, Keyed, Timer},
    value::Value,
};

/// A keyed operator, its states and timers, and where its clocks stand. [`keyed`] makes one.
///
/// A key with which a call fails is dealt with as in a job: what the epoch has of it is refused, its state and timers stay as they
/// were, and the other keys go on.
pub struct KeyedJob {
    bound: Bound,
    event_time: Option<String>,
    kept: Keys,
    at: Clocks,
    cut: Cut,
}

/// How keys are cut into calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub keys: usize,
    /// Rows, or timers, of a key that is alone in its call.
    pub rows: usize,
    /// The last key comes first.
    pub is_reversed: bool,
}

/// What came of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyedOutcome {
    /// The rows that came out: those for rows, key by key, then those of timers.
    pub table: Table,
    /// The rows that went to the late output.
    pub late: Table,
    /// The rows refused, by their index in the epoch's input, with the reasons; of a key with which a call failed, all.
    pub rejects: Vec<(usize, String)>,
    /// The timers with which a call failed, with their keys and why; they are gone.
    pub failed_timers: Vec<(Vec<Value>, Timer, String)>,
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
    let key_by = key_by.iter().map(|name| (*name).to_owned()).collect();
    Ok(KeyedJob {
        bound: Bound { plugin, output: Field::all_of(&answer.binding.output), answer, input, key_by },
        event_time: None,
        kept: Keys::default(),
        at: Clocks::default(),
        cut: Cut { keys: usize::MAX, rows: usize::MAX, is_reversed: false },
    })
}

impl KeyedJob {
    /// The input's event time is this column, a timestamp: needed where the operator sets late rows aside or takes rows by
    /// event time.
    pub fn event_time(mut self, column: &str) -> Self {
        self.event_time = Some(column.into());
        self
    }

    /// A call has so many rows, or timers, of a key at most, and no other key's: as it goes with a key that has very many.
    ///
    /// # Panics
    /// If none.
    pub fn rows_per_call(self, rows: usize) -> Self {
        assert!(rows > 0, "a call has at least one row");
        self.cut(Cut { keys: 1, rows, is_reversed: false })
    }

    pub(super) fn cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    /// An epoch with these rows; the clocks stay where they are.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn rows(&mut self, rows: &Table) -> Result<KeyedOutcome, TestError> {
        self.at.previous_watermark = self.at.watermark;
        self.run(rows)
    }

    /// An epoch with these rows, at whose end the watermark is there. It never goes back.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn epoch(&mut self, rows: &Table, watermark: i64) -> Result<KeyedOutcome, TestError> {
        self.at.previous_watermark = self.at.watermark;
        self.at.watermark = self.at.watermark.max(Some(watermark));
        self.run(rows)
    }

    /// An epoch without rows, in which the watermark moves on.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn watermark(&mut self, watermark: i64) -> Result<KeyedOutcome, TestError> {
        self.epoch(&self.bound.input.clone(), watermark)
    }

    /// An epoch without rows, at this processing time.
    ///
    /// # Errors
    /// [`TestError`].
    pub fn now(&mut self, now: i64) -> Result<KeyedOutcome, TestError> {
        self.at.now = self.at.now.max(now);
        self.rows(&self.bound.input.clone())
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
        let bytes = Encoded(value).to_bytes().unwrap_or_else(|error| panic!("{error}"));
        self.values_stored_by_version(from_version, key, &[("state", bytes)])
    }

    /// The same for an operator that keeps several values: each with its name, as [`Encoded::to_bytes`] writes it.
    ///
    /// # Errors
    /// [`TestError`]: the plugin's `migrate` fails.
    pub fn values_stored_by_version(
        &mut self,
        from_version: u32,
        key: &[Value],
        values: &[(&str, Vec<u8>)],
    ) -> Result<(), TestError> {
        let column = |(_, bytes): &(&str, Vec<u8>)| {
            let mut stored = BinaryBuilder::default();
            stored.push(bytes);
            stored.finish()
        };
        let fields: Vec<Field> =
            values.iter().map(|(name, _)| Field::new(*name, crate::DataType::Binary).not_null()).collect();
        let states = Column::flatten(1, values.iter().map(column).collect());
        let plugin = &self.bound.plugin;
        let migrated = plugin.migrate(from_version, &Field::flatten(&fields), states).map_err(failed)?;
        let migrated = returned(&self.bound.value_fields(), migrated, 1)?;
        let key = self.kept.number(key.to_vec());
        let values = self.bound.kept(false).zip(&migrated);
        let values = values.filter_map(|(number, column)| Some((number, flat::bytes_of(column, 0)?)));
        self.kept.at_mut(key).values = values.collect();
        Ok(())
    }

    /// What is kept of a key, where that is one value.
    ///
    /// # Panics
    /// If what is stored is no such value, or several are kept.
    pub fn state<T: DeserializeOwned>(&self, key: &[Value]) -> Option<T> {
        self.value("state", key)
    }

    /// The value of this name that is kept of a key.
    ///
    /// # Panics
    /// If what is stored is no such value, or none of this name is kept.
    pub fn value<T: DeserializeOwned>(&self, name: &str, key: &[Value]) -> Option<T> {
        let number = self.bound.number(name, false);
        self.kept.get(key)?.values.get(&number).map(|value| read(value))
    }

    /// The entries of the map of this name that are kept of a key.
    ///
    /// # Panics
    /// If what is stored are no such entries, or no map of this name is kept.
    pub fn entries<K: Ord + DeserializeOwned, V: DeserializeOwned>(&self, name: &str, key: &[Value]) -> BTreeMap<K, V> {
        let number = self.bound.number(name, true);
        let entries = self.kept.get(key).and_then(|kept| kept.maps.get(&number));
        entries.into_iter().flatten().map(|(own, value)| (read(own), read(value))).collect()
    }

    /// How many keys have a state.
    pub fn states(&self) -> usize {
        self.kept.iter().filter(|kept| kept.has_state()).count()
    }

    /// The timers that a key has.
    pub fn timers(&self, key: &[Value]) -> Vec<Timer> {
        let timers = self.kept.get(key).into_iter().flat_map(|kept| &kept.timers);
        timers.map(|((clock, tag), at)| Timer { clock: *clock, tag: *tag, at: *at }).collect()
    }

    fn run(&mut self, rows: &Table) -> Result<KeyedOutcome, TestError> {
        assert_eq!(rows.names(), self.bound.input.names(), "the columns that it is bound to");
        self.expire();
        let mut due = self.kept.due(self.at.now, self.at.watermark);
        let (on_time, late) = self.by_time(rows);
        let keys = rows.select(&self.bound.key_by.iter().map(String::as_str).collect::<Vec<_>>());
        let mut works: Vec<Work> = Vec::new();
        for row in on_time {
            let key = self.kept.number(keys.row(row));
            match works.iter_mut().find(|work| work.key == key) {
                Some(work) => work.rows.push(row),
                None => works.push(Work { key, rows: vec![row], due: Vec::new() }),
            }
        }
        let order: Vec<usize> = works.iter().map(|work| work.key).collect();
        let (mut came, failed) = self.deal(works, rows)?;
        // Of keys as they came first.
        came.rows.sort_by_key(|(key, _)| order.iter().position(|other| other == key));
        for (work, message) in failed {
            came.rejects.extend(work.rows.into_iter().map(|row| (row, message.clone())));
        }

        // What the rows have cleared or moved does not fire.
        due.retain(|(at, key, id)| self.kept.at(*key).timers.get(id) == Some(at));
        let (fired, none) = (self.fired(&due), self.bound.input.clone());
        let (mut of_timers, failed) = self.deal(fired, &none)?;
        of_timers.rows.sort_by_key(|(number, _)| *number);
        let failed_timers = failed.into_iter().flat_map(|(work, message)| {
            let key = self.kept.at(work.key).key.clone();
            let timer = move |(_, (at, _, (clock, tag))): (usize, Due)| {
                (key.clone(), Timer { clock, tag, at }, message.clone())
            };
            work.due.into_iter().map(timer)
        });
        let failed_timers = failed_timers.collect();

        came.rows.extend(of_timers.rows);
        came.rejects.sort();
        let late: BTreeSet<usize> = late.into_iter().chain(came.late).collect();
        let late = rows.take(&late.into_iter().collect::<Vec<_>>());
        Ok(KeyedOutcome { table: self.table(&came.rows), late, rejects: came.rejects, failed_timers })
    }

    fn table(&self, rows: &[(usize, Vec<Value>)]) -> Table {
        let columns = self.bound.output.iter().enumerate();
        let column = |(i, field): (usize, &Field)| {
            from_cells(&field.data_type, rows.iter().map(|(_, values)| values[i].clone()))
        };
        Table::of(&self.bound.output, rows.len() as u32, columns.map(column).collect())
    }

    /// States that nobody changed for long enough.
    fn expire(&mut self) {
        let Some((by_watermark, micros)) = self.bound.answer.time_to_live else { return };
        let Some(clock) = self.at.of(by_watermark) else { return };
        for kept in self.kept.iter_mut().filter(|kept| kept.has_state()) {
            let changed = *kept.changed.get_or_insert(clock);
            if changed.saturating_add_unsigned(micros) <= clock {
                kept.remove(self.bound.answer.keep_timers);
            }
        }
    }

    /// The rows to be handed over, in their order, and those that are late.
    fn by_time(&self, rows: &Table) -> (Vec<usize>, Vec<usize>) {
        let all = (0..rows.rows()).collect();
        let answer = &self.bound.answer;
        if !answer.sets_late_aside && !answer.by_event_time {
            return (all, Vec::new());
        }
        let column = self.event_time.as_deref().expect("say which column is the event time: `.event_time(\"at\")`");
        let times = rows.select(&[column]);
        let time = |row: &usize| match times.row(*row)[0] {
            Value::Int(at) => at as i64,
            ref other => panic!("{other} is no event time; the engine makes such a row a dead letter"),
        };
        let is_late = |row: &usize| answer.sets_late_aside && self.at.watermark.is_some_and(|w| time(row) <= w);
        let (late, mut on_time): (Vec<usize>, Vec<usize>) = all.into_iter().partition(is_late);
        if answer.by_event_time {
            on_time.sort_by_key(time);
        }
        (on_time, late)
    }

    /// The timers that are due by key; they are gone, whatever comes of it.
    fn fired(&mut self, due: &[Due]) -> Vec<Work> {
        let mut works: BTreeMap<usize, Work> = BTreeMap::new();
        for (number, due) in due.iter().enumerate() {
            self.kept.at_mut(due.1).timers.remove(&due.2);
            let work = works.entry(due.1).or_insert(Work { key: due.1, rows: Vec::new(), due: Vec::new() });
            work.due.push((number, *due));
        }
        works.into_values().collect()
    }

    /// Calls with all of these keys; what comes of those with which it can be done, and the others.
    fn deal(&mut self, mut works: Vec<Work>, table: &Table) -> Result<(Came, Vec<(Work, String)>), TestError> {
        if self.cut.is_reversed {
            works.reverse();
        }
        let (mut came, mut failed) = (Came::default(), Vec::new());
        for works in works.chunks(self.cut.keys) {
            match self.attempt(works, table) {
                Ok(part) => came.add(part),
                Err(TestError::Call { message, .. }) if works.len() == 1 => failed.push((works[0].clone(), message)),
                Err(TestError::Call { .. }) => {
                    // One key after the other: a key's result does not depend on the others of its call.
                    for work in works {
                        match self.attempt(std::slice::from_ref(work), table) {
                            Ok(part) => came.add(part),
                            Err(TestError::Call { message, .. }) => failed.push((work.clone(), message)),
                            Err(other) => return Err(other),
                        }
                    }
                }
                Err(other) => return Err(other),
            }
        }
        Ok((came, failed))
    }

    /// Calls with some keys. If it fails nothing has happened.
    fn attempt(&mut self, works: &[Work], table: &Table) -> Result<Came, TestError> {
        let before: Vec<_> = works.iter().map(|work| self.kept.at(work.key).clone()).collect();
        let mut came = Came::default();
        for piece in self.cut.pieces(works) {
            match self.bound.call(self.at, &piece, table, &mut self.kept) {
                Ok(part) => came.add(part),
                Err(error) => {
                    for (work, before) in works.iter().zip(before) {
                        *self.kept.at_mut(work.key) = before;
                    }
                    return Err(error);
                }
            }
        }
        Ok(came)
    }
}

impl Cut {
    /// What is handed over in one call each.
    fn pieces(&self, works: &[Work]) -> Vec<Vec<Work>> {
        let [work] = works else { return vec![works.to_vec()] };
        let rows = work.rows.chunks(self.rows).map(|rows| Work { rows: rows.to_vec(), due: Vec::new(), ..*work });
        let due = work.due.chunks(self.rows).map(|due| Work { due: due.to_vec(), rows: Vec::new(), ..*work });
        rows.chain(due).map(|piece| vec![piece]).collect()
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
    Encoded::from_bytes(bytes).unwrap_or_else(|error| panic!("{error}"))
}
