//! A key's open sessions as the bytes that are stored: one after the other, in the order of their starts, each its start,
//! its end (i64, little end first), the length of its state (u32), where the operator keeps sets of DISTINCT the number of
//! the session's (i64), and the state.

use crate::state::varint::Cursor;
use crate::state::{Partition, StateError, Table};
use crate::{Error, ErrorKind, Result};

/// One session as it is stored.
#[derive(Debug, Clone, Copy)]
pub(in crate::operator::aggregate) struct StoredSession<'a> {
    pub start: i64,
    pub end: i64,
    /// The set of its combinations ([`super::sets`]); none where the operator keeps no sets.
    pub set: Option<i64>,
    pub state: &'a [u8],
}

impl StoredSession<'_> {
    /// Appends the session to a value.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start.to_le_bytes());
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&(self.state.len() as u32).to_le_bytes());
        if let Some(set) = self.set {
            out.extend_from_slice(&set.to_le_bytes());
        }
        out.extend_from_slice(self.state);
    }
}

/// The sessions in `value`, of an operator that keeps sets of DISTINCT or of one that does not.
pub(in crate::operator::aggregate) fn read(
    value: &[u8],
    with_sets: bool,
) -> impl Iterator<Item = Result<StoredSession<'_>>> {
    let mut from = Cursor::new(value);
    std::iter::from_fn(move || (!from.is_done()).then(|| one(&mut from, with_sets).map_err(|_| damaged())))
}

/// How many sessions a table has.
///
/// # Errors
/// It is damaged.
pub(in crate::operator) fn sessions_in(table: &Table, with_sets: bool) -> Result<u64> {
    let mut count = 0;
    for (_, bucket) in table.partitions().iter().flat_map(Partition::buckets) {
        for (_, value) in bucket.iter() {
            for session in read(value, with_sets) {
                session?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn one<'a>(from: &mut Cursor<'a>, with_sets: bool) -> Result<StoredSession<'a>, StateError> {
    let (start, end) = (from.i64("a session's start")?, from.i64("a session's end")?);
    let len = from.take(4, "the length of a session's state")?;
    let len = len.iter().rev().fold(0, |len, byte| len << 8 | usize::from(*byte));
    let set = if with_sets { Some(from.i64("a session's set")?) } else { None };
    Ok(StoredSession { start, end, set, state: from.take(len, "a session's state")? })
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "the stored sessions of a key end too early")
        .with_help("restore the checkpoint from a copy, or start anew with --fresh")
}
