//! Finding the rows that make a plugin fail.
//!
//! A call that fails is repeated once on a fresh instance with ten times the time: a stall is not the rows' fault. If
//! it fails again, it is tried on halves, and halves of halves, until the rows are found that fail alone. More than
//! [`MOST`] of them in one chunk, or more than [`BUDGET`] of searching, and it is the plugin that is broken, not the data.
//!
//! A plugin may say itself which row it failed on: that row is taken out, and what stands before and behind it is called
//! again.
//!
//! While a loop is looked for, parts get less time, so one row on which a plugin loops is found quickly. A row that had
//! less than the limit says is called once more with all of it: a row that is only slow is not taken for one that loops.
//!
//! Only a failure of the plugin's own code is looked for in the rows. Where the host has no room for an instance, or
//! cannot start one, the same call is made again after a while; if that does not help, whoever takes rows through their
//! flow takes fewer of them (`run/parts.rs`), and the job stops where there is no room even for one.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::cut_reason;
use crate::Error;

/// Failing rows in one chunk after which the job stops.
pub const MOST: usize = 32;

/// Longest search in one chunk. A plugin that loops on every row is stopped by this, not after 32 rows of it.
pub const BUDGET: Duration = Duration::from_secs(3);

/// Longest time that rows of one chunk, each by itself, may take to show that they need more than the limit.
pub const ALONE: Duration = Duration::from_secs(6);

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

    /// Whether the call took longer than it may: with more time it might have gone through.
    fn is_timeout(&self) -> bool {
        false
    }

    /// The row of the call that is to blame, where the plugin says so: it is not looked for.
    fn row(&self) -> Option<usize> {
        None
    }
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
        /// How much less time it gets. Where a call took too long, the whole is this many times the part, or finding
        /// one row on which a plugin loops would take the time limit once per halving; else 1.
        of_whole: u32,
    },
}

/// The results of the parts that went well, each with its rows, and the rows that fail alone, each with its error; both
/// in order.
pub type Isolated<T, E> = (Vec<(Range<usize>, T)>, Vec<(usize, E)>);

/// Why the job stops.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped<E> {
    /// The error, of a part of the call.
    pub error: E,
    /// What the search for failing rows came to; `None` = it is not the rows' doing.
    pub search: Option<Search>,
}

/// What a search for failing rows came to that was given up.
#[derive(Debug, PartialEq, Eq)]
pub enum Search {
    /// Of the call's `of` rows too many fail alone, or they take too long to do so; this is one of them.
    TooMany {
        /// One that fails.
        row: usize,
        /// How many the call has.
        of: usize,
    },
    /// It took too long.
    TooLong,
}

impl<E> Stopped<E> {
    /// As the engine's error. `things`: what the call's rows are called; `shown`: one of them, for people.
    pub fn into_error(
        self,
        things: &str,
        shown: impl FnOnce(usize) -> String,
        error: impl FnOnce(E) -> Error,
    ) -> Error {
        let error = error(self.error);
        match self.search {
            None => error,
            Some(Search::TooMany { row, of }) => {
                let shown = cut_reason(shown(row));
                error.context(format!("it fails for too many of the {of} {things} of one call, as for {shown}")).with_help(
                    format!(
                        "a plugin that fails for more than {MOST} {things} of a call, or for long, is taken for broken: \
                         mend it, and go on from the last epoch. Of rows that it rejects there may be any number"
                    ),
                )
            }
            Some(Search::TooLong) => error.context(format!(
                "it fails, and which {things} of the call it fails for was not found in {} s",
                BUDGET.as_secs()
            )),
        }
    }
}

impl<E> From<E> for Stopped<E> {
    fn from(error: E) -> Self {
        Self { error, search: None }
    }
}

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

/// Runs `call` on `rows` as the rule above says. `Err` is why the job stops.
pub fn isolate<T, E: Blame>(
    rows: usize,
    mut call: impl FnMut(Range<usize>, Attempt) -> Result<T, E>,
) -> Result<Isolated<T, E>, Stopped<E>> {
    let mut call = |part: Range<usize>, attempt| patiently(|| call(part.clone(), attempt));
    let first = match call(0..rows, Attempt::First) {
        Ok(done) => return Ok((vec![(0..rows, done)], Vec::new())),
        Err(e) => e,
    };
    if rows == 0 || first.fault() != Fault::Rows {
        return Err(first.into());
    }
    let began = Instant::now();
    let mut alone = Duration::ZERO;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    // A stack with the earlier part on top: parts come out in order.
    let mut open = Vec::new();
    let mut hurry = match first.row().filter(|row| *row < rows) {
        Some(row) => {
            around(&mut open, 0..rows, row);
            bad.push((row, first));
            false
        }
        None => match call(0..rows, Attempt::Patient) {
            Ok(done) => return Ok((vec![(0..rows, done)], Vec::new())),
            Err(e) if e.fault() != Fault::Rows => return Err(e.into()),
            Err(e) if rows == 1 => return Ok((Vec::new(), vec![(0, e)])),
            Err(e) => {
                halves(&mut open, 0..rows);
                e.is_timeout()
            }
        },
    };
    while let Some(part) = open.pop() {
        let of_whole = if hurry { u32::try_from(rows / part.len()).unwrap_or(u32::MAX) } else { 1 };
        let mut done = call(part.clone(), Attempt::Search { of_whole });
        if part.len() == 1 && of_whole > 1 && matches!(&done, Err(e) if e.is_timeout()) {
            let began = Instant::now();
            done = call(part.clone(), Attempt::First);
            alone += began.elapsed();
        }
        match done {
            Ok(done) => good.push((part, done)),
            Err(e) if e.fault() != Fault::Rows => return Err(e.into()),
            Err(e) if part.len() == 1 || e.row().is_some_and(|row| row < part.len()) => {
                let row = e.row().filter(|row| *row < part.len()).unwrap_or(0);
                if bad.len() == MOST || alone > ALONE {
                    let search = Some(Search::TooMany { row: part.start + row, of: rows });
                    return Err(Stopped { error: e, search });
                }
                around(&mut open, part.clone(), row);
                bad.push((part.start + row, e));
            }
            Err(e) => {
                hurry |= e.is_timeout();
                if began.elapsed().saturating_sub(alone) > BUDGET {
                    return Err(Stopped { error: e, search: Some(Search::TooLong) });
                }
                halves(&mut open, part);
            }
        }
    }
    bad.sort_by_key(|(row, _)| *row);
    Ok((good, bad))
}

/// Puts the halves of `part` on the stack.
fn halves(open: &mut Vec<Range<usize>>, part: Range<usize>) {
    let middle = part.start + part.len() / 2;
    open.extend([middle..part.end, part.start..middle]);
}

/// Puts what stands behind and before row `row` of `part` on the stack.
fn around(open: &mut Vec<Range<usize>>, part: Range<usize>, row: usize) {
    let row = part.start + row;
    open.extend([row + 1..part.end, part.start..row].into_iter().filter(|part| !part.is_empty()));
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
                let Search::TooMany { row, of } = found.unwrap_err().search.unwrap() else { panic!("not too many") };
                prop_assert!(bad.contains(&row));
                prop_assert_eq!(of, rows);
            } else {
                let (good, failing) = found.unwrap();
                prop_assert_eq!(failing.iter().map(|f| f.0).collect::<Vec<_>>(), bad.clone());
                prop_assert_eq!(good.iter().map(|g| g.1).sum::<usize>() + bad.len(), rows);
                prop_assert!(good.windows(2).all(|w| w[0].0.end <= w[1].0.start));
            }
        }
    }

    /// A call on these rows took longer than it may.
    #[derive(Debug, PartialEq)]
    struct Slow(Range<usize>);

    impl Blame for Slow {
        fn fault(&self) -> Fault {
            Fault::Rows
        }

        fn is_timeout(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_slow_row_beside_one_that_loops_has_the_whole_time_limit_before_it_is_blamed() {
        // Row 7 loops; each other row takes 30 of the 500 ms that a call may take.
        let limit = |attempt| match attempt {
            Attempt::First => 500,
            Attempt::Patient => 5000,
            Attempt::Search { of_whole } => (500 / of_whole).max(20),
        };
        let (good, bad) = isolate(50, |part, attempt| {
            let takes = if part.contains(&7) { u32::MAX } else { 30 * part.len() as u32 };
            if takes > limit(attempt) { Err(Slow(part)) } else { Ok(part.len()) }
        })
        .unwrap();
        assert_eq!(bad, [(7, Slow(7..8))]);
        assert_eq!(good.iter().map(|g| g.1).sum::<usize>(), 49);
    }

    #[test]
    fn parts_have_all_the_time_where_time_is_not_what_was_lacking() {
        let mut hurried = false;
        let found = isolate(64, |part, attempt| {
            hurried |= matches!(attempt, Attempt::Search { of_whole } if of_whole > 1);
            if part.len() > 4 { Err(Row(0)) } else { Ok(part.len()) }
        });
        assert!(found.unwrap().1.is_empty() && !hurried);
    }

    /// A call that says which of its rows it failed on.
    #[derive(Debug, PartialEq)]
    struct Named(usize);

    impl Blame for Named {
        fn fault(&self) -> Fault {
            Fault::Rows
        }

        fn row(&self) -> Option<usize> {
            Some(self.0)
        }
    }

    #[test]
    fn a_row_that_is_named_is_not_looked_for() {
        let bad = [3, 4, 99];
        let mut calls = 0;
        let (good, failing) = isolate(100, |part, _| {
            calls += 1;
            match bad.iter().rev().find(|bad| part.contains(bad)) {
                Some(row) => Err(Named(row - part.start)),
                None => Ok(()),
            }
        })
        .unwrap();
        assert_eq!(failing.iter().map(|(row, _)| *row).collect::<Vec<_>>(), bad);
        assert_eq!(good.iter().map(|(part, ())| part.clone()).collect::<Vec<_>>(), [0..3, 5..99]);
        assert_eq!(calls, 5);
        // One that is none of the rows is looked for after all.
        assert_eq!(isolate(1, |_, _| Err::<(), _>(Named(7))).unwrap().1, [(0, Named(7))]);
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
        assert_eq!((stopped, calls), (Err(Fault::Host.into()), WAITS.len() + 1));

        // In the middle of a search, too; and what can never go through is not tried again.
        let stopped =
            isolate(10, |part, _| if part.len() > 3 { Err(Fault::Rows) } else { Err::<(), _>(Fault::Caller) });
        assert_eq!(stopped, Err(Fault::Caller.into()));
    }
}
