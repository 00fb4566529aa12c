//! Where a node names its event time: notes the greatest one for the node's watermark. Rows pass unchanged.

use arrow::array::{Array, AsArray};
use arrow::compute::max;
use arrow::datatypes::TimestampMicrosecondType;

use super::{Effects, Rows, Transform};
use crate::time::in_range;
use crate::{Error, Result};

/// Notes event time for one watermark node.
#[derive(Debug)]
pub struct ObserveEventTime {
    /// The watermark node's number.
    pub node: usize,
    /// The event-time column, a timestamp in microseconds.
    pub column: usize,
}

impl Transform for ObserveEventTime {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let column = rows.batch.column(self.column);
        let times = column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| Error::internal(format!("event time is {}, not a timestamp", column.data_type())))?;
        let mut greatest = max(times);
        if greatest.is_some_and(|t| !in_range(t)) {
            // Such rows become dead letters where they are used; they must not move the watermark.
            greatest = times.iter().flatten().filter(|t| in_range(*t)).max();
        }
        let seen = &mut effects.seen[self.node];
        seen.greatest = seen.greatest.max(greatest);
        seen.rows += times.len() as u64;
        Ok(rows)
    }
}
