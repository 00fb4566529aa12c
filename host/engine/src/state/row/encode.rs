//! Columns to rows: one pass for the sizes, one that writes, each a column at a time.

use arrow::array::{
    Array, ArrayRef, AsArray, ByteView, GenericByteArray, GenericByteViewArray, GenericListArray, OffsetSizeTrait,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, ByteArrayType, ByteViewType, DataType};

use super::super::varint;
use super::fixed::{Canonical, canonical_float};
use super::{Form, MAX_ROW, RowBuffer, RowError, check_type};

/// Encodes `rows` records of `columns` (each of that length) into `into`, replacing what is there.
///
/// # Errors
/// [`RowError::Unsupported`] for a type without a row form, [`RowError::TooLarge`] when one row passes
/// [`MAX_ROW`] or all of them 4 GiB.
pub fn encode(columns: &[ArrayRef], rows: usize, form: Form, into: &mut RowBuffer) -> Result<(), RowError> {
    for column in columns {
        check_type(column.data_type())?;
        assert_eq!(column.len(), rows, "every column has a value for every row");
    }
    let RowBuffer { bytes, offsets, cursors } = into;
    let header = columns.len().div_ceil(8);
    let nulls: Vec<Option<NullBuffer>> = columns.iter().map(|c| nulls_of(c.as_ref())).collect();
    let present: Vec<Option<Vec<Chosen>>> = nulls.iter().map(|n| n.as_ref().map(entries_present)).collect();

    cursors.clear();
    cursors.resize(rows, 0);
    let mut constant = header as u32;
    for (column, present) in columns.iter().zip(&present) {
        constant = constant.saturating_add(size(column.as_ref(), ChosenRows::of(present.as_deref(), rows), cursors));
    }

    offsets.clear();
    offsets.reserve(rows + 1);
    offsets.push(0);
    let (mut total, mut longest) = (0u64, 0u32);
    for cursor in cursors.iter_mut() {
        let size = cursor.saturating_add(constant);
        *cursor = (total as u32).wrapping_add(header as u32);
        total += u64::from(size);
        longest = longest.max(size);
        offsets.push(total as u32);
    }
    if longest as usize > MAX_ROW || total > u64::from(u32::MAX) {
        offsets.clear();
        return Err(RowError::TooLarge(format!(
            "{rows} rows take {total} bytes, the longest of them {longest}; at most {MAX_ROW} for one and {} for all",
            u32::MAX
        )));
    }

    bytes.clear();
    bytes.resize(total as usize, 0);
    for (c, nulls) in nulls.iter().enumerate() {
        if let Some(nulls) = nulls {
            for (i, &at) in offsets[..rows].iter().enumerate() {
                bytes[at as usize + c / 8] |= u8::from(nulls.is_null(i)) << (c % 8);
            }
        }
    }
    let mut writer = Writer { bytes, cursors, form };
    for (column, present) in columns.iter().zip(&present) {
        writer.write(column.as_ref(), ChosenRows::of(present.as_deref(), rows));
    }
    Ok(())
}

/// A non-null value: its index in the array, and the row that it goes to. Entries of one row stand together.
type Chosen = (u32, u32);

/// Which values of an array are written.
#[derive(Clone, Copy)]
enum ChosenRows<'a> {
    /// Value i to row i, none of them null.
    All(usize),
    /// These.
    Some(&'a [Chosen]),
}

impl<'a> ChosenRows<'a> {
    fn of(present: Option<&'a [Chosen]>, rows: usize) -> Self {
        present.map_or(Self::All(rows), Self::Some)
    }

    #[inline]
    fn each(self, mut f: impl FnMut(usize, usize)) {
        match self {
            Self::All(n) => (0..n).for_each(|i| f(i, i)),
            Self::Some(entries) => entries.iter().for_each(|&(from, row)| f(from as usize, row as usize)),
        }
    }

    fn entries(self) -> Vec<Chosen> {
        match self {
            Self::All(n) => (0..n as u32).map(|i| (i, i)).collect(),
            Self::Some(entries) => entries.to_vec(),
        }
    }
}

/// The nulls of an array, also those inside a dictionary; none if there are none.
fn nulls_of(array: &dyn Array) -> Option<NullBuffer> {
    array.logical_nulls().filter(|n| n.null_count() > 0)
}

fn entries_present(nulls: &NullBuffer) -> Vec<Chosen> {
    nulls.valid_indices().map(|i| (i as u32, i as u32)).collect()
}

fn is_null(nulls: Option<&NullBuffer>, i: usize) -> bool {
    nulls.is_some_and(|n| n.is_null(i))
}

/// Adds the size of each value's block to `sizes`; what every row of `ChosenRows::All` takes alike is returned instead.
fn size(array: &dyn Array, rows: ChosenRows<'_>, sizes: &mut [u32]) -> u32 {
    let width = match array.data_type() {
        DataType::Null => return 0,
        DataType::Boolean => 1,
        DataType::FixedSizeBinary(width) => *width as u32,
        DataType::Utf8 => return size_bytes(array.as_string::<i32>(), rows, sizes),
        DataType::LargeUtf8 => return size_bytes(array.as_string::<i64>(), rows, sizes),
        DataType::Binary => return size_bytes(array.as_binary::<i32>(), rows, sizes),
        DataType::LargeBinary => return size_bytes(array.as_binary::<i64>(), rows, sizes),
        DataType::Utf8View => return size_views(array.as_string_view(), rows, sizes),
        DataType::BinaryView => return size_views(array.as_binary_view(), rows, sizes),
        DataType::Dictionary(..) => {
            let entries = dictionary_entries(array, rows);
            return size(array.as_any_dictionary().values().as_ref(), ChosenRows::Some(&entries), sizes);
        }
        DataType::Struct(fields) => {
            let header = fields.len().div_ceil(8) as u32;
            let entries = rows.entries();
            entries.iter().for_each(|e| add(sizes, e.1 as usize, header));
            for child in array.as_struct().columns() {
                size(child.as_ref(), ChosenRows::Some(&present(child.as_ref(), &entries)), sizes);
            }
            return 0;
        }
        DataType::List(_) => return size_list(array.as_list::<i32>(), rows, sizes),
        DataType::LargeList(_) => return size_list(array.as_list::<i64>(), rows, sizes),
        other => other.primitive_width().expect("the type was checked to be one with a row form") as u32,
    };
    match rows {
        ChosenRows::All(_) => width,
        ChosenRows::Some(entries) => {
            entries.iter().for_each(|e| add(sizes, e.1 as usize, width));
            0
        }
    }
}

#[inline]
fn add(sizes: &mut [u32], row: usize, more: u32) {
    sizes[row] = sizes[row].saturating_add(more);
}

#[inline]
fn size_of_bytes(len: usize) -> u32 {
    u32::try_from(len + varint::len(len as u64)).unwrap_or(u32::MAX)
}

fn size_bytes<T: ByteArrayType>(array: &GenericByteArray<T>, rows: ChosenRows<'_>, sizes: &mut [u32]) -> u32 {
    let offsets = array.value_offsets();
    rows.each(|i, row| add(sizes, row, size_of_bytes((offsets[i + 1] - offsets[i]).as_usize())));
    0
}

fn size_views<T: ByteViewType>(array: &GenericByteViewArray<T>, rows: ChosenRows<'_>, sizes: &mut [u32]) -> u32 {
    let views = array.views();
    rows.each(|i, row| add(sizes, row, size_of_bytes(ByteView::from(views[i]).length as usize)));
    0
}

fn size_list<O: OffsetSizeTrait>(array: &GenericListArray<O>, rows: ChosenRows<'_>, sizes: &mut [u32]) -> u32 {
    let offsets = array.value_offsets();
    let nulls = nulls_of(array.values().as_ref());
    let mut items = Vec::new();
    for run in rows.entries().chunk_by(|a, b| a.1 == b.1) {
        let (row, mut count) = (run[0].1, 0);
        for &(i, _) in run {
            let (from, to) = (offsets[i as usize].as_usize(), offsets[i as usize + 1].as_usize());
            add(sizes, row as usize, varint::len((to - from) as u64) as u32);
            count += to - from;
            items.extend((from..to).filter(|i| !is_null(nulls.as_ref(), *i)).map(|i| (i as u32, row)));
        }
        add(sizes, row as usize, u32::try_from(count.div_ceil(8)).unwrap_or(u32::MAX));
    }
    size(array.values().as_ref(), ChosenRows::Some(&items), sizes);
    0
}

/// The entries of a dictionary's values that the given entries of its keys stand for.
fn dictionary_entries(array: &dyn Array, rows: ChosenRows<'_>) -> Vec<Chosen> {
    let dictionary = array.as_any_dictionary();
    if dictionary.values().is_empty() {
        return Vec::new();
    }
    let keys = dictionary.normalized_keys();
    let mut entries = Vec::new();
    rows.each(|i, row| entries.push((keys[i] as u32, row as u32)));
    entries
}

/// Those of the entries whose value in `child` is not null.
fn present(child: &dyn Array, entries: &[Chosen]) -> Vec<Chosen> {
    match nulls_of(child) {
        Some(nulls) => entries.iter().copied().filter(|e| nulls.is_valid(e.0 as usize)).collect(),
        None => entries.to_vec(),
    }
}

struct Writer<'a> {
    bytes: &'a mut [u8],
    /// Where each row is written next.
    cursors: &'a mut [u32],
    form: Form,
}

impl Writer<'_> {
    /// Writes the block of each row's values.
    fn write(&mut self, array: &dyn Array, rows: ChosenRows<'_>) {
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => {
                let array = array.as_boolean();
                rows.each(|i, row| self.put_fixed(row, &[u8::from(array.value(i))]));
            }
            DataType::Utf8 => self.byte_array(array.as_string::<i32>(), rows),
            DataType::LargeUtf8 => self.byte_array(array.as_string::<i64>(), rows),
            DataType::Binary => self.byte_array(array.as_binary::<i32>(), rows),
            DataType::LargeBinary => self.byte_array(array.as_binary::<i64>(), rows),
            DataType::Utf8View => {
                let array = array.as_string_view();
                rows.each(|i, row| self.put_bytes(row, array.value(i).as_bytes()));
            }
            DataType::BinaryView => {
                let array = array.as_binary_view();
                rows.each(|i, row| self.put_bytes(row, array.value(i)));
            }
            DataType::FixedSizeBinary(_) => {
                let array = array.as_fixed_size_binary();
                rows.each(|i, row| {
                    let at = self.cursors[row] as usize;
                    let value = array.value(i);
                    self.bytes[at..at + value.len()].copy_from_slice(value);
                    self.cursors[row] = (at + value.len()) as u32;
                });
            }
            DataType::Dictionary(..) => {
                let entries = dictionary_entries(array, rows);
                self.write(array.as_any_dictionary().values().as_ref(), ChosenRows::Some(&entries));
            }
            DataType::Struct(_) => self.structs(array, rows),
            DataType::List(_) => self.list(array.as_list::<i32>(), rows),
            DataType::LargeList(_) => self.list(array.as_list::<i64>(), rows),
            other => match other.primitive_width() {
                Some(1) => self.primitive::<1>(array, rows),
                Some(2) => self.primitive::<2>(array, rows),
                Some(4) => self.primitive::<4>(array, rows),
                Some(8) => self.primitive::<8>(array, rows),
                Some(16) => self.primitive::<16>(array, rows),
                Some(32) => self.primitive::<32>(array, rows),
                _ => unreachable!("{other} was checked to have a row form"),
            },
        }
    }

    #[inline]
    fn put_fixed<const W: usize>(&mut self, row: usize, value: &[u8; W]) {
        let at = self.cursors[row] as usize;
        self.bytes[at..at + W].copy_from_slice(value);
        self.cursors[row] = (at + W) as u32;
    }

    fn primitive<const W: usize>(&mut self, array: &dyn Array, rows: ChosenRows<'_>) {
        let data = array.to_data();
        let from = data.offset() * W;
        let (values, _) = data.buffers()[0].as_slice()[from..from + data.len() * W].as_chunks::<W>();
        match (self.form, Canonical::of(array.data_type())) {
            (Form::Key, Canonical::Float(mantissa)) if W <= 8 => {
                rows.each(|i, row| self.put_fixed(row, &canonical_float(values[i], mantissa)));
            }
            _ => rows.each(|i, row| self.put_fixed(row, &values[i])),
        }
    }

    fn byte_array<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>, rows: ChosenRows<'_>) {
        let (offsets, data) = (array.value_offsets(), array.value_data());
        match rows {
            ChosenRows::All(n) => {
                let mut from = offsets[0].as_usize();
                for row in 0..n {
                    let to = offsets[row + 1].as_usize();
                    self.put_bytes(row, &data[from..to]);
                    from = to;
                }
            }
            ChosenRows::Some(entries) => {
                for &(i, row) in entries {
                    let i = i as usize;
                    self.put_bytes(row as usize, &data[offsets[i].as_usize()..offsets[i + 1].as_usize()]);
                }
            }
        }
    }

    #[inline]
    fn put_bytes(&mut self, row: usize, value: &[u8]) {
        let at = varint::write(self.bytes, self.cursors[row] as usize, value.len() as u64);
        let end = at + value.len();
        copy_short(&mut self.bytes[at..end], value);
        self.cursors[row] = end as u32;
    }

    fn structs(&mut self, array: &dyn Array, rows: ChosenRows<'_>) {
        let array = array.as_struct();
        let width = array.num_columns().div_ceil(8);
        let entries = rows.entries();
        let headers: Vec<usize> = entries
            .iter()
            .map(|&(_, row)| {
                let at = self.cursors[row as usize] as usize;
                self.cursors[row as usize] = (at + width) as u32;
                at
            })
            .collect();
        for (c, child) in array.columns().iter().enumerate() {
            if let Some(nulls) = nulls_of(child.as_ref()) {
                for (&(i, _), at) in entries.iter().zip(&headers) {
                    self.bytes[at + c / 8] |= u8::from(nulls.is_null(i as usize)) << (c % 8);
                }
            }
            self.write(child.as_ref(), ChosenRows::Some(&present(child.as_ref(), &entries)));
        }
    }

    fn list<O: OffsetSizeTrait>(&mut self, array: &GenericListArray<O>, rows: ChosenRows<'_>) {
        let offsets = array.value_offsets();
        let nulls = nulls_of(array.values().as_ref());
        let mut items = Vec::new();
        for run in rows.entries().chunk_by(|a, b| a.1 == b.1) {
            let row = run[0].1;
            let mut at = self.cursors[row as usize] as usize;
            let bounds = |i: u32| (offsets[i as usize].as_usize(), offsets[i as usize + 1].as_usize());
            for &(i, _) in run {
                let (from, to) = bounds(i);
                at = varint::write(self.bytes, at, (to - from) as u64);
            }
            let mut bit = 0;
            for item in run.iter().flat_map(|&(i, _)| bounds(i).0..bounds(i).1) {
                if is_null(nulls.as_ref(), item) {
                    self.bytes[at + bit / 8] |= 1 << (bit % 8);
                } else {
                    items.push((item as u32, row));
                }
                bit += 1;
            }
            self.cursors[row as usize] = (at + bit.div_ceil(8)) as u32;
        }
        self.write(array.values().as_ref(), ChosenRows::Some(&items));
    }
}

/// Copies a slice to one of the same length; short ones by two overlapping words instead of a call.
#[inline]
fn copy_short(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    match len {
        8..=16 => {
            to[..8].copy_from_slice(&from[..8]);
            to[len - 8..].copy_from_slice(&from[len - 8..]);
        }
        17..=32 => {
            to[..16].copy_from_slice(&from[..16]);
            to[len - 16..].copy_from_slice(&from[len - 16..]);
        }
        4..=7 => {
            to[..4].copy_from_slice(&from[..4]);
            to[len - 4..].copy_from_slice(&from[len - 4..]);
        }
        0..=3 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        _ => to.copy_from_slice(from),
    }
}
