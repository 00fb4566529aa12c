//! The input's columns as `bind` sees them, and the fields that an operator returns.
//!
//! Asking for a column by type (`input.column("value")?.utf8()?`) is what makes the host hand it over: the schema
//! keeps the list of what was asked for, in order, and gives an [`Input`] that names the column's place in every
//! batch to come. A column that nobody asks for is never copied into the sandbox.

use std::{
    cell::{Cell, OnceCell, RefCell},
    fmt,
    marker::PhantomData,
};

use crate::{
    cast,
    column::Column,
    contract::types::{Hints, InputField, Problem, Read, Site},
    data_type::{DataType, Field},
    kind::{self, Kind},
};

/// The input's columns, where the operator is used, and what the host is told in return.
#[derive(Debug)]
pub struct Schema {
    columns: Vec<Told>,
    site: Site,
    /// The columns asked for, and as what.
    reads: RefCell<Vec<(usize, DataType)>>,
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
        for (index, data_type) in self.reads.borrow().iter() {
            let told = &self.columns[*index].field;
            let field = Field { data_type: data_type.clone(), ..told.clone() };
            let shape = if told.data_type == *data_type { &[] } else { std::slice::from_ref(&field) };
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
        InputColumn { schema: self, index }
    }

    /// The column's place among those handed over.
    fn read(&self, index: usize, data_type: DataType) -> Result<usize, Problem> {
        let mut reads = self.reads.borrow_mut();
        match reads.iter().position(|(read, _)| *read == index) {
            Some(slot) if reads[slot].1 == data_type => Ok(slot),
            Some(slot) => Err(Problem::new(format!(
                "column `{}` is asked for as {} and as {data_type}; a column is handed over once",
                self.columns[index].field.name, reads[slot].1
            ))),
            None => {
                reads.push((index, data_type));
                Ok(reads.len() - 1)
            }
        }
    }

    fn names(&self) -> String {
        if self.columns.is_empty() {
            return "no columns".into();
        }
        let names: Vec<_> = self.columns.iter().map(|told| format!("`{}`", told.field.name)).collect();
        names.join(", ")
    }
}

/// One column of the input: look at it, then say as what it is to be read.
#[derive(Clone, Copy, Debug)]
pub struct InputColumn<'s> {
    schema: &'s Schema,
    index: usize,
}

impl<'s> InputColumn<'s> {
    /// The column's name and type.
    pub fn field(&self) -> &'s Field {
        &self.told().field
    }

    /// The column's name.
    pub fn name(&self) -> &'s str {
        &self.field().name
    }

    /// The column's type.
    pub fn data_type(&self) -> &'s DataType {
        &self.field().data_type
    }

    fn told(&self) -> &'s Told {
        &self.schema.columns[self.index]
    }

    /// Whether the column is of kind `K` by itself, without being brought to it: `column.is::<Float64>()`.
    pub fn is<K: Kind>(&self) -> bool {
        K::is(self.data_type())
    }

    /// Whether the column can be read as `K`.
    pub fn can_be<K: Kind>(&self) -> bool {
        self.told().readable && K::handed_over(self.data_type()).is_some()
    }

    /// Asks for the column, to be read as `K`. Where it is of another type, the host casts it; the row of a value that
    /// does not fit becomes a dead letter.
    ///
    /// # Errors
    /// If it cannot be brought to that type: "column `value` is utf8; this plugin needs int64". If it is asked for as
    /// something else already.
    pub fn read<K: Kind>(&self) -> Result<Input<K>, Problem> {
        let wanted = K::handed_over(self.data_type()).filter(|_| self.told().readable);
        let wanted = wanted.ok_or_else(|| self.refused::<K>("column", ""))?;
        Ok(Input { slot: self.schema.read(self.index, wanted)? as u32, kind: PhantomData })
    }

    fn refused<K: Kind>(&self, what: &str, constant: &str) -> Problem {
        let (name, told) = (self.name(), self.data_type());
        let unreadable = if self.told().readable { "" } else { ", which plugins cannot read" };
        Problem::new(format!("{what} `{name}` is {constant}{told}{unreadable}; this plugin needs {}", K::NAME))
    }

    /// The value, as a view of one row, where it is the same for all rows: a literal in an SQL call. So a pattern is
    /// compiled once, in `bind`. The column is not handed over because of this. Numbers of any type may be read as
    /// numbers of any other.
    ///
    /// # Errors
    /// If it is of another type, or a number that does not fit.
    pub fn constant<K: Kind>(&self) -> Result<Option<K::View<'s>>, Problem> {
        let told = self.told();
        let Some(constant) = &told.constant else { return Ok(None) };
        if let Some(view) = K::view(constant) {
            return Ok(Some(view));
        }
        let refused = || self.refused::<K>("argument", "a constant ");
        let wanted = K::handed_over(&constant.data_type).filter(|_| constant.data_type.is_number());
        let wanted = wanted.filter(DataType::is_number).ok_or_else(refused)?;
        if told.cast.get().is_none() {
            let cast = cast::numbers(constant, &wanted)
                .map_err(|(_, what)| Problem::new(format!("argument `{}`: {what}", self.name())))?;
            let _ = told.cast.set(cast);
        }
        told.cast.get().and_then(K::view).map(Some).ok_or_else(refused)
    }
}

macro_rules! read_as {
    ($($(#[$doc:meta])* $method:ident: $kind:ident;)*) => {
        impl InputColumn<'_> {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the column cannot be brought to it, or is asked for as something else already.
            pub fn $method(&self) -> Result<Input<kind::$kind>, Problem> {
                self.read()
            }
        )*}
    };
}

read_as! {
    /// Asks for the column as text.
    utf8: Utf8;
    /// Asks for the column as bytes.
    binary: Binary;
    /// Asks for the column as true and false.
    bool: Bool;
    /// Asks for the column as 32-bit integers.
    int32: Int32;
    /// Asks for the column as 64-bit integers.
    int64: Int64;
    /// Asks for the column as 64-bit floating point numbers.
    float64: Float64;
    /// Asks for the column as dates.
    date: Date;
    /// Asks for the column as timestamps.
    timestamp: Timestamp;
    /// Asks for the column as decimals.
    decimal: Decimal;
    /// Asks for a column of any integers, to be read as 64-bit ones.
    integer: Integer;
    /// Asks for a column of any numbers, to be read as float64.
    number: Number;
}

/// A column that `bind` asked for: its place in every batch, and how it is read. [`Batch::get`] takes it.
///
/// [`Batch::get`]: crate::Batch::get
pub struct Input<K> {
    slot: u32,
    kind: PhantomData<K>,
}

impl<K> Input<K> {
    /// The column's place among those handed over.
    pub fn slot(&self) -> usize {
        self.slot as usize
    }
}

impl<K> Clone for Input<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Input<K> {}

impl<K> fmt::Debug for Input<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({})", self.slot)
    }
}
