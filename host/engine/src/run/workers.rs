//! Work on all cores with results in order. Which worker does what depends on the machine; what comes out does not.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Condvar, Mutex};

use crate::{Error, Result};

/// Items in work or waiting for their turn, per worker: bounds memory when one item takes long.
const AHEAD: u64 = 4;

/// Runs `work` on every item with `threads` workers and hands the results to `take` in the order of the items. Items
/// are drawn one at a time, by the workers. The first error, in that order, ends it.
pub(super) fn in_order<I: Send, O: Send>(
    threads: usize,
    items: impl Iterator<Item = Result<I>> + Send,
    work: impl Fn(I) -> Result<O> + Sync,
    mut take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    let mut items = items;
    let Some(first) = items.next() else { return Ok(()) };
    let Some(second) = items.next() else { return take(work(first?)?) };
    let rest = [first, second].into_iter().chain(items);
    if threads <= 1 {
        for item in rest {
            take(work(item?)?)?;
        }
        return Ok(());
    }

    let feed = Mutex::new((0u64, rest));
    let taken = (Mutex::new(0u64), Condvar::new());
    let stopped = AtomicBool::new(false);
    let ahead = AHEAD * threads as u64;
    let stop = || {
        stopped.store(true, Ordering::Relaxed);
        taken.1.notify_all();
    };
    let (send, receive) = sync_channel::<(u64, Result<O>)>(ahead as usize + threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, feed, taken, stopped, work) = (send.clone(), &feed, &taken, &stopped, &work);
            scope.spawn(move || {
                loop {
                    let drawn = {
                        let Ok(mut feed) = feed.lock() else { return };
                        let Ok(mut done) = taken.0.lock() else { return };
                        while feed.0 >= *done + ahead && !stopped.load(Ordering::Relaxed) {
                            let Ok(woken) = taken.1.wait(done) else { return };
                            done = woken;
                        }
                        drop(done);
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                        let Some(item) = feed.1.next() else { return };
                        let number = feed.0;
                        feed.0 += 1;
                        (number, item)
                    };
                    let result = drawn.1.and_then(work);
                    if send.send((drawn.0, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut next = 0;
        let mut early: BTreeMap<u64, Result<O>> = BTreeMap::new();
        while let Ok((number, result)) = receive.recv() {
            early.insert(number, result);
            while let Some(result) = early.remove(&next) {
                if let Err(e) = result.and_then(&mut take) {
                    stop();
                    return Err(e);
                }
                next += 1;
                match taken.0.lock() {
                    Ok(mut done) => *done = next,
                    Err(_) => return Err(Error::internal("a worker thread panicked")),
                }
                taken.1.notify_all();
            }
        }
        if early.is_empty() { Ok(()) } else { Err(Error::internal("a worker thread panicked")) }
    })
}

#[cfg(test)]
mod tests {
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
}
