//! The input's columns as `bind` sees them, and the fields that an operator returns.
//!
//! Asking for a column by type (`input.column("value")?.utf8()?`) is what makes the host hand it over: the schema
//! keeps the list of what was asked for, in order, and gives an [`Input`] that names the column's place in every
//! batch to come. A column that nobody asks for is never copied into the sandbox.

mod column;
mod input;

use std::cell::{Cell, OnceCell, RefCell};

pub use column::InputColumn;
pub use input::{Input, Path};

use crate::{
    column::Column,
    contract::types::{Hints, InputField, Problem, Read, Site},
    data_type::{DataType, Field},
};

/// The input's columns, where the operator is used, and what the host is told in return.
#[derive(Debug)]
pub struct Schema {
    columns: Vec<Told>,
    site: Site,
    /// The columns asked for.
    reads: RefCell<Vec<Asking>>,
    seen: RefCell<Vec<bool>>,
    hints: Cell<Hints>,
}

/// A column as the host tells it.
#[derive(Debug)]
struct Told {
    field: Field,
    readable: bool,
    constant: Option<Column>,
    /// The constant as it was asked for, where that is another type.
    cast: OnceCell<Column>,
}

/// A column that is asked for, whole or in parts.
#[derive(Debug)]
struct Asking {
    index: usize,
    /// As what it is handed over.
    handed_over: DataType,
    /// Which parts of it were asked for, and as what.
    parts: Vec<(Path, DataType)>,
}

/// What was asked for.
pub(crate) struct Asked {
    /// As the contract has it.
    pub reads: Vec<Read>,
    /// The columns as they will be handed over.
    pub fields: Vec<Field>,
    /// What the host may do.
    pub hints: Hints,
}

impl Schema {
    /// # Errors
    /// If a constant's arrays are not those of its fields.
    pub(crate) fn new(input: Vec<InputField>, site: Site) -> Result<Self, Problem> {
        let columns = input.into_iter().map(|told| {
            let Some(field) = Field::next_of(&mut told.fields.iter()) else {
                return Err(Problem::new("an input column was told without its fields"));
            };
            let constant = told.constant.map(|arrays| Column::all_of(std::slice::from_ref(&field), arrays));
            let constant = constant.transpose().map_err(Problem::new)?.and_then(|mut columns| columns.pop());
            Ok(Told { field, readable: told.readable, constant, cast: OnceCell::new() })
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let seen = vec![false; columns.len()].into();
        Ok(Self { columns, site, reads: RefCell::default(), seen, hints: Cell::default() })
    }

    /// Where the operator is used: good for messages, and nothing that it computes may depend on it.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Rows with a null in any column that is read need not be handed over: a filter drops them, a map's results are
    /// null, a flat-map makes none of them, an aggregate ignores them. `call` may see such rows all the same.
    pub fn skip_nulls(&self) {
        self.hints.set(Hints { skip_nulls: true, ..self.hints.get() });
    }

    /// At most so many rows a call, where a row costs much.
    pub fn rows_per_call(&self, rows: u32) {
        self.hints.set(Hints { rows_per_call: Some(rows), ..self.hints.get() });
    }

    /// Equal arguments do not always give equal results, for a cause that cannot be helped: calls are never repeated to
    /// compare them.
    pub fn not_deterministic(&self) {
        self.hints.set(Hints { deterministic: false, ..self.hints.get() });
    }

    /// The column of this name.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn column(&self, name: &str) -> Result<InputColumn<'_>, Problem> {
        match self.columns.iter().position(|told| told.field.name == name) {
            Some(index) => Ok(self.look(index)),
            None => Err(Problem::new(format!("the input has no column `{name}`; it has {}", self.names()))),
        }
    }

    /// The column `given`, which the configuration names; without one the first column. So the same plugin serves as
    /// a node and as an SQL function, whose arguments have no names of their own.
    ///
    /// # Errors
    /// If there is no such column, or none at all.
    pub fn column_or_first(&self, given: Option<&str>) -> Result<InputColumn<'_>, Problem> {
        match given {
            Some(name) => self.column(name),
            None => self.argument(0),
        }
    }

    /// The column `given`, which the configuration names; without one the column `usual`; in a call from SQL, where
    /// nothing is called so, the first argument.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn column_or(&self, given: Option<&str>, usual: &str) -> Result<InputColumn<'_>, Problem> {
        match given {
            None if self.is_sql_call() => self.argument(0),
            _ => self.column(given.unwrap_or(usual)),
        }
    }

    /// The column at this place, from 0: in a call from SQL, that argument.
    ///
    /// # Errors
    /// If there are fewer columns.
    pub fn argument(&self, index: usize) -> Result<InputColumn<'_>, Problem> {
        if index < self.columns.len() {
            return Ok(self.look(index));
        }
        let what = if self.is_sql_call() { "argument" } else { "column" };
        Err(Problem::new(format!("{what} {} is needed; there are {}", index + 1, self.columns.len())))
    }

    /// All columns in order.
    pub fn columns(&self) -> impl Iterator<Item = InputColumn<'_>> {
        (0..self.columns.len()).map(|index| self.look(index))
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether the plugin is being called as an SQL function: its columns are then named `arg0`, `arg1`, …
    pub fn is_sql_call(&self) -> bool {
        !self.columns.is_empty()
            && self.columns.iter().enumerate().all(|(index, told)| told.field.name == format!("arg{index}"))
    }

    pub(crate) fn asked(&self) -> Asked {
        let mut asked = Asked { reads: Vec::new(), fields: Vec::new(), hints: self.hints.get() };
        for Asking { index, handed_over, .. } in self.reads.borrow().iter() {
            let told = &self.columns[*index].field;
            let field = Field { data_type: handed_over.clone(), ..told.clone() };
            let shape = if told.data_type == *handed_over { &[] } else { std::slice::from_ref(&field) };
            asked.reads.push(Read { column: *index as u32, shape: Field::flatten(shape) });
            asked.fields.push(field);
        }
        asked
    }

    /// An argument that nobody looked at would be ignored in silence.
    pub(crate) fn refuse_unused_arguments(&self) -> Result<(), Problem> {
        let used = self.seen.borrow().iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        if self.is_sql_call() && used < self.columns.len() {
            let given = self.columns.len();
            return Err(Problem::new(format!("called with {given} arguments; the plugin takes {used}")));
        }
        Ok(())
    }

    fn look(&self, index: usize) -> InputColumn<'_> {
        self.seen.borrow_mut()[index] = true;
        InputColumn::of(self, index)
    }

    /// The column's place among those handed over, with this part of it as that type.
    fn read(&self, index: usize, path: Path, data_type: DataType) -> Result<usize, Problem> {
        let mut reads = self.reads.borrow_mut();
        let slot = reads.iter().position(|asking| asking.index == index).unwrap_or_else(|| {
            let handed_over = self.columns[index].field.data_type.clone();
            reads.push(Asking { index, handed_over, parts: Vec::new() });
            reads.len() - 1
        });
        let asking = &mut reads[slot];
        let handed_over = path.put(&asking.handed_over, data_type.clone());
        if let Some((_, before)) = asking.parts.iter().find(|(path, before)| path.at(&handed_over) != Some(before)) {
            let name = &self.columns[index].field.name;
            return Err(Problem::new(format!(
                "column `{name}` is asked for as {before} and as {data_type}; a column is handed over once"
            )));
        }
        asking.handed_over = handed_over;
        asking.parts.push((path, data_type));
        Ok(slot)
    }

    fn names(&self) -> String {
        if self.columns.is_empty() {
            return "no columns".into();
        }
        let names: Vec<_> = self.columns.iter().map(|told| format!("`{}`", told.field.name)).collect();
        names.join(", ")
    }
}
