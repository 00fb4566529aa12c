//! `bind`: what a plugin is told of its input, and the checks of what it answers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};

use crate::contract::{self, ColumnParam, FieldResult};
use crate::error::{PluginError, Result};
use crate::lower::Lowered;
use crate::types::{ToldField, fields_from_contract};

/// An input column as a plugin is bound to it.
#[derive(Debug, Clone)]
pub struct InputField {
    /// Its name and type.
    pub field: FieldRef,
    /// An array of one row with the value, where it is the same for all rows (a literal in SQL).
    pub constant: Option<ArrayRef>,
}

impl InputField {
    /// The columns of `schema`, none of them constant.
    pub fn of_schema(schema: &Schema) -> Vec<Self> {
        schema.fields().iter().map(|field| Self::from(field.clone())).collect()
    }
}

impl From<FieldRef> for InputField {
    fn from(field: FieldRef) -> Self {
        Self { field, constant: None }
    }
}

/// The input schema, kept in the contract's terms, so that every instance is told the same.
pub(crate) struct Input {
    columns: Vec<(ToldField, Option<Lowered>)>,
}

impl Input {
    pub(crate) fn new(input: &[InputField]) -> Result<Self> {
        let columns = input.iter().map(|InputField { field, constant }| {
            let told = ToldField::new(field);
            let constant = match constant {
                Some(array) if array.len() != 1 || array.data_type() != field.data_type() => {
                    return Err(PluginError::Unsupported(format!(
                        "the constant of column `{}` is not one row of type {}, but {} of {}",
                        field.name(),
                        field.data_type(),
                        array.len(),
                        array.data_type()
                    )));
                }
                Some(array) if told.is_readable() => Some(Lowered::new(array).map_err(|e| in_column(field, &e))?),
                _ => None,
            };
            Ok((told, constant))
        });
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }

    /// Lends the schema in the form that a call of `bind` takes.
    pub(crate) fn with_params<R>(&self, f: impl FnOnce(&[contract::InputField<'_>]) -> R) -> R {
        let params: Vec<_> = self
            .columns
            .iter()
            .map(|(told, constant)| contract::InputField {
                field: told.param(),
                constant: constant.as_ref().map(Lowered::param),
            })
            .collect();
        f(&params)
    }
}

/// A plugin's answer to `bind`, checked.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// The input columns that are handed over, in this order.
    pub reads: Vec<usize>,
    /// Their types, as the batches must have them.
    types: Vec<DataType>,
    names: Vec<Arc<str>>,
    /// The columns that calls return.
    pub output: Fields,
}

impl Bound {
    pub(crate) fn new(input: &Input, binding: &contract::Binding) -> Result<Self> {
        let columns = input.columns.len();
        let mut seen = vec![false; columns];
        let (mut reads, mut types, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for &read in &binding.reads {
            let index = read as usize;
            let Some((told, _)) = input.columns.get(index) else {
                return Err(bad_bind(format!("it reads column {index} of an input of {columns} columns")));
            };
            let field = told.field();
            if std::mem::replace(&mut seen[index], true) {
                return Err(bad_bind(format!("it reads column {index} `{}` twice", field.name())));
            }
            if !told.is_readable() {
                return Err(in_column(field, &format!("plugins cannot read columns of type {}", field.data_type())));
            }
            reads.push(index);
            types.push(field.data_type().clone());
            names.push(field.name().as_str().into());
        }
        let output = output_fields("output column", &binding.output)?;
        Ok(Self { reads, types, names, output })
    }

    /// The columns of `batch` that the plugin reads, in the contract's layout.
    pub(crate) fn lower(&self, batch: &RecordBatch) -> Result<Vec<Lowered>> {
        let mut lowered = Vec::with_capacity(self.reads.len());
        for ((&index, expected), name) in self.reads.iter().zip(&self.types).zip(&self.names) {
            let Some(array) = batch.columns().get(index) else {
                return Err(PluginError::Unsupported(format!(
                    "the batch has {} columns, but the plugin was bound to column {index} `{name}`",
                    batch.num_columns()
                )));
            };
            if array.data_type() != expected {
                return Err(PluginError::Unsupported(format!(
                    "column {index} `{name}` is of type {}, but the plugin was bound to {expected}",
                    array.data_type()
                )));
            }
            lowered.push(Lowered::new(array).map_err(|e| PluginError::Value(format!("column `{name}`: {e}")))?);
        }
        Ok(lowered)
    }
}

/// The columns, borrowed for a call.
pub(crate) fn params(lowered: &[Lowered]) -> Vec<ColumnParam<'_>> {
    lowered.iter().map(Lowered::param).collect()
}

/// Arrow fields of what `bind` promises.
pub(crate) fn output_fields(what: &str, fields: &[FieldResult]) -> Result<Fields> {
    fields_from_contract(what, fields).map_err(bad_bind)
}

/// The answer of `bind` breaks the contract.
pub(crate) fn bad_bind(message: impl std::fmt::Display) -> PluginError {
    PluginError::bad_output(format!("`bind`: {message}"))
}

fn in_column(field: &FieldRef, message: &str) -> PluginError {
    PluginError::Unsupported(format!("column `{}`: {message}", field.name()))
}
