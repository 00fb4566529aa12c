//! A key's open sessions as the bytes that are stored: one after the other, each its start, its end (i64, little end
//! first), the length of its state (u32) and the state, in the order of their starts.

use crate::{Error, ErrorKind, Result};

const HEAD: usize = 20;

/// One session as it is stored.
#[derive(Debug, Clone, Copy)]
pub(in crate::operator::aggregate) struct Stored<'a> {
    pub start: i64,
    pub end: i64,
    pub state: &'a [u8],
}

impl Stored<'_> {
    /// Appends the session to a value.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&(self.state.len() as u32).to_le_bytes());
        out.extend_from_slice(self.state);
    }
}

/// The sessions in `value`.
pub(in crate::operator::aggregate) fn read(mut value: &[u8]) -> impl Iterator<Item = Result<Stored<'_>>> {
    std::iter::from_fn(move || {
        let (head, rest) = match value.split_first_chunk::<HEAD>() {
            Some(split) => split,
            None if value.is_empty() => return None,
            None => return Some(Err(damaged())),
        };
        let number = |at: usize| i64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let len = u32::from_le_bytes(head[16..].try_into().expect("four bytes")) as usize;
        let Some((state, after)) = rest.split_at_checked(len) else { return Some(Err(damaged())) };
        value = after;
        Some(Ok(Stored { start: number(0), end: number(8), state }))
    })
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "the stored sessions of a key end too early")
        .with_help("restore the checkpoint from a copy, or start anew with --fresh")
}
