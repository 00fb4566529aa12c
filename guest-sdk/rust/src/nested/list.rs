//! Lists: of any number of items a row, or of the same number in every row.

use std::{marker::PhantomData, ops::Range, sync::Arc};

use super::items::Items;
use crate::{
    buffer::Number,
    column::Column,
    data_type::{DataType, Field},
    kind::{Kind, sealed::Sealed},
    view::{PrimitiveColumn, Validity, buffer, validity_methods},
};

/// Lists of any number of items of kind `K`; lists of a fixed number are read so too.
#[derive(Clone, Copy, Debug)]
pub struct List<K>(PhantomData<K>);

/// Lists of the same number of items of kind `K` in every row: embeddings, coordinates.
#[derive(Clone, Copy, Debug)]
pub struct FixedList<K>(PhantomData<K>);

/// A column of lists.
#[derive(Clone, Copy, Debug)]
pub struct ListColumn<'a, K: Kind> {
    offsets: &'a [i32],
    items: K::View<'a>,
    validity: Validity<'a>,
}

/// A column of lists of the same length.
#[derive(Clone, Copy, Debug)]
pub struct FixedListColumn<'a, K: Kind> {
    size: usize,
    items: K::View<'a>,
    validity: Validity<'a>,
}

/// The item of a list's type, as what `K` is handed over.
fn item<K: Kind>(item: &Arc<Field>) -> Option<Arc<Field>> {
    Some(Arc::new(Field { data_type: K::handed_over(&item.data_type)?, ..Field::clone(item) }))
}

impl<K: Kind> Sealed for List<K> {}

impl<K: Kind> Kind for List<K> {
    type View<'a> = ListColumn<'a, K>;
    type Value<'a> = Items<'a, K>;

    fn name() -> String {
        format!("list of {}", K::name())
    }

    fn is(data_type: &DataType) -> bool {
        matches!(data_type, DataType::List(item) if K::is(&item.data_type))
    }

    fn handed_over(told: &DataType) -> Option<DataType> {
        match told {
            DataType::List(of) | DataType::FixedList(of, _) => Some(DataType::List(item::<K>(of)?)),
            _ => None,
        }
    }

    fn view(column: &Column) -> Option<ListColumn<'_, K>> {
        let (DataType::List(_), [items]) = (&column.data_type, column.children.as_slice()) else { return None };
        let (offsets, rows) = (buffer(column, 0).numbers(), column.len());
        assert!(offsets.len() > rows, "a column of {} offsets for {rows} rows", offsets.len());
        let offsets = &offsets[..=rows];
        Some(ListColumn { offsets, items: K::view(items)?, validity: Validity::of(column) })
    }

    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
        view.get(row)
    }
}

impl<K: Kind> Sealed for FixedList<K> {}

impl<K: Kind> Kind for FixedList<K> {
    type View<'a> = FixedListColumn<'a, K>;
    type Value<'a> = Items<'a, K>;

    fn name() -> String {
        format!("fixed list of {}", K::name())
    }

    fn is(data_type: &DataType) -> bool {
        matches!(data_type, DataType::FixedList(item, _) if K::is(&item.data_type))
    }

    fn handed_over(told: &DataType) -> Option<DataType> {
        let DataType::FixedList(of, size) = told else { return None };
        Some(DataType::FixedList(item::<K>(of)?, *size))
    }

    fn view(column: &Column) -> Option<FixedListColumn<'_, K>> {
        match (&column.data_type, column.children.as_slice()) {
            (DataType::FixedList(_, size), [items]) => {
                let size = *size as usize;
                let wanted = size * column.len();
                assert!(items.len() >= wanted, "a column of {} items where {wanted} are needed", items.len());
                Some(FixedListColumn { size, items: K::view(items)?, validity: Validity::of(column) })
            }
            _ => None,
        }
    }

    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
        view.get(row)
    }
}

macro_rules! list_methods {
    ($column:ident) => {
        impl<'a, K: Kind> $column<'a, K> {
            validity_methods!();

            /// Row `i`'s items, or `None` if the row is null.
            pub fn get(&self, i: usize) -> Option<Items<'a, K>> {
                Some(Items::of(self.items, self.range(i)?))
            }

            /// The rows in order.
            pub fn iter(&self) -> impl Iterator<Item = Option<Items<'a, K>>> + use<'a, K> {
                let column = *self;
                (0..column.len()).map(move |i| column.get(i))
            }

            /// The items of all rows, one row's after the other's: a row has a [`range`](Self::range) of them.
            pub fn items(&self) -> K::View<'a> {
                self.items
            }
        }

        impl<'a, T: Number, K: Kind<View<'a> = PrimitiveColumn<'a, T>>> $column<'a, K> {
            /// Row `i`'s items as they lie in the column: nothing is copied. `None` if the row is null, or one of its
            /// items is.
            pub fn slice(&self, i: usize) -> Option<&'a [T]> {
                self.get(i)?.as_slice()
            }
        }
    };
}

list_methods!(ListColumn);
list_methods!(FixedListColumn);

impl<K: Kind> ListColumn<'_, K> {
    /// Where row `i`'s items are among those of all rows; `None` if the row is null.
    pub fn range(&self, i: usize) -> Option<Range<usize>> {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        self.is_valid(i).then_some(range)
    }
}

impl<K: Kind> FixedListColumn<'_, K> {
    /// How many items a row has.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where row `i`'s items are among those of all rows; `None` if the row is null.
    pub fn range(&self, i: usize) -> Option<Range<usize>> {
        assert!(i < self.len(), "row {i} of {}", self.len());
        self.is_valid(i).then(|| i * self.size..(i + 1) * self.size)
    }
}
