//! What every [`Stateful`](super::Stateful) operator must keep to, whatever it computes.
//!
//! The operator is run over the same epochs in many ways that must all come to the same: its rows cut into chunks
//! elsewhere, taken in early, the state written and read again after each epoch, an epoch that is given up and computed
//! anew, epochs without rows in between.

#![allow(clippy::unwrap_used, reason = "a suite says what is wrong by a panic")]

use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;

use super::{AnyStateful, Effects, EpochEnd, Partial, Reject, Rows, row_as_json};
use crate::executor::Workers;
use crate::record::WatermarkPair;
use crate::state::State;

/// What comes to an operator in one epoch.
#[derive(Debug, Clone)]
pub struct EpochInput {
    /// The rows, in their order, each batch with the number of the input that it comes to.
    pub rows: Vec<(usize, RecordBatch)>,
    /// When the epoch began: processing time, microseconds since 1970.
    pub now: i64,
    /// What lateness is judged by and what state is closed by.
    pub watermarks: WatermarkPair,
}

/// What came of one epoch, as text, row by row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// The rows that came out.
    pub rows: Vec<String>,
    /// What was rejected: why, and the row.
    pub rejects: Vec<String>,
    /// The rows that were late.
    pub late: Vec<String>,
}

/// Runs `operator`, which was made for so many partitions, over `epochs` in every way; what came of each epoch.
///
/// # Panics
/// It does not keep to it; the message says in which way.
pub fn conforms(operator: &dyn AnyStateful, partitions: u32, epochs: &[EpochInput]) -> Vec<Came> {
    let told = operator.fingerprint().told();
    assert_eq!(told, operator.fingerprint().told(), "a fingerprint is the same whenever it is asked for");
    let tables = operator.tables();
    let is_new = |(at, name): (usize, &&str)| !tables[..at].contains(name);
    assert!(!tables.is_empty() && tables.iter().enumerate().all(is_new), "tables have names of their own: {tables:?}");

    let run = |way: Way| Run { operator, state: State::new(partitions), way, cuts: 0 }.all(epochs);
    let plain = run(Way::Plain);
    for seed in 1..=6 {
        assert_eq!(run(Way::Cut(seed)), plain, "the chunks end elsewhere (seed {seed})");
    }
    if operator.takes_in_early() {
        assert_eq!(run(Way::Early), plain, "some of an epoch's chunks are taken in before its end");
    }
    assert_eq!(run(Way::Restored), plain, "the state is written and read again after each epoch");
    assert_eq!(run(Way::GivenUp), plain, "each epoch is given up once and computed anew");
    assert_eq!(run(Way::Idle), plain, "there is an epoch without rows after each");
    plain
}

/// One way to run the same epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    /// Batches are cut to chunks by a seed.
    Cut(u64),
    Early,
    Restored,
    GivenUp,
    Idle,
}

struct Run<'a> {
    operator: &'a dyn AnyStateful,
    state: State,
    way: Way,
    cuts: u64,
}

impl Run<'_> {
    fn all(mut self, epochs: &[EpochInput]) -> Vec<Came> {
        let mut all = Vec::new();
        // What a checkpoint would have.
        let mut written: Vec<Vec<u8>> = Vec::new();
        for (epoch, input) in (0..).zip(epochs) {
            if self.way == Way::GivenUp {
                let before = restored(self.state.partitions(), &written);
                let given_up = std::mem::replace(&mut self.state, before);
                self.epoch(epoch, input);
                let change = self.state.take_changes();
                self.state = given_up;
                all.push(self.epoch(epoch, input));
                let again = self.state.take_changes();
                assert_eq!(change, again, "epoch {epoch}: computed twice, its change has other bytes");
                written.push(again.bytes);
                continue;
            }
            all.push(self.epoch(epoch, input));
            written.push(self.state.take_changes().bytes);
            if self.way == Way::Restored {
                let read = restored(self.state.partitions(), &written);
                for (name, table) in self.state.tables().filter(|(_, table)| !table.is_empty()) {
                    let same = read.table(name).is_some_and(|read| read.holds_what(table));
                    assert!(same, "epoch {epoch}: what was written of table `{name}` is not what it holds");
                }
                self.state = read;
            }
            if self.way == Way::Idle {
                self.idle(epoch, input);
            }
        }
        all
    }

    /// An epoch without rows whose watermark stands still: nothing is due by it, and it changes nothing.
    fn idle(&mut self, epoch: u64, after: &EpochInput) {
        let close = after.watermarks.close;
        let still = WatermarkPair { late: close, close };
        let names: Vec<String> = names(self.operator);
        let tables = self.state.tables_named(&names);
        let tables: Vec<_> = tables.iter().map(|table| &**table).collect();
        let due = self.operator.next_due(&tables).is_some_and(|due| due.is_due(still, after.now));
        assert!(!due, "epoch {epoch}: something is due by what it was closed by");
        self.epoch(epoch, &EpochInput { rows: Vec::new(), now: after.now, watermarks: still });
        let change = self.state.take_changes().bytes;
        assert_eq!(change, State::new(1).take_changes().bytes, "an epoch without rows changed the state");
    }

    fn epoch(&mut self, epoch: u64, input: &EpochInput) -> Came {
        let names = names(self.operator);
        let mut tables = self.state.tables_named(&names);
        let (mut came, mut partials) = (Came::default(), Vec::new());
        let watermarks = WatermarkPair { close: None, ..input.watermarks };
        let early = EpochEnd { epoch, now: input.now, watermarks, workers: Workers::alone() };
        for (number, batch) in &input.rows {
            let mut at = 0;
            while at < batch.num_rows() {
                let len = match self.way {
                    Way::Cut(seed) => {
                        self.cuts += 1;
                        1 + random(seed, self.cuts) as usize % (batch.num_rows() - at)
                    }
                    Way::Early => 1.max((batch.num_rows() - at) / 2),
                    _ => batch.num_rows() - at,
                };
                let mut effects = Effects::default();
                let rows = Rows::new(batch.slice(at, len));
                partials.extend(self.operator.partial(*number, rows, input.watermarks, &mut effects).unwrap());
                came.rejects.extend(effects.rejects.iter().map(told));
                came.late.extend(effects.late.iter().flat_map(|late| as_text(&late.rows.batch)));
                at += len;
                if self.way == Way::Early {
                    let taken: Vec<Partial> = std::mem::take(&mut partials);
                    let closed = self.operator.close(&early, taken, &mut tables).unwrap();
                    assert!(closed.batches.is_empty(), "epoch {epoch}: rows came out before its end");
                }
            }
        }
        let end = EpochEnd { epoch, now: input.now, watermarks: input.watermarks, workers: Workers::alone() };
        let closed = self.operator.close(&end, partials, &mut tables).unwrap();
        for batch in &closed.batches {
            // What is noted beside columns may go.
            let columns = |schema: &Schema| -> Vec<(String, DataType)> {
                schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect()
            };
            let (given, said) = (columns(batch.schema_ref()), columns(&self.operator.schema()));
            assert_eq!(given, said, "epoch {epoch}: rows of other columns");
            came.rows.extend(as_text(batch));
        }
        came.rejects.extend(closed.rejects.iter().map(told));
        came.late.extend(closed.late.iter().flat_map(|late| as_text(&late.rows.batch)));
        came
    }
}

/// The names of its tables, as the state of a job has them.
fn names(operator: &dyn AnyStateful) -> Vec<String> {
    operator.tables().iter().map(|table| format!("it.{table}")).collect()
}

fn restored(partitions: u32, changes: &[Vec<u8>]) -> State {
    let mut state = State::new(partitions);
    changes.iter().for_each(|change| state.apply(change).unwrap());
    state
}

fn told(reject: &Reject) -> String {
    format!("{}: {}", reject.reason, reject.row)
}

fn as_text(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows()).map(|row| row_as_json(batch, row)).collect()
}

/// SplitMix64 of a seed and a number.
fn random(seed: u64, number: u64) -> u64 {
    let z = (seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
