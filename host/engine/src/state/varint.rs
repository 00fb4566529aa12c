//! Lengths as LEB128: one byte below 128. Written always in the shortest form, so that equal values are equal bytes.

use super::StateError;

/// Bytes that `value` takes.
#[inline]
pub(crate) fn len(value: u64) -> usize {
    if value < 0x80 { 1 } else { (70 - value.leading_zeros() as usize) / 7 }
}

/// Appends `value`.
#[inline]
pub(crate) fn push(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes `value` at `at` and says where it ends.
#[inline]
pub(crate) fn write(bytes: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        bytes[at] = value as u8 | 0x80;
        at += 1;
        value >>= 7;
    }
    bytes[at] = value as u8;
    at + 1
}

/// Reads at `at`; the value and where it ends, or `None` if the bytes end first or the value passes 64 bits.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    let mut value = u64::from(first & 0x7f);
    for i in 1..10 {
        let byte = *bytes.get(at + i)?;
        if i == 9 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, at + i + 1));
        }
    }
    None
}

/// Reads through bytes from front to back; every error says what was wanted and where.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Reads `bytes` from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// All that was not yet read.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// The error for `what` at this place.
    pub fn damaged(&self, what: &'static str) -> StateError {
        StateError::Damaged { what, at: self.at, len: self.bytes.len() }
    }

    /// The next byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, StateError> {
        Ok(self.take(1, what)?[0])
    }

    /// The next `len` bytes.
    #[inline]
    pub fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], StateError> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged(what))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A variable-length number that fits `usize`.
    #[inline]
    pub fn number(&mut self, what: &'static str) -> Result<usize, StateError> {
        let (value, end) = read(self.bytes, self.at).ok_or_else(|| self.damaged(what))?;
        let value = usize::try_from(value).map_err(|_| self.damaged(what))?;
        self.at = end;
        Ok(value)
    }

    /// A signed 64-bit number, little end first.
    pub fn i64(&mut self, what: &'static str) -> Result<i64, StateError> {
        let bytes = self.take(8, what)?;
        Ok(i64::from_le_bytes(bytes.try_into().expect("eight bytes were taken")))
    }
}
