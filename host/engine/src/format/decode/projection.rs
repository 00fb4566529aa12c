//! Which columns a line decoder scans for, and the batch that becomes of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};

use super::column::Mismatches;
use super::columns;
use super::slots::Cells;
use super::value_path::ValuePath;
use crate::error::{Error, Result};
use crate::format::{Check, FormatError, type_name};

/// The columns that are scanned for: the wanted ones, and those that are only looked at to find bad rows.
pub(super) struct Projection {
    /// The wanted columns.
    pub schema: SchemaRef,
    /// The scanned columns, each once: index in the declared schema and field.
    pub scanned: Vec<(usize, FieldRef)>,
    /// For each wanted column, which of the scanned ones it is.
    wanted: Vec<usize>,
}

impl Projection {
    /// For files of `format`, which holds nested values or does not.
    pub fn new(
        declared: &SchemaRef,
        wanted: &[usize],
        check: Check,
        format: &'static str,
        nested: bool,
    ) -> Result<Self, FormatError> {
        for field in declared.fields() {
            if !columns::supports(field.data_type(), nested) {
                return Err(FormatError::UnsupportedType {
                    column: field.name().clone(),
                    format,
                    type_name: type_name(field.data_type()),
                });
            }
        }
        let scanned: Vec<(usize, FieldRef)> = declared
            .fields()
            .iter()
            .enumerate()
            // Any text is a string: there is nothing to look at.
            .filter(|(i, field)| {
                wanted.contains(i) || (check == Check::Declared && field.data_type() != &DataType::Utf8)
            })
            .map(|(i, field)| (i, field.clone()))
            .collect();
        let wanted_of = |i: &usize| scanned.iter().position(|(s, _)| s == i).expect("every wanted column is scanned");
        let wanted_at = wanted.iter().map(wanted_of).collect();
        let schema = Arc::new(declared.project(wanted).expect("wanted columns are indices of the schema"));
        Ok(Self { schema, scanned, wanted: wanted_at })
    }

    /// The wanted columns of `rows` rows, where `cells(i)` are the fields of scanned column `i`; and the rows with a
    /// value that does not parse.
    pub fn batch<C: Cells>(&self, rows: usize, cells: impl Fn(usize) -> C) -> Result<(RecordBatch, Mismatches)> {
        let mut mismatches = Mismatches::new();
        let made: Vec<ArrayRef> = self
            .scanned
            .iter()
            .enumerate()
            .map(|(i, (_, field))| {
                columns::make(field.data_type(), &ValuePath::Column(field.name()), &cells(i), &mut mismatches)
            })
            .collect();
        let columns = self.wanted.iter().map(|i| made[*i].clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|e| Error::internal(format!("decoded columns do not make a batch: {e}")))?;
        Ok((batch, mismatches))
    }
}
