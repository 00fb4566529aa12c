//! What a plugin is asked to bind to: which of its operators, the configuration, the input, and where it is used. Kept
//! in the contract's terms, so that every instance is asked the same.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{FieldRef, Schema};

use crate::cast::normalise;
use crate::contract::{self, ArrayParam, FieldParam};
use crate::error::{PluginError, Result};
use crate::fields::{Told, normal_type, with_params};
use crate::imports;
use crate::logging::LogSink;
use crate::lower::Lowered;

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

/// What a plugin is asked to bind to.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// Which of its operators, by its name in the catalog; `None`: the only one.
    pub operator: Option<&'a str>,
    /// The configuration, a JSON object.
    pub config: &'a str,
    /// All columns of the batches that calls will be given. A plugin may see columns of any type, but read only those
    /// that [`normal_type`] knows.
    pub input: &'a [InputField],
    /// The columns that make the key, for a keyed operator.
    pub keys: &'a [FieldRef],
    /// The name of the job's node that uses it.
    pub node: &'a str,
    /// The SQL of the call, where it is one.
    pub sql: Option<&'a str>,
    /// Where the operator's log goes; `None`: nowhere.
    pub log: Option<LogSink>,
}

/// A [`Request`] that is kept.
pub(crate) struct Asked {
    operator: String,
    config: String,
    columns: Vec<Column>,
    keys: Vec<Told>,
    node: String,
    sql: Option<String>,
}

struct Column {
    field: FieldRef,
    told: Told,
    constant: Option<Lowered>,
}

impl Asked {
    pub(crate) fn new(operator: &str, request: &Request<'_>) -> Result<Self> {
        let columns = request.input.iter().map(|InputField { field, constant }| {
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
                Some(array) if normal_type(field.data_type()).is_some() => {
                    let array = normalise(array).map_err(|e| in_column(field, &e.message))?;
                    Some(Lowered::of(1, [&array].into_iter()))
                }
                _ => None,
            };
            Ok(Column { field: field.clone(), told: Told::new(field), constant })
        });
        Ok(Self {
            operator: operator.to_owned(),
            config: request.config.to_owned(),
            columns: columns.collect::<Result<_>>()?,
            keys: request.keys.iter().map(|key| Told::new(key)).collect(),
            node: request.node.to_owned(),
            sql: request.sql.map(str::to_owned),
        })
    }

    /// The input's fields.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = &FieldRef> {
        self.columns.iter().map(|column| &column.field)
    }

    /// Lends the request in the form that a call of `bind` takes.
    pub(crate) fn with_param<R>(&self, f: impl FnOnce(contract::Request<'_>) -> R) -> R {
        let buffers: Vec<_> =
            self.columns.iter().map(|column| column.constant.as_ref().map(Lowered::buffers)).collect();
        let constants: Vec<Option<Vec<ArrayParam<'_>>>> = (self.columns.iter().zip(&buffers))
            .map(|(column, buffers)| Some(column.constant.as_ref()?.params(buffers.as_ref()?)))
            .collect();
        with_params(self.columns.iter().map(|column| &column.told), |fields| {
            let input: Vec<_> = (self.columns.iter().zip(fields).zip(&constants))
                .map(|((column, fields), constant)| contract::InputField {
                    fields,
                    constant: constant.as_deref(),
                    readable: normal_type(column.field.data_type()).is_some(),
                })
                .collect();
            f(contract::Request {
                operator: &self.operator,
                config: &self.config,
                input: &input,
                site: contract::Site { node: &self.node, sql: self.sql.as_deref(), abilities: &imports::ABILITIES },
            })
        })
    }
}

impl Asked {
    /// Lends the key's fields in the form that a call of `bind` takes.
    pub(crate) fn with_keys<R>(&self, f: impl FnOnce(&[FieldParam<'_>]) -> R) -> R {
        with_params(self.keys.iter(), |keys| f(&keys.concat()))
    }
}

/// An error about one column of the input.
pub(crate) fn in_column(field: &FieldRef, message: &str) -> PluginError {
    PluginError::Unsupported(format!("column `{}`: {message}", field.name()))
}
