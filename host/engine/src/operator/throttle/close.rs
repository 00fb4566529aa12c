//! Which of an epoch's rows there is room for, and which windows are over.

use arrow::record_batch::RecordBatch;

use super::{Throttle, ThrottlePartial};
use crate::operator::EpochEnd;
use crate::operator::rows::those_of;
use crate::operator::stored::stored_number;
use crate::state::{Partition, Table};
use crate::{Error, Result};

impl Throttle {
    /// The rows that pass, which are counted from now on.
    pub(super) fn pass(
        &self,
        end: &EpochEnd,
        partials: &[ThrottlePartial],
        tables: &mut [&mut Table],
    ) -> Result<Vec<RecordBatch>> {
        let [passed] = tables else {
            return Err(Error::internal(format!("{}: other tables than it has", self.name)));
        };
        let workers = end.workers.for_rows(partials.iter().map(|partial| partial.rows.num_rows()).sum());
        let partitions = passed.partitions_mut().iter_mut().enumerate();
        let found = workers.each(partitions, |(p, passed)| {
            let found = self.pass_in(p, partials, passed)?;
            self.windows().drop_passed(passed, end.watermarks.close);
            Ok(found)
        });
        let found: Vec<_> = found.into_iter().collect::<Result<_>>()?;
        those_of(partials.iter().map(|partial| &partial.rows), found)
    }

    /// The rows of partition `p` that pass: partial and row.
    fn pass_in(&self, p: usize, partials: &[ThrottlePartial], passed: &mut Partition) -> Result<Vec<(u32, u32)>> {
        let mut pass = Vec::new();
        for (number, partial) in (0u32..).zip(partials) {
            // The keys of one partial differ from each other.
            let range = partial.of_partition(p);
            let mut counts: Vec<(usize, [u8; 8])> = Vec::new();
            for (i, stored) in range.clone().zip(passed.get_many(range.map(|i| partial.key(i)))) {
                let before = stored.map(stored_number).transpose()?.unwrap_or(0).cast_unsigned();
                let rows = partial.rows_of(i);
                let room = self.allowance.rows.saturating_sub(before).min(rows.len() as u64);
                if room > 0 {
                    pass.extend(rows[..room as usize].iter().map(|row| (number, *row)));
                    counts.push((i, (before + room).to_le_bytes()));
                }
            }
            passed.put_many(counts.iter().map(|(i, count)| (partial.key(*i), &count[..])), |_, _| {});
        }
        Ok(pass)
    }
}
