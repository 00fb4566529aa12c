//! What must stay the same for a keyed operator's stored states to be usable, and states of a function's older versions.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Value, json};

use super::{Domain, Keyed};
use crate::executor::Workers;
use crate::operator::fingerprint::{Fingerprint, Old, column_told, fields_told, type_told};
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Partition, Table};
use crate::{Error, Result};

/// States that are brought over at once.
const AT_ONCE: usize = 4096;

impl Keyed {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let keys = self.key_schema.fields().iter();
        let keys: Vec<Value> = keys.map(|f| json!([column_told(f.name()), type_told(f.data_type())])).collect();
        let binding = self.function.binding();
        let mut function = self.function.identity();
        let values: Fields = binding.values.iter().map(|name| Field::new(name, DataType::Binary, true)).collect();
        function.insert("state".to_owned(), fields_told(&values));
        function.insert("state_version".to_owned(), binding.state_version.into());
        if !binding.maps.is_empty() {
            function.insert("maps".to_owned(), json!(binding.maps));
        }
        // How long a state stays is not stored with it, by which clock is.
        if let Some(expires) = binding.time_to_live {
            let clock = match expires.domain {
                Domain::EventTime => "event time",
                Domain::ProcessingTime => "processing time",
            };
            function.insert("time_to_live".to_owned(), clock.into());
        }
        Fingerprint::of("keyed").with("keys", keys).with("function", vec![Value::Object(function)])
    }

    /// States of an older version of the function to states of this one; timers stay as they are.
    pub(super) fn bring_states_over(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()> {
        let ([states, ..], [old]) = (tables, old.plugins.as_slice()) else {
            return Err(Error::internal(format!("{}: asked to bring over {old:?}", self.name)));
        };
        let names: Vec<String> = old.fields.iter().map(|field| field.name().clone()).collect();
        let rows = states.len();
        let partitions = states.partitions_mut();
        let done = workers.for_rows(rows).each(partitions, |p| self.bring_partition_over(old.version, &names, p));
        done.into_iter().collect::<Result<()>>().map_err(|e| old.refused(&self.name, e))
    }

    fn bring_partition_over(&self, version: u32, names: &[String], states: &mut Partition) -> Result<()> {
        let stored: Vec<(Vec<u8>, Vec<u8>)> = states
            .bucket(0)
            .into_iter()
            .flat_map(|bucket| bucket.sorted())
            .map(|(key, state)| (key.to_vec(), state.to_vec()))
            .collect();
        let binding = self.function.binding();
        let keeps_all = binding.time_to_live.is_some() && !binding.maps.is_empty();
        let mut types = vec![DataType::Binary; names.len()];
        types.extend(binding.time_to_live.map(|_| DataType::Int64));
        for some in stored.chunks(AT_ONCE) {
            let rows: Vec<&[u8]> = some.iter().map(|(_, state)| state.as_slice()).collect();
            let mut old = decode(&rows, &types)?;
            let changed = old.split_off(names.len());
            let new = self.function.migrate(version, names, &old);
            let new = new.map_err(super::KeyedError::into_error)?;
            let (columns, keeps) = (new.len(), binding.values.len());
            if columns != keeps || new.iter().any(|column| column.len() != rows.len()) {
                return Err(Error::new(
                    crate::ErrorKind::Plugin,
                    format!("`migrate` returned {columns} columns for {} states; it keeps {keeps} values", rows.len()),
                ));
            }
            let new = new.into_iter().map(|column| std::sync::Arc::new(column) as ArrayRef);
            let new: Vec<ArrayRef> = new.chain(changed).collect();
            let mut encoded = RowBuffer::new();
            encode(&new, rows.len(), Form::Value, &mut encoded)?;
            for (i, (key, _)) in some.iter().enumerate() {
                // What has no value is stored for when it was changed: it is of a key with entries of maps.
                if keeps_all || new.iter().any(|column| column.is_valid(i)) {
                    states.put(0, key, encoded.row(i));
                } else {
                    states.delete(0, key);
                }
            }
        }
        Ok(())
    }
}
