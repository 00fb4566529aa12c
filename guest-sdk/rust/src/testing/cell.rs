//! Single values of columns: how tables are compared, cut and put together. Slow and simple.

use crate::{
    builder::{
        BinaryBuilder, BoolBuilder, ColumnBuilder, DecimalBuilder, PrimitiveBuilder, PrimitiveKind, Utf8Builder,
    },
    column::Column,
    data_type::DataType,
    kind::{self, Kind},
};

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

/// A column's value in a row.
pub(super) fn cell(column: &Column, row: usize) -> Cell {
    fn value<'c, K: Kind>(column: &'c Column, row: usize, make: impl FnOnce(K::Value<'c>) -> Cell) -> Cell {
        let view = K::view(column).expect("the kind was chosen by the type");
        K::value(&view, row).map_or(Cell::Null, make)
    }
    match &column.data_type {
        DataType::Boolean => value::<kind::Bool>(column, row, Cell::Bool),
        DataType::Utf8 => value::<kind::Utf8>(column, row, |text| Cell::Text(text.into())),
        DataType::Binary => value::<kind::Binary>(column, row, |bytes| Cell::Bytes(bytes.into())),
        DataType::Int8 => value::<kind::Int8>(column, row, |n| Cell::Int(n.into())),
        DataType::Int16 => value::<kind::Int16>(column, row, |n| Cell::Int(n.into())),
        DataType::Int32 => value::<kind::Int32>(column, row, |n| Cell::Int(n.into())),
        DataType::Int64 => value::<kind::Int64>(column, row, |n| Cell::Int(n.into())),
        DataType::Uint8 => value::<kind::Uint8>(column, row, |n| Cell::Int(n.into())),
        DataType::Uint16 => value::<kind::Uint16>(column, row, |n| Cell::Int(n.into())),
        DataType::Uint32 => value::<kind::Uint32>(column, row, |n| Cell::Int(n.into())),
        DataType::Uint64 => value::<kind::Uint64>(column, row, |n| Cell::Int(n.into())),
        DataType::Float32 => value::<kind::Float32>(column, row, |x| Cell::Float(x.into())),
        DataType::Float64 => value::<kind::Float64>(column, row, Cell::Float),
        DataType::Date => value::<kind::Date>(column, row, |days| Cell::Int(days.into())),
        DataType::Timestamp => value::<kind::Timestamp>(column, row, |micros| Cell::Int(micros.into())),
        DataType::Decimal(..) => value::<kind::Decimal>(column, row, Cell::Int),
        other => unimplemented!("tables for tests have no columns of {other} yet"),
    }
}

/// A column of this type from cells that came from such columns.
pub(super) fn from_cells(data_type: &DataType, cells: impl Iterator<Item = Cell>) -> Column {
    fn primitive<K: PrimitiveKind>(cells: impl Iterator<Item = Cell>, native: impl Fn(&Cell) -> K::Native) -> Column {
        build(PrimitiveBuilder::<K>::default(), cells, |builder, cell| builder.push(native(&cell)))
    }
    fn build<B: ColumnBuilder>(
        mut builder: B,
        cells: impl Iterator<Item = Cell>,
        push: impl Fn(&mut B, Cell),
    ) -> Column {
        cells.for_each(|cell| match cell {
            Cell::Null => builder.push_null(),
            cell => push(&mut builder, cell),
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
    let column = match data_type {
        DataType::Boolean => build(BoolBuilder::default(), cells, |b, cell| b.push(cell == Cell::Bool(true))),
        DataType::Utf8 => build(Utf8Builder::default(), cells, |b, cell| {
            let Cell::Text(text) = cell else { unreachable!("a text column holds texts") };
            b.push(&text);
        }),
        DataType::Binary => build(BinaryBuilder::default(), cells, |b, cell| {
            let Cell::Bytes(bytes) = cell else { unreachable!("a column of bytes holds bytes") };
            b.push(&bytes);
        }),
        DataType::Decimal(..) => build(DecimalBuilder::default(), cells, |b, cell| b.push(int(&cell))),
        DataType::Int8 => primitive::<kind::Int8>(cells, int),
        DataType::Int16 => primitive::<kind::Int16>(cells, int),
        DataType::Int32 => primitive::<kind::Int32>(cells, int),
        DataType::Int64 => primitive::<kind::Int64>(cells, int),
        DataType::Uint8 => primitive::<kind::Uint8>(cells, int),
        DataType::Uint16 => primitive::<kind::Uint16>(cells, int),
        DataType::Uint32 => primitive::<kind::Uint32>(cells, int),
        DataType::Uint64 => primitive::<kind::Uint64>(cells, int),
        DataType::Float32 => primitive::<kind::Float32>(cells, |cell| float(cell) as f32),
        DataType::Float64 => primitive::<kind::Float64>(cells, float),
        DataType::Date => primitive::<kind::Date>(cells, int),
        DataType::Timestamp => primitive::<kind::Timestamp>(cells, int),
        other => unimplemented!("tables for tests have no columns of {other} yet"),
    };
    Column { data_type: data_type.clone(), ..column }
}

/// These rows of a column, in this order.
pub(super) fn take(column: &Column, rows: &[usize]) -> Column {
    from_cells(&column.data_type, rows.iter().map(|row| cell(column, *row)))
}
