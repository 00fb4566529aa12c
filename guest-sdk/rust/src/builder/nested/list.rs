//! Lists of any number of items.

use super::{ColumnBuilder, Ends, Nulls, column};
use crate::{column::Column, data_type::DataType};

/// Builds a column of lists.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// let mut words = ListBuilder::<Utf8Builder>::default();
/// for line in ["to be", ""] {
///     line.split_whitespace().for_each(|word| words.items().push(word));
///     words.push();
/// }
/// words.push_null();
/// assert_eq!((words.len(), words.items().len()), (3, 2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ListBuilder<B> {
    items: B,
    ends: Ends,
    nulls: Nulls,
}

impl<B: ColumnBuilder> ListBuilder<B> {
    /// Around the builder of the items.
    pub fn of(items: B) -> Self {
        Self { items, ends: Ends::default(), nulls: Nulls::default() }
    }

    /// The items' builder: what is pushed into it belongs to the row that the next `push` ends.
    pub fn items(&mut self) -> &mut B {
        &mut self.items
    }

    /// Ends the row being built.
    ///
    /// # Panics
    /// If the column grows beyond 2^31 items.
    pub fn push(&mut self) {
        self.ends.push(self.items.len());
        self.nulls.valid();
    }
}

impl<B: ColumnBuilder> ColumnBuilder for ListBuilder<B> {
    fn push_null(&mut self) {
        self.items.truncate(self.ends.last());
        self.nulls.null(self.len());
        self.ends.push(self.items.len());
    }

    fn push_blank(&mut self) {
        self.items.truncate(self.ends.last());
        self.push();
    }

    fn len(&self) -> usize {
        self.ends.rows()
    }

    fn bytes(&self) -> usize {
        self.ends.bytes() + self.items.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.items.truncate(self.ends.truncate(rows));
        self.nulls.truncate(rows);
    }

    fn finish(mut self) -> Column {
        self.items.truncate(self.ends.last());
        let (rows, items) = (self.len(), self.items.finish());
        column(DataType::list(items.data_type.clone()), rows, Some(self.ends), self.nulls, vec![items])
    }
}
