//! A chunk's rows to those that could pass if there were no others.

use std::ops::Range;

use arrow::array::UInt32Array;
use arrow::record_batch::RecordBatch;

use super::Throttle;
use crate::Result;
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::grouping::{KeysByPartition, group_by_columns, in_bins};
use crate::operator::{Effects, Rows};
use crate::record::WatermarkPair;
use crate::state::Key;
use crate::time::watermark::is_late;

/// One chunk's rows, of each key in a window no more than may pass; the keys ordered by partition.
#[derive(Debug)]
pub struct ThrottlePartial {
    /// The rows, in the order in which they came.
    pub(super) rows: RecordBatch,
    keys: KeysByPartition,
    /// Per key: the bucket of its window.
    buckets: Vec<i64>,
    /// Rows of key `i` are `of_keys[starts[i]..starts[i + 1]]`, in their order.
    starts: Vec<u32>,
    of_keys: Vec<u32>,
}

impl ThrottlePartial {
    /// The keys of partition `p`.
    pub(super) fn of_partition(&self, p: usize) -> Range<usize> {
        self.keys.of_partition(p)
    }

    /// Key number `i` in its window.
    pub(super) fn key(&self, i: usize) -> Key<'_> {
        self.keys.key(self.buckets[i], i)
    }

    /// The rows of key number `i`.
    pub(super) fn rows_of(&self, i: usize) -> &[u32] {
        &self.of_keys[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

impl Throttle {
    pub(super) fn could_pass(
        &self,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<ThrottlePartial>> {
        let (rows, times) = usable_times(&self.name, rows, &self.time, "it lies in no window", effects)?;
        let (rows, times) = on_time(&self.name, rows, times, |t| is_late(t, at.late), effects)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let windows = self.windows();
        let buckets: Vec<i64> = times.iter().map(|t| windows.bucket(windows.slot(*t), 0)).collect();
        let (grouped, order, keys) = group_by_columns(&rows.batch, &self.keys, &buckets, self.partitions)?;

        let mut seen = vec![0u64; order.len()];
        let mut could_pass = |group: u32| {
            let seen = &mut seen[group as usize];
            *seen += 1;
            *seen <= self.allowance.rows
        };
        let passing: Vec<u32> =
            (0u32..).zip(&grouped.ids).filter(|(_, id)| could_pass(**id)).map(|(row, _)| row).collect();
        let (starts, of_keys) = in_bins(order.len(), passing.iter().map(|row| grouped.ids[*row as usize] as usize));
        Ok(Some(ThrottlePartial {
            keys,
            buckets: order.iter().map(|group| grouped.buckets[*group as usize]).collect(),
            starts,
            of_keys,
            rows: rows.take(&UInt32Array::from(passing))?.batch,
        }))
    }
}
