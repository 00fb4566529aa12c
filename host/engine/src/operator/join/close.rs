//! An epoch's end: partitions in parallel.

use arrow::record_batch::RecordBatch;

use super::StreamJoin;
use super::fresh::Fresh;
use super::output::Output;
use super::partial::JoinPartial;
use crate::operator::EpochEnd;
use crate::record::WatermarkPair;
use crate::state::{Partition, Table};
use crate::time::reach::Side;
use crate::{Error, Result};

impl StreamJoin {
    pub(super) fn match_and_store(
        &self,
        partials: &[JoinPartial],
        tables: &mut [&mut Table],
        end: &EpochEnd,
    ) -> Result<Vec<RecordBatch>> {
        let (rows, timers) = match tables {
            [rows] => (rows, None),
            [rows, timers] => (rows, Some(timers)),
            _ => return Err(Error::internal("a join has one table or two")),
        };
        let rows = rows.partitions_mut();
        let timers: Vec<Option<&mut Partition>> = match timers {
            Some(timers) => timers.partitions_mut().iter_mut().map(Some).collect(),
            None => rows.iter().map(|_| None).collect(),
        };
        let close = |(p, (rows, timers))| self.close_partition(p, partials, rows, timers, end.watermarks);
        let workers = end.workers.for_rows(partials.iter().map(|partial| partial.hashes.len()).sum());
        let given = workers.each(rows.iter_mut().zip(timers).enumerate(), close);
        let given: Vec<Vec<RecordBatch>> = given.into_iter().collect::<Result<_>>()?;
        Ok(given.into_iter().flatten().collect())
    }

    fn close_partition(
        &self,
        p: usize,
        partials: &[JoinPartial],
        stored: &mut Partition,
        mut timers: Option<&mut Partition>,
        at: WatermarkPair,
    ) -> Result<Vec<RecordBatch>> {
        let fresh = Fresh::gather(partials, p);
        let mut output = Output::new(self, &fresh);
        self.find(&fresh, stored, &mut output)?;
        let (left, right) = (std::mem::take(&mut output.left_matched), std::mem::take(&mut output.right_matched));
        let mut batches = output.batches;

        let mut output = Output::new(self, &fresh);
        for (side, matched) in [(Side::Left, left), (Side::Right, right)] {
            self.mark(&fresh, side, &matched, stored)?;
            let alone = self.store(&fresh, side, &matched.new, stored, timers.as_deref_mut(), at)?;
            output.without_match(side, &alone)?;
        }
        if let Some(timers) = timers.as_deref() {
            self.give_expired(stored, timers, at, &mut output)?;
        }
        batches.extend(output.batches);
        self.drop_expired(stored, timers, at);
        Ok(batches)
    }
}
