//! Maps: keys and values.

use std::{marker::PhantomData, ops::Range, sync::Arc};

use crate::{
    column::Column,
    data_type::{DataType, Field},
    kind::{Kind, sealed::Sealed},
    view::{Validity, buffer, validity_methods},
};

/// Maps from keys of kind `K` to values of kind `V`. (`Map` is the operator.)
#[derive(Clone, Copy, Debug)]
pub struct MapOf<K, V>(PhantomData<(K, V)>);

/// A column of maps.
#[derive(Clone, Copy, Debug)]
pub struct MapColumn<'a, K: Kind, V: Kind> {
    offsets: &'a [i32],
    keys: K::View<'a>,
    values: V::View<'a>,
    validity: Validity<'a>,
}

/// The entries of one row of a map.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a, K: Kind, V: Kind> {
    keys: K::View<'a>,
    values: V::View<'a>,
    start: usize,
    end: usize,
}

impl<K: Kind, V: Kind> Sealed for MapOf<K, V> {}

impl<K: Kind, V: Kind> Kind for MapOf<K, V> {
    type View<'a> = MapColumn<'a, K, V>;
    type Value<'a> = Entries<'a, K, V>;

    fn name() -> String {
        format!("map of {} to {}", K::name(), V::name())
    }

    fn is(data_type: &DataType) -> bool {
        matches!(data_type, DataType::Map(key, value) if K::is(&key.data_type) && V::is(&value.data_type))
    }

    fn handed_over(told: &DataType) -> Option<DataType> {
        let DataType::Map(key, value) = told else { return None };
        let put = |field: &Field, data_type| Arc::new(Field { data_type, ..field.clone() });
        let (of_key, of_value) = (K::handed_over(&key.data_type)?, V::handed_over(&value.data_type)?);
        Some(DataType::Map(put(key, of_key), put(value, of_value)))
    }

    fn view(column: &Column) -> Option<MapColumn<'_, K, V>> {
        let DataType::Map(..) = column.data_type else { return None };
        let (keys, values) = (K::view(column.child(0)?)?, V::view(column.child(1)?)?);
        let (offsets, rows) = (buffer(column, 0).numbers(), column.len());
        assert!(offsets.len() > rows, "a column of {} offsets for {rows} rows", offsets.len());
        Some(MapColumn { offsets: &offsets[..=rows], keys, values, validity: Validity::of(column) })
    }

    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
        view.get(row)
    }
}

impl<'a, K: Kind, V: Kind> MapColumn<'a, K, V> {
    validity_methods!();

    /// Row `i`'s entries, or `None` if the row is null.
    pub fn get(&self, i: usize) -> Option<Entries<'a, K, V>> {
        let Range { start, end } = self.range(i)?;
        Some(Entries { keys: self.keys, values: self.values, start, end })
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<Entries<'a, K, V>>> + use<'a, K, V> {
        let column = *self;
        (0..column.len()).map(move |i| column.get(i))
    }

    /// Where row `i`'s entries are among those of all rows; `None` if the row is null.
    pub fn range(&self, i: usize) -> Option<Range<usize>> {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        self.is_valid(i).then_some(range)
    }

    /// The keys of all rows, one row's after the other's.
    pub fn keys(&self) -> K::View<'a> {
        self.keys
    }

    /// The values of all rows, one row's after the other's.
    pub fn values(&self) -> V::View<'a> {
        self.values
    }
}

impl<'a, K: Kind, V: Kind> Entries<'a, K, V> {
    /// How many.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Keys and values in their order; a value may be null.
    pub fn iter(&self) -> impl Iterator<Item = (K::Value<'a>, Option<V::Value<'a>>)> + use<'a, K, V> {
        let entries = *self;
        (entries.start..entries.end).map(move |i| {
            let key = K::value(&entries.keys, i).expect("the keys of a map are never null");
            (key, V::value(&entries.values, i))
        })
    }

    /// The value of this key, `None` if it is null or not there. Keys are looked at one by one, from the last on: where
    /// one comes twice, the later counts.
    pub fn get(&self, key: K::Value<'_>) -> Option<V::Value<'a>>
    where
        for<'k> K::Value<'a>: PartialEq<K::Value<'k>>,
    {
        let at = (self.start..self.end).rev().find(|i| K::value(&self.keys, *i).is_some_and(|k| k == key))?;
        V::value(&self.values, at)
    }
}
