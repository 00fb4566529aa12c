//! Columns by hand: what the contract has, and nothing around it.

use crate::millstream::operator::columns::{Array, Field};

/// A field without children that may hold nulls.
pub fn field(name: &str, format: &str) -> Field {
    let (name, format) = (name.to_owned(), format.to_owned());
    Field { name, format, nullable: true, children: 0, dictionary: false, metadata: vec![] }
}

/// A field of this type; of the nested ones `+l` and `+w:N`, of whatever stands behind a slash: `+l/+l/g`.
/// `dictionary/u` is a text by 32-bit indices.
pub fn shape(name: &str, format: &str) -> Vec<Field> {
    let Some((outer, inner)) = format.split_once('/') else { return vec![field(name, format)] };
    let dictionary = outer == "dictionary";
    let outer = if dictionary { "i" } else { outer };
    let mut fields = vec![Field { children: 1, dictionary, ..field(name, outer) }];
    fields.extend(shape("item", inner));
    fields
}

/// Something that is some bytes, least significant first.
pub trait Number: Copy {
    const BYTES: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Number for $type {
            const BYTES: usize = size_of::<$type>();

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn of(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }
        }
    )*};
}

number! { i32 i64 f64 u32 }

/// Numbers as a buffer.
pub fn numbers<T: Number>(values: impl AsRef<[T]>) -> Vec<u8> {
    let mut bytes = vec![];
    values.as_ref().iter().for_each(|value| value.put(&mut bytes));
    bytes
}

/// A buffer as numbers.
pub fn bytes<T: Number>(buffer: &[u8]) -> Vec<T> {
    buffer.chunks_exact(T::BYTES).map(T::of).collect()
}

/// An array of one buffer.
pub fn one(rows: usize, buffer: Vec<u8>) -> Array {
    Array { rows: rows as u32, validity: None, buffers: vec![buffer] }
}

/// An array of text or bytes.
pub fn texts(offsets: &[i32], data: &[u8]) -> Array {
    let rows = offsets.len().saturating_sub(1) as u32;
    Array { rows, validity: None, buffers: vec![numbers(offsets), data.to_vec()] }
}

/// An array without buffers.
pub fn bare(rows: usize) -> Array {
    Array { rows: rows as u32, validity: None, buffers: vec![] }
}
