//! A column's buffers: bytes that are read as numbers where they lie.
//!
//! A buffer crosses the boundary as bytes, at any address. Allocators give 8-byte alignment or more (wasi-libc's gives
//! 16), so that mostly nothing is to be done; a [`Buffer`] looks once, when it is made, and copies bytes that lie
//! elsewhere, so that what is read is right under any allocator. The other way no alignment is needed: a
//! [`BufferBuilder`] owns bytes from the start, since a vector of numbers cannot become one of bytes.

use std::{marker::PhantomData, ops::Deref};

/// Numbers that are read from bytes and written to them, least significant byte first.
pub trait Number: sealed::Sealed + Copy + Default + 'static {}

mod sealed {
    /// # Safety
    /// Every bit pattern is a value, there is no padding, and the alignment is at most 8.
    #[allow(unsafe_code)]
    pub unsafe trait Sealed {
        /// Least significant byte first.
        fn extend(self, bytes: &mut Vec<u8>);
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Number for $number {}

        // SAFETY: a primitive number of at most 8 bytes.
        #[allow(unsafe_code)]
        unsafe impl sealed::Sealed for $number {
            #[inline]
            fn extend(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers! { i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 }

/// Bytes at an address that any [`Number`] may be read from. Read-only; it is made of a `Vec<u8>` and becomes one.
#[derive(Clone, Default)]
pub struct Buffer(Repr);

#[derive(Clone)]
enum Repr {
    /// They lie well, or there are none.
    Bytes(Vec<u8>),
    /// They did not: a copy.
    Copied { words: Vec<u64>, bytes: usize },
}

impl Default for Repr {
    fn default() -> Self {
        Repr::Bytes(Vec::new())
    }
}

impl Buffer {
    /// The bytes as numbers, those left over at the end not.
    pub fn numbers<T: Number>(&self) -> &[T] {
        numbers_of(self)
    }

    /// `f` of every number, written where it lies, 32 a turn, so that it becomes vector instructions where it can.
    #[allow(unsafe_code)]
    pub(crate) fn update<T: Number>(&mut self, f: impl Fn(T) -> T) {
        // SAFETY: every bit pattern is a `Number`, and there is no padding.
        let (_, numbers, _) = match &mut self.0 {
            Repr::Bytes(bytes) => unsafe { bytes.align_to_mut::<T>() },
            Repr::Copied { words, bytes } => unsafe { words.align_to_mut::<u8>().1[..*bytes].align_to_mut::<T>() },
        };
        let (chunks, rest) = numbers.as_chunks_mut::<TURN>();
        for chunk in chunks {
            for number in chunk {
                *number = f(*number);
            }
        }
        rest.iter_mut().for_each(|number| *number = f(*number));
    }

    /// As the contract has it.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Repr::Bytes(bytes) => bytes,
            copied => Buffer(copied).to_vec(),
        }
    }
}

/// The numbers that bytes of a [`Buffer`] are.
#[allow(unsafe_code)]
fn numbers_of<T: Number>(bytes: &[u8]) -> &[T] {
    // SAFETY: a `Number` has no invalid bit patterns.
    let (before, numbers, _) = unsafe { bytes.align_to::<T>() };
    assert!(before.is_empty() || bytes.len() < size_of::<T>(), "a buffer lies at a multiple of 8");
    numbers
}

/// The bytes of numbers.
#[allow(unsafe_code)]
pub(crate) fn bytes_of<T: Number>(numbers: &[T]) -> &[u8] {
    // SAFETY: a `Number` has no padding, and bytes may lie anywhere.
    unsafe { numbers.align_to::<u8>().1 }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Bytes(bytes) => bytes,
            Repr::Copied { words, bytes } => &bytes_of(words)[..*bytes],
        }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.as_ptr().addr().is_multiple_of(align_of::<u64>()) || bytes.is_empty() {
            return Self(Repr::Bytes(bytes));
        }
        Self(Repr::Copied { words: words_of(&bytes), bytes: bytes.len() })
    }
}

/// The bytes in words, whose memory is aligned by their type.
fn words_of(bytes: &[u8]) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    };
    bytes.chunks(8).map(word).collect()
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// Rows a turn.
const TURN: usize = 32;

/// A buffer of numbers as it grows.
#[derive(Clone, Debug)]
pub struct BufferBuilder<T> {
    bytes: Vec<u8>,
    number: PhantomData<T>,
}

impl<T: Number> BufferBuilder<T> {
    /// With room for so many.
    pub fn with_capacity(numbers: usize) -> Self {
        Self { bytes: Vec::with_capacity(numbers * size_of::<T>()), number: PhantomData }
    }

    /// `f` of every value, 32 a turn, so that it becomes vector instructions where it can.
    pub fn map<S: Copy>(values: &[S], f: impl Fn(S) -> T) -> Self {
        Self::fill(values.len(), |to| {
            let ((from, from_rest), (to, to_rest)) = (values.as_chunks::<TURN>(), to.as_chunks_mut::<TURN>());
            for (from, to) in from.iter().zip(to) {
                for k in 0..TURN {
                    to[k] = f(from[k]);
                }
            }
            for (from, to) in from_rest.iter().zip(to_rest) {
                *to = f(*from);
            }
        })
    }

    /// `f` of the values of both, one after the other, 32 a turn.
    ///
    /// # Panics
    /// If there are not as many of both.
    pub fn zip<S: Copy, U: Copy>(a: &[S], b: &[U], f: impl Fn(S, U) -> T) -> Self {
        assert_eq!(a.len(), b.len(), "columns of different lengths");
        Self::fill(a.len(), |to| {
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<TURN>(), b.as_chunks::<TURN>());
            let (to, to_rest) = to.as_chunks_mut::<TURN>();
            for ((a, b), to) in a.iter().zip(b).zip(to) {
                for k in 0..TURN {
                    to[k] = f(a[k], b[k]);
                }
            }
            for ((a, b), to) in a_rest.iter().zip(b_rest).zip(to_rest) {
                *to = f(*a, *b);
            }
        })
    }

    /// So many numbers, written where they stay; under an allocator that does not align bytes, written elsewhere first.
    #[inline]
    #[allow(unsafe_code)]
    fn fill(len: usize, write: impl FnOnce(&mut [T])) -> Self {
        let mut bytes = vec![0; len * size_of::<T>()];
        let mut elsewhere = Vec::new();
        // SAFETY: every bit pattern is a `Number`.
        let (_, there, _) = unsafe { bytes.align_to_mut::<T>() };
        // One call, so that `write` is compiled once.
        write(if there.len() == len {
            there
        } else {
            elsewhere.resize(len, T::default());
            &mut elsewhere
        });
        if !elsewhere.is_empty() {
            bytes.copy_from_slice(bytes_of(&elsewhere));
        }
        Self { bytes, number: PhantomData }
    }

    /// One more.
    #[inline]
    pub fn push(&mut self, number: T) {
        number.extend(&mut self.bytes);
    }

    /// All of these.
    pub fn extend_from_slice(&mut self, numbers: &[T]) {
        self.bytes.extend_from_slice(bytes_of(numbers));
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.bytes.len() / size_of::<T>()
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The last one, from its bytes.
    pub fn last(&self) -> Option<T> {
        let mut last = [T::default()];
        let at = self.bytes.len().checked_sub(size_of::<T>())?;
        copy(&self.bytes[at..], &mut last);
        Some(last[0])
    }

    /// All of them.
    pub fn to_vec(&self) -> Vec<T> {
        let mut numbers = vec![T::default(); self.len()];
        copy(&self.bytes, &mut numbers);
        numbers
    }

    /// Goes back to the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len * size_of::<T>());
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// As many numbers as there is room for, from bytes at any address.
#[allow(unsafe_code)]
fn copy<T: Number>(from: &[u8], to: &mut [T]) {
    // SAFETY: every bit pattern is a `Number`, and bytes may lie anywhere.
    let to = unsafe { to.align_to_mut::<u8>().1 };
    to.copy_from_slice(from);
}

impl<T: Number> Default for BufferBuilder<T> {
    fn default() -> Self {
        Self { bytes: Vec::new(), number: PhantomData }
    }
}

impl<T: Number> From<BufferBuilder<T>> for Buffer {
    fn from(builder: BufferBuilder<T>) -> Self {
        builder.bytes.into()
    }
}

impl<T: Number> From<&[T]> for Buffer {
    fn from(numbers: &[T]) -> Self {
        bytes_of(numbers).to_vec().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a `Vec<u8>` at an odd address becomes: the standard library gives none.
    fn misaligned(bytes: &[u8]) -> Buffer {
        Buffer(Repr::Copied { words: words_of(bytes), bytes: bytes.len() })
    }

    #[test]
    fn bytes_at_any_address_are_the_same_numbers() {
        for len in [0, 1, 3, 8] {
            let numbers: Vec<i64> = (0..len).map(|n| i64::MIN + n * 0x0102_0304_0506_0708).collect();
            let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let copied = misaligned(&bytes);
            assert_eq!(copied.numbers::<i64>(), numbers);
            assert_eq!(copied, Buffer::from(bytes.clone()));
            assert_eq!(copied.numbers::<u8>(), bytes);
            assert_eq!(copied.into_bytes(), bytes);
            assert_eq!(Buffer::from(bytes).numbers::<i64>(), numbers);
        }
        assert_eq!(misaligned(&[1, 2, 3, 4, 5]).numbers::<u16>(), [0x0201, 0x0403]);
    }

    #[test]
    fn numbers_are_changed_where_they_lie() {
        for len in [0usize, 1, 31, 32, 33, 70] {
            let numbers: Vec<f64> = (0..len).map(|i| i as f64).collect();
            let doubled: Vec<f64> = numbers.iter().map(|number| number * 2.0).collect();
            for mut buffer in [Buffer::from(&numbers[..]), misaligned(bytes_of(&numbers))] {
                buffer.update(|number: f64| number * 2.0);
                assert_eq!(buffer.numbers::<f64>(), doubled);
            }
        }
    }

    #[test]
    fn builders_own_the_bytes_of_their_numbers() {
        for len in [0usize, 1, 31, 32, 33, 70] {
            let built = BufferBuilder::map(&(0..len).collect::<Vec<_>>(), |i| i as f64 / 4.0);
            let mut pushed = BufferBuilder::default();
            (0..len).for_each(|i| pushed.push(i as f64 / 4.0));
            assert_eq!(built.bytes, pushed.bytes);
            assert_eq!((pushed.len(), pushed.last()), (len, len.checked_sub(1).map(|i| i as f64 / 4.0)));
            pushed.truncate(1);
            assert_eq!(pushed.len(), len.min(1));
        }
    }
}
