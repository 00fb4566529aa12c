//! A builder by a column's type, for outputs whose columns are found out at run time: from the configuration, or from
//! the input.
//!
//! Where the builder of a type is chosen when the plugin is compiled, a value of another type does not compile; here it
//! is an error in words, which does for a row's reject.

use super::{
    BinaryBuilder, BoolBuilder, ColumnBuilder, DateBuilder, DecimalBuilder, FixedListBuilder, Float32Builder,
    Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, StructBuilder,
    TimestampBuilder, Uint8Builder, Uint16Builder, Uint32Builder, Uint64Builder, Utf8Builder,
};
use crate::{
    column::Column,
    data_type::{DataType, Field},
    fields::Fields,
    value::Value,
};

/// Builds a column of a type that is found out at run time.
///
/// ```
/// use millstream_guest::{DataType, builder::Dynamic, prelude::*};
///
/// let mut sizes = Dynamic::of(&DataType::Int8)?;
/// sizes.push_int(3)?;
/// assert_eq!(sizes.push_int(300).unwrap_err(), "300 does not fit int8");
/// assert_eq!(sizes.push_text("big").unwrap_err(), "`big` cannot stand in a column of int8");
/// sizes.push_null();
/// assert_eq!(sizes.len(), 2);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dynamic {
    data_type: DataType,
    column: Builder,
}

#[derive(Clone, Debug)]
enum Builder {
    Bool(BoolBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Uint8(Uint8Builder),
    Uint16(Uint16Builder),
    Uint32(Uint32Builder),
    Uint64(Uint64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Utf8(Utf8Builder),
    Binary(BinaryBuilder),
    Date(DateBuilder),
    Timestamp(TimestampBuilder),
    Decimal(DecimalBuilder),
    List(ListBuilder<Box<Dynamic>>),
    FixedList(FixedListBuilder<Box<Dynamic>>),
    Struct(StructBuilder<Vec<Dynamic>>),
    Map(MapBuilder<Box<Dynamic>, Box<Dynamic>>),
}

/// The same for whichever it is.
macro_rules! any {
    ($builder:expr, $any:ident => $then:expr) => {
        match $builder {
            Builder::Bool($any) => $then,
            Builder::Int8($any) => $then,
            Builder::Int16($any) => $then,
            Builder::Int32($any) => $then,
            Builder::Int64($any) => $then,
            Builder::Uint8($any) => $then,
            Builder::Uint16($any) => $then,
            Builder::Uint32($any) => $then,
            Builder::Uint64($any) => $then,
            Builder::Float32($any) => $then,
            Builder::Float64($any) => $then,
            Builder::Utf8($any) => $then,
            Builder::Binary($any) => $then,
            Builder::Date($any) => $then,
            Builder::Timestamp($any) => $then,
            Builder::Decimal($any) => $then,
            Builder::List($any) => $then,
            Builder::FixedList($any) => $then,
            Builder::Struct($any) => $then,
            Builder::Map($any) => $then,
        }
    };
}

impl Dynamic {
    /// For a column of this type.
    ///
    /// # Errors
    /// If columns of this type cannot be built: [`DataType::Other`].
    pub fn of(data_type: &DataType) -> Result<Self, String> {
        let boxed = |data_type: &DataType| Self::of(data_type).map(Box::new);
        let column = match data_type {
            DataType::Boolean => Builder::Bool(BoolBuilder::default()),
            DataType::Int8 => Builder::Int8(Int8Builder::default()),
            DataType::Int16 => Builder::Int16(Int16Builder::default()),
            DataType::Int32 => Builder::Int32(Int32Builder::default()),
            DataType::Int64 => Builder::Int64(Int64Builder::default()),
            DataType::Uint8 => Builder::Uint8(Uint8Builder::default()),
            DataType::Uint16 => Builder::Uint16(Uint16Builder::default()),
            DataType::Uint32 => Builder::Uint32(Uint32Builder::default()),
            DataType::Uint64 => Builder::Uint64(Uint64Builder::default()),
            DataType::Float32 => Builder::Float32(Float32Builder::default()),
            DataType::Float64 => Builder::Float64(Float64Builder::default()),
            DataType::Utf8 => Builder::Utf8(Utf8Builder::default()),
            DataType::Binary => Builder::Binary(BinaryBuilder::default()),
            DataType::Date => Builder::Date(DateBuilder::default()),
            DataType::Timestamp => Builder::Timestamp(TimestampBuilder::default()),
            DataType::Decimal(..) => Builder::Decimal(DecimalBuilder::default()),
            DataType::List(item) => Builder::List(ListBuilder::of(boxed(&item.data_type)?)),
            DataType::FixedList(item, size) => {
                Builder::FixedList(FixedListBuilder::of(boxed(&item.data_type)?, *size as usize))
            }
            DataType::Struct(fields) => {
                let builders = fields.iter().map(|field| Self::of(&field.data_type)).collect::<Result<_, _>>()?;
                Builder::Struct(StructBuilder::of(fields.iter().map(|field| &field.name), builders))
            }
            DataType::Map(key, value) => Builder::Map(MapBuilder::of(boxed(&key.data_type)?, boxed(&value.data_type)?)),
            DataType::Other(format) => return Err(format!("columns of {format} cannot be built")),
        };
        Ok(Self { data_type: data_type.clone(), column })
    }

    /// For rows of these columns: each is a [`Value::Struct`], and [`Dynamic::into_columns`] gives the columns. So a row
    /// with a value that is refused leaves no column longer than the others.
    ///
    /// # Errors
    /// If columns of such a type cannot be built.
    pub fn rows(fields: &Fields) -> Result<Self, String> {
        Self::of(&DataType::structure(fields.iter().cloned()))
    }

    /// The fields of a column of structs, each a column, null where the struct is; of any other type the column itself.
    pub fn into_columns(self) -> Vec<Column> {
        let is_struct = matches!(self.column, Builder::Struct(_));
        let mut column = self.finish();
        if !is_struct {
            return vec![column];
        }
        column.pass_nulls_down();
        column.children
    }

    /// The column's type.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// One more row. A value that is refused leaves the column as it was.
    ///
    /// # Errors
    /// If the value cannot stand in a column of this type, or does not fit it: `300 does not fit int8`.
    pub fn push_value(&mut self, value: impl Into<Value>) -> Result<(), String> {
        match value.into() {
            Value::Null => self.push_null(),
            Value::Bool(value) => return self.push_bool(value),
            Value::Int(value) => return self.push_int(value),
            Value::Float(value) => return self.push_float(value),
            Value::Text(text) => return self.push_text(&text),
            Value::Bytes(bytes) => return self.push_bytes(&bytes),
            nested => {
                let rows = self.len();
                let pushed = self.push_nested(nested);
                if pushed.is_err() {
                    self.truncate(rows);
                }
                return pushed;
            }
        }
        Ok(())
    }

    /// One more row: true or false.
    ///
    /// # Errors
    /// If the column is of another type.
    pub fn push_bool(&mut self, value: bool) -> Result<(), String> {
        match &mut self.column {
            Builder::Bool(column) => column.push(value),
            _ => return Err(self.refuses(&value.into())),
        }
        Ok(())
    }

    /// One more row: an integer, also of a column of floating point numbers; a date in days, a timestamp in microseconds,
    /// a decimal in units of the last place.
    ///
    /// # Errors
    /// If the column is of another type, or the number does not fit.
    pub fn push_int(&mut self, value: i128) -> Result<(), String> {
        let data_type = &self.data_type;
        macro_rules! fit {
            ($column:ident) => {
                $column.push(value.try_into().map_err(|_| format!("{value} does not fit {data_type}"))?)
            };
        }
        match &mut self.column {
            Builder::Int8(column) => fit!(column),
            Builder::Int16(column) => fit!(column),
            Builder::Int32(column) => fit!(column),
            Builder::Int64(column) => fit!(column),
            Builder::Uint8(column) => fit!(column),
            Builder::Uint16(column) => fit!(column),
            Builder::Uint32(column) => fit!(column),
            Builder::Uint64(column) => fit!(column),
            Builder::Date(column) => fit!(column),
            Builder::Timestamp(column) => fit!(column),
            Builder::Float32(column) => column.push(value as f32),
            Builder::Float64(column) => column.push(value as f64),
            Builder::Decimal(column) => match data_type {
                DataType::Decimal(digits, _) if value.unsigned_abs() >= 10u128.pow(u32::from(*digits).min(38)) => {
                    return Err(format!("{value} has more digits than {data_type}"));
                }
                _ => column.push(value),
            },
            _ => return Err(self.refuses(&Value::Int(value))),
        }
        Ok(())
    }

    /// One more row: a floating point number.
    ///
    /// # Errors
    /// If the column is of another type, or the number is beyond float32's range.
    pub fn push_float(&mut self, value: f64) -> Result<(), String> {
        match &mut self.column {
            Builder::Float64(column) => column.push(value),
            Builder::Float32(_) if value.is_finite() && (value as f32).is_infinite() => {
                return Err(format!("{value:?} does not fit float32"));
            }
            Builder::Float32(column) => column.push(value as f32),
            _ => return Err(self.refuses(&value.into())),
        }
        Ok(())
    }

    /// One more row: text.
    ///
    /// # Errors
    /// If the column is of another type.
    pub fn push_text(&mut self, text: &str) -> Result<(), String> {
        match &mut self.column {
            Builder::Utf8(column) => column.push(text),
            _ => return Err(self.refuses(&text.into())),
        }
        Ok(())
    }

    /// One more row: bytes.
    ///
    /// # Errors
    /// If the column is of another type.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        match &mut self.column {
            Builder::Binary(column) => column.push(bytes),
            _ => return Err(self.refuses(&bytes.into())),
        }
        Ok(())
    }

    fn push_nested(&mut self, value: Value) -> Result<(), String> {
        match (&mut self.column, value) {
            (Builder::List(column), Value::List(items)) => {
                items.into_iter().try_for_each(|item| column.items().push_value(item))?;
                column.push();
            }
            (Builder::FixedList(column), Value::List(items)) => {
                items.into_iter().try_for_each(|item| column.items().push_value(item))?;
                match column.pending() {
                    items if items != column.size() => {
                        return Err(format!("a list of {items} cannot stand in a column of {}", self.data_type));
                    }
                    _ => column.push(),
                }
            }
            (Builder::Struct(column), Value::Struct(values)) => {
                let DataType::Struct(fields) = &self.data_type else { unreachable!("a struct's builder") };
                push_fields(fields, column.fields(), values)?;
                column.push();
            }
            (Builder::Map(column), Value::Map(entries)) => {
                let (keys, values) = column.entries();
                for (key, value) in entries {
                    if key == Value::Null {
                        return Err("a key of a map cannot be null".into());
                    }
                    keys.push_value(key)?;
                    values.push_value(value)?;
                }
                column.push();
            }
            // An object of JSON says not which of both it is.
            (Builder::Map(_), Value::Struct(fields)) => {
                let entries = fields.into_iter().map(|(name, value)| (Value::Text(name), value));
                return self.push_nested(Value::Map(entries.collect()));
            }
            (_, value) => return Err(self.refuses(&value)),
        }
        Ok(())
    }

    fn refuses(&self, value: &Value) -> String {
        format!("{value} cannot stand in a column of {}", self.data_type)
    }
}

/// A struct's values into its fields' columns. A field that is not among the values is null.
fn push_fields(fields: &[Field], columns: &mut [Dynamic], mut values: Vec<(String, Value)>) -> Result<(), String> {
    for (field, column) in fields.iter().zip(columns) {
        let at = values.iter().position(|(name, _)| *name == field.name);
        match at.map_or(Value::Null, |at| values.swap_remove(at).1) {
            Value::Null if !field.nullable => return Err(format!("field `{}` is null; it never may be", field.name)),
            value => column.push_value(value).map_err(|what| format!("field `{}`: {what}", field.name))?,
        }
    }
    match values.first() {
        Some((name, _)) => Err(format!("there is no field `{name}`")),
        None => Ok(()),
    }
}

impl ColumnBuilder for Dynamic {
    fn push_null(&mut self) {
        any!(&mut self.column, column => column.push_null());
    }

    fn push_blank(&mut self) {
        any!(&mut self.column, column => column.push_blank());
    }

    fn len(&self) -> usize {
        any!(&self.column, column => column.len())
    }

    fn bytes(&self) -> usize {
        any!(&self.column, column => column.bytes())
    }

    fn truncate(&mut self, rows: usize) {
        any!(&mut self.column, column => column.truncate(rows));
    }

    fn finish(self) -> Column {
        Column { data_type: self.data_type, ..any!(self.column, column => column.finish()) }
    }
}
