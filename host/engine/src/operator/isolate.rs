//! Finding the rows that make a plugin fail.
//!
//! A call that fails is repeated once on a fresh instance with ten times the time: a stall is not the rows' fault. If
//! it fails again, it is tried on halves, and halves of halves, until the rows are found that fail alone. More than
//! [`MOST`] of them in one chunk, or more than [`BUDGET`] of searching, and it is the plugin that is broken, not the data.
//!
//! Only a failure of the plugin's own code is looked for in the rows. Where the host has no room for an instance, or
//! cannot start one, the same call is made again after a while; if that does not help, the job stops.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Failing rows in one chunk after which the job stops.
pub const MOST: usize = 32;

/// Longest search in one chunk. A plugin that loops on every row is stopped by this, not after 32 rows of it.
pub const BUDGET: Duration = Duration::from_secs(3);

/// Waits before a call is made again that the host could not make. Instances that others use come back within
/// milliseconds; memory may take longer.
const WAITS: [Duration; 5] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];

/// Whose doing a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The plugin's, with these rows: with others it may go through.
    Rows,
    /// The host's, at this moment: the same call may go through later.
    Host,
    /// Whoever makes the call: it fails the same way each time.
    Caller,
}

/// An error that knows whose doing it is.
pub trait Blame {
    /// Whose doing it is.
    fn fault(&self) -> Fault;
}

/// How a call is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// As always.
    First,
    /// On a fresh instance with ten times the time.
    Patient,
    /// On a part of the rows, in search of those that fail.
    Search {
        /// The whole is this many times the part: the part gets as much less time, or finding one row on which a
        /// plugin loops would take the time limit once per halving.
        of_whole: u32,
    },
}

/// The results of the parts that went well, each with its rows, and the rows that fail alone, each with its error; both
/// in order.
pub type Isolated<T, E> = (Vec<(Range<usize>, T)>, Vec<(usize, E)>);

/// Makes a call that the host may be unable to make, again after a while.
pub(super) fn patiently<T, E: Blame>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for wait in WAITS {
        match call() {
            Err(e) if e.fault() == Fault::Host => sleep(wait),
            done => return done,
        }
    }
    call()
}

/// Runs `call` on `rows` as the rule above says. `Err` has the error to stop the job with.
pub fn isolate<T, E: Blame>(
    rows: usize,
    mut call: impl FnMut(Range<usize>, Attempt) -> Result<T, E>,
) -> Result<Isolated<T, E>, E> {
    let mut call = |part: Range<usize>, attempt| patiently(|| call(part.clone(), attempt));
    let first = match call(0..rows, Attempt::First) {
        Ok(done) => return Ok((vec![(0..rows, done)], Vec::new())),
        Err(e) => e,
    };
    if rows == 0 || first.fault() != Fault::Rows {
        return Err(first);
    }
    let whole = match call(0..rows, Attempt::Patient) {
        Ok(done) => return Ok((vec![(0..rows, done)], Vec::new())),
        Err(e) if e.fault() != Fault::Rows => return Err(e),
        Err(e) => e,
    };
    if rows == 1 {
        return Ok((Vec::new(), vec![(0, whole)]));
    }
    let began = Instant::now();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let middle = rows / 2;
    // A stack with the earlier half on top: parts come out in order.
    let mut open = vec![middle..rows, 0..middle];
    while let Some(part) = open.pop() {
        let of_whole = u32::try_from(rows / part.len()).unwrap_or(u32::MAX);
        match call(part.clone(), Attempt::Search { of_whole }) {
            Ok(done) => good.push((part, done)),
            Err(e) if e.fault() != Fault::Rows => return Err(e),
            Err(e) if part.len() == 1 => {
                bad.push((part.start, e));
                if bad.len() > MOST {
                    return Err(whole);
                }
            }
            Err(e) => {
                if began.elapsed() > BUDGET {
                    return Err(e);
                }
                let middle = part.start + part.len() / 2;
                open.push(middle..part.end);
                open.push(part.start..middle);
            }
        }
    }
    Ok((good, bad))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Row `.0` fails.
    #[derive(Debug, PartialEq)]
    struct Row(usize);

    impl Blame for Row {
        fn fault(&self) -> Fault {
            Fault::Rows
        }
    }

    impl Blame for Fault {
        fn fault(&self) -> Fault {
            *self
        }
    }

    proptest! {
        #[test]
        fn finds_just_the_rows_that_fail(rows in 1usize..500, bad in proptest::collection::btree_set(0usize..500, 0..40)) {
            let bad: Vec<usize> = bad.into_iter().filter(|b| *b < rows).collect();
            let found = isolate(rows, |part, _| match bad.iter().find(|b| part.contains(b)) {
                Some(b) => Err(Row(*b)),
                None => Ok(part.len()),
            });
            if bad.len() > MOST {
                prop_assert!(found.is_err());
            } else {
                let (good, failing) = found.unwrap();
                prop_assert_eq!(failing.iter().map(|f| f.0).collect::<Vec<_>>(), bad.clone());
                prop_assert_eq!(good.iter().map(|g| g.1).sum::<usize>() + bad.len(), rows);
                prop_assert!(good.windows(2).all(|w| w[0].0.end <= w[1].0.start));
            }
        }
    }

    #[test]
    fn a_stall_is_forgiven() {
        let done = isolate(10, |_, attempt| if attempt == Attempt::Patient { Ok(()) } else { Err(Row(0)) });
        assert_eq!(done, Ok((vec![(0..10, ())], vec![])));
    }

    #[test]
    fn what_the_host_cannot_do_is_tried_again_and_no_row_is_blamed() {
        let mut calls = 0;
        let done = isolate(10, |_, attempt| {
            calls += 1;
            if calls <= 3 { Err(Fault::Host) } else { Ok(attempt) }
        });
        assert_eq!(done, Ok((vec![(0..10, Attempt::First)], vec![])));

        let mut calls = 0;
        let stopped = isolate(10, |_, _| -> Result<(), _> {
            calls += 1;
            Err(Fault::Host)
        });
        assert_eq!((stopped, calls), (Err(Fault::Host), WAITS.len() + 1));

        // In the middle of a search, too; and what can never go through is not tried again.
        let stopped =
            isolate(10, |part, _| if part.len() > 3 { Err(Fault::Rows) } else { Err::<(), _>(Fault::Caller) });
        assert_eq!(stopped, Err(Fault::Caller));
    }
}
