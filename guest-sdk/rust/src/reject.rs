//! Rows that an operator refuses, with reasons. They go to the job's dead letters; the rest of the batch goes on.
//!
//! The contract's bounds are kept here, so that no plugin breaks them: rows ascend, each once; a reason is cut at
//! 4 KiB; after 1 MiB of reasons in a call the rest of the rows have none of their own.

use crate::contract::types::Reject;

const REASON_BYTES: usize = 4 * 1024;
const CALL_BYTES: usize = 1024 * 1024;
/// Any reason beyond the bound will do: the host puts its own words in the place of it.
const DROPPED: &str = "…";

/// The rows refused in one call.
#[derive(Clone, Debug, Default)]
pub struct Rejects {
    list: Vec<Reject>,
    bytes: usize,
}

impl Rejects {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses row `row` of the batch. If a row is refused twice the first reason stands.
    pub fn push(&mut self, row: usize, reason: impl Into<String>) {
        let mut reason = reason.into();
        let room = REASON_BYTES.min(CALL_BYTES - self.bytes);
        if room == 0 {
            reason = DROPPED.into();
        } else if reason.len() > room {
            reason.truncate(reason.floor_char_boundary(room));
        }
        self.bytes = (self.bytes + reason.len()).min(CALL_BYTES);
        self.list.push(Reject { row: row as u32, reason });
    }

    /// How many rows are refused so far.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether no row is refused.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_list(mut self) -> Vec<Reject> {
        self.list.sort_by_key(|reject| reject.row);
        self.list.dedup_by_key(|reject| reject.row);
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_rows_ascend() {
        let mut rejects = Rejects::new();
        rejects.push(7, "seven");
        rejects.push(3, "ü".repeat(5000));
        rejects.push(7, "again");
        for row in 10..400 {
            rejects.push(row, "x".repeat(4000));
        }
        let list = rejects.into_list();
        assert_eq!((list[0].row, list[0].reason.len()), (3, 4096));
        assert_eq!((list[1].row, list[1].reason.as_str()), (7, "seven"));
        assert!(list.iter().map(|reject| reject.reason.len()).sum::<usize>() <= CALL_BYTES + 400 * DROPPED.len());
        assert_eq!(list.len(), 392);
    }
}
