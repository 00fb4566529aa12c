//! Structs.

use super::{ColumnBuilder, Nulls, RowBuilders, column};
use crate::{
    column::Column,
    data_type::{DataType, Field},
};

/// Builds a column of structs.
#[derive(Clone, Debug, Default)]
pub struct StructBuilder<R> {
    names: Vec<String>,
    fields: R,
    rows: usize,
    nulls: Nulls,
}

impl<R: RowBuilders> StructBuilder<R> {
    /// Around the builders of the fields, a tuple mostly. A field without a name is called by its place; the names that
    /// count are those that `bind` promised.
    pub fn of<N: Into<String>>(names: impl IntoIterator<Item = N>, fields: R) -> Self {
        let names = names.into_iter().map(N::into).collect();
        Self { names, fields, rows: 0, nulls: Nulls::default() }
    }

    /// The fields' builders: a row is pushed into each of them, and ended by `push`.
    pub fn fields(&mut self) -> &mut R {
        &mut self.fields
    }

    /// Ends the row being built.
    pub fn push(&mut self) {
        self.rows += 1;
        self.nulls.valid();
    }
}

impl<R: RowBuilders> ColumnBuilder for StructBuilder<R> {
    fn push_null(&mut self) {
        self.fields.truncate(self.rows);
        self.fields.push_blanks();
        self.nulls.null(self.rows);
        self.rows += 1;
    }

    fn push_blank(&mut self) {
        self.fields.truncate(self.rows);
        self.fields.push_blanks();
        self.push();
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.fields.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.rows = self.rows.min(rows);
        self.fields.truncate(self.rows);
        self.nulls.truncate(rows);
    }

    fn finish(mut self) -> Column {
        self.fields.truncate(self.rows);
        let columns = self.fields.finish();
        let name = |at: usize| self.names.get(at).cloned().unwrap_or_else(|| at.to_string());
        let fields = columns.iter().enumerate().map(|(at, column)| Field::new(name(at), column.data_type.clone()));
        column(DataType::structure(fields), self.rows, None, self.nulls, columns)
    }
}
