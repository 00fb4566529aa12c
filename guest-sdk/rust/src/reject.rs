//! Rows that an operator refuses, with reasons. They go to the job's dead letters; the rest of the batch goes on.
//!
//! The contract's bounds are kept here, so that no plugin breaks them: rows ascend, each once; a reason is cut at
//! 4 KiB; after 1 MiB of reasons in a call the rest of the rows have none of their own.

use crate::{buffer::BufferBuilder, contract::types};

const REASON_BYTES: usize = 4 * 1024;
const CALL_BYTES: usize = 1024 * 1024;
/// Any reason beyond the bound will do: the host puts its own words in the place of it.
const DROPPED: &str = "…";

/// The rows refused in one call.
#[derive(Clone, Debug, Default)]
pub struct Rejects {
    /// Each with where its reason ends.
    rows: Vec<(u32, u32)>,
    reasons: String,
}

impl Rejects {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses row `row` of the batch. If a row is refused twice the first reason stands.
    pub fn push(&mut self, row: usize, reason: impl AsRef<str>) {
        let reason = reason.as_ref();
        let room = REASON_BYTES.min(CALL_BYTES.saturating_sub(self.reasons.len()));
        let reason = if room == 0 { DROPPED } else { &reason[..reason.floor_char_boundary(room)] };
        self.reasons.push_str(reason);
        self.rows.push((row as u32, self.reasons.len() as u32));
    }

    /// How many rows are refused so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row is refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows that are refused.
    pub(crate) fn rows(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().map(|(row, _)| *row)
    }

    /// As the contract has them.
    pub(crate) fn into_buffers(self) -> Option<types::Rejects> {
        if self.rows.is_empty() {
            return None;
        }
        if !self.rows.is_sorted_by(|a, b| a.0 < b.0) {
            return self.sorted().into_buffers();
        }
        let rows = BufferBuilder::map(&self.rows, |(row, _)| row);
        let mut offsets = BufferBuilder::with_capacity(self.rows.len() + 1);
        offsets.push(0u32);
        self.rows.iter().for_each(|(_, end)| offsets.push(*end));
        let (rows, offsets) = (rows.into_bytes(), offsets.into_bytes());
        Some(types::Rejects { rows, offsets, reasons: self.reasons.into_bytes() })
    }

    fn sorted(self) -> Self {
        let mut start = 0;
        let mut all: Vec<_> =
            self.rows.iter().map(|(row, end)| (*row, std::mem::replace(&mut start, *end), *end)).collect();
        all.sort_by_key(|(row, ..)| *row);
        all.dedup_by_key(|(row, ..)| *row);
        let mut sorted = Self::new();
        for (row, start, end) in all {
            sorted.reasons.push_str(&self.reasons[start as usize..end as usize]);
            sorted.rows.push((row, sorted.reasons.len() as u32));
        }
        sorted
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
        let buffers = rejects.into_buffers().unwrap();
        let numbers = |bytes: &[u8]| -> Vec<usize> {
            bytes.chunks_exact(4).map(|n| u32::from_le_bytes(n.try_into().unwrap()) as usize).collect()
        };
        let (rows, offsets) = (numbers(&buffers.rows), numbers(&buffers.offsets));
        assert_eq!((rows[0], rows[1], rows.len()), (3, 7, 392));
        assert_eq!((offsets[0], offsets[1], offsets.len()), (0, 4096, 393));
        assert_eq!(&buffers.reasons[offsets[1]..offsets[2]], b"seven");
        assert_eq!(*offsets.last().unwrap(), buffers.reasons.len());
        assert!(buffers.reasons.len() <= CALL_BYTES + 400 * DROPPED.len());
    }

    #[test]
    fn no_rejects_are_no_bytes() {
        assert_eq!(Rejects::new().into_buffers(), None);
    }
}
