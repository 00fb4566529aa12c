//! A key's rows.

use std::ops::Range;

use crate::{batch::Batch, kind::Kind, nested::Items, schema::Input};

/// The rows of one key, numbered from 0.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    batch: &'a Batch,
    range: Range<usize>,
}

impl<'a> Rows<'a> {
    pub(crate) fn of(batch: &'a Batch, range: Range<usize>) -> Self {
        Self { batch, range }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The values of a column that `bind` asked for, one for each row.
    pub fn get<K: Kind>(&self, input: Input<K>) -> Items<'a, K> {
        Items::of(self.batch.get(input), self.range.clone())
    }
}
