//! Arrow columns on their way into a guest: brought to the contract's layout, and borrowed from there, so that what is
//! copied is copied once, by the engine, into the guest's memory.
//!
//! A column that already has the contract's layout is borrowed as it stands. Others are converted first: bitmaps that
//! do not start at a byte, offsets that do not start at 0 (slices).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, downcast_primitive_array, make_array};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer};
use arrow::datatypes::*;

use crate::contract::{ArrayParam, BatchParam};

/// Columns in the contract's layout, flattened.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    rows: u32,
    arrays: Vec<Node>,
    buffers: Vec<Buffer>,
}

/// One column, or a child of one.
#[derive(Debug)]
struct Node {
    rows: u32,
    validity: Option<Buffer>,
    /// How many of `buffers` are its, behind those of the nodes before it.
    buffers: u8,
}

impl Lowered {
    /// No columns of `rows` rows.
    pub(crate) fn new(rows: u32, columns: usize) -> Self {
        Self { rows, arrays: Vec::with_capacity(columns), buffers: Vec::with_capacity(2 * columns) }
    }

    /// The columns `arrays`, each of `rows` rows and of a type that has a format.
    pub(crate) fn of<'a>(rows: u32, arrays: impl ExactSizeIterator<Item = &'a ArrayRef>) -> Self {
        let mut lowered = Self::new(rows, arrays.len());
        arrays.for_each(|array| lowered.push(array));
        lowered
    }

    /// How many rows the columns have.
    pub(crate) fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Adds a column, or a child of the one before it.
    ///
    /// # Panics
    /// If its type has no format in the contract: bindings are checked before.
    pub(crate) fn push(&mut self, array: &ArrayRef) {
        let validity = array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| bitmap(nulls.inner()));
        let (node, before) = (self.arrays.len(), self.buffers.len());
        self.arrays.push(Node { rows: array.len() as u32, validity, buffers: 0 });
        let children = self.push_buffers(array);
        self.arrays[node].buffers = (self.buffers.len() - before) as u8;
        children.iter().for_each(|child| self.push(child));
    }

    /// Adds the buffers of a column's own level; returns its children.
    fn push_buffers(&mut self, array: &ArrayRef) -> Vec<ArrayRef> {
        downcast_primitive_array! {
            array => self.buffers.push(array.values().inner().clone()),
            DataType::Null => {}
            DataType::Boolean => self.buffers.push(bitmap(array.as_boolean().values())),
            DataType::Utf8 => {
                let text = array.as_string::<i32>();
                self.push_bytes(text.offsets(), text.values());
            }
            DataType::Binary => {
                let bytes = array.as_binary::<i32>();
                self.push_bytes(bytes.offsets(), bytes.values());
            }
            DataType::FixedSizeBinary(width) => {
                let width = *width as usize;
                let data = array.as_fixed_size_binary().to_data();
                self.buffers.push(data.buffers()[0].slice_with_length(data.offset() * width, data.len() * width));
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let (first, last) = self.push_offsets(list.offsets());
                return vec![list.values().slice(first, last - first)];
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let (first, last) = self.push_offsets(map.offsets());
                return vec![Arc::new(map.entries().slice(first, last - first))];
            }
            DataType::FixedSizeList(_, _) => return vec![array.as_fixed_size_list().values().clone()],
            DataType::Struct(_) => return array.as_struct().columns().to_vec(),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                self.push_buffers(&make_array(dictionary.keys().to_data()));
                return vec![dictionary.values().clone()];
            }
            other => unreachable!("columns of type {other} are refused when a plugin is bound"),
        }
        Vec::new()
    }

    /// Offsets that start at 0, and just the data that they cover.
    fn push_bytes(&mut self, offsets: &OffsetBuffer<i32>, data: &Buffer) {
        let (first, last) = self.push_offsets(offsets);
        self.buffers.push(data.slice_with_length(first, last - first));
    }

    /// Offsets that start at 0; returns what they cover.
    fn push_offsets(&mut self, offsets: &OffsetBuffer<i32>) -> (usize, usize) {
        let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
        self.buffers.push(if first == 0 {
            offsets.inner().inner().clone()
        } else {
            Buffer::from_vec(offsets.iter().map(|offset| offset - first).collect::<Vec<i32>>())
        });
        (first as usize, last as usize)
    }

    /// Lends the columns in the form that a call takes.
    pub(crate) fn with_batch<R>(&self, f: impl FnOnce(BatchParam<'_>) -> R) -> R {
        f(BatchParam { rows: self.rows, arrays: &self.params(&self.buffers()) })
    }

    /// The columns as a call takes them, whose arrays are `arrays`.
    pub(crate) fn batch<'a>(&self, arrays: &'a [ArrayParam<'a>]) -> BatchParam<'a> {
        BatchParam { rows: self.rows, arrays }
    }

    /// The buffers of all arrays, one after the other; see [`params`](Self::params).
    pub(crate) fn buffers(&self) -> Vec<&[u8]> {
        self.buffers.iter().map(Buffer::as_slice).collect()
    }

    /// The arrays as a call takes them.
    pub(crate) fn params<'a>(&'a self, buffers: &'a [&'a [u8]]) -> Vec<ArrayParam<'a>> {
        let mut rest = buffers;
        let param = |node: &'a Node| {
            let (buffers, behind) = rest.split_at(usize::from(node.buffers));
            rest = behind;
            ArrayParam { rows: node.rows, validity: node.validity.as_deref(), buffers }
        };
        self.arrays.iter().map(param).collect()
    }
}

/// Numbers as they lie in memory, which is how the contract has them on a little-endian machine.
pub(crate) fn bytes_of<T: ArrowNativeType>(numbers: &[T]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little"), "the contract's numbers are little-endian") };
    numbers.to_byte_slice()
}

/// A bitmap from its first bit on, no longer than it must be.
fn bitmap(bits: &BooleanBuffer) -> Buffer {
    let bytes = bits.len().div_ceil(8);
    let buffer = bits.sliced();
    if buffer.len() > bytes { buffer.slice_with_length(0, bytes) } else { buffer }
}
