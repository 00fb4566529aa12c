//! Lists of the same number of items in every row.

use super::{ColumnBuilder, Nulls, column};
use crate::{column::Column, data_type::DataType};

/// Builds a column of lists of the same length.
#[derive(Clone, Debug)]
pub struct FixedListBuilder<B> {
    items: B,
    size: usize,
    rows: usize,
    nulls: Nulls,
}

impl<B: ColumnBuilder> FixedListBuilder<B> {
    /// Of so many items a row, around the builder of the items.
    pub fn of(items: B, size: usize) -> Self {
        Self { items, size, rows: 0, nulls: Nulls::default() }
    }

    /// The items' builder: what is pushed into it belongs to the row that the next `push` ends.
    pub fn items(&mut self) -> &mut B {
        &mut self.items
    }

    /// How many items a row has.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many items the row being built has so far.
    pub fn pending(&self) -> usize {
        self.items.len() - self.rows * self.size
    }

    /// Ends the row being built.
    ///
    /// # Panics
    /// If it has more or fewer items than a row has.
    pub fn push(&mut self) {
        let (pending, size) = (self.pending(), self.size);
        assert!(pending == size, "a row of {pending} items in a column of lists of {size}");
        self.rows += 1;
        self.nulls.valid();
    }

    fn blank_items(&mut self) {
        self.items.truncate(self.rows * self.size);
        (0..self.size).for_each(|_| self.items.push_blank());
    }
}

impl<B: ColumnBuilder> ColumnBuilder for FixedListBuilder<B> {
    fn push_null(&mut self) {
        self.blank_items();
        self.nulls.null(self.rows);
        self.rows += 1;
    }

    fn push_blank(&mut self) {
        self.blank_items();
        self.push();
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.items.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
        self.items.truncate(self.rows * self.size);
        self.nulls.truncate(rows);
    }

    fn finish(mut self) -> Column {
        self.items.truncate(self.rows * self.size);
        let items = self.items.finish();
        let data_type = DataType::fixed_list(items.data_type.clone(), self.size as u32);
        column(data_type, self.rows, None, self.nulls, vec![items])
    }
}

/// Builds a column of lists whose length the type says: of arrays.
#[derive(Clone, Debug)]
pub struct ArrayBuilder<B, const N: usize>(FixedListBuilder<B>);

impl<B: ColumnBuilder + Default, const N: usize> Default for ArrayBuilder<B, N> {
    fn default() -> Self {
        Self(FixedListBuilder::of(B::default(), N))
    }
}

impl<B: ColumnBuilder, const N: usize> ArrayBuilder<B, N> {
    /// The items' builder: what is pushed into it belongs to the row that the next `push` ends.
    pub fn items(&mut self) -> &mut B {
        self.0.items()
    }

    /// Ends the row being built.
    ///
    /// # Panics
    /// If it has more or fewer than `N` items.
    pub fn push(&mut self) {
        self.0.push();
    }
}

impl<B: ColumnBuilder, const N: usize> ColumnBuilder for ArrayBuilder<B, N> {
    fn push_null(&mut self) {
        self.0.push_null();
    }

    fn push_blank(&mut self) {
        self.0.push_blank();
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
    }

    fn finish(self) -> Column {
        self.0.finish()
    }
}
