//! Chunks on all cores, results in the order of the chunks.
//!
//! Whatever happens to one of the threads, the others come to an end: a panic in the work, in the iterator that gives
//! the items or in the one who takes the results is an error like any other, at its item's place in the order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::panics;
use crate::{Error, Result};

/// Items in work or waiting for their turn, per worker: bounds memory when one item takes long.
const AHEAD: u64 = 4;

/// Stack of a thread that computes: expressions are evaluated by recursion, as deep as they are nested. It is address
/// space; memory is taken only as far as it is used.
const STACK: usize = 32 << 20;

/// Gives the threads that merge state as much stack as the workers have. Where the program has made its pool of threads
/// itself, that one stays as it is.
pub(super) fn prepare_pool() {
    let name = |i| format!("{}-{i}", panics::POOL);
    // An error only says that there is a pool already.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(STACK).thread_name(name).build_global();
}

/// Runs `work` on every item with `threads` workers and hands the results to `take` in the order of the items. Items
/// are drawn one at a time, by the workers. The first error, in that order, ends it.
pub(super) fn in_order<I: Send, O: Send>(
    threads: usize,
    items: impl Iterator<Item = Result<I>> + Send,
    work: impl Fn(I) -> Result<O> + Sync,
    mut take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    let mut items = items;
    let mut draw = move || panics::catch(|| items.next()).unwrap_or_else(|panic| Some(Err(panic.into())));
    let work = |item: I| panics::as_error(|| work(item));
    let mut take = |output: O| panics::as_error(|| take(output));
    let Some(first) = draw() else { return Ok(()) };
    let first = first?;
    let Some(second) = draw() else { return take(work(first)?) };
    if threads <= 1 {
        take(work(first)?)?;
        take(work(second?)?)?;
        while let Some(item) = draw() {
            take(work(item?)?)?;
        }
        return Ok(());
    }

    let mut begun = vec![second, Ok(first)];
    let feed = Mutex::new(Feed { next: 0, draw: move || begun.pop().or_else(&mut draw) });
    let turn = Turn::default();
    let ahead = AHEAD * threads as u64;
    let (send, receive) = sync_channel::<(u64, Result<O>)>(ahead as usize + threads);
    std::thread::scope(|scope| {
        // However this ends, also by a panic of ours: nobody waits for it.
        let _stop = StopOnDrop(&turn);
        for i in 0..threads {
            let (send, feed, turn, work) = (send.clone(), &feed, &turn, &work);
            let body = move || {
                while let Some((number, item)) = feed_next(feed, turn, ahead) {
                    if send.send((number, item.and_then(work))).is_err() {
                        return;
                    }
                }
            };
            let thread = std::thread::Builder::new().name(format!("millstream-worker-{i}")).stack_size(STACK);
            if let Err(e) = thread.spawn_scoped(scope, body) {
                if i == 0 {
                    return Err(Error::new(
                        crate::ErrorKind::Unavailable,
                        format!("a thread could not be started: {e}"),
                    ));
                }
                // Fewer do it too.
                break;
            }
        }
        drop(send);
        // Dropped before the workers are waited for: one that still sends finds nobody listening.
        let receive = receive;
        let mut next = 0;
        let mut early: BTreeMap<u64, Result<O>> = BTreeMap::new();
        while let Ok((number, result)) = receive.recv() {
            early.insert(number, result);
            while let Some(result) = early.remove(&next) {
                result.and_then(&mut take)?;
                next += 1;
                turn.done(next);
            }
        }
        if early.is_empty() { Ok(()) } else { Err(Error::internal("a worker ended without a result")) }
    })
}

/// Where items are drawn, one after the other.
struct Feed<D> {
    next: u64,
    draw: D,
}

/// The next item and its number; none where there is none, or where all is to end.
fn feed_next<I>(
    feed: &Mutex<Feed<impl FnMut() -> Option<Result<I>>>>,
    turn: &Turn,
    ahead: u64,
) -> Option<(u64, Result<I>)> {
    let mut feed = unpoisoned(feed);
    if !turn.wait_until_near(feed.next, ahead) {
        return None;
    }
    let item = (feed.draw)()?;
    let number = feed.next;
    feed.next += 1;
    // What follows an error is not wanted.
    if item.is_err() {
        turn.stop();
    }
    Some((number, item))
}

/// How many results were taken, and whether that was all.
#[derive(Default)]
struct Turn {
    taken: Mutex<u64>,
    moved: Condvar,
    stopped: AtomicBool,
}

impl Turn {
    /// Waits until item `number` is not too far ahead; false where all is to end.
    fn wait_until_near(&self, number: u64, ahead: u64) -> bool {
        let mut taken = unpoisoned(&self.taken);
        while number >= *taken + ahead && !self.stopped.load(Ordering::Relaxed) {
            taken = self.moved.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    fn done(&self, taken: u64) {
        *unpoisoned(&self.taken) = taken;
        self.moved.notify_all();
    }

    /// No more items are drawn.
    fn stop(&self) {
        // Under the lock: one who has looked and not yet begun to wait would miss it otherwise.
        let taken = unpoisoned(&self.taken);
        self.stopped.store(true, Ordering::Relaxed);
        drop(taken);
        self.moved.notify_all();
    }
}

struct StopOnDrop<'a>(&'a Turn);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What these locks guard is right after any panic.
fn unpoisoned<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_whoever_made_them() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let items = (0..200u64).map(Ok);
            let work = |i: u64| {
                if i.is_multiple_of(7) {
                    std::thread::yield_now();
                }
                Ok(i * 2)
            };
            in_order(threads, items, work, |o| {
                seen.push(o);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (0..200).map(|i| i * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_first_error_in_order_ends_it() {
        let items = (0..200u64).map(Ok);
        let work = |i: u64| if i >= 50 { Err(Error::internal(format!("item {i}"))) } else { Ok(i) };
        let mut seen = 0;
        let failed = in_order(3, items, work, |_| {
            seen += 1;
            Ok(())
        });
        assert_eq!(failed.unwrap_err().message(), "item 50");
        assert_eq!(seen, 50);
    }

    /// Where something goes wrong.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum At {
        Feed,
        Work,
        Take,
    }

    /// Runs 300 items of which one panics, or fails, at `at`; how many were taken before, and the error.
    fn goes_wrong(threads: usize, at: At, panics: bool, bad: u64) -> (u64, Error) {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let wrong = move |here: At, i: u64| match (here == at && i == bad, panics) {
                (false, _) => Ok(i),
                (true, false) => Err(Error::internal("it broke")),
                (true, true) => panic!("it broke"),
            };
            let mut taken = 0;
            let items = (0..300u64).map(|i| wrong(At::Feed, i));
            let done = in_order(
                threads,
                items,
                |i| wrong(At::Work, i),
                |i| {
                    wrong(At::Take, i)?;
                    assert_eq!(i, taken, "in order");
                    taken += 1;
                    Ok(())
                },
            );
            let _ = send.send((taken, done.unwrap_err()));
        });
        receive.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
            panic!("{threads} threads wait for each other after item {bad} went wrong in {at:?} (a panic: {panics})")
        })
    }

    #[test]
    fn a_panic_anywhere_ends_it_with_an_error_and_nobody_waits() {
        for threads in [1, 2, 3, 8] {
            for at in [At::Feed, At::Work, At::Take] {
                for bad in [0, 1, 2, 100, 299] {
                    for panics in [true, false] {
                        let (taken, error) = goes_wrong(threads, at, panics, bad);
                        let what = format!("{threads} threads, {at:?}, item {bad}, a panic: {panics}");
                        assert_eq!(error.kind(), crate::ErrorKind::Internal, "{what}");
                        assert!(error.message().contains("it broke"), "{what}: {error}");
                        assert_eq!(taken, bad, "{what}");
                    }
                }
            }
        }
    }
}
