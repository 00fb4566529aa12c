//! What a map of keys has, as rows: a key, an entry's own key and its value, both as the function has encoded them.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray};

use super::Keyed;
use super::maps::parts_of_entry;
use crate::operator::reading::{AT_ONCE, BYTES_AT_ONCE, Reading, StoredColumns, StoredSchema};
use crate::state::row::decode;
use crate::state::{Table, hash_key};
use crate::{Error, Result};

/// Entries: the key that each is of, its own key, its value.
type Entries<'t> = Vec<(&'t [u8], &'t [u8], &'t [u8])>;

impl Keyed {
    /// The maps that it keeps of each key, by name.
    pub fn maps(&self) -> &[String] {
        &self.function.binding().maps
    }

    /// The columns of what a map has, as [`Keyed::read_map`] gives it.
    pub fn map_columns(&self) -> StoredColumns {
        let mut schema = StoredSchema::default();
        for field in self.key_schema.fields() {
            schema.key(field.name(), field.data_type());
        }
        schema.encoded("entry");
        schema.encoded("value");
        schema.done()
    }

    /// Gives the entries of map number `map`, by partition, then by the hash of their key, then by the key and their own.
    ///
    /// # Errors
    /// What is stored is damaged, or whoever takes the rows cannot.
    pub fn read_map(&self, map: usize, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let [_, _, _, _, _, maps, ..] = tables else {
            return Err(Error::internal(format!("{}: it has no table of maps", self.name)));
        };
        let asked = reading.key()?;
        let asked_hash = asked.as_deref().map(|key| hash_key(key).cast_signed());
        let (mut some, mut bytes): (Entries<'_>, usize) = Default::default();
        for partition in maps.partitions() {
            for (_, bucket) in partition.buckets().filter(|(hash, _)| asked_hash.is_none_or(|asked| asked == *hash)) {
                for (place, value) in bucket.sorted() {
                    let (of_map, key, entry) = parts_of_entry(place)?;
                    if of_map != map || asked.as_deref().is_some_and(|asked| asked != key) {
                        continue;
                    }
                    bytes += place.len() + value.len();
                    some.push((key, entry, value));
                    if some.len() >= AT_ONCE || bytes >= BYTES_AT_ONCE {
                        bytes = 0;
                        if self.give_entries(std::mem::take(&mut some), reading)?.is_break() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        self.give_entries(some, reading).map(drop)
    }

    fn give_entries(&self, entries: Entries<'_>, reading: &mut Reading<'_>) -> Result<ControlFlow<()>> {
        if entries.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let keys: Vec<&[u8]> = entries.iter().map(|(key, ..)| *key).collect();
        let mut columns: Vec<ArrayRef> = decode(&keys, &self.key_types)?;
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|(_, entry, _)| entry))));
        columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|(.., value)| value))));
        reading.give(columns, entries.len())
    }
}
