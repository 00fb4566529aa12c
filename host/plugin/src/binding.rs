//! A plugin's answer to `bind`, checked: what it reads and as what, what it makes, and what it wishes.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Fields};

use crate::cast;
use crate::contract;
use crate::error::{PluginError, Result};
use crate::fields::{self, normal_type};
use crate::lift::Promised;
use crate::lower::Lowered;
use crate::request::{Asked, in_column};

/// What an operator lets its host do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// Rows with a null in a column that it reads are not handed over.
    pub skip_nulls: bool,
    /// No call has more rows than this.
    pub rows_per_call: Option<u32>,
    /// Equal arguments give equal results.
    pub deterministic: bool,
}

/// A plugin's answer to `bind`, checked.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// The input columns that are handed over, in this order.
    pub reads: Vec<usize>,
    columns: Vec<Column>,
    /// The columns that calls return.
    pub output: Promised,
    pub hints: Hints,
}

/// A column that is handed over.
#[derive(Debug, Clone)]
struct Column {
    name: Arc<str>,
    /// Its type, as the batches must have it.
    data_type: DataType,
    /// As what it is handed over.
    wanted: DataType,
}

impl Bound {
    pub(crate) fn new(asked: &Asked, binding: &contract::Binding) -> Result<Self> {
        let input: Vec<&FieldRef> = asked.fields().collect();
        let mut seen = vec![false; input.len()];
        let (mut reads, mut columns) = (Vec::new(), Vec::new());
        for read in &binding.reads {
            let index = read.column as usize;
            let Some(field) = input.get(index) else {
                return Err(bad_bind(format!("it reads column {index} of an input of {} columns", input.len())));
            };
            if std::mem::replace(&mut seen[index], true) {
                return Err(bad_bind(format!("it reads column {index} `{}` twice", field.name())));
            }
            reads.push(index);
            columns.push(Column::new(field, &read.shape)?);
        }
        let output = promised("output column", &binding.output)?;
        let hints = &binding.hints;
        if hints.rows_per_call == Some(0) {
            return Err(bad_bind("it wishes for calls of 0 rows"));
        }
        let hints = Hints {
            skip_nulls: hints.skip_nulls,
            rows_per_call: hints.rows_per_call,
            deterministic: hints.deterministic,
        };
        Ok(Self { reads, columns, output, hints })
    }

    /// The columns that calls return.
    pub(crate) fn output(&self) -> &Fields {
        &self.output.fields
    }

    /// The columns of `batch` that the plugin reads, in the contract's layout.
    pub(crate) fn lower(&self, batch: &RecordBatch) -> Result<Lowered> {
        let mut lowered = Lowered::new(batch.num_rows() as u32, self.reads.len());
        for (&index, column) in self.reads.iter().zip(&self.columns) {
            let name = &column.name;
            let Some(array) = batch.columns().get(index) else {
                return Err(PluginError::Unsupported(format!(
                    "the batch has {} columns, but the plugin was bound to column {index} `{name}`",
                    batch.num_columns()
                )));
            };
            if array.data_type() != &column.data_type {
                return Err(PluginError::Unsupported(format!(
                    "column {index} `{name}` is of type {}, but the plugin was bound to {}",
                    array.data_type(),
                    column.data_type
                )));
            }
            let given = cast::normalise(array).and_then(|array| cast::cast(&array, &column.wanted));
            lowered.push(&given.map_err(|e| PluginError::Value {
                message: format!("column `{name}`: {}", e.message),
                row: e.row.map(|row| row as u32),
            })?);
        }
        Ok(lowered)
    }
}

impl Column {
    fn new(field: &FieldRef, shape: &[contract::FieldResult]) -> Result<Self> {
        let Some(told) = normal_type(field.data_type()) else {
            return Err(in_column(field, &format!("plugins cannot read columns of type {}", field.data_type())));
        };
        let wanted = if shape.is_empty() {
            told
        } else {
            let wanted = fields::parse_one(shape).map_err(|e| bad_bind(format!("it reads column {e}")))?;
            cast::check(&told, &wanted).map_err(|e| in_column(field, &e))?;
            cast::named_as(&told, &wanted)
        };
        Ok(Self { name: field.name().as_str().into(), data_type: field.data_type().clone(), wanted })
    }
}

/// What `bind` promises to make, checked.
pub(crate) fn promised(what: &str, fields: &[contract::FieldResult]) -> Result<Promised> {
    Promised::new(what, fields).map_err(bad_bind)
}

/// The answer of `bind` breaks the contract.
pub(crate) fn bad_bind(message: impl std::fmt::Display) -> PluginError {
    PluginError::bad_output(format!("`bind`: {message}"))
}
