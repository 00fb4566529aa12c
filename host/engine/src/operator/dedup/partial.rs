//! A chunk's rows to those that are the first of their key in it.

use std::ops::Range;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::record_batch::RecordBatch;

use super::{Dedup, Expiry};
use crate::Result;
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::grouping::{GroupKeys, by_partition, group_rows};
use crate::operator::{Effects, Rows};
use crate::record::WatermarkPair;
use crate::state::Key;
use crate::state::row::{Form, RowBuffer, encode};
use crate::time::watermark::is_late;

/// One chunk's rows, each the first of its key in the chunk; their keys ordered by partition.
#[derive(Debug)]
pub struct DedupPartial {
    /// The rows, in the order in which they came.
    pub(super) rows: RecordBatch,
    /// Keys of partition `p` are `offsets[p]..offsets[p + 1]`.
    offsets: Vec<u32>,
    /// Per key: which of the rows it is of.
    pub(super) row: Vec<u32>,
    /// Per key: its row's event time; 0 where no time plays a part.
    pub(super) times: Vec<i64>,
    hashes: Vec<u64>,
    keys: GroupKeys,
}

impl DedupPartial {
    /// The keys of partition `p`.
    pub(super) fn of_partition(&self, p: usize) -> Range<usize> {
        self.offsets[p] as usize..self.offsets[p + 1] as usize
    }

    /// Key number `i`, in this bucket.
    pub(super) fn key(&self, bucket: i64, i: usize) -> Key<'_> {
        Key { bucket, hash: self.hashes[i], bytes: self.keys.row(i) }
    }
}

impl Dedup {
    pub(super) fn firsts(&self, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<DedupPartial>> {
        let (rows, times) = match &self.expiry {
            Expiry::AtEventTime { time } | Expiry::After { time, .. } => {
                let without = "it would have to be remembered for ever";
                let (rows, times) = usable_times(&self.name, rows, time, without, effects)?;
                on_time(&self.name, rows, times, |t| is_late(t, at.late), effects)?
            }
            Expiry::Never => {
                let times = vec![0; rows.len()].into();
                (rows, times)
            }
        };
        if rows.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = self.keys.iter().map(|key| rows.batch.column(*key).clone()).collect();
        let mut keys = RowBuffer::new();
        encode(&columns, rows.len(), Form::Key, &mut keys)?;
        let mut grouped = group_rows(&vec![0; rows.len()], &keys);
        let (offsets, order) = by_partition(&mut grouped, self.partitions);
        // Groups are numbered as their first rows come.
        let founders = grouped.founders;
        let founder = |group: &u32| founders[*group as usize] as usize;
        Ok(Some(DedupPartial {
            offsets,
            times: order.iter().map(|group| times[founder(group)]).collect(),
            hashes: order.iter().map(|group| grouped.hashes[*group as usize]).collect(),
            keys: GroupKeys::gather(&keys, order.iter().map(founder)),
            row: order,
            rows: rows.take(&UInt32Array::from(founders))?.batch,
        }))
    }
}
