//! A batch's columns by what `bind` asked for.

use crate::{contract::columns::Batch, kind::Kind, schema::Input};

impl Batch {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// The column that `bind` asked for, as its type's view. It costs a match and a few words, no copy; still, take
    /// it before a loop over rows and not inside.
    pub fn get<K: Kind>(&self, input: Input<K>) -> K::View<'_> {
        self.at::<K>(input.slot())
    }

    /// The `i`-th column of the batch, for batches that have no schema of the input's, such as an aggregate's states.
    ///
    /// # Panics
    /// If there is no such column or it is of another type.
    pub fn at<K: Kind>(&self, i: usize) -> K::View<'_> {
        let column = self.columns.get(i).unwrap_or_else(|| panic!("column {i} of a batch of {}", self.columns.len()));
        K::view(column, self.rows()).unwrap_or_else(|| panic!("column {i} of the batch is not {}", K::NAME))
    }
}
