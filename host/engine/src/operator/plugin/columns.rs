//! The columns that come out of a map or a flat-map: some of its input's, some that the plugin gave.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::{Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::Result;
use crate::operator::rows::{arrow_failed, batch_of};

/// Where a column of the output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnFrom {
    /// Column of the input.
    Input(usize),
    /// Column that the plugin returned.
    Plugin(usize),
}

/// What a plugin that adds columns gives: input columns that are `wanted` (none = all) and not replaced, then its own.
pub fn extended(
    input: &SchemaRef,
    returned: &Fields,
    wanted: Option<&BTreeSet<String>>,
) -> (Vec<ColumnFrom>, SchemaRef) {
    let (mut layout, mut fields) = (Vec::new(), Vec::new());
    let find = |name: &str| returned.iter().position(|f| f.name() == name);
    for (i, field) in input.fields().iter().enumerate() {
        match find(field.name()) {
            // In the place of the column that it replaces.
            Some(r) => {
                layout.push(ColumnFrom::Plugin(r));
                fields.push(returned[r].clone());
            }
            None if wanted.is_none_or(|w| w.contains(field.name())) => {
                layout.push(ColumnFrom::Input(i));
                fields.push(field.clone());
            }
            None => {}
        }
    }
    for (r, field) in returned.iter().enumerate() {
        if input.column_with_name(field.name()).is_none() {
            layout.push(ColumnFrom::Plugin(r));
            fields.push(field.clone());
        }
    }
    (layout, Arc::new(Schema::new(fields)))
}

/// Puts a batch together from input columns and returned ones.
pub(super) fn assemble(
    schema: &SchemaRef,
    layout: &[ColumnFrom],
    input: &[ArrayRef],
    returned: &[ArrayRef],
    rows: usize,
) -> Result<RecordBatch> {
    let columns = layout.iter().map(|from| match from {
        ColumnFrom::Input(i) => input[*i].clone(),
        ColumnFrom::Plugin(i) => returned[*i].clone(),
    });
    batch_of(schema, columns.collect(), rows)
}

/// Column number `column` of all parts.
pub(super) fn concat_columns(
    parts: &[Vec<ArrayRef>],
    column: usize,
    empty: &arrow::datatypes::DataType,
) -> Result<ArrayRef> {
    match parts {
        [] => Ok(arrow::array::new_empty_array(empty)),
        [one] => Ok(one[column].clone()),
        many => concat(&many.iter().map(|p| p[column].as_ref()).collect::<Vec<&dyn Array>>()).map_err(arrow_failed),
    }
}
