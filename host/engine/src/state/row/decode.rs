//! Rows to columns, a column at a time. The bytes may be damaged: every length is checked before it is used, and
//! what is made of them is bounded by a small multiple of their number.

use std::sync::Arc;

use arrow::array::{
    ArrayData, ArrayRef, BinaryViewBuilder, BooleanArray, FixedSizeBinaryArray, GenericByteArray, GenericListArray,
    NullArray, OffsetSizeTrait, StringViewBuilder, StructArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    BinaryType, ByteArrayType, DataType, FieldRef, Fields, LargeBinaryType, LargeUtf8Type, Utf8Type,
};
use arrow::error::ArrowError;

use super::super::varint;
use super::{RowError, check_type};

/// Decodes rows that [`super::encode`] made of columns of `types`: one array per type, one value per row.
///
/// # Errors
/// [`RowError::Damaged`] when the bytes are no such rows (damage may also go unseen and give other values: that is
/// what checksums are for), [`RowError::Unsupported`], and [`RowError::TooLarge`] when a column passes 2 GiB.
pub fn decode(rows: &[&[u8]], types: &[DataType]) -> Result<Vec<ArrayRef>, RowError> {
    types.iter().try_for_each(check_type)?;
    let header = types.len().div_ceil(8);
    if let Some(row) = rows.iter().position(|r| r.len() < header) {
        return Err(RowError::Damaged { row, what: "it is shorter than its header".into() });
    }
    let mut reader = RowReader { rows, cursors: vec![header; rows.len()] };
    let columns = types.iter().enumerate().map(|(c, data_type)| {
        let nulls = rows
            .iter()
            .any(|r| bit(r, c))
            .then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows.len(), |i| !bit(rows[i], c))));
        reader.read(data_type, Items { slots: Slots::All(rows.len()), nulls: nulls.as_ref() })
    });
    let columns = columns.collect::<Result<_, _>>()?;
    for (row, (bytes, end)) in rows.iter().zip(&reader.cursors).enumerate() {
        if bytes.len() != *end {
            return Err(RowError::Damaged { row, what: format!("{} bytes are left over", bytes.len() - end) });
        }
    }
    Ok(columns)
}

#[inline]
fn bit(bytes: &[u8], i: usize) -> bool {
    bytes[i / 8] >> (i % 8) & 1 == 1
}

/// The values to be read: for each the row that it is read from, and whether it is null (then nothing is read).
#[derive(Clone, Copy)]
struct Items<'a> {
    slots: Slots<'a>,
    nulls: Option<&'a NullBuffer>,
}

#[derive(Clone, Copy)]
enum Slots<'a> {
    /// Value i from row i.
    All(usize),
    /// From these rows; values of one row stand together.
    Some(&'a [u32]),
}

impl Items<'_> {
    fn len(&self) -> usize {
        match self.slots {
            Slots::All(n) => n,
            Slots::Some(slots) => slots.len(),
        }
    }

    #[inline]
    fn slot(&self, i: usize) -> usize {
        match self.slots {
            Slots::All(_) => i,
            Slots::Some(slots) => slots[i] as usize,
        }
    }

    #[inline]
    fn is_null(&self, i: usize) -> bool {
        self.nulls.is_some_and(|n| n.is_null(i))
    }

    fn nulls(&self) -> Option<NullBuffer> {
        self.nulls.cloned()
    }
}

struct RowReader<'a> {
    rows: &'a [&'a [u8]],
    /// How far each row is read.
    cursors: Vec<usize>,
}

impl<'a> RowReader<'a> {
    fn read(&mut self, data_type: &DataType, items: Items<'_>) -> Result<ArrayRef, RowError> {
        match data_type {
            DataType::Null => Ok(Arc::new(NullArray::new(items.len()))),
            DataType::Boolean => self.boolean(items),
            DataType::Utf8 => self.byte_array::<Utf8Type>(items),
            DataType::LargeUtf8 => self.byte_array::<LargeUtf8Type>(items),
            DataType::Binary => self.byte_array::<BinaryType>(items),
            DataType::LargeBinary => self.byte_array::<LargeBinaryType>(items),
            DataType::Utf8View => self.string_view(items),
            DataType::BinaryView => self.binary_view(items),
            DataType::FixedSizeBinary(width) => self.fixed_size_binary(*width, items),
            DataType::Dictionary(_, values) => {
                let values = self.read(values, items)?;
                Ok(arrow::compute::cast(&values, data_type).map_err(|e| damaged(0, e))?)
            }
            DataType::Struct(fields) => self.structs(fields, items),
            DataType::List(item) => self.list::<i32>(item, items),
            DataType::LargeList(item) => self.list::<i64>(item, items),
            other => match other.primitive_width() {
                Some(1) => self.primitive::<1>(other, items),
                Some(2) => self.primitive::<2>(other, items),
                Some(4) => self.primitive::<4>(other, items),
                Some(8) => self.primitive::<8>(other, items),
                Some(16) => self.primitive::<16>(other, items),
                Some(32) => self.primitive::<32>(other, items),
                _ => Err(RowError::Unsupported(other.clone())),
            },
        }
    }

    #[inline]
    fn take(&mut self, row: usize, len: usize) -> Result<&'a [u8], RowError> {
        let at = self.cursors[row];
        match self.rows[row].get(at..at.saturating_add(len)) {
            Some(bytes) => {
                self.cursors[row] = at + len;
                Ok(bytes)
            }
            None => Err(too_short(row)),
        }
    }

    #[inline]
    fn number(&mut self, row: usize) -> Result<usize, RowError> {
        let (value, end) = varint::read(self.rows[row], self.cursors[row]).ok_or_else(|| too_short(row))?;
        self.cursors[row] = end;
        usize::try_from(value).map_err(|_| too_short(row))
    }

    #[inline]
    fn value_bytes(&mut self, row: usize) -> Result<&'a [u8], RowError> {
        let len = self.number(row)?;
        self.take(row, len)
    }

    fn primitive<const W: usize>(&mut self, data_type: &DataType, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut values = MutableBuffer::from_len_zeroed(items.len() * W);
        let (chunks, _) = values.as_slice_mut().as_chunks_mut::<W>();
        for (i, chunk) in chunks.iter_mut().enumerate() {
            if !items.is_null(i) {
                chunk.copy_from_slice(self.take(items.slot(i), W)?);
            }
        }
        let data = ArrayData::builder(data_type.clone()).len(items.len()).add_buffer(values.into());
        let data = data.nulls(items.nulls()).build().map_err(|e| damaged(0, e))?;
        Ok(make_array(data))
    }

    fn boolean(&mut self, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut values = Vec::with_capacity(items.len());
        for i in 0..items.len() {
            values.push(
                !items.is_null(i) && {
                    let row = items.slot(i);
                    match self.take(row, 1)?[0] {
                        0 => false,
                        1 => true,
                        other => return Err(damaged(row, format!("{other} is no boolean"))),
                    }
                },
            );
        }
        Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(values), items.nulls())))
    }

    fn byte_array<T: ByteArrayType>(&mut self, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut offsets: Vec<T::Offset> = Vec::with_capacity(items.len() + 1);
        offsets.push(T::Offset::default());
        let mut data = Vec::new();
        for i in 0..items.len() {
            if !items.is_null(i) {
                data.extend_from_slice(self.value_bytes(items.slot(i))?);
            }
            offsets.push(offset(data.len())?);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let array = GenericByteArray::<T>::try_new(offsets, Buffer::from_vec(data), items.nulls());
        Ok(Arc::new(array.map_err(|e| damaged(0, e))?))
    }

    fn string_view(&mut self, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut builder = StringViewBuilder::with_capacity(items.len());
        for i in 0..items.len() {
            if items.is_null(i) {
                builder.append_null();
                continue;
            }
            let row = items.slot(i);
            let value = std::str::from_utf8(self.value_bytes(row)?);
            let value = value.map_err(|e| damaged(row, format!("a string is not UTF-8: {e}")))?;
            builder.try_append_value(value).map_err(|e| damaged(row, e))?;
        }
        Ok(Arc::new(builder.finish()))
    }

    fn binary_view(&mut self, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut builder = BinaryViewBuilder::with_capacity(items.len());
        for i in 0..items.len() {
            if items.is_null(i) {
                builder.append_null();
                continue;
            }
            let row = items.slot(i);
            builder.try_append_value(self.value_bytes(row)?).map_err(|e| damaged(row, e))?;
        }
        Ok(Arc::new(builder.finish()))
    }

    fn fixed_size_binary(&mut self, width: i32, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let bytes = usize::try_from(width).map_err(|e| damaged(0, e))?;
        let mut data = Vec::with_capacity(items.len() * bytes);
        for i in 0..items.len() {
            if items.is_null(i) {
                data.resize(data.len() + bytes, 0);
            } else {
                data.extend_from_slice(self.take(items.slot(i), bytes)?);
            }
        }
        let values = Buffer::from_vec(data);
        let array = FixedSizeBinaryArray::try_new_with_len(width, values, items.nulls(), items.len());
        Ok(Arc::new(array.map_err(|e| damaged(0, e))?))
    }

    fn structs(&mut self, fields: &Fields, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let header = fields.len().div_ceil(8);
        let mut headers: Vec<&[u8]> = Vec::with_capacity(items.len());
        for i in 0..items.len() {
            headers.push(if items.is_null(i) { &[] } else { self.take(items.slot(i), header)? });
        }
        if fields.is_empty() {
            return Ok(Arc::new(StructArray::new_empty_fields(items.len(), items.nulls())));
        }
        let mut children = Vec::with_capacity(fields.len());
        for (c, field) in fields.iter().enumerate() {
            let valid = |i: usize| !items.is_null(i) && !bit(headers[i], c);
            let nulls = NullBuffer::new(BooleanBuffer::collect_bool(items.len(), valid));
            let nulls = (nulls.null_count() > 0).then_some(nulls);
            children.push(self.read(field.data_type(), Items { slots: items.slots, nulls: nulls.as_ref() })?);
        }
        let array = StructArray::try_new(fields.clone(), children, items.nulls());
        Ok(Arc::new(array.map_err(|e| damaged(0, e))?))
    }

    fn list<O: OffsetSizeTrait>(&mut self, field: &FieldRef, items: Items<'_>) -> Result<ArrayRef, RowError> {
        let mut offsets: Vec<O> = Vec::with_capacity(items.len() + 1);
        offsets.push(O::default());
        let (mut slots, mut valid) = (Vec::new(), Vec::new());
        let mut from = 0;
        while from < items.len() {
            let row = items.slot(from);
            let mut count = 0usize;
            let mut to = from;
            while to < items.len() && items.slot(to) == row {
                if !items.is_null(to) {
                    count = count.saturating_add(self.number(row)?);
                }
                offsets.push(offset(slots.len().saturating_add(count))?);
                to += 1;
            }
            // The bitmap bounds the count by the bytes that are there, before anything of that size is allocated.
            let nulls = self.take(row, count.div_ceil(8))?;
            slots.resize(slots.len() + count, row as u32);
            valid.extend((0..count).map(|i| !bit(nulls, i)));
            from = to;
        }
        let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
        let values = self.read(field.data_type(), Items { slots: Slots::Some(&slots), nulls: nulls.as_ref() })?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let array = GenericListArray::<O>::try_new(Arc::clone(field), offsets, values, items.nulls());
        Ok(Arc::new(array.map_err(|e| damaged(0, e))?))
    }
}

#[inline]
fn offset<O: OffsetSizeTrait>(len: usize) -> Result<O, RowError> {
    O::from_usize(len).ok_or_else(|| RowError::TooLarge(format!("{len} bytes or items in one column")))
}

fn too_short(row: usize) -> RowError {
    damaged(row, "it ends in the middle of a value".to_string())
}

fn damaged(row: usize, what: impl Into<Cause>) -> RowError {
    RowError::Damaged { row, what: what.into().0 }
}

/// What the libraries below say is wrong, as text.
struct Cause(String);

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<ArrowError> for Cause {
    fn from(e: ArrowError) -> Self {
        Self(e.to_string())
    }
}

impl From<std::num::TryFromIntError> for Cause {
    fn from(e: std::num::TryFromIntError) -> Self {
        Self(e.to_string())
    }
}
