//! Stored states to result rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::close::Touched;
use super::{GroupAggregate, OutputColumn, TimeKey, window_type};
use crate::Result;
use crate::format::UTC;
use crate::operator::rows::arrow_failed;
use crate::state::Partition;
use crate::state::row::decode;
use crate::time::watermark::is_late;
use crate::time::window::WindowSpec;

impl GroupAggregate {
    /// Update mode: the groups that the epoch touched, by time and key.
    pub(super) fn emit_touched(&self, touched: Touched<'_>) -> Result<Option<RecordBatch>> {
        let n = touched.keys.len();
        let mut order: Vec<u32> = (0..n as u32).collect();
        let place = |g: u32| (touched.buckets[g as usize], touched.keys[g as usize]);
        order.sort_unstable_by(|a, b| place(*a).cmp(&place(*b)));
        let times: Vec<i64> = order.iter().map(|g| touched.buckets[*g as usize]).collect();
        let keys: Vec<&[u8]> = order.iter().map(|g| touched.keys[*g as usize]).collect();
        let order = arrow::array::UInt32Array::from(order);
        let states = touched.states.iter().map(|s| arrow::compute::take(s, &order, None).map_err(arrow_failed));
        self.result(&times, None, &keys, &states.collect::<Result<Vec<_>>>()?)
    }

    /// All groups of the buckets at or before `until`; none = of all buckets. Without windows to combine.
    pub(super) fn emit_buckets(&self, partition: &Partition, until: Option<i64>) -> Result<Option<RecordBatch>> {
        let (mut times, mut keys, mut states) = (Vec::new(), Vec::new(), Vec::new());
        for (time, bucket) in partition.buckets().take_while(|(b, _)| until.is_none_or(|u| *b <= u)) {
            let mut entries: Vec<(&[u8], &[u8])> = bucket.iter().collect();
            entries.sort_unstable_by_key(|e| e.0);
            for (key, state) in entries {
                times.push(time);
                keys.push(key);
                states.push(state);
            }
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let states = decode(&states, &self.state_types)?;
        self.result(&times, None, &keys, &states)
    }

    /// The windows that end after `late` and at or before `close`, by window and key; none = no bound.
    pub(super) fn emit_windows(
        &self,
        partition: &Partition,
        spec: &WindowSpec,
        late: Option<i64>,
        close: Option<i64>,
    ) -> Result<Option<RecordBatch>> {
        let mut starts = BTreeSet::new();
        for (bucket, _) in partition.buckets() {
            let covering: Vec<i64> = if self.stores_windows() { vec![bucket] } else { spec.starts(bucket).collect() };
            if close.is_some_and(|c| covering[0] + spec.size() > c) {
                break;
            }
            let due = |s: &i64| !is_late(s + spec.size(), late) && close.is_none_or(|c| s + spec.size() <= c);
            starts.extend(covering.into_iter().filter(due));
        }
        // A row per window and key; its states, one per slice, in the order of time.
        let (mut times, mut keys) = (Vec::new(), Vec::new());
        let (mut groups, mut states): (Vec<u32>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        let mut entries: Vec<(&[u8], i64, &[u8])> = Vec::new();
        for start in starts {
            entries.clear();
            let end = if self.stores_windows() { start + 1 } else { start + spec.size() };
            for (slice, bucket) in partition.range(start..end) {
                entries.extend(bucket.iter().map(|(key, state)| (key, slice, state)));
            }
            entries.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
            for (i, (key, _, state)) in entries.iter().enumerate() {
                if i == 0 || entries[i - 1].0 != *key {
                    times.push(start);
                    keys.push(*key);
                }
                groups.push(keys.len() as u32 - 1);
                states.push(state);
            }
        }
        let n = keys.len();
        if n == 0 {
            return Ok(None);
        }
        let mut states = decode(&states, &self.state_types)?;
        if groups.len() > n {
            let merged = self.state_ranges().map(|(call, range)| call.function.merge(&groups, n, &states[range]));
            let merged: Vec<Vec<ArrayRef>> = merged.collect::<Result<_, _>>().map_err(|e| self.failed(e))?;
            states = merged.into_iter().flatten().collect();
        }
        self.result(&times, None, &keys, &states)
    }

    /// Result rows of groups given by time, key and state; `ends` are those of windows of no fixed length.
    pub(super) fn result(
        &self,
        times: &[i64],
        ends: Option<&[i64]>,
        keys: &[&[u8]],
        states: &[ArrayRef],
    ) -> Result<Option<RecordBatch>> {
        if keys.is_empty() {
            return Ok(None);
        }
        let keys_of = decode(keys, &self.key_types)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in &self.groups {
            columns.push(match column {
                OutputColumn::Key(k) => keys_of[*k].clone(),
                OutputColumn::Time => self.time_column(times, ends)?,
                OutputColumn::Start => stamps(times, 0),
            });
        }
        for (call, range) in self.state_ranges() {
            columns.extend(call.function.finish(&states[range]).map_err(|e| self.failed(e))?);
        }
        for (column, field) in columns.iter_mut().zip(self.schema.fields()) {
            if column.data_type() != field.data_type() {
                *column = arrow::compute::cast(column, field.data_type()).map_err(arrow_failed)?;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(keys.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(arrow_failed)?;
        Ok(Some(batch))
    }

    fn time_column(&self, times: &[i64], ends: Option<&[i64]>) -> Result<ArrayRef> {
        let ends = match (&self.time, ends) {
            (_, Some(ends)) => stamps(ends, 0),
            (TimeKey::Window { spec, .. }, None) => stamps(times, spec.size()),
            _ => return Ok(stamps(times, 0)),
        };
        let DataType::Struct(fields) = window_type() else { unreachable!("a window is a struct") };
        Ok(Arc::new(StructArray::try_new(fields, vec![stamps(times, 0), ends], None).map_err(arrow_failed)?))
    }
}

fn stamps(times: &[i64], shift: i64) -> ArrayRef {
    let stamps = TimestampMicrosecondArray::from_iter_values(times.iter().map(|t| t + shift));
    Arc::new(stamps.with_timezone(UTC))
}
