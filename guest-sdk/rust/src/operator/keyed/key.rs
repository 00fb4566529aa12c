//! The key that a call is about.

use std::fmt;

use crate::{batch::Batch, kind::Kind, value::Value};

/// A key: a value of each column that makes it, in the order in which the job names them.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    keys: &'a Batch,
    row: usize,
}

impl<'a> Key<'a> {
    pub(crate) fn of(keys: &'a Batch, row: usize) -> Self {
        Self { keys, row }
    }

    /// How many columns make it.
    pub fn len(&self) -> usize {
        self.keys.columns.len()
    }

    /// Whether no column makes it, which the host does not allow.
    pub fn is_empty(&self) -> bool {
        self.keys.columns.is_empty()
    }

    /// Its value in column `i`, or `None` if it is null, which makes a key like others.
    ///
    /// # Panics
    /// If there is no such column or it is of another type: `bind` is told which there are.
    pub fn get<K: Kind>(&self, i: usize) -> Option<K::Value<'a>> {
        K::value(&self.keys.at::<K>(i), self.row)
    }

    /// Its value in column `i`, of whatever type.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn value(&self, i: usize) -> Value {
        Value::of(&self.keys.columns[i], self.row)
    }
}

/// As messages show it.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for i in 0..self.len() {
            write!(f, "{}{}", if i == 0 { "" } else { ", " }, self.value(i))?;
        }
        Ok(())
    }
}
