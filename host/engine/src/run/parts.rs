//! Rows through a flow in as many parts as it takes.
//!
//! As a rule all rows of a chunk are taken at once. Where that makes more than there is room for, or a library panics (its
//! columns hold 2 GiB), the attempt is thrown away and half of the rows are taken, down to a single one; a row that
//! fails alone is a dead letter. So it is done too where the host has no room (no memory, no instance of a plugin), but
//! that is no row's fault: where there is none even for one, the job stops. The next part is larger again where there is room. Which parts are made depends on the
//! rows alone, so that an epoch that is run again gives the same.

use std::sync::Arc;

use super::pass::{EpochContext, Passed, pass};
use crate::operator::Rows;
use crate::panics;
use crate::plan::Flow;
use crate::{Error, ErrorKind, Result};

/// The rows that have still to go through a flow.
pub(super) struct Parts<'a> {
    flow: &'a Flow,
    /// Whose rows they are: who refuses one that fails.
    node: Arc<str>,
    rows: Rows,
    /// Rows before this one are through.
    from: usize,
    /// How many are taken next.
    size: usize,
}

/// How rows fared that were taken together.
enum PassOutcome {
    Passed(Box<Passed>),
    /// Fewer of them might go through; one that does not is to blame.
    TooMuch(String),
    /// The host has no room for so many; none of them is to blame.
    NoRoom(Error),
}

impl<'a> Parts<'a> {
    /// All rows of `node`.
    pub fn of(flow: &'a Flow, node: Arc<str>, rows: Rows) -> Self {
        let size = rows.len();
        Self { flow, node, rows, from: 0, size }
    }

    /// What comes of the next rows; none where there are no more.
    pub fn next(&mut self, context: EpochContext<'_>) -> Result<Option<Passed>> {
        loop {
            let size = self.size.min(self.rows.len() - self.from);
            if size == 0 {
                return Ok(None);
            }
            // Slicing what is whole would cost a copy of where the rows came from.
            let part = if size == self.rows.len() { self.rows.clone() } else { self.rows.slice(self.from, size) };
            match attempt(self.flow, part, context)? {
                PassOutcome::Passed(passed) => {
                    self.from += size;
                    if passed.effects.room.is_half_empty() {
                        self.size = size.saturating_mul(2);
                    }
                    return Ok(Some(*passed));
                }
                PassOutcome::TooMuch(_) | PassOutcome::NoRoom(_) if size > 1 => self.size = size / 2,
                PassOutcome::NoRoom(error) => return Err(error),
                PassOutcome::TooMuch(reason) => {
                    let mut passed = Passed::default();
                    passed.effects.reject(&self.node, &self.rows, self.from, reason);
                    self.from += 1;
                    return Ok(Some(passed));
                }
            }
        }
    }
}

fn attempt(flow: &Flow, rows: Rows, context: EpochContext<'_>) -> Result<PassOutcome> {
    match panics::catch(|| pass(flow, rows, context)) {
        Ok(Ok(passed)) => Ok(PassOutcome::Passed(Box::new(passed))),
        Ok(Err(e)) if e.kind() == ErrorKind::Quota => Ok(PassOutcome::TooMuch(e.message().to_owned())),
        Ok(Err(e)) if e.kind() == ErrorKind::Unavailable => Ok(PassOutcome::NoRoom(e)),
        Ok(Err(e)) => Err(e),
        Err(panic) if panic.is_too_large() => {
            Ok(PassOutcome::TooMuch(format!("what is made of it is too large: {}", panic.message())))
        }
        Err(panic) => Ok(PassOutcome::TooMuch(format!("the engine failed on this row: {panic}"))),
    }
}

/// Rows that must go through all at once: an order, a limit.
pub(super) fn whole(flow: &Flow, node: &str, rows: Rows, context: EpochContext<'_>) -> Result<Passed> {
    let many = rows.len();
    match attempt(flow, rows, context)? {
        PassOutcome::Passed(passed) => Ok(*passed),
        PassOutcome::NoRoom(error) => Err(error),
        PassOutcome::TooMuch(reason) => Err(Error::new(
            ErrorKind::Quota,
            format!("the result of `{node}`, {many} rows, cannot be put in order or cut: {reason}"),
        )
        .with_help("an order or a limit takes the whole result at once: make fewer rows or columns of it")),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use arrow::datatypes::Int64Type;
    use proptest::prelude::*;

    use super::*;
    use crate::executor::Workers;
    use crate::name::Named;
    use crate::operator::{Effects, Transform};
    use crate::plan::Edge;

    /// Passes rows on; a library below it panics over some, and what it makes of each is a number of MiB.
    #[derive(Debug)]
    struct Making {
        panics_over: Vec<i64>,
        mib: Vec<u64>,
        /// The most rows at once that the host has room for.
        room_for: usize,
    }

    impl Transform for Making {
        fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
            if rows.len() > self.room_for {
                return Err(Error::new(ErrorKind::Unavailable, "no room"));
            }
            let numbers = rows.batch.column(0).as_primitive::<Int64Type>();
            for number in numbers.values() {
                assert!(!self.panics_over.contains(number), "nobody thought of {number}");
                effects.room.take(self.mib[*number as usize] << 20)?;
            }
            Ok(rows)
        }
    }

    #[test]
    fn a_host_without_room_for_a_single_row_stops_the_job_and_blames_none() {
        let flow: Flow = vec![Edge::Through(
            Arc::new(Making { panics_over: vec![], mib: vec![0; 8], room_for: 0 }),
            vec![Edge::Sink("sink".into())],
        )];
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8));
        let rows = Rows::new(RecordBatch::try_from_iter([("n", column)]).unwrap());
        let workers = &Workers::alone();
        let context = EpochContext { epoch: 0, stateful: &Named::new(), pairs: &Named::new(), started: 0, workers };
        let error = Parts::of(&flow, "node".into(), rows).next(context).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "no room"));
    }

    /// The numbers that came through, those that did not, and how many rows each part had.
    fn taken(making: Making, n: usize) -> (Vec<i64>, Vec<(u32, String)>, Vec<usize>) {
        let flow: Flow = vec![Edge::Through(Arc::new(making), vec![Edge::Sink("sink".into())])];
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n as i64));
        let rows = Rows::new(RecordBatch::try_from_iter([("n", column)]).unwrap());
        let context = EpochContext {
            epoch: 0,
            stateful: &Named::new(),
            pairs: &Named::new(),
            started: 0,
            workers: &Workers::alone(),
        };
        let mut parts = Parts::of(&flow, "node".into(), rows);
        let (mut through, mut letters, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(passed) = parts.next(context).unwrap() {
            for (_, batch) in passed.sinks {
                sizes.push(batch.num_rows());
                through.extend_from_slice(batch.column(0).as_primitive::<Int64Type>().values());
            }
            letters.extend(passed.effects.rejects.into_iter().map(|r| (r.origin, r.reason)));
        }
        (through, letters, sizes)
    }

    proptest! {
        #[test]
        fn each_row_goes_through_once_or_is_set_aside_by_itself(
            panics_over in prop::collection::vec(0i64..200, 0..6),
            mib in prop::collection::vec(prop_oneof![8 => 0u64..3, 1 => 50u64..400, 1 => 600u64..2000], 200),
            n in 1usize..200,
            room_for in prop_oneof![Just(usize::MAX), 1usize..50],
        ) {
            let sets_aside = |i: &i64| panics_over.contains(i) || mib[*i as usize] > 512;
            let making = Making { panics_over: panics_over.clone(), mib: mib.clone(), room_for };
            let (through, letters, _) = taken(making, n);
            let (bad, good): (Vec<i64>, Vec<i64>) = (0..n as i64).partition(sets_aside);
            prop_assert_eq!(through, good);
            prop_assert_eq!(letters.iter().map(|l| i64::from(l.0)).collect::<Vec<_>>(), bad);
        }
    }

    #[test]
    fn parts_are_as_large_as_there_is_room_for() {
        let whole = Making { panics_over: vec![], mib: vec![0; 1000], room_for: usize::MAX };
        assert_eq!(taken(whole, 1000).2, [1000]);
        // One row in the middle panics: the parts become small, and large again behind it.
        let one = Making { panics_over: vec![300], mib: vec![0; 1000], room_for: usize::MAX };
        let (_, letters, sizes) = taken(one, 1000);
        assert!(letters[0].1.contains("nobody thought of 300") && sizes.len() < 20, "{letters:?}, {sizes:?}");
        // 1 MiB each: at most 128 in one part, and not far fewer.
        let each = Making { panics_over: vec![], mib: vec![1; 1000], room_for: usize::MAX };
        let sizes = taken(each, 1000).2;
        assert!(sizes.iter().all(|size| *size <= 129) && sizes.len() <= 17, "{sizes:?}");
    }
}
