//! A batch: columns of equal length, by what `bind` asked for.

use crate::{
    column::Column,
    contract::columns::Batch as Flat,
    data_type::{DataType, Field},
    kind::Kind,
    schema::Input,
};

/// Columns of equal length. `rows` counts also where there are no columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// How many rows.
    pub rows: u32,
    /// The columns, in the order in which `bind` asked for them.
    pub columns: Vec<Column>,
}

impl Batch {
    /// As it was handed over, for the fields that were asked for.
    pub(crate) fn of(fields: &[Field], flat: Flat) -> Result<Self, String> {
        Ok(Self { rows: flat.rows, columns: Column::all_of(fields, flat.arrays)? })
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// The column that `bind` asked for, as its type's view. It costs a match and a few words, no copy; still, take
    /// it before a loop over rows and not inside. Of a list's items or a map's keys there are more or fewer than rows.
    pub fn get<K: Kind>(&self, input: Input<K>) -> K::View<'_> {
        if input.path().is_empty() {
            return self.at::<K>(input.slot());
        }
        let mut column = &self.columns[input.slot()];
        for step in input.path().steps() {
            column = column.child(step).unwrap_or_else(|| panic!("{} has no child {step}", column.data_type));
        }
        K::view(column).unwrap_or_else(|| panic!("a child of the column is {}, not {}", column.data_type, K::name()))
    }

    /// Takes a column that `bind` asked for out of the batch, so that a helper works where its values lie:
    /// [`map_in_place`](crate::kernel::map_in_place). What is left in its place cannot be read.
    ///
    /// # Panics
    /// If the input is a field of a column.
    pub fn take<K: Kind>(&mut self, input: Input<K>) -> Column {
        assert!(input.path().is_empty(), "a field cannot be taken out of its column");
        std::mem::replace(&mut self.columns[input.slot()], Column::of(DataType::Other("taken out".into()), 0, []))
    }

    /// The `i`-th column of the batch, for batches that have no schema of the input's, such as an aggregate's states.
    ///
    /// # Panics
    /// If there is no such column or it is of another type.
    pub fn at<K: Kind>(&self, i: usize) -> K::View<'_> {
        let column = self.columns.get(i).unwrap_or_else(|| panic!("column {i} of a batch of {}", self.columns.len()));
        K::view(column).unwrap_or_else(|| panic!("column {i} of the batch is {}, not {}", column.data_type, K::name()))
    }
}
