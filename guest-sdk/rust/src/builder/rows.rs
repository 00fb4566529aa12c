//! Builders of several columns at once: those of an output's rows, or of a struct's fields.

use super::ColumnBuilder;
use crate::column::Column;

/// The builders of a row's columns.
pub trait RowBuilders {
    /// One more row, all null.
    fn push_nulls(&mut self);

    /// One more row, there but of no meaning.
    fn push_blanks(&mut self);

    /// How many rows so far.
    fn len(&self) -> usize;

    /// Whether there are none yet.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes the columns take together.
    fn bytes(&self) -> usize;

    /// Goes back to the first `rows` rows.
    fn truncate(&mut self, rows: usize);

    /// The columns.
    fn finish(self) -> Vec<Column>;
}

macro_rules! rows {
    ($(($($type:ident $index:tt),*))*) => {$(
        impl<$($type: ColumnBuilder),*> RowBuilders for ($($type,)*) {
            fn push_nulls(&mut self) {
                $(self.$index.push_null();)*
            }

            fn push_blanks(&mut self) {
                $(self.$index.push_blank();)*
            }

            fn len(&self) -> usize {
                self.0.len()
            }

            fn bytes(&self) -> usize {
                0 $(+ self.$index.bytes())*
            }

            fn truncate(&mut self, rows: usize) {
                $(self.$index.truncate(rows);)*
            }

            fn finish(self) -> Vec<Column> {
                vec![$(self.$index.finish()),*]
            }
        }
    )*};
}

tuples! { rows }

impl<B: ColumnBuilder> RowBuilders for Vec<B> {
    fn push_nulls(&mut self) {
        self.iter_mut().for_each(B::push_null);
    }

    fn push_blanks(&mut self) {
        self.iter_mut().for_each(B::push_blank);
    }

    fn len(&self) -> usize {
        self.first().map_or(0, B::len)
    }

    fn bytes(&self) -> usize {
        self.iter().map(B::bytes).sum()
    }

    fn truncate(&mut self, rows: usize) {
        self.iter_mut().for_each(|column| column.truncate(rows));
    }

    fn finish(self) -> Vec<Column> {
        self.into_iter().map(B::finish).collect()
    }
}

/// The columns of two: for rows of more columns than a tuple has places.
#[derive(Clone, Debug, Default)]
pub struct Both<A, B>(pub A, pub B);

impl<A: RowBuilders, B: RowBuilders> RowBuilders for Both<A, B> {
    fn push_nulls(&mut self) {
        self.0.push_nulls();
        self.1.push_nulls();
    }

    fn push_blanks(&mut self) {
        self.0.push_blanks();
        self.1.push_blanks();
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.bytes() + self.1.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows);
        self.1.truncate(rows);
    }

    fn finish(self) -> Vec<Column> {
        let mut columns = self.0.finish();
        columns.extend(self.1.finish());
        columns
    }
}
