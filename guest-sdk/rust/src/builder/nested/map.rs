//! Maps.

use super::{ColumnBuilder, Ends, Nulls, column};
use crate::{column::Column, data_type::DataType};

/// Builds a column of maps.
#[derive(Clone, Debug, Default)]
pub struct MapBuilder<K, V> {
    keys: K,
    values: V,
    ends: Ends,
    nulls: Nulls,
}

impl<K: ColumnBuilder, V: ColumnBuilder> MapBuilder<K, V> {
    /// Around the builders of keys and values.
    pub fn of(keys: K, values: V) -> Self {
        Self { keys, values, ends: Ends::default(), nulls: Nulls::default() }
    }

    /// The keys' builder and the values': as many are pushed into each, and belong to the row that the next `push`
    /// ends. Keys are never null.
    pub fn entries(&mut self) -> (&mut K, &mut V) {
        (&mut self.keys, &mut self.values)
    }

    /// Ends the row being built.
    ///
    /// # Panics
    /// If it has more keys than values, or fewer.
    pub fn push(&mut self) {
        let (keys, values) = (self.keys.len(), self.values.len());
        assert!(keys == values, "a map with {keys} keys and {values} values");
        self.ends.push(keys);
        self.nulls.valid();
    }

    fn take_back(&mut self, entries: usize) {
        self.keys.truncate(entries);
        self.values.truncate(entries);
    }
}

impl<K: ColumnBuilder, V: ColumnBuilder> ColumnBuilder for MapBuilder<K, V> {
    fn push_null(&mut self) {
        self.take_back(self.ends.last());
        self.nulls.null(self.len());
        self.ends.push(self.keys.len());
    }

    fn push_blank(&mut self) {
        self.take_back(self.ends.last());
        self.push();
    }

    fn len(&self) -> usize {
        self.ends.rows()
    }

    fn bytes(&self) -> usize {
        self.ends.bytes() + self.keys.bytes() + self.values.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        let entries = self.ends.truncate(rows);
        self.take_back(entries);
        self.nulls.truncate(rows);
    }

    fn finish(mut self) -> Column {
        self.take_back(self.ends.last());
        let (rows, keys, values) = (self.len(), self.keys.finish(), self.values.finish());
        let data_type = DataType::map(keys.data_type.clone(), values.data_type.clone());
        let fields = data_type.children().into_iter().cloned();
        let entries = DataType::structure(fields);
        let entries = column(entries, keys.len(), None, Nulls::default(), vec![keys, values]);
        column(data_type, rows, Some(self.ends), self.nulls, vec![entries])
    }
}
