//! How many rows have passed, as rows: of each key in each window that is not over.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::UInt64Array;
use arrow::datatypes::DataType;

use super::Throttle;
use crate::operator::reading::{Reading, StoredColumns, StoredSchema, times};
use crate::operator::stored::stored_number;
use crate::state::Table;
use crate::state::row::decode;
use crate::{Error, Result};

impl Throttle {
    pub(super) fn stored_columns(&self) -> StoredColumns {
        let mut schema = StoredSchema::default();
        schema.time("window_start");
        schema.time("window_end");
        for key in &self.keys {
            let field = self.schema.field(*key);
            schema.key(field.name(), field.data_type());
        }
        schema.column("passed", &DataType::UInt64);
        schema.done()
    }

    pub(super) fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        let [passed] = tables else {
            return Err(Error::internal(format!("{}: other tables than it has", self.name)));
        };
        let windows = self.windows();
        let types: Vec<_> = self.keys.iter().map(|key| self.schema.field(*key).data_type().clone()).collect();
        let done = reading.entries(passed, |reading, entries| {
            let starts = entries.iter().map(|entry| windows.first_instant(windows.of_bucket(entry.bucket).0));
            let ends = starts.clone().map(|start| start.saturating_add(self.allowance.per));
            let keys: Vec<&[u8]> = entries.iter().map(|entry| entry.key).collect();
            let passed = entries.iter().map(|entry| stored_number(entry.value).map(i64::cast_unsigned));
            let passed: UInt64Array = passed.collect::<Result<Vec<_>>>()?.into();
            let mut columns = vec![times(starts), times(ends)];
            columns.extend(decode(&keys, &types)?);
            columns.push(Arc::new(passed));
            reading.give(columns, entries.len())
        });
        done.map(|_: ControlFlow<()>| ())
    }
}
