//! What a stateful operator is: the two steps over its rows, and what must be known of its state.

use std::collections::BTreeMap;
use std::fmt::Debug;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::fingerprint::{Fingerprint, Former, Old};
use super::{Effects, Explanation, LateRows, Reading, Reject, Rows, StoredColumns};
use crate::executor::Workers;
use crate::record::WatermarkPair;
use crate::state::Table;
use crate::time::watermark::moved;
use crate::{Error, Result};

/// The end of an epoch, as an operator sees it.
#[derive(Debug, Clone)]
pub struct EpochEnd {
    /// The epoch's number.
    pub epoch: u64,
    /// When the epoch began: processing time, microseconds since 1970.
    pub now: i64,
    /// `late` was that by which rows were judged, by `close` state is closed; without a `close` nothing is.
    pub watermarks: WatermarkPair,
    /// Who computes: partitions side by side.
    pub workers: Workers,
}

/// What a stateful operator gives at the end of an epoch.
#[derive(Debug, Default)]
pub struct Closed {
    /// The rows that come out, in an order that depends on nothing but them.
    pub batches: Vec<RecordBatch>,
    /// What has no result, each with why.
    pub rejects: Vec<Reject>,
    /// Rows that turned out to be late only now.
    pub late: Vec<LateRows>,
}

impl Closed {
    /// Nothing but these rows.
    pub fn rows(batches: Vec<RecordBatch>) -> Self {
        Self { batches, ..Self::default() }
    }

    /// Adds what comes after it.
    pub fn append(&mut self, more: Self) {
        let Self { batches, rejects, late } = more;
        self.batches.extend(batches);
        self.rejects.extend(rejects);
        self.late.extend(late);
    }
}

impl FromIterator<Closed> for Closed {
    fn from_iter<T: IntoIterator<Item = Closed>>(parts: T) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|part| all.append(part));
        all
    }
}

/// What an epoch without input waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// That the operator's watermark moves, wherever to: also where nothing stored is due by it, the epoch after judges
    /// lateness by it.
    Watermark,
    /// This processing time, microseconds since 1970, or that the watermark moves.
    At(i64),
}

impl Due {
    /// Whether an epoch at `now` that goes by these watermarks does something.
    pub fn is_due(self, watermarks: WatermarkPair, now: i64) -> bool {
        moved(watermarks) || matches!(self, Self::At(due) if due <= now)
    }
}

/// A stateful operator.
pub trait Stateful: Send + Sync + Debug {
    /// What a chunk leaves for [`Stateful::close`].
    type Partial: Send + Debug + 'static;

    /// Condenses one chunk's rows of input number `input`. `at` is the epoch's pair of watermarks: lateness goes by
    /// `late`.
    fn partial(
        &self,
        input: usize,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<Self::Partial>>;

    /// What its tables are called. The first one holds what a person would count as its state; operators that find
    /// entries by several ways (by key, by time) have one for each way.
    fn tables(&self) -> &'static [&'static str] {
        &[""]
    }

    /// Merges the epoch's partials, in the order of their chunks, into `tables`, which are those of
    /// [`Stateful::tables`]; closes state by `end`; says what comes out.
    fn close(&self, end: &EpochEnd, partials: Vec<Self::Partial>, tables: &mut [&mut Table]) -> Result<Closed>;

    /// Whether [`Stateful::close`] may be given some of an epoch's partials before the others, with no watermark to close
    /// by: nothing comes out then, and the end of the epoch is as if all had come together.
    fn takes_in_early(&self) -> bool {
        false
    }

    /// The schema of the rows that come out.
    fn schema(&self) -> SchemaRef;

    /// What must stay the same for stored state to be usable: keys, time, output mode, aggregates and their states.
    fn fingerprint(&self) -> Fingerprint;

    /// How versions before `docs/decisions/0007` told that; not at all of an operator that they did not have.
    fn former_fingerprint(&self) -> Former {
        Former { text: String::new(), is_enough: false }
    }

    /// Brings over what older versions, of its plugins for example, have stored in another form.
    ///
    /// # Errors
    /// A plugin cannot do it. The tables are then half changed and of no use.
    fn bring_over(&self, old: &Old, _tables: &mut [&mut Table], _workers: &Workers) -> Result<()> {
        Err(Error::internal(format!("an operator without older forms was given {old:?}")))
    }

    /// When rows come out, what is kept and until when, what is late.
    fn explain(&self) -> Explanation;

    /// The watermark by which the rows that it calls late are, of the epoch's pair.
    fn late_by(&self, at: WatermarkPair) -> Option<i64> {
        at.late
    }

    /// What an epoch without input has to wait for to do something, given the tables of [`Stateful::tables`]; none = it
    /// never does anything.
    fn next_due(&self, tables: &[&Table]) -> Option<Due>;

    /// The columns of what is stored, as [`Stateful::read`] gives it; none = only queries that are asked once have such an
    /// operator, and nobody reads what it stores. `called`: what columns of its [`Stateful::schema`] are called where they
    /// come out of their node, by their places.
    fn stored_columns(&self, _called: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        None
    }

    /// Gives what is stored in `tables`, which are those of [`Stateful::tables`], as rows of
    /// [`Stateful::stored_columns`].
    ///
    /// # Errors
    /// What is stored is damaged, or whoever takes the rows cannot.
    fn read(&self, _tables: &[&Table], _reading: &mut Reading<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether no further row can change what comes out at the end: then nothing more need be read for it.
    fn has_enough(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_without_input_is_due_when_a_watermark_has_moved_or_a_time_has_come() {
        let (still, moved) =
            (WatermarkPair { late: Some(5), close: Some(5) }, WatermarkPair { late: Some(5), close: Some(6) });
        assert!(!Due::Watermark.is_due(still, i64::MAX) && Due::Watermark.is_due(moved, 0));
        assert!(!Due::At(10).is_due(still, 9) && Due::At(10).is_due(still, 10) && Due::At(10).is_due(moved, 9));
    }
}
