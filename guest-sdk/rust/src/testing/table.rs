//! Batches from literal values, with names, and compared by what they mean: what stands in a null's slot doesn't
//! count, nor whether a field could hold nulls.

use std::fmt;

use crate::{
    builder::{
        BinaryBuilder, BoolBuilder, ColumnBuilder, DecimalBuilder, PrimitiveBuilder, PrimitiveKind, Utf8Builder,
    },
    contract::{
        columns::{Batch, Column, DataType, Field, Values},
        types::InputField,
    },
    kind::{self, Kind},
};

/// Columns with names. Each method adds a column of its type; values are plain (`[1, 2]`) or options
/// (`[Some(1), None]`), and all columns must have the same number of rows.
#[derive(Clone, Default)]
pub struct Table {
    fields: Vec<InputField>,
    batch: Batch,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer, date, timestamp or decimal, as a number in its unit.
    Int(i128),
    /// A floating point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

macro_rules! primitive_columns {
    ($($method:ident: $kind:ident, $native:ty, $doc:literal;)*) => {$(
        #[doc = concat!("One more column: ", $doc, ".")]
        pub fn $method<V: Into<Option<$native>>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
            self.primitive::<kind::$kind, V>(name, DataType::$kind, values)
        }
    )*};
}

impl Table {
    /// No columns, no rows.
    pub fn new() -> Self {
        Self::default()
    }

    primitive_columns! {
        int8: Int8, i8, "8-bit integers";
        int16: Int16, i16, "16-bit integers";
        int32: Int32, i32, "32-bit integers";
        int64: Int64, i64, "64-bit integers";
        uint8: Uint8, u8, "8-bit integers, never negative";
        uint16: Uint16, u16, "16-bit integers, never negative";
        uint32: Uint32, u32, "32-bit integers, never negative";
        uint64: Uint64, u64, "64-bit integers, never negative";
        float32: Float32, f32, "32-bit floating point numbers";
        float64: Float64, f64, "64-bit floating point numbers";
        date: Date, i32, "dates, as days since 1970-01-01";
        timestamp: Timestamp, i64, "timestamps, as microseconds since 1970-01-01T00:00:00Z";
    }

    /// One more column: true and false.
    pub fn bool<V: Into<Option<bool>>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let mut builder = BoolBuilder::default();
        for value in values {
            match value.into() {
                Some(value) => builder.push(value),
                None => builder.push_null(),
            }
        }
        self.add(name, DataType::Boolean, builder)
    }

    /// One more column: text.
    pub fn utf8<'v, V: Into<Option<&'v str>>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let mut builder = Utf8Builder::default();
        values.into_iter().for_each(|value| builder.push_option(value.into()));
        self.add(name, DataType::Utf8, builder)
    }

    /// One more column: bytes.
    pub fn binary<'v, V: Into<Option<&'v [u8]>>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        let mut builder = BinaryBuilder::default();
        for value in values {
            match value.into() {
                Some(value) => builder.push(value),
                None => builder.push_null(),
            }
        }
        self.add(name, DataType::Binary, builder)
    }

    /// One more column: decimals, in units of the last place.
    pub fn decimal<V: Into<Option<i128>>>(
        self,
        name: &str,
        (precision, scale): (u8, i8),
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut builder = DecimalBuilder::default();
        for value in values {
            match value.into() {
                Some(value) => builder.push(value),
                None => builder.push_null(),
            }
        }
        self.add(name, DataType::Decimal((precision, scale)), builder)
    }

    fn add(mut self, name: &str, data_type: DataType, builder: impl ColumnBuilder) -> Self {
        let rows = builder.len() as u32;
        assert!(
            self.fields.is_empty() || rows == self.batch.rows,
            "column `{name}` has {rows} rows, the table {}",
            self.batch.rows
        );
        self.batch.rows = rows;
        self.fields.push(InputField { field: Field { name: name.into(), data_type, nullable: true }, constant: None });
        self.batch.columns.push(builder.finish());
        self
    }

    /// Makes the last column a constant, as a literal in an SQL call is: `bind` sees its first row's value.
    ///
    /// # Panics
    /// If there is no row.
    pub fn constant(mut self) -> Self {
        let last = self.fields.len() - 1;
        self.fields[last].constant = Some(take(&self.batch.columns[last], &[0]));
        self
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batch.rows()
    }

    /// The columns' names.
    pub fn names(&self) -> Vec<&str> {
        self.fields.iter().map(|field| field.field.name.as_str()).collect()
    }

    /// One row.
    pub fn row(&self, row: usize) -> Vec<Cell> {
        self.batch.columns.iter().map(|column| cell(column, row)).collect()
    }

    /// The columns of these names, in this order.
    ///
    /// # Panics
    /// If one isn't there.
    pub fn select(&self, names: &[&str]) -> Self {
        let mut table = Table { batch: Batch { rows: self.batch.rows, columns: Vec::new() }, ..Table::default() };
        for name in names {
            let index = self.names().iter().position(|other| other == name);
            let index = index.unwrap_or_else(|| panic!("no column `{name}` among {:?}", self.names()));
            table.fields.push(self.fields[index].clone());
            table.batch.columns.push(self.batch.columns[index].clone());
        }
        table
    }

    /// These rows, in this order.
    pub fn take(&self, rows: &[usize]) -> Self {
        let columns = self.batch.columns.iter().map(|column| take(column, rows)).collect();
        Self { fields: self.fields.clone(), batch: Batch { rows: rows.len() as u32, columns } }
    }

    pub(super) fn input(&self) -> Vec<InputField> {
        self.fields.clone()
    }

    pub(super) fn batch(&self, reads: &[u32]) -> Batch {
        let columns = reads.iter().map(|read| self.batch.columns[*read as usize].clone()).collect();
        Batch { rows: self.batch.rows, columns }
    }

    /// Adds or replaces a column, as a map's output does.
    pub(super) fn put(mut self, field: &Field, column: Column) -> Self {
        match self.fields.iter().position(|other| other.field.name == field.name) {
            Some(index) => {
                self.fields[index] = InputField { field: field.clone(), constant: None };
                self.batch.columns[index] = column;
            }
            None => {
                self.fields.push(InputField { field: field.clone(), constant: None });
                self.batch.columns.push(column);
            }
        }
        self
    }

    pub(super) fn of(fields: &[Field], batch: Batch) -> Self {
        let fields = fields.iter().map(|field| InputField { field: field.clone(), constant: None }).collect();
        Self { fields, batch }
    }

    /// This table's rows, then the other's.
    pub(super) fn append(self, other: &Table) -> Self {
        let cells = |table: &Table, column: usize| -> Vec<Cell> {
            (0..table.rows()).map(|row| cell(&table.batch.columns[column], row)).collect()
        };
        let columns = self
            .batch
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| from_cells(column, cells(&self, i).into_iter().chain(cells(other, i))));
        let columns = columns.collect();
        Self { fields: self.fields, batch: Batch { rows: self.batch.rows + other.batch.rows, columns } }
    }

    fn primitive<K: PrimitiveKind, V: Into<Option<K::Native>>>(
        self,
        name: &str,
        data_type: DataType,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let mut builder = PrimitiveBuilder::<K>::default();
        values.into_iter().for_each(|value| builder.push_option(value.into()));
        self.add(name, data_type, builder)
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        let schema = |table: &Table| -> Vec<_> {
            table.fields.iter().map(|field| (field.field.name.clone(), field.field.data_type.clone())).collect()
        };
        schema(self) == schema(other)
            && self.rows() == other.rows()
            && (0..self.rows()).all(|row| self.row(row) == other.row(row))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in &self.fields {
            write!(f, "{}: {}  ", field.field.name, field.field.data_type)?;
        }
        (0..self.rows()).try_for_each(|row| write!(f, "\n  {:?}", self.row(row)))
    }
}

fn cell(column: &Column, row: usize) -> Cell {
    fn value<'c, K: Kind>(column: &'c Column, row: usize, make: impl FnOnce(K::Value<'c>) -> Cell) -> Cell {
        let view = K::view(column, row + 1).expect("the kind was chosen by the values");
        K::value(&view, row).map_or(Cell::Null, make)
    }
    match &column.values {
        Values::Boolean(_) => value::<kind::Bool>(column, row, Cell::Bool),
        Values::Utf8(_) => value::<kind::Utf8>(column, row, |text| Cell::Text(text.into())),
        Values::Binary(_) => value::<kind::Binary>(column, row, |bytes| Cell::Bytes(bytes.into())),
        Values::Int8(_) => value::<kind::Int8>(column, row, |n| Cell::Int(n.into())),
        Values::Int16(_) => value::<kind::Int16>(column, row, |n| Cell::Int(n.into())),
        Values::Int32(_) => value::<kind::Int32>(column, row, |n| Cell::Int(n.into())),
        Values::Int64(_) => value::<kind::Int64>(column, row, |n| Cell::Int(n.into())),
        Values::Uint8(_) => value::<kind::Uint8>(column, row, |n| Cell::Int(n.into())),
        Values::Uint16(_) => value::<kind::Uint16>(column, row, |n| Cell::Int(n.into())),
        Values::Uint32(_) => value::<kind::Uint32>(column, row, |n| Cell::Int(n.into())),
        Values::Float32(_) => value::<kind::Float32>(column, row, |x| Cell::Float(x.into())),
        Values::Float64(_) => value::<kind::Float64>(column, row, Cell::Float),
        Values::Date(_) => value::<kind::Date>(column, row, |days| Cell::Int(days.into())),
        Values::Timestamp(_) => value::<kind::Timestamp>(column, row, |micros| Cell::Int(micros.into())),
        Values::Uint64(_) => value::<kind::Uint64>(column, row, |n| Cell::Int(n.into())),
        Values::Decimal(_) => value::<kind::Decimal>(column, row, Cell::Int),
    }
}

/// A column of the type of `like` from cells that came from such columns.
fn from_cells(like: &Column, cells: impl Iterator<Item = Cell>) -> Column {
    fn primitive<K: PrimitiveKind>(cells: impl Iterator<Item = Cell>, native: impl Fn(&Cell) -> K::Native) -> Column {
        let mut builder = PrimitiveBuilder::<K>::default();
        cells.for_each(|cell| match cell {
            Cell::Null => builder.push_null(),
            cell => builder.push(native(&cell)),
        });
        builder.finish()
    }
    fn int<T: TryFrom<i128>>(cell: &Cell) -> T {
        let Cell::Int(value) = cell else { unreachable!("an integer column holds integers") };
        T::try_from(*value).ok().expect("the value came from such a column")
    }
    fn float(cell: &Cell) -> f64 {
        let Cell::Float(value) = cell else { unreachable!("a float column holds floats") };
        *value
    }
    match &like.values {
        Values::Boolean(_) => {
            let mut builder = BoolBuilder::default();
            cells.for_each(|cell| if let Cell::Bool(value) = cell { builder.push(value) } else { builder.push_null() });
            builder.finish()
        }
        Values::Utf8(_) => {
            let mut builder = Utf8Builder::default();
            cells
                .for_each(|cell| if let Cell::Text(value) = cell { builder.push(&value) } else { builder.push_null() });
            builder.finish()
        }
        Values::Binary(_) => {
            let mut builder = BinaryBuilder::default();
            cells.for_each(
                |cell| if let Cell::Bytes(value) = cell { builder.push(&value) } else { builder.push_null() },
            );
            builder.finish()
        }
        Values::Decimal(_) => {
            let mut builder = DecimalBuilder::default();
            cells.for_each(|cell| if let Cell::Int(value) = cell { builder.push(value) } else { builder.push_null() });
            builder.finish()
        }
        Values::Int8(_) => primitive::<kind::Int8>(cells, int),
        Values::Int16(_) => primitive::<kind::Int16>(cells, int),
        Values::Int32(_) => primitive::<kind::Int32>(cells, int),
        Values::Int64(_) => primitive::<kind::Int64>(cells, int),
        Values::Uint8(_) => primitive::<kind::Uint8>(cells, int),
        Values::Uint16(_) => primitive::<kind::Uint16>(cells, int),
        Values::Uint32(_) => primitive::<kind::Uint32>(cells, int),
        Values::Uint64(_) => primitive::<kind::Uint64>(cells, int),
        Values::Float32(_) => primitive::<kind::Float32>(cells, |cell| float(cell) as f32),
        Values::Float64(_) => primitive::<kind::Float64>(cells, float),
        Values::Date(_) => primitive::<kind::Date>(cells, int),
        Values::Timestamp(_) => primitive::<kind::Timestamp>(cells, int),
    }
}

fn take(column: &Column, rows: &[usize]) -> Column {
    from_cells(column, rows.iter().map(|row| cell(column, *row)))
}
