//! Stored states to result rows.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, StructArray, TimestampMicrosecondArray};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Schema};

use super::touched::Touched;
use super::{AggregateFunction, GroupAggregate, OutputColumn, TimeKey, window_type};
use crate::Result;
use crate::format::UTC;
use crate::operator::rows::{arrow_failed, batch_of};
use crate::operator::{Closed, Reject, cut_reason, row_as_json};
use crate::state::Partition;
use crate::state::row::decode;

/// What comes of states that cannot be merged: their group stays what it was.
pub(super) const NOWHERE: &str = "the group's rows of this epoch count nowhere";

/// Groups, by what they are grouped by.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub times: &'a [i64],
    /// Of windows of no fixed length: where they end.
    pub ends: Option<&'a [i64]>,
    pub keys: &'a [&'a [u8]],
}

/// Result rows to be.
pub(super) struct Results<'a> {
    pub times: &'a [i64],
    /// Of windows of no fixed length: where they end.
    pub ends: Option<&'a [i64]>,
    pub keys: &'a [&'a [u8]],
    pub states: &'a [ArrayRef],
}

impl GroupAggregate {
    /// Update mode: the groups that the epoch touched, by time and key.
    pub(super) fn emit_touched(&self, touched: &Touched<'_>) -> Result<Closed> {
        let n = touched.keys.len();
        let mut order: Vec<u32> = (0..n as u32).collect();
        let place = |g: u32| (touched.buckets[g as usize], touched.keys[g as usize]);
        order.sort_unstable_by(|a, b| place(*a).cmp(&place(*b)));
        let times: Vec<i64> = order.iter().map(|g| touched.buckets[*g as usize]).collect();
        let keys: Vec<&[u8]> = order.iter().map(|g| touched.keys[*g as usize]).collect();
        let order = arrow::array::UInt32Array::from(order);
        let states = touched.states.iter().map(|s| arrow::compute::take(s, &order, None).map_err(arrow_failed));
        let states = states.collect::<Result<Vec<_>>>()?;
        self.result(Results { times: &times, ends: None, keys: &keys, states: &states }, |_, _| {
            touched.by_rows || touched.all
        })
    }

    /// All groups of the buckets at or before `until`; none = of all buckets. Without windows to combine.
    pub(super) fn emit_buckets(
        &self,
        partition: &Partition,
        until: Option<i64>,
        touched: &Touched<'_>,
    ) -> Result<Closed> {
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
            return Ok(Closed::default());
        }
        let states = decode(&states, &self.state_types)?;
        let has_news = touched.news(|time| time..time + 1);
        self.result(Results { times: &times, ends: None, keys: &keys, states: &states }, |time, key| {
            until.is_some() || has_news(time, key)
        })
    }

    /// Result rows of groups. Of a group whose result an aggregate refuses there is no row; if `is_news`, because the
    /// group was touched or comes out for the only time, there is a reject, so that one that comes out in every epoch is
    /// not rejected in every epoch.
    pub(super) fn result(&self, groups: Results<'_>, is_news: impl Fn(i64, &[u8]) -> bool) -> Result<Closed> {
        let Results { times, ends, keys, states } = groups;
        if keys.is_empty() {
            return Ok(Closed::default());
        }
        let mut columns = self.group_columns(times, ends, keys)?;
        let mut refused: BTreeMap<usize, String> = BTreeMap::new();
        for (function, range) in self.finishing() {
            let finished = function.finish(&states[range]).map_err(|e| self.failed(e))?;
            columns.extend(finished.columns);
            for (group, why) in finished.refused {
                refused.entry(group).and_modify(|all| *all += &format!("; {why}")).or_insert(why);
            }
        }
        let rejects = refused.iter().filter(|(group, _)| is_news(times[**group], keys[**group]));
        let rejects = rejects.map(|(group, why)| self.reject(&columns, *group, why)).collect::<Result<_>>()?;
        let rows = keys.len() - refused.len();
        if !refused.is_empty() {
            let kept: BooleanArray = (0..keys.len()).map(|group| Some(!refused.contains_key(&group))).collect();
            for column in &mut columns {
                *column = filter(column, &kept).map_err(arrow_failed)?;
            }
        }
        for (column, field) in columns.iter_mut().zip(self.schema.fields()) {
            if column.data_type() != field.data_type() {
                *column = arrow::compute::cast(column, field.data_type()).map_err(arrow_failed)?;
            }
        }
        let batch = batch_of(&self.schema, columns, rows)?;
        Ok(Closed { batches: if rows > 0 { vec![batch] } else { Vec::new() }, rejects, late: Vec::new() })
    }

    /// The columns of what is grouped by.
    fn group_columns(&self, times: &[i64], ends: Option<&[i64]>, keys: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        let keys = decode(keys, &self.key_types)?;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for column in &self.groups {
            columns.push(match column {
                OutputColumn::Key(k) => keys[*k].clone(),
                OutputColumn::Time => self.time_column(times, ends)?,
                OutputColumn::Start => stamps(times, 0),
            });
        }
        Ok(columns)
    }

    /// The groups among these whose states cannot be merged, each shown by what it is grouped by. `so`: what comes of it.
    pub(super) fn unmerged(&self, of: Of<'_>, refused: &[(usize, String)], so: &str) -> Result<Vec<Reject>> {
        let columns = self.group_columns(of.times, of.ends, of.keys)?;
        let reject = |(group, why): &(usize, String)| {
            self.reject(&columns, *group, &cut_reason(format!("{so}: its states cannot be merged: {why}")))
        };
        refused.iter().map(reject).collect()
    }

    /// What makes results of which columns of states.
    fn finishing(&self) -> Vec<(&dyn AggregateFunction, Range<usize>)> {
        if self.stores_windows() {
            self.state_ranges().filter_map(|(function, range)| Some((function?, range))).collect()
        } else {
            self.aggregates.iter().map(|call| &*call.function).zip(self.partial_ranges()).collect()
        }
    }

    /// A group without a result, shown by what it is grouped by.
    fn reject(&self, columns: &[ArrayRef], group: usize, why: &str) -> Result<Reject> {
        let fields = self.shown.iter().zip(columns).map(|(name, c)| Field::new(name, c.data_type().clone(), true));
        let fields: Vec<Field> = fields.collect();
        let columns = columns[..fields.len()].iter().map(|column| column.slice(group, 1)).collect();
        let keys = batch_of(&Arc::new(Schema::new(fields)), columns, 1)?;
        Ok(Reject {
            node: self.name.clone(),
            origin: 0,
            reason: why.to_owned(),
            row: row_as_json(&keys, 0),
            is_group: true,
        })
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
