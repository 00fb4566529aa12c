//! Batches from literal values, with names, and compared by what they mean: what stands in a null's slot doesn't
//! count, nor whether a field could hold nulls.

use std::fmt;

use super::cell::{from_cells, same, take, try_from_cells, typed};
use crate::{
    batch::Batch,
    builder::{
        BinaryBuilder, BoolBuilder, ColumnBuilder, DecimalBuilder, PrimitiveBuilder, PrimitiveKind, Utf8Builder,
    },
    column::Column,
    contract::types::InputField,
    data_type::{DataType, Field},
    kind,
    row::Cell,
    value::Value,
};

/// Columns with names. Each method adds a column of its type; values are plain (`[1, 2]`) or options
/// (`[Some(1), None]`), and all columns must have the same number of rows.
#[derive(Clone, Default)]
pub struct Table {
    fields: Vec<Told>,
    batch: Batch,
}

/// A column's name and type, and its value, if it is the same in all rows and `bind` may know.
#[derive(Clone)]
struct Told {
    field: Field,
    constant: Option<Column>,
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
        self.add(name, DataType::Decimal(precision, scale), builder)
    }

    /// One more column, of whatever values a row may have: lists (`vec![…]`), fixed lists (arrays), maps (a `BTreeMap`),
    /// structs ([`AsStruct`](crate::AsStruct)), and options of them.
    ///
    /// ```
    /// use millstream_guest::testing::Table;
    ///
    /// let input = Table::new().cells("embedding", [[0.5f32, 1.0], [0.0, 0.25]]).cells("tags", [Some(vec!["a"]), None]);
    /// assert_eq!(format!("{input:?}").lines().next(), Some("embedding: list of 2 float32  tags: list of utf8  "));
    /// ```
    pub fn cells<C: Cell>(self, name: &str, values: impl IntoIterator<Item = C>) -> Self {
        let mut builder = C::Builder::default();
        values.into_iter().for_each(|value| value.push_to(&mut builder));
        self.add(name, C::data_type(), builder)
    }

    /// One more column, of a type found out at run time.
    ///
    /// # Panics
    /// If a value cannot stand in such a column.
    pub fn values<V: Into<Value>>(self, name: &str, data_type: DataType, values: impl IntoIterator<Item = V>) -> Self {
        let column = try_from_cells(&data_type, values.into_iter().map(V::into));
        let column = column.unwrap_or_else(|what| panic!("column `{name}`: {what}"));
        self.add_column(name, data_type, column)
    }

    fn add(self, name: &str, data_type: DataType, builder: impl ColumnBuilder) -> Self {
        self.add_column(name, data_type, builder.finish())
    }

    fn add_column(mut self, name: &str, data_type: DataType, column: Column) -> Self {
        let rows = column.rows;
        assert!(
            self.fields.is_empty() || rows == self.batch.rows,
            "column `{name}` has {rows} rows, the table {}",
            self.batch.rows
        );
        self.batch.rows = rows;
        self.batch.columns.push(typed(column, &data_type));
        self.fields.push(Told { field: Field::new(name, data_type), constant: None });
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
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.batch.columns.iter().map(|column| Value::of(column, row)).collect()
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

    /// As the host tells the columns.
    pub(super) fn told(&self) -> Vec<InputField> {
        let told = self.fields.iter().map(|told| InputField {
            fields: Field::flatten(std::slice::from_ref(&told.field)),
            constant: told.constant.clone().map(|column| Column::flatten(1, vec![column]).arrays),
            readable: true,
        });
        told.collect()
    }

    /// The column at this place.
    pub(super) fn column(&self, index: usize) -> (&Field, &Column) {
        (&self.fields[index].field, &self.batch.columns[index])
    }

    /// All columns.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.batch.columns.clone()
    }

    /// Adds or replaces a column, as a map's output does.
    pub(super) fn put(mut self, field: &Field, column: Column) -> Self {
        let told = Told { field: field.clone(), constant: None };
        match self.fields.iter().position(|other| other.field.name == field.name) {
            Some(index) => {
                self.fields[index] = told;
                self.batch.columns[index] = column;
            }
            None => {
                self.fields.push(told);
                self.batch.columns.push(column);
            }
        }
        self
    }

    pub(super) fn of(fields: &[Field], rows: u32, columns: Vec<Column>) -> Self {
        let fields = fields.iter().map(|field| Told { field: field.clone(), constant: None }).collect();
        Self { fields, batch: Batch { rows, columns } }
    }

    /// This table's rows, then the other's.
    pub(super) fn append(self, other: &Table) -> Self {
        let cells = |table: &Table, column: usize| -> Vec<Value> {
            (0..table.rows()).map(|row| Value::of(&table.batch.columns[column], row)).collect()
        };
        let columns = self.batch.columns.iter().enumerate();
        let columns = columns
            .map(|(i, column)| from_cells(&column.data_type, cells(&self, i).into_iter().chain(cells(other, i))));
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
        let mut fields = self.fields.iter().zip(&other.fields).map(|(a, b)| (&a.field, &b.field));
        self.fields.len() == other.fields.len()
            && fields.all(|(a, b)| a.name == b.name && same(&a.data_type, &b.data_type))
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
