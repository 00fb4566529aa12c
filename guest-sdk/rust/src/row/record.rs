//! Rows whose columns have names: structs with `#[derive(Row)]`.

use super::{Cell, Row};
use crate::{builder::StructBuilder, data_type::DataType, fields::Fields};

/// A row whose columns have names: what `#[derive(Row)]` makes of a struct.
pub trait Record: Row {
    /// The columns: what `bind` returns.
    fn fields() -> Fields;
}

/// A record as one value: a struct in one column, or many of them in a list (`Vec<AsStruct<T>>`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AsStruct<T>(pub T);

impl<T: Record> Cell for AsStruct<T> {
    type Builder = StructBuilder<T::Builders>;

    fn data_type() -> DataType {
        DataType::structure(T::fields().into_vec())
    }

    fn push_to(self, column: &mut Self::Builder) {
        self.0.push_to(column.fields());
        column.push();
    }
}
