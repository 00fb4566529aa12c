//! What a call gives: rows, refused rows, late rows.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    buffer::BufferBuilder,
    builder::{ColumnBuilder, Dynamic, RowBuilders},
    data_type::Field,
    reject::Rejects,
    row::Row,
    value::Value,
};

/// An output row: any [`Row`], or [`Values`].
pub trait OutputRow {
    /// What builds the columns.
    type Builders: RowBuilders;

    /// Empty columns.
    ///
    /// # Errors
    /// If columns of such types cannot be built.
    fn builders(fields: &[Field]) -> Result<Self::Builders, String>;

    /// Puts the values into their columns.
    ///
    /// # Errors
    /// If one of them cannot stand there; no column is longer then than before.
    fn push_into(self, columns: &mut Self::Builders) -> Result<(), String>;
}

impl<R: Row> OutputRow for R {
    type Builders = R::Builders;

    fn builders(_fields: &[Field]) -> Result<R::Builders, String> {
        Ok(R::Builders::default())
    }

    fn push_into(self, columns: &mut R::Builders) -> Result<(), String> {
        self.push_to(columns);
        Ok(())
    }
}

/// A row of columns that are found out at run time: a value for each, in the order of the fields that `bind` gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(pub Vec<Value>);

impl OutputRow for Values {
    type Builders = Vec<Dynamic>;

    fn builders(fields: &[Field]) -> Result<Vec<Dynamic>, String> {
        fields.iter().map(|field| Dynamic::of(&field.data_type)).collect()
    }

    fn push_into(self, columns: &mut Vec<Dynamic>) -> Result<(), String> {
        if self.0.len() != columns.len() {
            return Err(format!("a row of {} values for {} columns", self.0.len(), columns.len()));
        }
        let rows = RowBuilders::len(columns);
        let pushed = columns.iter_mut().zip(self.0).try_for_each(|(column, value)| column.push_value(value));
        if pushed.is_err() {
            columns.iter_mut().for_each(|column| column.truncate(rows));
        }
        pushed
    }
}

/// Where a call's rows go.
#[derive(Debug)]
pub struct Out<O: OutputRow> {
    columns: O::Builders,
    /// The key or the timer that each row is of.
    of: BufferBuilder<u32>,
    /// What rows are of now.
    current: u32,
    /// The input rows of the key, which it numbers from 0.
    rows: Range<usize>,
    rejects: Rejects,
    late: Vec<u32>,
    problem: Option<String>,
}

impl<O: OutputRow> Out<O> {
    pub(crate) fn new(fields: &[Field]) -> Result<Self, String> {
        Ok(Self {
            columns: O::builders(fields)?,
            of: BufferBuilder::default(),
            current: 0,
            rows: 0..0,
            rejects: Rejects::new(),
            late: Vec::new(),
            problem: None,
        })
    }

    /// What comes next is of this key, or timer, which has these rows.
    pub(crate) fn begin(&mut self, current: u32, rows: Range<usize>) {
        (self.current, self.rows) = (current, rows);
    }

    /// A row comes out. A value that cannot stand in its column ([`Values`]) makes the call fail for this key.
    pub fn push(&mut self, row: O) {
        match row.push_into(&mut self.columns) {
            Ok(()) => self.of.push(self.current),
            Err(problem) => {
                self.problem.get_or_insert(problem);
            }
        }
    }

    /// Refuses one of the key's rows: it goes to the dead letters with the reason.
    ///
    /// # Panics
    /// If the key has no such row; a timer has none.
    pub fn reject(&mut self, row: usize, reason: impl AsRef<str>) {
        self.rejects.push(self.place(row), reason);
    }

    /// One of the key's rows goes to the late output.
    ///
    /// # Panics
    /// If the key has no such row; a timer has none.
    pub fn late(&mut self, row: usize) {
        self.late.push(self.place(row) as u32);
    }

    fn place(&self, row: usize) -> usize {
        assert!(row < self.rows.len(), "row {row} of {}", self.rows.len());
        self.rows.start + row
    }

    /// What was wrong with a row since this was asked last.
    pub(crate) fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// The columns, what each row is of, refused rows, late rows.
    pub(crate) fn finish(mut self) -> (O::Builders, BufferBuilder<u32>, Rejects, Vec<u32>) {
        self.late.sort_unstable();
        self.late.dedup();
        // A row that is refused too is refused.
        let refused: BTreeSet<u32> = self.rejects.rows().collect();
        self.late.retain(|row| !refused.contains(row));
        (self.columns, self.of, self.rejects, self.late)
    }
}
