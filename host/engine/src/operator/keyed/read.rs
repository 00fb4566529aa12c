//! What is kept of keys, as rows: a key's values as its function has encoded them, when they were changed where states go
//! after a while, how many entries each of its maps has, and its timers. A key that has only some of these has a row too.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringArray, StructArray, UInt32Array, UInt64Array};
use arrow::array::{AsArray, Int64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int64Type};

use super::maps::parts_of_entry;
use super::timers::read_if_any;
use super::{Domain, Keyed};
use crate::format::timestamp;
use crate::operator::reading::{Reading, StoredColumns, StoredSchema, times};
use crate::operator::rows::arrow_failed;
use crate::state::row::decode;
use crate::state::{Bucket, Partition, Table, hash_key};
use crate::{Error, Result};

/// The tables that say what is kept of a key.
struct Kept<'t> {
    states: &'t Table,
    timers: &'t Table,
    maps: Option<&'t Table>,
}

/// A timer as it is shown.
fn timer_fields() -> Fields {
    let field = |name, data_type| Field::new(name, data_type, true);
    vec![field("clock", DataType::Utf8), field("tag", DataType::UInt32), field("at", timestamp())].into()
}

fn timers_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Struct(timer_fields()), true)))
}

impl Keyed {
    pub(super) fn stored_columns(&self) -> StoredColumns {
        let mut schema = StoredSchema::default();
        for field in self.key_schema.fields() {
            schema.key(field.name(), field.data_type());
        }
        let binding = self.function.binding();
        binding.values.iter().for_each(|name| schema.encoded(name));
        if binding.time_to_live.is_some() {
            schema.column("changed", &timestamp());
        }
        binding.maps.iter().for_each(|name| schema.column(&format!("{name}.entries"), &DataType::UInt64));
        schema.column("timers", &timers_type());
        schema.done()
    }

    pub(super) fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let has_maps = !self.function.binding().maps.is_empty();
        let kept = match tables {
            [states, timers, _, _, _, maps, ..] if has_maps => Kept { states, timers, maps: Some(maps) },
            [states, timers, ..] if !has_maps => Kept { states, timers, maps: None },
            _ => return Err(Error::internal(format!("{}: other tables than it has", self.name))),
        };
        let mut done = reading.entries(kept.states, |reading, entries| {
            let keys: Vec<&[u8]> = entries.iter().map(|entry| entry.key).collect();
            let states: Vec<&[u8]> = entries.iter().map(|entry| entry.value).collect();
            self.give_keys(&kept, &keys, &states, reading)
        })?;
        if done.is_continue() {
            done = reading.entries(kept.timers, |reading, entries| {
                let alone = entries.iter().map(|entry| entry.key).filter(|key| kept.states.get(0, key).is_none());
                self.give_without_state(&kept, &alone.collect::<Vec<_>>(), reading)
            })?;
        }
        if let (true, Some(maps)) = (done.is_continue(), kept.maps) {
            self.give_only_mapped(&kept, maps, reading)?;
        }
        Ok(())
    }

    /// The keys that have nothing but entries of maps.
    fn give_only_mapped(&self, kept: &Kept<'_>, maps: &Table, reading: &mut Reading<'_>) -> Result<()> {
        let asked = reading.key()?.map(|key| hash_key(&key).cast_signed());
        for partition in maps.partitions() {
            let those = partition.buckets().filter(|(hash, _)| asked.is_none_or(|asked| asked == *hash));
            let mut keys: BTreeSet<&[u8]> = BTreeSet::new();
            for (_, entries) in those {
                for (place, _) in entries.iter() {
                    let (_, key, _) = parts_of_entry(place)?;
                    if kept.states.get(0, key).is_none() && kept.timers.get(0, key).is_none() {
                        keys.insert(key);
                    }
                }
            }
            for some in keys.into_iter().collect::<Vec<_>>().chunks(4096) {
                if self.give_without_state(kept, some, reading)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn give_without_state(
        &self,
        kept: &Kept<'_>,
        keys: &[&[u8]],
        reading: &mut Reading<'_>,
    ) -> Result<ControlFlow<()>> {
        let states: Vec<&[u8]> = vec![&self.no_state; keys.len()];
        self.give_keys(kept, keys, &states, reading)
    }

    fn give_keys(
        &self,
        kept: &Kept<'_>,
        keys: &[&[u8]],
        states: &[&[u8]],
        reading: &mut Reading<'_>,
    ) -> Result<ControlFlow<()>> {
        if keys.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut columns = decode(keys, &self.key_types)?;
        let mut values = decode(states, &self.state_types)?;
        if self.function.binding().time_to_live.is_some()
            && let Some(changed) = values.pop()
        {
            columns.extend(values);
            columns.push(changed_at(changed.as_primitive::<Int64Type>()));
        } else {
            columns.extend(values);
        }
        let maps = self.function.binding().maps.len();
        let entries = keys.iter().map(|key| entries_of(kept.maps, key, maps)).collect::<Result<Vec<_>>>()?;
        for map in 0..maps {
            let entries: UInt64Array = entries.iter().map(|counts| Some(counts[map])).collect();
            columns.push(Arc::new(entries));
        }
        columns.push(timers_of(kept.timers, keys)?);
        reading.give(columns, keys.len())
    }
}

/// When states were changed; before there was a watermark, nothing.
fn changed_at(changed: &Int64Array) -> ArrayRef {
    // What is in no calendar is null.
    times(changed.iter().map(|changed| changed.unwrap_or(i64::MAX)))
}

/// How many entries each of so many maps of a key has.
fn entries_of(maps: Option<&Table>, key: &[u8], count: usize) -> Result<Vec<u64>> {
    let mut counts = vec![0; count];
    let hash = hash_key(key);
    let bucket: Option<&Bucket> = maps.and_then(|maps| {
        let partitions = maps.partitions();
        partitions[crate::state::partition_of(hash, partitions.len())].bucket(hash.cast_signed())
    });
    for (place, _) in bucket.into_iter().flat_map(|bucket| bucket.iter()) {
        let (map, of_key, _) = parts_of_entry(place)?;
        if of_key == key
            && let Some(count) = counts.get_mut(map)
        {
            *count += 1;
        }
    }
    Ok(counts)
}

/// The timers of these keys.
fn timers_of(timers: &Table, keys: &[&[u8]]) -> Result<ArrayRef> {
    let (mut lengths, mut all) = (Vec::with_capacity(keys.len()), Vec::new());
    for key in keys {
        let list = read_if_any(timers.get(0, key))?;
        lengths.push(list.len());
        all.extend(list);
    }
    let clock = |domain: Domain| match domain {
        Domain::EventTime => "event time",
        Domain::ProcessingTime => "processing time",
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(all.iter().map(|timer| clock(timer.domain)))),
        Arc::new(UInt32Array::from_iter_values(all.iter().map(|timer| timer.tag))),
        times(all.iter().map(|timer| timer.at)),
    ];
    let all = StructArray::try_new(timer_fields(), columns, None).map_err(arrow_failed)?;
    let item = Arc::new(Field::new_list_field(DataType::Struct(timer_fields()), true));
    let lists = ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), Arc::new(all), None);
    Ok(Arc::new(lists.map_err(arrow_failed)?))
}

/// How many timers a table of timers has, and how many keys it has that have no state in `states`.
///
/// # Errors
/// It is damaged.
pub(in crate::operator) fn timers_in(timers: &Table, states: &Table) -> Result<(u64, u64)> {
    let (mut count, mut alone) = (0, 0);
    for (_, bucket) in timers.partitions().iter().flat_map(Partition::buckets) {
        for (key, list) in bucket.iter() {
            count += read_if_any(Some(list))?.len() as u64;
            alone += u64::from(states.get(0, key).is_none());
        }
    }
    Ok((count, alone))
}
