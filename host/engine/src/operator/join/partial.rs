//! A chunk's rows of one side, encoded and in order of partitions: late rows and rows without a time are sent away.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::filter;

use super::StreamJoin;
use crate::Result;
use crate::operator::event_time::{on_time, usable_times};
use crate::operator::grouping::in_bins;
use crate::operator::rows::arrow_failed;
use crate::operator::{Effects, Rows};
use crate::record::WatermarkPair;
use crate::state::row::{Form, RowBuffer, encode};
use crate::state::{hash_key, partition_of};
use crate::time::reach::Side;
use crate::time::watermark::is_late;

/// The rows of one side of a chunk.
#[derive(Debug)]
pub struct JoinPartial {
    pub(super) side: Side,
    /// Rows of partition `p` are `order[offsets[p]..offsets[p + 1]]`.
    pub(super) offsets: Vec<u32>,
    pub(super) order: Vec<u32>,
    pub(super) hashes: Vec<u64>,
    pub(super) keys: RowBuffer,
    /// Rows whose key has a null: they match nothing.
    pub(super) has_null: Option<Vec<bool>>,
    pub(super) times: ScalarBuffer<i64>,
    pub(super) columns: RowBuffer,
}

impl JoinPartial {
    /// The rows of partition `p`, in the order in which they came.
    pub(super) fn of_partition(&self, p: usize) -> &[u32] {
        &self.order[self.offsets[p] as usize..self.offsets[p + 1] as usize]
    }
}

impl StreamJoin {
    pub(super) fn encode(
        &self,
        side: Side,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<JoinPartial>> {
        let input = self.input(side);
        let (rows, times) = match &input.time {
            Some(time) => {
                let (node, without) = (&self.parts.name, "no row of the other side can be near it");
                let (rows, times) = usable_times(node, rows, time, without, effects)?;
                on_time(node, rows, times, |t| is_late(t, at.late), effects)?
            }
            None => {
                let times = vec![0; rows.len()].into();
                (rows, times)
            }
        };
        let (keys, rejected) = input.keys.evaluate(&rows.batch).map_err(|e| self.named(e))?;
        // Rows whose key fails, and rows that can neither match nor come out without a match, go no further.
        let has_null = NullBuffer::union_many(
            keys.iter().map(|k| k.logical_nulls()).collect::<Vec<_>>().iter().map(Option::as_ref),
        );
        let mut kept: Option<Vec<bool>> = None;
        if !self.parts.kind.is_outer(side)
            && let Some(nulls) = has_null.as_ref().filter(|n| n.null_count() > 0)
        {
            kept = Some(nulls.iter().collect());
        }
        for reject in rejected {
            let row = reject.row as usize;
            effects.reject(&self.parts.name, &rows, row, reject.reason);
            kept.get_or_insert_with(|| vec![true; rows.len()])[row] = false;
        }
        let (rows, times, keys, has_null) = match kept {
            None => (rows, times, keys, has_null),
            Some(kept) => {
                let mask = BooleanArray::from(kept.clone());
                let keys = keys.iter().map(|k| filter(k, &mask).map_err(arrow_failed)).collect::<Result<_>>()?;
                let times = times.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(t, _)| *t).collect();
                let nulls = has_null.map(|n| n.iter().zip(&kept).filter(|(_, k)| **k).map(|(n, _)| n).collect());
                (rows.filter(&mask)?, times, keys, nulls)
            }
        };
        if rows.is_empty() {
            return Ok(None);
        }
        self.in_partitions(side, &rows, times, &keys, has_null).map(Some)
    }

    fn in_partitions(
        &self,
        side: Side,
        rows: &Rows,
        times: ScalarBuffer<i64>,
        key_columns: &[ArrayRef],
        has_null: Option<NullBuffer>,
    ) -> Result<JoinPartial> {
        let n = rows.len();
        let (mut keys, mut columns) = (RowBuffer::new(), RowBuffer::new());
        encode(key_columns, n, Form::Key, &mut keys).map_err(|e| self.named(e))?;
        encode(rows.batch.columns(), n, Form::Value, &mut columns).map_err(|e| self.named(e))?;
        let hashes: Vec<u64> = keys.iter().map(hash_key).collect();
        let partitions = self.parts.partitions as usize;
        let (offsets, order) = in_bins(partitions, hashes.iter().map(|hash| partition_of(*hash, partitions)));
        let has_null = has_null.filter(|n| n.null_count() > 0).map(|n| n.iter().map(|valid| !valid).collect());
        Ok(JoinPartial { side, offsets, order, hashes, keys, has_null, times, columns })
    }
}
