//! Stored states of older versions of plugins to states of those that the operator calls: when a job is taken up, once,
//! and as a change of state like any other.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Fields};
use rayon::prelude::*;

use super::function::{AggregateFunction, FunctionError};
use super::session::{Stored, read};
use super::{GroupAggregate, TimeKey};
use crate::operator::fingerprint::OldStates;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Partition, Table, hash_key};
use crate::{Error, Result};

/// Keys whose states are handed over at once.
const AT_ONCE: usize = 8192;

/// An aggregate's part in the step.
struct Part<'a> {
    function: &'a dyn AggregateFunction,
    /// Its columns of a stored state.
    columns: Range<usize>,
    /// What they are to be brought over from.
    old: Option<&'a OldStates>,
}

impl GroupAggregate {
    pub(super) fn bring_states_over(&self, old: &[OldStates], table: &mut Table) -> Result<()> {
        let (mut parts, mut types, mut from): (Vec<Part<'_>>, Vec<DataType>, usize) = (Vec::new(), Vec::new(), 0);
        for (number, call) in self.aggregates.iter().enumerate() {
            let Some(function) = self.stored(call) else { continue };
            let old = old.iter().find(|old| old.aggregate == number);
            let fields = old.map_or(function.state_fields(), |old| &old.fields);
            types.extend(fields.iter().map(|f| f.data_type().clone()));
            parts.push(Part { function, columns: from..types.len(), old });
            from = types.len();
        }
        let partitions = table.partitions_mut().par_iter_mut();
        partitions.map(|partition| self.bring_partition_over(&parts, &types, partition)).collect()
    }

    fn bring_partition_over(&self, parts: &[Part<'_>], types: &[DataType], partition: &mut Partition) -> Result<()> {
        let buckets: Vec<i64> = partition.buckets().map(|(bucket, _)| bucket).collect();
        for bucket in buckets {
            // In the order of the keys, so that the change is the same whatever the history of the bucket.
            let sorted = partition.bucket(bucket).map(|b| b.sorted()).unwrap_or_default();
            let keys: Vec<Vec<u8>> = sorted.into_iter().map(|(key, _)| key.to_vec()).collect();
            for keys in keys.chunks(AT_ONCE) {
                for (key, value) in self.brought_over(parts, types, partition, bucket, keys)? {
                    partition.put(bucket, key, &value);
                }
            }
        }
        Ok(())
    }

    /// The new values of `keys`.
    fn brought_over<'k>(
        &self,
        parts: &[Part<'_>],
        types: &[DataType],
        partition: &Partition,
        bucket: i64,
        keys: &'k [Vec<u8>],
    ) -> Result<Vec<(&'k [u8], Vec<u8>)>> {
        let values = keys.iter().map(|key| partition.get_hashed(bucket, hash_key(key), key).unwrap_or_default());
        if !matches!(self.time, TimeKey::Session { .. }) {
            let states = self.new_states(parts, &decode(&values.collect::<Vec<_>>(), types)?)?;
            return Ok(keys.iter().enumerate().map(|(i, key)| (key.as_slice(), states.row(i).to_vec())).collect());
        }
        // A key's value has its open sessions, each with a state.
        let sessions: Vec<Vec<Stored<'_>>> = values.map(|v| read(v).collect::<Result<_>>()).collect::<Result<_>>()?;
        let states: Vec<&[u8]> = sessions.iter().flatten().map(|session| session.state).collect();
        let states = self.new_states(parts, &decode(&states, types)?)?;
        let mut next = 0;
        let values = sessions.iter().map(|sessions| {
            let mut value = Vec::new();
            for session in sessions {
                Stored { state: states.row(next), ..*session }.write(&mut value);
                next += 1;
            }
            value
        });
        Ok(keys.iter().map(Vec::as_slice).zip(values).collect())
    }

    fn new_states(&self, parts: &[Part<'_>], stored: &[ArrayRef]) -> Result<RowBuffer> {
        let mut states: Vec<ArrayRef> = Vec::with_capacity(self.state_types.len());
        for Part { function, columns, old } in parts {
            let columns = &stored[columns.clone()];
            match old {
                None => states.extend_from_slice(columns),
                Some(old) => {
                    let migrated = migrated(*function, old.version, &old.fields, columns);
                    states.extend(migrated.map_err(|e| self.refused(old, e))?);
                }
            }
        }
        let mut encoded = RowBuffer::new();
        encode(&states, stored.first().map_or(0, |column| column.len()), Form::Value, &mut encoded)?;
        Ok(encoded)
    }

    fn refused(&self, old: &OldStates, e: FunctionError) -> Error {
        let OldStates { plugin, version, .. } = old;
        let context =
            format!("operator `{}`: plugin `{plugin}` cannot bring over its states of version {version}", self.name);
        e.into_error().context(context).with_help(
            "mend the plugin's `migrate`, use the build that wrote them, give the operator another name (its state then begins anew), or start over with --fresh",
        )
    }
}

/// In halves, where a call has no room or no time for all.
fn migrated(
    function: &dyn AggregateFunction,
    version: u32,
    old: &Fields,
    states: &[ArrayRef],
) -> Result<Vec<ArrayRef>, FunctionError> {
    let rows = states.first().map_or(0, |column| column.len());
    match function.migrate(version, old, states) {
        Err(_) if rows > 1 => {
            let half = |from: usize, to: usize| {
                let states: Vec<ArrayRef> = states.iter().map(|column| column.slice(from, to - from)).collect();
                migrated(function, version, old, &states)
            };
            let (first, second) = (half(0, rows / 2)?, half(rows / 2, rows)?);
            let both = first.iter().zip(&second).map(|(a, b)| arrow::compute::concat(&[a, b]));
            let both = both.collect::<Result<_, _>>();
            both.map_err(|e| FunctionError::Other(crate::operator::rows::arrow_failed(e)))
        }
        done => done,
    }
}
