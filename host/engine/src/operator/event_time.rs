//! Event times in rows. Where a node names its event time, the greatest one is noted for the node's watermark, and rows
//! too far ahead of their epoch are told from the others; where an operator goes by it, rows that have none, and
//! rows that are late, are told from the others.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{max, not};
use arrow::datatypes::TimestampMicrosecondType;

use super::rows::arrow_failed;
use super::{Effects, Expressions, LateRows, Rows, Seen};
use crate::name::Name;
use crate::time::in_range;
use crate::{Error, Result};

/// Notes event time for one watermark node.
#[derive(Debug, Clone)]
pub struct ObserveEventTime {
    /// The watermark node.
    pub node: Name,
    /// The event-time column, a timestamp in microseconds.
    pub column: usize,
    /// How far ahead of the epoch's start an event time may be, microseconds; none = as far as it likes.
    pub max_ahead: Option<i64>,
}

/// Rows whose event time is too far ahead.
#[derive(Debug)]
pub struct AheadRows {
    /// The rows.
    pub rows: Rows,
    /// How far ahead of the epoch's start they may be, microseconds.
    pub max_ahead: i64,
}

impl ObserveEventTime {
    /// Notes the event times of `rows`, which an epoch reads that was `started` then (processing time). Returns those
    /// that are not ahead, and those that are, which are not noted.
    pub fn observe(&self, rows: Rows, started: i64, effects: &mut Effects) -> Result<(Rows, Option<AheadRows>)> {
        let column = rows.batch.column(self.column);
        let times = column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| Error::internal(format!("event time is {}, not a timestamp", column.data_type())))?;
        let mut greatest = max(times);
        if let (Some(max_ahead), Some(greatest)) = (self.max_ahead, greatest)
            && greatest > started.saturating_add(max_ahead)
        {
            let last = started.saturating_add(max_ahead);
            let is_ahead: BooleanArray = times.iter().map(|t| Some(t.is_some_and(|t| t > last))).collect();
            let ahead = AheadRows { rows: rows.clone().filter(&is_ahead)?, max_ahead };
            let rows = rows.filter(&not(&is_ahead).map_err(arrow_failed)?)?;
            let (rows, _) = self.observe(rows, started, effects)?;
            return Ok((rows, Some(ahead)));
        }
        if greatest.is_some_and(|t| !in_range(t)) {
            // Such rows become dead letters where they are used; they must not move the watermark.
            greatest = times.iter().flatten().filter(|t| in_range(*t)).max();
        }
        let seen = Seen { greatest, rows: times.len() as u64 };
        effects.seen.entry(self.node.clone()).or_default().add(seen);
        Ok((rows, None))
    }
}

/// The rows that have an event time, and their times; the others become dead letters. `without_time` says what becomes of
/// a row that has none.
pub(super) fn usable_times(
    node: &Arc<str>,
    rows: Rows,
    time: &Expressions,
    without_time: &str,
    effects: &mut Effects,
) -> Result<(Rows, ScalarBuffer<i64>)> {
    let (values, rejected) = time.evaluate(&rows.batch).map_err(|e| e.context(format!("operator `{}`", node)))?;
    let values = &values[0];
    let times = values
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| Error::internal(format!("event time is {}, not a timestamp", values.data_type())))?;
    let mut unusable = Vec::new();
    if !rejected.is_empty() || times.null_count() > 0 || times.values().iter().any(|t| !in_range(*t)) {
        let mut rejected = rejected.into_iter().peekable();
        for row in 0..times.len() {
            if let Some(failed) = rejected.next_if(|r| r.row as usize == row) {
                effects.reject(node, &rows, row, failed.reason);
            } else if times.is_null(row) {
                effects.reject(node, &rows, row, format!("its event time is null: {without_time}"));
            } else if !in_range(times.value(row)) {
                effects.reject(node, &rows, row, "its event time is out of range");
            } else {
                continue;
            }
            unusable.push(row as u32);
        }
    }
    if unusable.is_empty() {
        return Ok((rows, times.values().clone()));
    }
    let rows = rows.without(&unusable)?;
    let mut gone = unusable.iter().peekable();
    let times = times.values().iter().enumerate();
    let kept = times.filter(|(i, _)| gone.next_if(|g| **g as usize == *i).is_none()).map(|(_, t)| *t);
    Ok((rows, kept.collect()))
}

/// The rows that are not late, and their times; the others are set aside for `node`.
pub(super) fn on_time(
    node: &Arc<str>,
    rows: Rows,
    times: ScalarBuffer<i64>,
    is_late: impl Fn(i64) -> bool,
    effects: &mut Effects,
) -> Result<(Rows, ScalarBuffer<i64>)> {
    let late: Vec<bool> = times.iter().map(|t| is_late(*t)).collect();
    if !late.contains(&true) {
        return Ok((rows, times));
    }
    let kept = times.iter().zip(&late).filter(|(_, late)| !**late).map(|(t, _)| *t).collect();
    let late = BooleanArray::from(late);
    effects.late.push(LateRows { node: node.clone(), rows: rows.clone().filter(&late)? });
    Ok((rows.filter(&not(&late).map_err(arrow_failed)?)?, kept))
}
