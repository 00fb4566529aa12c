//! Rows of a column by their numbers.

use super::Column;
use crate::{
    bitmap::Bitmap,
    buffer::BufferBuilder,
    builder::{BinaryBuilder, ColumnBuilder, Dynamic},
    data_type::DataType,
    kind::{Binary, Bool, Kind, Utf8},
    value::Value,
    view::BytesColumn,
};

impl Column {
    /// These rows, in this order; any as often as it is named. Nested columns are taken value by value, which is slow.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn take(&self, rows: &[u32]) -> Self {
        let taken = match &self.data_type {
            DataType::Boolean => {
                let bits = Bool::view(self).expect("a column of booleans");
                Self::bool(Bitmap::from_fn(rows.len(), |i| bits.get(rows[i] as usize).unwrap_or_default()))
            }
            DataType::Int8 | DataType::Uint8 => self.numbers_of::<u8>(rows),
            DataType::Int16 | DataType::Uint16 => self.numbers_of::<u16>(rows),
            DataType::Int32 | DataType::Uint32 | DataType::Float32 | DataType::Date => self.numbers_of::<u32>(rows),
            DataType::Int64 | DataType::Uint64 | DataType::Float64 | DataType::Timestamp => {
                self.numbers_of::<u64>(rows)
            }
            DataType::Utf8 => bytes(&Utf8::view(self).expect("a column of text").as_bytes(), rows),
            DataType::Binary => bytes(&Binary::view(self).expect("a column of bytes"), rows),
            nested => {
                let mut column = Dynamic::of(nested).expect("a column that was read can be built");
                for row in rows {
                    column.push_value(Value::of(self, *row as usize)).expect("it stood in such a column before");
                }
                return column.finish();
            }
        };
        let valid = self.validity.as_ref().map(|bits| {
            Bitmap::from_fn(rows.len(), |i| bits[rows[i] as usize / 8] >> (rows[i] % 8) & 1 == 1).into_bytes()
        });
        Self { data_type: self.data_type.clone(), validity: valid, ..taken }
    }

    fn numbers_of<T: crate::buffer::Number>(&self, rows: &[u32]) -> Self {
        let numbers = self.buffers[0].numbers::<T>();
        let taken = BufferBuilder::map(rows, |row| numbers[row as usize]);
        Self::of(self.data_type.clone(), rows.len(), [taken.into()])
    }
}

fn bytes(column: &BytesColumn<'_>, rows: &[u32]) -> Column {
    let mut taken = BinaryBuilder::with_capacity(rows.len(), 0);
    rows.iter().for_each(|row| taken.push(column.bytes(*row as usize)));
    taken.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builder::Utf8Builder, data_type::Field};

    #[test]
    fn rows_are_taken_as_they_are() {
        let mut texts = Utf8Builder::default();
        [Some("a"), None, Some("ccc")].into_iter().for_each(|text| texts.push_option(text));
        let structs = DataType::structure([Field::new("n", DataType::Int8)]);
        let mut nested = Dynamic::of(&structs).unwrap();
        for n in 0..3i8 {
            nested.push_value(Value::Struct(vec![("n".into(), n.into())])).unwrap();
        }
        let bools = Column::bool(Bitmap::from_fn(3, |i| i == 1));
        let columns =
            [texts.finish(), Column::int64(vec![1, -2, 3]), Column::int8(vec![1, 2, 3]), bools, nested.finish()];
        for column in columns {
            let taken = column.take(&[2, 1, 1, 0]);
            assert_eq!((&taken.data_type, taken.rows), (&column.data_type, 4));
            let values: Vec<_> = (0..4).map(|row| Value::of(&taken, row)).collect();
            let expected: Vec<_> = [2, 1, 1, 0].map(|row| Value::of(&column, row)).into();
            assert_eq!(values, expected);
        }
    }
}
