//! An epoch's rows of one partition, by key: keys as they first came, the rows of each as they came or by event time. Which
//! chunks they came in plays no part.

use arrow::array::Array;
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::partial::KeyedPartial;
use crate::Result;
use crate::operator::grouping::{Grouper, in_bins};
use crate::operator::rows::{arrow_failed, batch_of};
use crate::state::Key;

/// The rows of a partition's keys.
#[derive(Debug, Default)]
pub(super) struct Gathered<'a> {
    batches: Vec<&'a RecordBatch>,
    pub keys: Vec<Key<'a>>,
    /// Rows of key `i` are `rows[starts[i]..starts[i + 1]]`: batch and row.
    starts: Vec<u32>,
    rows: Vec<(u32, u32)>,
}

impl<'a> Gathered<'a> {
    /// Of partition `p` in these partials, which are in the order of their chunks.
    pub fn of(p: usize, partials: &'a [KeyedPartial]) -> Self {
        let most = partials.iter().map(|partial| partial.of_partition(p).len()).max().unwrap_or(0);
        let mut groups = Grouper::new(most);
        let mut keys: Vec<Key<'a>> = Vec::new();
        let (mut ids, mut all): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
        for (number, partial) in (0..).zip(partials) {
            for i in partial.of_partition(p) {
                let key = partial.key(i);
                let id = groups.group(0, key.hash, |g| keys[g as usize].bytes == key.bytes);
                if id as usize == keys.len() {
                    keys.push(key);
                }
                let rows = partial.rows_of(i);
                ids.extend(rows.iter().map(|_| id));
                all.extend(rows.iter().map(|row| (number, *row)));
            }
        }
        let (starts, order) = in_bins(keys.len(), ids.iter().map(|id| *id as usize));
        let mut rows: Vec<(u32, u32)> = order.iter().map(|at| all[*at as usize]).collect();
        let time = |(partial, row): &(u32, u32)| {
            partials[*partial as usize].times.as_ref().map_or(0, |times| times[*row as usize])
        };
        if partials.iter().any(|partial| partial.times.is_some()) {
            for bounds in starts.windows(2) {
                // Stable: equal times stay as they came.
                rows[bounds[0] as usize..bounds[1] as usize].sort_by_key(time);
            }
        }
        Self { batches: partials.iter().map(|partial| &partial.rows).collect(), keys, starts, rows }
    }

    /// How many rows key number `i` has.
    pub fn count(&self, i: usize) -> usize {
        (self.starts[i + 1] - self.starts[i]) as usize
    }

    /// The rows of the keys `range`, and where each key's begin in them.
    pub fn rows_of(&self, range: std::ops::Range<usize>, schema: &SchemaRef) -> Result<(RecordBatch, Vec<i32>)> {
        let starts = &self.starts[range.start..=range.end];
        let rows = &self.rows[starts[0] as usize..starts[range.len()] as usize];
        let places: Vec<(usize, usize)> = rows.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
        let columns = (0..schema.fields().len()).map(|c| {
            let parts: Vec<&dyn Array> = self.batches.iter().map(|batch| batch.column(c).as_ref()).collect();
            interleave(&parts, &places).map_err(arrow_failed)
        });
        let columns = columns.collect::<Result<_>>()?;
        let offsets = starts.iter().map(|start| (start - starts[0]) as i32).collect();
        Ok((batch_of(schema, columns, rows.len())?, offsets))
    }
}
