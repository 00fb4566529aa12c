//! Tables are cut and put together by single values. Slow and simple.

use crate::{
    builder::{ColumnBuilder, Dynamic},
    column::Column,
    data_type::DataType,
    value::Value,
};

/// A column of this type from values.
///
/// # Errors
/// If a value cannot stand in such a column.
pub(super) fn try_from_cells(data_type: &DataType, cells: impl Iterator<Item = Value>) -> Result<Column, String> {
    let mut builder = Dynamic::of(data_type)?;
    for (row, cell) in cells.enumerate() {
        builder.push_value(cell).map_err(|what| format!("row {row}: {what}"))?;
    }
    Ok(builder.finish())
}

/// A column of this type from values that came from such columns.
pub(super) fn from_cells(data_type: &DataType, cells: impl Iterator<Item = Value>) -> Column {
    try_from_cells(data_type, cells).unwrap_or_else(|what| panic!("{what}"))
}

/// The same values under a type that says more: a decimal's digits, the names of a struct's fields.
pub(super) fn typed(column: Column, data_type: &DataType) -> Column {
    let children = column.children.into_iter();
    let children = match data_type {
        DataType::Map(key, value) => {
            let entries = DataType::structure([(**key).clone(), (**value).clone()]);
            children.map(|child| typed(child, &entries)).collect()
        }
        nested => children.zip(nested.children()).map(|(child, field)| typed(child, &field.data_type)).collect(),
    };
    Column { data_type: data_type.clone(), children, ..column }
}

/// These rows of a column, in this order.
pub(super) fn take(column: &Column, rows: &[usize]) -> Column {
    from_cells(&column.data_type, rows.iter().map(|row| Value::of(column, *row)))
}

/// Whether two types are the same, but for which parts of them may be null and what a list's item is called.
pub(super) fn same(a: &DataType, b: &DataType) -> bool {
    let (x, y) = (a.children(), b.children());
    let named = !matches!(a, DataType::Struct(_)) || x.iter().zip(&y).all(|(x, y)| x.name == y.name);
    let alike = x.len() == y.len() && x.iter().zip(&y).all(|(x, y)| same(&x.data_type, &y.data_type));
    a.format() == b.format() && named && alike
}
