//! A chunk's rows to those that are the first of their key in it.

use arrow::array::UInt32Array;
use arrow::record_batch::RecordBatch;

use super::{Dedup, Expiry};
use crate::Result;
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::grouping::{KeysByPartition, group_by_columns};
use crate::operator::{Effects, Rows};
use crate::record::WatermarkPair;
use crate::time::watermark::is_late;

/// One chunk's rows, each the first of its key in the chunk; their keys ordered by partition.
#[derive(Debug)]
pub struct DedupPartial {
    /// The rows, in the order in which they came.
    pub(super) rows: RecordBatch,
    pub(super) keys: KeysByPartition,
    /// Per key: which of the rows it is of.
    pub(super) row: Vec<u32>,
    /// Per key: its row's event time; 0 where no time plays a part.
    pub(super) times: Vec<i64>,
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
        let (grouped, order, keys) = group_by_columns(&rows.batch, &self.keys, &vec![0; rows.len()], self.partitions)?;
        // Groups are numbered as their first rows come.
        let founder = |group: &u32| grouped.founders[*group as usize] as usize;
        Ok(Some(DedupPartial {
            times: order.iter().map(|group| times[founder(group)]).collect(),
            keys,
            row: order,
            rows: rows.take(&UInt32Array::from(grouped.founders))?.batch,
        }))
    }
}
