//! The input's columns as `bind` sees them, and the fields that an operator returns.
//!
//! Asking for a column by type (`input.column("value")?.utf8()?`) is what makes the host hand it over: the schema
//! keeps the list of what was asked for, in order, and gives an [`Input`] that names the column's place in every
//! batch to come. A column that nobody asks for is never copied into the sandbox.

use std::{cell::RefCell, fmt, marker::PhantomData};

use crate::{
    contract::{
        columns::{DataType, Field},
        types::{InputField, Problem},
    },
    kind::{self, Kind},
};

/// The input's columns.
#[derive(Debug)]
pub struct Schema {
    fields: Vec<InputField>,
    reads: RefCell<Vec<u32>>,
    seen: RefCell<Vec<bool>>,
}

impl Schema {
    pub(crate) fn new(fields: Vec<InputField>) -> Self {
        let seen = vec![false; fields.len()];
        Self { fields, reads: RefCell::default(), seen: seen.into() }
    }

    /// The column of this name.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn column(&self, name: &str) -> Result<InputColumn<'_>, Problem> {
        match self.fields.iter().position(|field| field.field.name == name) {
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
        if index < self.fields.len() {
            return Ok(self.look(index));
        }
        let what = if self.is_sql_call() { "argument" } else { "column" };
        Err(Problem::new(format!("{what} {} is needed; there are {}", index + 1, self.fields.len())))
    }

    /// All columns in order.
    pub fn columns(&self) -> impl Iterator<Item = InputColumn<'_>> {
        (0..self.fields.len()).map(|index| self.look(index))
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether the plugin is being called as an SQL function: its columns are then named `arg0`, `arg1`, …
    pub fn is_sql_call(&self) -> bool {
        !self.fields.is_empty()
            && self.fields.iter().enumerate().all(|(index, field)| field.field.name == format!("arg{index}"))
    }

    pub(crate) fn reads(&self) -> Vec<u32> {
        self.reads.borrow().clone()
    }

    /// An argument that nobody looked at would be ignored in silence.
    pub(crate) fn refuse_unused_arguments(&self) -> Result<(), Problem> {
        let used = self.seen.borrow().iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        if self.is_sql_call() && used < self.fields.len() {
            let given = self.fields.len();
            return Err(Problem::new(format!("called with {given} arguments; the plugin takes {used}")));
        }
        Ok(())
    }

    fn look(&self, index: usize) -> InputColumn<'_> {
        self.seen.borrow_mut()[index] = true;
        InputColumn { schema: self, index }
    }

    fn read(&self, index: usize) -> usize {
        let mut reads = self.reads.borrow_mut();
        let index = index as u32;
        reads.iter().position(|read| *read == index).unwrap_or_else(|| {
            reads.push(index);
            reads.len() - 1
        })
    }

    fn names(&self) -> String {
        if self.fields.is_empty() {
            return "no columns".into();
        }
        let names: Vec<_> = self.fields.iter().map(|field| format!("`{}`", field.field.name)).collect();
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
        &self.schema.fields[self.index].field
    }

    /// The column's name.
    pub fn name(&self) -> &'s str {
        &self.field().name
    }

    /// The column's type.
    pub fn data_type(&self) -> &'s DataType {
        &self.field().data_type
    }

    /// Whether columns of kind `K` are read like this one: `column.is::<Float64>()`.
    pub fn is<K: Kind>(&self) -> bool {
        K::accepts(self.data_type())
    }

    /// Asks for the column, to be read as `K`.
    ///
    /// # Errors
    /// If it is of another type: "column `value` is int64; this plugin needs utf8".
    pub fn read<K: Kind>(&self) -> Result<Input<K>, Problem> {
        if !self.is::<K>() {
            return Err(Problem::new(format!(
                "column `{}` is {}; this plugin needs {}",
                self.name(),
                self.data_type(),
                K::NAME
            )));
        }
        Ok(Input { slot: self.schema.read(self.index) as u32, kind: PhantomData })
    }

    /// The value, as a view of one row, where it is the same for all rows: a literal in an SQL call. So a pattern is
    /// compiled once, in `bind`. The column is not handed over because of this.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn constant<K: Kind>(&self) -> Result<Option<K::View<'s>>, Problem> {
        let Some(constant) = &self.schema.fields[self.index].constant else { return Ok(None) };
        match K::view(constant, 1) {
            Some(view) => Ok(Some(view)),
            None => Err(Problem::new(format!(
                "`{}` is a constant {}; this plugin needs {}",
                self.name(),
                self.data_type(),
                K::NAME
            ))),
        }
    }
}

macro_rules! read_as {
    ($($(#[$doc:meta])* $method:ident: $kind:ident;)*) => {
        impl InputColumn<'_> {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the column is of another type.
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
    /// Asks for a column of any integers but uint64, to be read as 64-bit ones.
    integer: Integer;
    /// Asks for a column of any integers or floating point numbers, to be read as float64.
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

/// The columns that an operator returns, in order: `Fields::new().utf8("host").int64("bytes")`. Each may hold nulls
/// unless [`Fields::not_null`] follows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    fields: Vec<Field>,
}

macro_rules! field_of {
    ($($method:ident: $data_type:ident;)*) => {$(
        #[doc = concat!("One more column, of type ", stringify!($method), ".")]
        pub fn $method(self, name: impl Into<String>) -> Self {
            self.field(name, DataType::$data_type)
        }
    )*};
}

impl Fields {
    /// No columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more column, of a type found out at run time (that of an input column, say).
    pub fn field(mut self, name: impl Into<String>, data_type: DataType) -> Self {
        self.fields.push(Field { name: name.into(), data_type, nullable: true });
        self
    }

    field_of! {
        bool: Boolean; int8: Int8; int16: Int16; int32: Int32; int64: Int64;
        uint8: Uint8; uint16: Uint16; uint32: Uint32; uint64: Uint64; float32: Float32; float64: Float64;
        utf8: Utf8; binary: Binary; date: Date; timestamp: Timestamp;
    }

    /// One more column for whole numbers of up to 38 digits, decimal(38, 0): totals, and `i128` in a fold's state.
    pub fn int128(self, name: impl Into<String>) -> Self {
        self.decimal(name, 38, 0)
    }

    /// One more column, of type decimal.
    pub fn decimal(self, name: impl Into<String>, precision: u8, scale: i8) -> Self {
        self.field(name, DataType::Decimal((precision, scale)))
    }

    /// Promises that the last column never holds a null; the host checks it.
    pub fn not_null(mut self) -> Self {
        if let Some(last) = self.fields.last_mut() {
            last.nullable = false;
        }
        self
    }

    pub(crate) fn into_vec(self) -> Vec<Field> {
        self.fields
    }
}

impl From<Vec<Field>> for Fields {
    fn from(fields: Vec<Field>) -> Self {
        Self { fields }
    }
}
