//! What is remembered, as rows: the key, and until when.

use std::ops::ControlFlow;

use super::{Dedup, Expiry};
use crate::operator::reading::{Reading, StoredColumns, StoredSchema, times};
use crate::operator::stored::stored_number;
use crate::state::Table;
use crate::state::row::decode;
use crate::{Error, Result};

impl Dedup {
    pub(super) fn stored_columns(&self) -> StoredColumns {
        let mut schema = StoredSchema::default();
        for key in &self.keys {
            let field = self.schema.field(*key);
            schema.key(field.name(), field.data_type());
        }
        if !matches!(self.expiry, Expiry::Never) {
            schema.column("until", &crate::format::timestamp());
        }
        schema.done()
    }

    pub(super) fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let [remembered, ..] = tables else {
            return Err(Error::internal(format!("{}: other tables than it has", self.name)));
        };
        let types: Vec<_> = self.keys.iter().map(|key| self.schema.field(*key).data_type().clone()).collect();
        let done = reading.entries(remembered, |reading, entries| {
            let keys: Vec<&[u8]> = entries.iter().map(|entry| entry.key).collect();
            let mut columns = decode(&keys, &types)?;
            match &self.expiry {
                Expiry::Never => {}
                // A slot goes as a whole, at its end.
                Expiry::AtEventTime { .. } => columns.push(times(entries.iter().map(|entry| entry.bucket))),
                Expiry::After { .. } => {
                    let until = entries.iter().map(|entry| stored_number(entry.value));
                    columns.push(times(until.collect::<Result<Vec<_>>>()?));
                }
            }
            reading.give(columns, entries.len())
        });
        done.map(|_: ControlFlow<()>| ())
    }
}
