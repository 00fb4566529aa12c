//! Stored states of older versions of plugins to states of those that the operator calls, and sets of DISTINCT that were
//! lists in the states of sessions to sets apart from them: when a job is taken up, once, and as a change of state like any
//! other.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;

use super::apart::{Apart, New};
use super::function::{AggregateFunction, FunctionError, OverDistinct};
use super::session::{Sets, StoredSession, read};
use super::{GroupAggregate, TimeKey};
use crate::executor::Workers;
use crate::operator::fingerprint::{Old, OldStates};
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Partition, Table, hash_key};
use crate::{Error, Result};

/// Keys whose states are handed over at once.
const AT_ONCE: usize = 8192;

/// An aggregate's part in the step.
struct Part<'a> {
    function: &'a dyn AggregateFunction,
    /// Its number among the node's.
    number: usize,
    /// Its columns of a stored state.
    columns: Range<usize>,
    was: Was<'a>,
}

/// What an aggregate's columns are to be brought over from.
enum Was<'a> {
    TheSame,
    Older(&'a OldStates),
    /// Lists of combinations.
    Lists(&'a dyn OverDistinct),
}

/// Where sets that were lists go.
struct Lists<'a> {
    partition: &'a mut Partition,
    /// The set of each state.
    sets: &'a [i64],
}

impl GroupAggregate {
    /// Brings over what `states` holds; lists go to `sets`.
    pub(super) fn bring_states_over(
        &self,
        old: &Old,
        states: &mut Table,
        sets: Option<&mut Table>,
        workers: &Workers,
    ) -> Result<()> {
        let (mut parts, mut types, mut from): (Vec<Part<'_>>, Vec<DataType>, usize) = (Vec::new(), Vec::new(), 0);
        for (number, call) in self.aggregates.iter().enumerate() {
            let Some(function) = self.stored(call) else { continue };
            let was = match (self.apart(call), old.plugins.iter().find(|old| old.aggregate == number)) {
                (Some(distinct), _) if old.lists => Was::Lists(distinct),
                (_, Some(older)) => Was::Older(older),
                _ => Was::TheSame,
            };
            let fields = match was {
                Was::TheSame => function.state_fields(),
                Was::Older(older) => &older.fields,
                Was::Lists(_) => call.function.state_fields(),
            };
            types.extend(fields.iter().map(|f| f.data_type().clone()));
            parts.push(Part { function, number, columns: from..types.len(), was });
            from = types.len();
        }
        let mut sets = sets.map(|table| table.partitions_mut().iter_mut());
        let partitions = states.partitions_mut().iter_mut().map(|p| (p, sets.as_mut().and_then(Iterator::next)));
        let partitions: Vec<_> = partitions.collect();
        let bring = |(p, sets)| self.bring_partition_over(&parts, &types, p, sets);
        workers.each(partitions, bring).into_iter().collect()
    }

    fn bring_partition_over(
        &self,
        parts: &[Part<'_>],
        types: &[DataType],
        partition: &mut Partition,
        mut sets: Option<&mut Partition>,
    ) -> Result<()> {
        let buckets: Vec<i64> = partition.buckets().map(|(bucket, _)| bucket).collect();
        for bucket in buckets {
            // In the order of the keys, so that the change is the same whatever the history of the bucket.
            let sorted = partition.bucket(bucket).map(|b| b.sorted()).unwrap_or_default();
            let keys: Vec<Vec<u8>> = sorted.into_iter().map(|(key, _)| key.to_vec()).collect();
            for keys in keys.chunks(AT_ONCE) {
                let values =
                    keys.iter().map(|key| partition.get_hashed(bucket, hash_key(key), key).unwrap_or_default());
                let values: Vec<&[u8]> = values.collect();
                let values = match &self.time {
                    TimeKey::Session { .. } => {
                        self.sessions_brought_over(parts, types, &values, sets.as_deref_mut())?
                    }
                    _ => {
                        let states = self.new_states(parts, &decode(&values, types)?, None)?;
                        (0..keys.len()).map(|i| states.row(i).to_vec()).collect()
                    }
                };
                for (key, value) in keys.iter().zip(values) {
                    partition.put(bucket, key, &value);
                }
            }
        }
        Ok(())
    }

    /// A key's value has its open sessions, each with a state.
    fn sessions_brought_over(
        &self,
        parts: &[Part<'_>],
        types: &[DataType],
        values: &[&[u8]],
        lists: Option<&mut Partition>,
    ) -> Result<Vec<Vec<u8>>> {
        let with_sets = self.keeps_combinations() && lists.is_none();
        let sessions = values.iter().map(|value| read(value, with_sets).collect::<Result<Vec<StoredSession<'_>>>>());
        let sessions: Vec<Vec<StoredSession<'_>>> = sessions.collect::<Result<_>>()?;
        let states: Vec<&[u8]> = sessions.iter().flatten().map(|session| session.state).collect();
        let stored = decode(&states, types)?;
        let sets = lists.as_deref().map(|partition| {
            let mut has_values = vec![false; states.len()];
            for part in parts.iter().filter(|part| matches!(part.was, Was::Lists(_))) {
                let lists = stored[part.columns.start].as_list::<i32>();
                has_values.iter_mut().enumerate().for_each(|(i, has)| *has |= lists.value_length(i) > 0);
            }
            Sets::new(partition, &has_values)
        });
        let lists = lists.zip(sets.as_ref()).map(|(partition, sets)| Lists { partition, sets: &sets.of });
        let states = self.new_states(parts, &stored, lists)?;
        let mut next = 0;
        let values = sessions.iter().map(|sessions| {
            let mut value = Vec::new();
            for session in sessions {
                let set = sets.as_ref().map_or(session.set, |sets| Some(sets.of[next]));
                StoredSession { set, state: states.row(next), ..*session }.write(&mut value);
                next += 1;
            }
            value
        });
        Ok(values.collect())
    }

    fn new_states(&self, parts: &[Part<'_>], stored: &[ArrayRef], mut lists: Option<Lists<'_>>) -> Result<RowBuffer> {
        let n = stored.first().map_or(0, |column| column.len());
        let mut states: Vec<ArrayRef> = Vec::with_capacity(self.state_types.len());
        for Part { function, number, columns, was } in parts {
            let columns = &stored[columns.clone()];
            match (was, lists.as_mut()) {
                (Was::Older(old), _) => {
                    let migrated = function.migrate(old.version, &old.fields, columns);
                    states.extend(migrated.map_err(|e| self.refused(old, e))?);
                }
                (Was::Lists(distinct), Some(Lists { partition, sets: buckets })) => {
                    let New { groups, args } = Apart { partition, buckets, keys: None, sets: None, remembered: None }
                        .remember(*number, &columns[0])
                        .map_err(|e| self.failed(e))?;
                    states.extend(distinct.states_of(&groups, n, &args).map_err(|e| self.failed(e))?);
                }
                _ => states.extend_from_slice(columns),
            }
        }
        let mut encoded = RowBuffer::new();
        encode(&states, n, Form::Value, &mut encoded)?;
        Ok(encoded)
    }

    fn refused(&self, old: &OldStates, e: FunctionError) -> Error {
        old.refused(&self.name, e.into_error())
    }
}
