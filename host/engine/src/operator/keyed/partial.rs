//! A chunk's rows to rows by key. No function is called here: it needs the states, which the epoch's end has.

use std::ops::Range;

use arrow::record_batch::RecordBatch;

use super::Keyed;
use super::function::LateInput;
use crate::Result;
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::grouping::{KeysByPartition, group_by_columns, in_bins};
use crate::operator::{Effects, Rows};
use crate::record::WatermarkPair;
use crate::state::Key;
use crate::time::watermark::is_late;

/// One chunk's rows; their keys ordered by partition, in each as they came.
#[derive(Debug)]
pub struct KeyedPartial {
    /// The rows, in the order in which they came.
    pub(super) rows: RecordBatch,
    keys: KeysByPartition,
    /// Rows of key `i` are `of_keys[starts[i]..starts[i + 1]]`, in their order.
    starts: Vec<u32>,
    of_keys: Vec<u32>,
    /// Per row its event time; none where it plays no part.
    pub(super) times: Option<Vec<i64>>,
}

impl KeyedPartial {
    /// The keys of partition `p`.
    pub(super) fn of_partition(&self, p: usize) -> Range<usize> {
        self.keys.of_partition(p)
    }

    /// Key number `i`.
    pub(super) fn key(&self, i: usize) -> Key<'_> {
        self.keys.key(0, i)
    }

    /// The rows of key number `i`.
    pub(super) fn rows_of(&self, i: usize) -> &[u32] {
        &self.of_keys[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

impl Keyed {
    pub(super) fn by_key(&self, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<KeyedPartial>> {
        let binding = self.function.binding();
        let sets_aside = binding.late == LateInput::SetAside;
        let (rows, times) = match &self.time {
            Some(time) if sets_aside || binding.by_event_time => {
                let without = "its operator takes rows by event time";
                let (rows, times) = usable_times(&self.name, rows, time, without, effects)?;
                let watermark = self.judged_by.of(at);
                let (rows, times) = on_time(&self.name, rows, times, |t| sets_aside && is_late(t, watermark), effects)?;
                (rows, binding.by_event_time.then(|| times.to_vec()))
            }
            _ => (rows, None),
        };
        if rows.is_empty() {
            return Ok(None);
        }
        let none = vec![0; rows.len()];
        let (grouped, order, keys) = group_by_columns(&rows.batch, &self.keys, &none, self.partitions)?;
        let (starts, of_keys) = in_bins(order.len(), grouped.ids.iter().map(|id| *id as usize));
        Ok(Some(KeyedPartial { keys, starts, of_keys, times, rows: rows.batch }))
    }
}
