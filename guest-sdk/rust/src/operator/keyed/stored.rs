//! What an older version of an operator has stored of a key.

use serde::de::DeserializeOwned;

use crate::{
    batch::Batch,
    data_type::{DataType, Field},
    kind::Binary,
    operator::{Encoded, Failure},
};

/// The values that an older version has stored of a key, by their names. What it kept in maps is not among them: maps stay as
/// they are.
#[derive(Clone, Copy, Debug)]
pub struct StoredValues<'a> {
    fields: &'a [Field],
    values: &'a Batch,
    row: usize,
}

impl<'a> StoredValues<'a> {
    pub(crate) fn of(fields: &'a [Field], values: &'a Batch, row: usize) -> Self {
        Self { fields, values, row }
    }

    /// The names of what that version kept.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// Whether nothing was stored of the key, but for entries of maps.
    pub fn is_empty(&self) -> bool {
        self.values.columns.iter().all(|column| column.validity.as_ref().is_some_and(|valid| is_null(valid, self.row)))
    }

    /// A value, as that version has stored it; `None` = it has stored none of this key.
    ///
    /// # Errors
    /// If it kept no value of this name, or what it has stored is no such value.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.bytes(name)?.map(Encoded::<T>::from_bytes).transpose()
    }

    /// The same, not read yet.
    ///
    /// # Errors
    /// If that version kept no value of this name.
    pub fn bytes(&self, name: &str) -> Result<Option<&'a [u8]>, Failure> {
        let is_it = |field: &Field| field.name == name && field.data_type == DataType::Binary;
        match self.fields.iter().position(is_it) {
            Some(at) => Ok(self.values.at::<Binary>(at).get(self.row)),
            None => {
                let names: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
                Err(format!("the stored states have no value `{name}`, but {}", names.join(", ")).into())
            }
        }
    }
}

fn is_null(valid: &[u8], row: usize) -> bool {
    valid[row / 8] >> (row % 8) & 1 == 0
}
