//! What is stored of groups, as rows: what they are grouped by, then of each aggregate the columns of its state.
//!
//! Sliding windows whose rows go into slices have their slices here: a window is made of several when it comes out. What
//! `DISTINCT` keeps apart is not shown; of windows that are stored whole what was computed of it is.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use super::session::{StoredSession, read};
use super::{GroupAggregate, TimeKey};
use crate::operator::readable;
use crate::operator::reading::{Reading, StoredColumns, StoredEntry, StoredSchema, times};
use crate::state::Table;
use crate::state::row::decode;
use crate::{Error, Result};

impl GroupAggregate {
    pub(super) fn stored_columns(&self, called: &BTreeMap<usize, String>) -> StoredColumns {
        let mut schema = StoredSchema::default();
        let bounds: &[&str] = match &self.time {
            TimeKey::None => &[],
            TimeKey::Window { .. } if !self.stores_windows() => &["slice_start", "slice_end"],
            TimeKey::Window { .. } => &["window_start", "window_end"],
            TimeKey::Session { .. } => &["session_start", "session_end"],
            TimeKey::EventTime { .. } => &["event_time"],
        };
        bounds.iter().for_each(|bound| schema.time(bound));
        for (field, data_type) in self.key_fields.iter().zip(&self.key_types) {
            schema.key(&readable(field.name()), data_type);
        }
        let ranges: Vec<Range<usize>> = self.state_ranges().map(|(_, range)| range).collect();
        for (aggregate, range) in ranges.into_iter().enumerate() {
            let is_a_plugin = self.aggregates[aggregate].function.hints().is_some();
            for at in range.clone() {
                let (name, data_type) = (self.state_name(called, aggregate, range.len(), at), &self.state_types[at]);
                match data_type {
                    DataType::Binary if is_a_plugin => schema.encoded(&name),
                    _ => schema.column(&name, data_type),
                }
            }
        }
        schema.done()
    }

    /// What column number `at` of a state is called, one of so many of this aggregate: as its result, if that is one column.
    fn state_name(&self, called: &BTreeMap<usize, String>, aggregate: usize, columns: usize, at: usize) -> String {
        let results = &self.schema.fields()[self.groups.len()..];
        let part = self.state_fields[at].name();
        // DataFusion calls them `avg(x)[count]`.
        let part = part.rsplit_once('[').and_then(|(_, part)| part.strip_suffix(']')).unwrap_or(part);
        let is_a_plugin_alone = results.len() != self.aggregates.len()
            || (self.aggregates.len() == 1 && self.aggregates[0].function.hints().is_some());
        if is_a_plugin_alone {
            return part.to_owned();
        }
        let result = called.get(&(self.groups.len() + aggregate)).cloned();
        let result = result.unwrap_or_else(|| results[aggregate].name().clone());
        let result = readable(&result);
        if columns == 1 { result } else { format!("{result}.{}", readable(part)) }
    }

    pub(super) fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let Some(groups) = tables.first() else {
            return Err(Error::internal(format!("{}: other tables than it has", self.name)));
        };
        let done = match &self.time {
            TimeKey::Session { .. } => reading.entries(groups, |reading, entries| self.read_sessions(reading, entries)),
            _ => reading.entries(groups, |reading, entries| {
                let starts = entries.iter().map(|entry| entry.bucket);
                let mut columns = match &self.time {
                    TimeKey::Window { spec, .. } => {
                        let end = |start: i64| match self.stores_windows() {
                            true => start.saturating_add(spec.size()),
                            false => spec.slice_end(start),
                        };
                        vec![times(starts.clone()), times(starts.map(end))]
                    }
                    TimeKey::EventTime { .. } => vec![times(starts)],
                    TimeKey::None | TimeKey::Session { .. } => Vec::new(),
                };
                let (keys, states): (Vec<&[u8]>, Vec<&[u8]>) = entries.iter().map(|e| (e.key, e.value)).unzip();
                columns.extend(decode(&keys, &self.key_types)?);
                columns.extend(decode(&states, &self.state_types)?);
                reading.give(columns, entries.len())
            }),
        };
        done.map(|_: ControlFlow<()>| ())
    }

    fn read_sessions(&self, reading: &mut Reading<'_>, entries: &[StoredEntry<'_>]) -> Result<ControlFlow<()>> {
        let with_sets = self.keeps_combinations();
        let (mut keys, mut sessions): (Vec<&[u8]>, Vec<StoredSession<'_>>) = (Vec::new(), Vec::new());
        for entry in entries {
            for session in read(entry.value, with_sets) {
                keys.push(entry.key);
                sessions.push(session?);
            }
        }
        let states: Vec<&[u8]> = sessions.iter().map(|session| session.state).collect();
        let mut columns: Vec<ArrayRef> = vec![
            times(sessions.iter().map(|session| session.start)),
            times(sessions.iter().map(|session| session.end)),
        ];
        columns.extend(decode(&keys, &self.key_types)?);
        columns.extend(decode(&states, &self.state_types)?);
        reading.give(columns, sessions.len())
    }
}
