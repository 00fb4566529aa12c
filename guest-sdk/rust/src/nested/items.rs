//! The items of one row: a range of a list's items.

use std::ops::Range;

use crate::{buffer::Number, kind::Kind, view::PrimitiveColumn};

/// The items of one row of a list.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a, K: Kind> {
    all: K::View<'a>,
    start: usize,
    end: usize,
}

impl<'a, K: Kind> Items<'a, K> {
    pub(crate) fn of(all: K::View<'a>, range: Range<usize>) -> Self {
        Self { all, start: range.start, end: range.end }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Item `i`, or `None` if it is null.
    ///
    /// # Panics
    /// If there is no such item.
    pub fn get(&self, i: usize) -> Option<K::Value<'a>> {
        assert!(i < self.len(), "item {i} of {}", self.len());
        K::value(&self.all, self.start + i)
    }

    /// The items in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<K::Value<'a>>> + use<'a, K> {
        let items = *self;
        (items.start..items.end).map(move |i| K::value(&items.all, i))
    }

    /// Their places among the items of all rows.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl<'a, T: Number, K: Kind<View<'a> = PrimitiveColumn<'a, T>>> Items<'a, K> {
    /// The items as they lie in the column; `None` if one of them is null.
    pub fn as_slice(&self) -> Option<&'a [T]> {
        let validity = self.all.validity();
        let all_there = validity.no_nulls() || self.range().all(|i| validity.is_valid(i));
        all_there.then(|| &self.all.values()[self.range()])
    }
}
