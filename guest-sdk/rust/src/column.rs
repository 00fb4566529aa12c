//! A column: its type, its values, and its children's. What builders make and views read.

mod take;

use crate::{
    buffer::Buffer,
    contract::columns::{Array, Batch as Flat},
    data_type::{DataType, Field},
};

/// A column in Arrow's memory layout. Mostly made by a [builder](crate::builder) or a [helper](crate::kernel) and read
/// by a [view](crate::view); its parts are here for those who build a column's buffers themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What the values are. A decimal's digits are the field's.
    pub data_type: DataType,
    /// How many rows.
    pub rows: u32,
    /// Bitmap, least significant bit first, 1 = present; `None` = no nulls.
    pub validity: Option<Vec<u8>>,
    /// The buffers of the type, without the validity.
    pub buffers: Vec<Buffer>,
    /// A list's items; a struct's fields; a map's one child, a struct of keys and values.
    pub children: Vec<Column>,
}

impl Column {
    /// Without nulls or children.
    pub fn of(data_type: DataType, rows: usize, buffers: impl IntoIterator<Item = Buffer>) -> Self {
        let buffers = buffers.into_iter().collect();
        Self { data_type, rows: rows as u32, validity: None, buffers, children: Vec::new() }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The next column of this type; `None` where the arrays end too early.
    fn next_of(data_type: &DataType, arrays: &mut impl Iterator<Item = Array>) -> Option<Self> {
        let array = arrays.next()?;
        let buffers = array.buffers.into_iter().map(Buffer::from).collect();
        let children = match data_type {
            DataType::Map(key, value) => {
                let entries = DataType::structure([(**key).clone(), (**value).clone()]);
                vec![Self::next_of(&entries, arrays)?]
            }
            nested => {
                let types = nested.children().into_iter();
                types.map(|child| Self::next_of(&child.data_type, arrays)).collect::<Option<_>>()?
            }
        };
        let (rows, validity) = (array.rows, array.validity);
        let mut column = Self { data_type: data_type.clone(), rows, validity, buffers, children };
        column.pass_nulls_down();
        Some(column)
    }

    /// What is below a null struct is null, whatever stands there: so that a field of a struct can be read like a column
    /// of its own.
    pub(crate) fn pass_nulls_down(&mut self) {
        let (DataType::Struct(_), Some(above)) = (&self.data_type, &self.validity) else { return };
        for child in &mut self.children {
            match &mut child.validity {
                Some(bits) => bits.iter_mut().zip(above).for_each(|(bits, above)| *bits &= above),
                none => *none = Some(above.clone()),
            }
            child.pass_nulls_down();
        }
    }

    /// The `step`-th child as the type has it, which leaves out the struct in a map.
    pub(crate) fn child(&self, step: usize) -> Option<&Self> {
        match &self.data_type {
            DataType::Map(..) => self.children.first()?.children.get(step),
            _ => self.children.get(step),
        }
    }

    fn flatten_into(self, arrays: &mut Vec<Array>) {
        let buffers = self.buffers.into_iter().map(Buffer::into_bytes).collect();
        arrays.push(Array { rows: self.rows, validity: self.validity, buffers });
        self.children.into_iter().for_each(|child| child.flatten_into(arrays));
    }

    /// The columns of these fields, from their arrays.
    ///
    /// # Errors
    /// If there are fewer or more arrays.
    pub(crate) fn all_of(fields: &[Field], arrays: Vec<Array>) -> Result<Vec<Self>, String> {
        let given = arrays.len();
        let mut arrays = arrays.into_iter();
        let mut columns = Vec::with_capacity(fields.len());
        for field in fields {
            columns.extend(Self::next_of(&field.data_type, &mut arrays));
        }
        if columns.len() == fields.len() && arrays.next().is_none() {
            return Ok(columns);
        }
        let wanted: usize = fields.iter().map(|field| field.data_type.arrays()).sum();
        Err(format!("{given} arrays were handed over for {} columns, which have {wanted}", fields.len()))
    }

    /// The columns as the contract has them.
    pub(crate) fn flatten(rows: usize, columns: Vec<Self>) -> Flat {
        let mut arrays = Vec::with_capacity(columns.len());
        columns.into_iter().for_each(|column| column.flatten_into(&mut arrays));
        Flat { rows: rows as u32, arrays }
    }
}

/// Columns against the fields that `bind` promised. The host cannot see what a column's bytes were meant to be, so one
/// of another type of the same width would be misread; how many there are and how long, it sees itself.
pub(crate) fn check_types(fields: &[Field], columns: &[Column]) -> Result<(), String> {
    match fields.iter().zip(columns).find(|(field, column)| !is_as(&field.data_type, &column.data_type)) {
        Some((field, column)) => Err(format!(
            "column `{}` was returned as {}; `bind` promised {}",
            field.name, column.data_type, field.data_type
        )),
        None => Ok(()),
    }
}

fn is_as(promised: &DataType, returned: &DataType) -> bool {
    match (promised, returned) {
        (DataType::Decimal(..), DataType::Decimal(..)) | (DataType::Other(_), _) => true,
        (DataType::FixedList(_, wanted), DataType::FixedList(_, got)) if wanted != got => false,
        (promised, returned) => {
            let (wanted, got) = (promised.children(), returned.children());
            std::mem::discriminant(promised) == std::mem::discriminant(returned)
                && wanted.len() == got.len()
                && wanted.iter().zip(got).all(|(wanted, got)| is_as(&wanted.data_type, &got.data_type))
        }
    }
}
